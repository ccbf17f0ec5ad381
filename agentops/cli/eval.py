"""agentops eval."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agentops.cli import options

if TYPE_CHECKING:
    from agentops.evals.dataset import Choice
    from agentops.model.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

# Listing starts no agent, so it needs none to be named.
_NOWHERE = "http://localhost"


def _choosing(function: F) -> F:
    """--tag, --id, --last-failed, --since."""
    for option in (
        click.option(
            "--since", default=None, metavar="REF",
            help="Only cases that changed since this commit, or all where prompts, tools or the agent did.",
        ),
        click.option("--last-failed", is_flag=True, help="Only what failed or was not measured in the newest run."),
        click.option("--id", "ids", multiple=True, help="Only this case; * and ? fit any characters (repeatable)."),
        click.option("--tag", "tags", multiple=True, help="Only cases with the tag; !TAG: without it (repeatable)."),
    ):  # fmt: skip
        function = option(function)
    return function


@click.command("eval")
@options.config
@options.environment
@click.option("--test-cases", "suites", multiple=True, type=click.Path(), help="An evalset (may be repeated).")
@click.option("--list", "list_only", is_flag=True, help="List the cases and what they are made of; ask nothing.")
@click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True, help="For --list."
)
@_choosing
@click.option(
    "--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=None,
    help="The pass rate that must be shown, in place of the configured gate.",
)  # fmt: skip
@click.option("--url", default=None, help="Evaluate an agent that is running there already.")
@click.option("--protocol", default=None, help="What that agent speaks.  [default: openai-chat]")
@options.runs
@click.option("--concurrency", type=int, default=None, help="Calls of the agent at once.")
@click.option("--timeout", "timeout_s", type=float, default=None, help="Seconds for one call.")
@options.resume
@options.output
def command(
    config_path: Path | None,
    environment: str | None,
    suites: tuple[str, ...],
    list_only: bool,
    form: str,
    tags: tuple[str, ...],
    ids: tuple[str, ...],
    last_failed: bool,
    since: str | None,
    threshold: float | None,
    url: str | None,
    protocol: str | None,
    runs: Any,
    concurrency: int | None,
    timeout_s: float | None,
    resume: str | None,
    out_base: Path,
    junit_path: Path | None,
    quiet: bool,
) -> int:
    """Run the behavioural evals alone. With --url and --test-cases no configuration is needed."""
    from agentops import pipeline
    from agentops.cli.run import carry_out
    from agentops.cli.standalone import settings_for
    from agentops.errors import UsageError
    from agentops.evals.dataset import Choice
    from agentops.gate import policy
    from agentops.model.verdict import Criterion

    if form != "text" and not list_only:
        raise UsageError("--format belongs to --list", hint="a run writes its documents below --out")
    flags = options.given(
        agent__protocol=protocol, evals__runs=runs, evals__concurrency=concurrency, evals__timeout_s=timeout_s
    )
    nowhere = list_only and config_path is None and not Path(options.CONFIGURATION).is_file()
    where = url or (_NOWHERE if nowhere else None)
    settings = settings_for(config_path, "evals", "suites", suites, option="--test-cases", url=where, flags=flags)
    choice = Choice(tags, ids, last_failed, since, out_base)
    if list_only:
        return _list(settings, choice, form)
    rules = policy.build(settings, options.the_environment(environment))
    if threshold is not None:
        demand = policy.checked(Criterion("pass_rate", at_least=threshold, origin="--threshold"))
        rules = policy.policy(rules.environment, (demand,), rules.allowance)
    else:
        asked = tuple(c for c in rules.criteria if "evals" in policy.stages_of(c))
        rules = policy.policy(rules.environment, asked, rules.allowance)
    built = settings.agent.build is not None or settings.agent.image is not None
    only = ("build", "evals") if built else ("evals",)
    plan = pipeline.plan(settings, rules, only=only, choice=choice if choice.given else None)
    return carry_out(plan, out_base=out_base, junit_path=junit_path, quiet=quiet, resume=resume)


def _list(settings: Settings, choice: Choice, form: str) -> int:
    from agentops.cli import eval_list
    from agentops.errors import ExitCode, UsageError
    from agentops.stages import evals_plan

    if settings.evals is None:
        raise UsageError("no evals are configured", hint="write the section evals, or give --test-cases")
    found = evals_plan.read(settings, settings.evals, choice)
    eval_list.show(found.suites, found.notices, form=form)
    return int(ExitCode.PASS)
