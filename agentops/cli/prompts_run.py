"""Prompts analysed for another program: one document on standard output, everything else on standard error."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from agentops import pipeline
from agentops.cli.progress import progress
from agentops.cli.run import exit_code, signals, write_reports
from agentops.cli.tell import tell
from agentops.drivers import folder
from agentops.errors import AgentopsError
from agentops.gate.decide import decide
from agentops.model.run import RunResult
from agentops.model.verdict import Verdict
from agentops.stages.prompts import PromptsStage
from agentops.text import said


def carry_out_to_stdout(
    plan: pipeline.Plan,
    *,
    form: str,
    given: Callable[[str], str],
    junit_path: Path | None,
    sarif_path: Path | None,
    quiet: bool,
) -> int:
    """Measure, decide, and print the document (`form` is "json" or "sarif"). `given` turns paths into those that people
    wrote. Returns the exit code; raises AgentopsError where nothing could be decided."""
    temporary = tempfile.TemporaryDirectory(prefix="agentops-")
    with temporary as out, signals() as cancel, progress(plan, quiet=quiet) as emit:
        run = pipeline.measure(plan, out=Path(out), run_id=folder.new_run_id(), emit=emit, cancel=cancel)
    verdict = decide(run, plan.policy)
    problems = write_reports(run, verdict, None, junit_path, sarif_path)
    click.echo(_document(plan, run, verdict, form=form, given=given), nl=False)
    _told(run, verdict, problems, quiet=quiet)
    return int(exit_code(verdict, kept=not problems))


def _document(plan: pipeline.Plan, run: RunResult, verdict: Verdict, *, form: str, given: Callable[[str], str]) -> str:
    if form == "sarif":
        from agentops.reports import sarif

        return sarif.render(run, verdict)
    from agentops.injection.analysis import Analysis
    from agentops.reports import templates

    stage = next(s for s in plan.stages if isinstance(s, PromptsStage))
    analysis = stage.gated.analysis if stage.gated is not None else Analysis((), ())
    return templates.render(analysis, path=given, strict=stage.strict)


def _told(run: RunResult, verdict: Verdict, problems: list[AgentopsError], *, quiet: bool) -> None:
    for stage in run.stages:
        for error in stage.errors:
            tell(AgentopsError(error.message, hint=error.hint))
    for problem in problems:
        tell(problem)
    if not quiet:
        for notice in run.notices:
            click.echo(f"note: {said(notice)}", err=True)
        click.echo(said(verdict.line, 1000), err=True)
