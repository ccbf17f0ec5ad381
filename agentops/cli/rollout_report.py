"""The end of a rollout: its record, its reports, its exit code."""

from __future__ import annotations

import time

import click

from agentops.cli.rollout_screen import report
from agentops.cli.rollout_session import Session
from agentops.cli.tell import tell
from agentops.drivers import folder
from agentops.errors import AgentopsError, ExitCode, ReportError
from agentops.model.rollout import Phase, State
from agentops.reports.rollout import document, junit, markdown
from agentops.reports.rollout.outcome import outcome
from agentops.reports.rollout.view import View


def signed(session: Session, state: State) -> bool:
    """Keep a record that the image went through the environment, where a key was given. False where that failed."""
    if session.key is None or state.phase is not Phase.DONE:
        return True
    from agentops.gate import admission

    try:
        path = admission.keep_rolled_out(
            session.place, state.image, record_sha256=state.record, key=session.key, settings=session.settings,
            now=time.time(),
        )  # fmt: skip
    except AgentopsError as error:
        tell(error)
        return False
    click.echo(f"record: {path}", err=True)
    return True


def conclude(session: Session, state: State, *, interrupted: bool = False, recorded: bool = True) -> int:
    """Write and print the reports of a rollout that ended, and say how."""
    view = session.view(state)
    kept = _write(session, view) and recorded
    click.echo(document.render(view) if session.as_json else report(view), nl=session.as_json)
    told = outcome(state).exit_code
    code = ExitCode.ERROR if told is None else told
    if not kept and code is ExitCode.PASS:
        code = ExitCode.ERROR
    if interrupted and code in (ExitCode.ROLLED_BACK, ExitCode.INCONCLUSIVE):
        code = ExitCode.INTERRUPTED
    return int(code)


def _write(session: Session, view: View) -> bool:
    """The reports as files. A report that cannot be written is told and is no success."""
    out = session.out_base.resolve() / "rollouts" / view.state.id
    files = [
        (out / "rollout.json", document.render(view)), (out / "junit.xml", junit.render(view)),
        (out / "report.md", markdown.render(view)),
    ]  # fmt: skip
    if session.junit_path is not None:
        files.append((session.junit_path, files[1][1]))
    kept = True
    for path, text in files:
        try:
            folder.write(path, text)
        except ReportError as error:
            tell(error)
            kept = False
    return kept
