"""agentops rollout."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agentops.cli import options

if TYPE_CHECKING:
    from agentops.cli.rollout_session import Session

F = TypeVar("F", bound=Callable[..., Any])

_WATCH_S = 2.0


def _where(function: F) -> F:
    """--config and --environment."""
    for option in (
        click.option(
            "-e", "--environment", default=None, help="The environment of the rollout, where there are several."
        ),
        options.config,
    ):
        function = option(function)
    return function


def _out(function: F) -> F:
    """--out, --junit, --quiet."""
    return options.output(function)


def _key(function: F) -> F:
    """--record-key, --record-key-env."""
    for option in (
        click.option("--record-key-env", metavar="NAME", default=None, help="The variable that holds that key."),
        click.option(
            "--record-key", type=click.Path(path_type=Path), default=None,
            help="Sign a record that the image went through this environment, with the private key in this file.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def _who() -> str:
    """Who asks, as far as the machine knows: the actor of a CI job, or the user."""
    named = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN") or os.environ.get("BUILD_USER_ID")
    if named:
        return named
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@click.group("rollout")
def command() -> None:
    """Take an admitted image to shadow, canary and full traffic, and back in seconds.

    Exit codes: 0 the image serves, 2 refused and nothing was written, 3 back on stable because nothing could be shown,
    4 the cluster could not be reached, 5 back on stable, 6 the way back failed: a person is needed.
    """


@command.command("start")
@_where
@click.option("--image", required=True, help="The image, as NAME@sha256:...")
@click.option(
    "--strategy", type=click.Choice(("canary", "blue-green")), default=None, help="In place of rollout.strategy."
)
@click.option("--plan", "plan_only", is_flag=True, help="Print what would be done and what it can show; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="The plan, or the report at the end, as JSON.")
@click.option("--no-wait", is_flag=True, help="Leave where somebody has to approve; `resume` goes on.")
@click.option("--break-glass", default=None, metavar="REASON", help="Roll out without a record; the reason is kept.")
@_key
@_out
def start(image: str, plan_only: bool, no_wait: bool, break_glass: str | None, **given: Any) -> int:
    """Roll an image out."""
    from agentops.cli import rollout_run

    if break_glass is not None and not break_glass.strip():
        raise click.UsageError("--break-glass needs a reason")
    with _session(given, strategy=given["strategy"]) as session:
        return rollout_run.start(
            session, image, plan_only=plan_only, leave_at_approval=no_wait, broke_glass=break_glass or "", who=_who()
        )


@command.command("resume")
@_where
@click.option("--json", "as_json", is_flag=True, help="The report at the end as JSON.")
@click.option("--no-wait", is_flag=True, help="Leave where somebody has to approve.")
@click.option("--break-glass", default=None, metavar="REASON", help="For a rollout that was begun without a record.")
@_key
@_out
def resume(no_wait: bool, break_glass: str | None, **given: Any) -> int:
    """Go on with a rollout whose runner is gone."""
    from agentops.cli import rollout_run

    with _session(given) as session:
        return rollout_run.resume(session, leave_at_approval=no_wait, broke_glass=break_glass or "")


@command.command("promote")
@_where
@click.option("--why", required=True, help="Why it may go on; kept with the rollout.")
@click.option("--by", "who", default=None, help="Who says so.  [default: the CI job's actor, or the user]")
def promote(why: str, who: str | None, **given: Any) -> int:
    """Let a rollout go on that waits for its approval."""
    from agentops.errors import ExitCode
    from agentops.rollout import execute
    from agentops.text import said

    with _session(given) as session:
        state = execute.approve(
            session.journal, environment=session.place.name, who=who or _who(), why=why, now=time.time()
        )
        click.echo(f"{state.id}: {said(state.image, 200)} may take traffic, says {said(state.approvals[-1].who, 80)}")
        holder = session.lease.look()
        click.echo(f"it goes on, run by {holder}" if holder else "nobody runs it: `agentops rollout resume` goes on")
    return int(ExitCode.PASS)


@command.command("abort")
@_where
@click.option("--why", default="asked for", show_default=True, help="Kept with the rollout.")
@click.option("--by", "who", default=None, help="Who says so.  [default: the CI job's actor, or the user]")
@click.option("--if-under-way", is_flag=True, help="Exit 0 where there is nothing to go back from, for CI's last step.")
@click.option("--json", "as_json", is_flag=True, help="The report at the end as JSON.")
@_out
def abort(why: str, who: str | None, if_under_way: bool, **given: Any) -> int:
    """Bring all traffic back to stable, from any machine: whoever runs the rollout obeys or is taken over."""
    from agentops.cli import rollout_run

    with _session(given) as session:
        return rollout_run.abort(session, why=why, by=who or _who(), if_under_way=if_under_way)


@command.command("status")
@_where
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--watch", "-w", is_flag=True, help="Look again until it has ended.")
def status(as_json: bool, watch: bool, **given: Any) -> int:
    """Show where the rollout stands, or how the last one ended. The exit code is that of a rollout that ended."""
    from agentops.cli.rollout_screen import Screen
    from agentops.errors import ExitCode, UsageError
    from agentops.reports.rollout.outcome import outcome

    with _session({**given, "as_json": as_json}) as session, Screen(as_json=as_json, live=watch) as screen:
        while True:
            state = session.journal.refresh()
            if state is None:
                raise UsageError(
                    f"no rollout of {session.place.deployment} was begun in the namespace {session.cluster.namespace}",
                    hint="`agentops rollout start --image NAME@sha256:...`",
                )
            screen.show(session.view(state))
            code = outcome(state).exit_code
            if code is not None or not watch:
                return int(code if code is not None else ExitCode.PASS)
            time.sleep(_WATCH_S)


@command.command("history")
@_where
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def history(as_json: bool, **given: Any) -> int:
    """List the last rollouts, newest first; those that ended also where the journal of the present one is broken."""
    from agentops.cli.tell import tell
    from agentops.errors import ExitCode
    from agentops.model.codec import encode
    from agentops.reports.rollout.outcome import image_name, outcome
    from agentops.reports.rollout.told import day
    from agentops.rollout.journal import Unreadable

    with _session(given) as session:
        now, code = None, ExitCode.PASS
        try:
            now = session.journal.refresh()
        except Unreadable as error:
            tell(error)
            code = error.exit_code
        found = [*([now] if now is not None else []), *session.journal.history]
        if as_json:
            click.echo(json.dumps([encode(state) for state in found], indent=2))
            return int(code)
        if not found:
            click.echo("no rollout yet")
        for state in found:
            end = outcome(state)
            told = f": {end.reason}" if end.reason else ""
            click.echo(f"{day(state.began_at)}  {state.id}  {image_name(state.image)}  {end.kind.value}{told}")
    return int(code)


@command.command("rbac")
@_where
@click.option(
    "--traffic", default=None, help="The traffic mode.  [default: rollout.traffic; auto looks at the cluster]"
)
@click.option("--user", default=None, help="Bind to this user in place of a ServiceAccount.")
@click.option("--group", default=None, help="Bind to this group in place of a ServiceAccount.")
def rbac(traffic: str | None, user: str | None, group: str | None, **given: Any) -> int:
    """Print the least Role that a rollout needs, as YAML for `kubectl apply -f -`."""
    from agentops.cli import rollout_run
    from agentops.errors import ExitCode
    from agentops.rollout import rbac as rights

    if user and group:
        raise click.UsageError("--user and --group exclude each other")
    subject = rights.Subject("User", user) if user else rights.Subject("Group", group) if group else rights.Subject()
    click.echo(rollout_run.roles(given["config_path"], given["environment"], mode=traffic, subject=subject), nl=False)
    return int(ExitCode.PASS)


@command.command("watchdog", hidden=True)
def watchdog() -> int:
    """Watch over the runner of a rollout; what the Job in the cluster runs."""
    from agentops.cli import rollout_run

    return rollout_run.watch_over()


def _session(given: dict[str, Any], *, strategy: str | None = None) -> Session:
    from agentops.cli.rollout_session import Session

    return Session(
        given["config_path"], given["environment"], strategy=strategy, as_json=bool(given.get("as_json")),
        out_base=given.get("out_base") or Path(".agentops"), junit_path=given.get("junit_path"),
        quiet=bool(given.get("quiet")), key=(given.get("record_key"), given.get("record_key_env")),
    )  # fmt: skip
