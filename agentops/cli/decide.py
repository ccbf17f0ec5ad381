"""agentops decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from agentops.cli import options


@click.command("decide")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@options.config
@options.environment
@click.option("--verdict", "verdict_path", type=click.Path(path_type=Path), help="Write the new verdict.json here.")
@click.option("--junit", "junit_path", type=click.Path(path_type=Path), help="Write the new JUnit report here.")
def command(
    run_path: Path,
    config_path: Path | None,
    environment: str | None,
    verdict_path: Path | None,
    junit_path: Path | None,
) -> int:
    """Judge a stored run again under the policy of a configuration, without a call of the agent.

    RUN is a run.json, the journal.jsonl of a run whose reports could not be written, or a run's folder. The
    environment is the run's own unless another is given.
    """
    from agentops.cli import stored_run
    from agentops.cli.run import exit_code, show
    from agentops.config import load
    from agentops.drivers import folder
    from agentops.errors import UsageError
    from agentops.gate import baseline, policy
    from agentops.gate.decide import decide
    from agentops.reports import json as documents
    from agentops.reports import junit

    run = stored_run.read(run_path)
    settings, _ = load.load(config_path or Path(load.DEFAULT_NAME))
    if settings.agent.name != run.agent:
        raise UsageError(
            f"{run_path} is a run of {run.agent}, {settings.source} configures {settings.agent.name}",
            hint="name the configuration of that agent with --config",
        )
    rules = policy.build(settings, environment or run.environment, measured=run.scope.stages)
    folder_of_runs = Path(settings.evals.baselines) if settings.evals else Path()
    baselines = baseline.load(rules.criteria, folder=folder_of_runs, root=settings.root)
    try:
        verdict = decide(run, rules, baselines=baselines)
    except (ValueError, ArithmeticError) as error:
        raise UsageError(
            f"{run_path}: its numbers contradict each other: {error}", hint="name a run.json as a check wrote it"
        ) from None
    if rules.environment != run.environment:
        measured = f"measured in the environment {run.environment}, judged in {rules.environment}"
        run = replace(run, environment=rules.environment, notices=(*run.notices, measured))
    if verdict_path is not None:
        folder.write(verdict_path, documents.verdict_document(verdict))
    if junit_path is not None:
        folder.write(junit_path, junit.render(run, verdict))
    show(run, verdict)
    return int(exit_code(verdict))
