"""agentops prompts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from agentops.cli import options


@click.command("prompts")
@options.config
@options.environment
@click.option("--prompts-dir", "dirs", multiple=True, type=click.Path(), help="A folder or file (may be repeated).")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, max_open=True),
    default=None,
    help="A risk above this fails.  [default: 0.8]",
)
@options.output
def command(
    config_path: Path | None,
    environment: str | None,
    dirs: tuple[str, ...],
    threshold: float | None,
    out_base: Path,
    junit_path: Path | None,
    quiet: bool,
) -> int:
    """Analyse prompt templates for injection risk. Needs no configuration where --prompts-dir is given."""
    from agentops import pipeline
    from agentops.cli.run import carry_out
    from agentops.cli.standalone import settings_for
    from agentops.gate import policy
    from agentops.model.verdict import Criterion

    settings = settings_for(config_path, "prompts", "paths", dirs, option="--prompts-dir")
    if settings.prompts and threshold is not None:
        settings = replace(settings, prompts=replace(settings.prompts, fail_at=threshold), gate=())
    rules = policy.build(settings, options.the_environment(environment))
    if threshold is not None:
        limit = policy.checked(Criterion("prompt_risk", at_most=threshold, origin="--threshold"))
        rules = policy.policy(rules.environment, (limit,), rules.allowance)
    plan = pipeline.plan(settings, rules, only=("prompts",))
    return carry_out(plan, out_base=out_base, junit_path=junit_path, quiet=quiet)
