"""agentops eval."""

from __future__ import annotations

from pathlib import Path

import click

from agentops.cli import options


@click.command("eval")
@options.config
@options.environment
@click.option("--test-cases", "suites", multiple=True, type=click.Path(), help="An evalset (may be repeated).")
@click.option(
    "--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=None,
    help="The pass rate that must be shown, in place of the configured gate.",
)  # fmt: skip
@click.option("--url", default=None, help="Evaluate an agent that is running there already.")
@click.option("--runs", type=int, default=None, help="Runs of each case.")
@click.option("--concurrency", type=int, default=None, help="Calls of the agent at once.")
@click.option("--timeout", "timeout_s", type=float, default=None, help="Seconds for one call.")
@options.output
def command(
    config_path: Path | None,
    environment: str | None,
    suites: tuple[str, ...],
    threshold: float | None,
    url: str | None,
    runs: int | None,
    concurrency: int | None,
    timeout_s: float | None,
    out_base: Path,
    junit_path: Path | None,
    quiet: bool,
) -> int:
    """Run the behavioural evals alone. With --url and --test-cases no configuration is needed."""
    from agentops import pipeline
    from agentops.cli.run import carry_out
    from agentops.cli.standalone import settings_for
    from agentops.gate import policy
    from agentops.model.verdict import Criterion

    flags = options.given(evals__runs=runs, evals__concurrency=concurrency, evals__timeout_s=timeout_s)
    settings = settings_for(config_path, "evals", "suites", suites, option="--test-cases", url=url, flags=flags)
    rules = policy.build(settings, options.the_environment(environment))
    if threshold is not None:
        demand = policy.checked(Criterion("pass_rate", at_least=threshold, origin="--threshold"))
        rules = policy.policy(rules.environment, (demand,), rules.allowance)
    else:
        asked = tuple(c for c in rules.criteria if "evals" in policy.stages_of(c))
        rules = policy.policy(rules.environment, asked, rules.allowance)
    built = settings.agent.build is not None or settings.agent.image is not None
    plan = pipeline.plan(settings, rules, only=("build", "evals") if built else ("evals",))
    return carry_out(plan, out_base=out_base, junit_path=junit_path, quiet=quiet)
