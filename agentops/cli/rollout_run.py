"""What `agentops rollout` does: opens the environment, refuses or begins, runs, reports."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentops.cli.rollout_report import conclude, signed
from agentops.cli.rollout_screen import Screen
from agentops.cli.rollout_session import Session, place_of
from agentops.cli.run import signals
from agentops.cli.tell import tell
from agentops.config.secret_names import secret_names
from agentops.drivers.kubectl import Kubectl
from agentops.errors import AgentopsError, ApiDown, ExitCode, UsageError
from agentops.model.codec import decode
from agentops.model.rollout import Cause, Phase, State
from agentops.model.rollout_settings import Place
from agentops.rollout import assemble, execute, rbac, recover, watchdog, workload
from agentops.rollout.delegate import Delegate
from agentops.rollout.delegated import Delegated
from agentops.rollout.events import Events
from agentops.rollout.hands import Hands
from agentops.rollout.herald import Everybody
from agentops.rollout.journal import Journal, Unreadable
from agentops.rollout.lease import Lease
from agentops.rollout.machine import Machine
from agentops.rollout.names import Names
from agentops.rollout.notify import Teller
from agentops.rollout.traffic import choose
from agentops.text import said

if TYPE_CHECKING:
    from agentops.rollout.shadow.sessions import Recorded

_OBEY_LOOK_S = 0.5


def start(session: Session, image: str, *, plan_only: bool, leave_at_approval: bool, broke_glass: str, who: str) -> int:
    """Look, admit, plan; refuse, print, or begin and run to the end. Returns the exit code."""
    from agentops.cli import rollout_start

    prepared = rollout_start.prepare(session, image, broke_glass=broke_glass, who=who)
    if plan_only:
        return rollout_start.show_plan(session, prepared)
    rollout_start.refuse(prepared)
    state = prepared.state
    with session.lease:
        session.lease.acquire(wait_s=_wait_s(session))
        execute.begin(session.runner, state)
        return _run(session, leave_at_approval=leave_at_approval, recorded=prepared.recorded)


def resume(session: Session, *, leave_at_approval: bool, broke_glass: str) -> int:
    """Take over a rollout that nobody runs any more, and run it to its end. The record is verified again; where it does
    not hold any more, the end is stable. One without a record needs its reason again. What is still to be put to the
    canary is read first: where it cannot be, nothing is written (UsageError)."""
    from agentops.cli import rollout_inputs

    with session.lease:
        if _journal(session) is None:
            return _recovered(session)
        state = execute.under_way(session.journal)
        execute.same_place(state, session.place.name)
        if state.broke_glass and not broke_glass:
            raise UsageError(
                f"no record admits {said(state.image, 200)}",
                hint="resume --break-glass REASON, or `agentops rollout abort`",
            )
        recorded = rollout_inputs.read(session, state)
        session.lease.acquire(wait_s=_wait_s(session))
        state = execute.take_over(session.runner)
        if state.phase not in (Phase.ABORTING, Phase.RESTORE):
            try:
                _admitted(session, state)
            except AgentopsError as error:
                back = execute.go_back(
                    state, cause=Cause.BROKEN, why=error.message, by=session.lease.holder, now=time.time()
                )
                session.journal.save(back)
        return _run(session, leave_at_approval=leave_at_approval, recorded=recorded)


def abort(session: Session, *, why: str, by: str, if_under_way: bool) -> int:
    """Ask the runner to go back; where it does not obey in time, take over and go back here."""
    state = _journal(session)
    if state is None:
        try:
            return _abort_lost(session)
        except UsageError:
            if if_under_way:
                click.echo("nothing is under way")
                return int(ExitCode.PASS)
            raise
    if state.phase.ended:
        if if_under_way:
            click.echo("nothing is under way")
            return int(ExitCode.PASS)
        execute.under_way(session.journal)
    session.journal.ask_abort(why=why, by=by)
    with Screen(live=True, quiet=session.quiet, progress=True) as screen:
        # A way back that was stuck has no runner: nobody would obey.
        obeyed = None if state.rollback_failed else _obeyed(session, screen)
    if obeyed is not None:
        return conclude(session, obeyed)
    with session.lease:
        execute.seize(session.runner)
        execute.take_over(session.runner)
        return _run(session, leave_at_approval=False, only_back=True)


def roles(config_path: Path | None, environment: str | None, *, mode: str | None, subject: rbac.Subject) -> str:
    """The Role and its bindings as YAML. Looks at the cluster for what the configuration leaves open, and where a mode
    and a namespace are named does without one, if need be."""
    settings, place = place_of(config_path, environment)
    withheld = secret_names(settings)
    chosen = mode or place.traffic
    try:
        with Kubectl(context=place.context, namespace=place.namespace, withheld=withheld) as cluster:
            found = choose.choose(cluster, place)
            namespace = cluster.namespace
            hpa = workload.autoscaler(cluster, place.deployment)
    except AgentopsError:
        if chosen == "auto" or place.namespace is None:
            raise
        found, namespace, hpa = choose.Choice(chosen, ""), place.namespace, None
    docs = rbac.role(
        place, found.mode if chosen == "auto" else chosen, namespace=namespace,
        hpa=str(hpa["metadata"]["name"]) if hpa else None, route=found.route or place.route, owner=found.owner,
        runner=subject, watchdog=place.watchdog.image is not None,
    )  # fmt: skip
    return rbac.as_yaml(docs)


def watch_over() -> int:
    """The watchdog in the cluster. Its environment is told by a variable."""
    told = os.environ.get(watchdog.PLACE_ENV)
    if not told:
        raise UsageError(f"{watchdog.PLACE_ENV} is not set", hint="`agentops rollout start` makes the Job that sets it")
    place = decode(Place, json.loads(told))
    with ExitStack() as opened:
        cluster = opened.enter_context(Kubectl(context=None, namespace=place.namespace, withheld=secret_names(place)))
        names = Names(place.deployment, place.entry)
        journal = Journal(cluster, names)
        lease = Lease(cluster, names, duration_s=place.timing.lease_s, renew_s=place.timing.renew_s)
        runner = execute.Runner(journal, lease, Hands(cluster, journal, may_write=lease.held), time.time)

        def step_in(state: State | None) -> State | None:
            now = time.time()
            if state is None:
                try:
                    found = recover.from_objects(cluster, place, now=now)
                except UsageError:
                    return None
            click.echo("nobody runs the rollout any more: going back")
            execute.seize(runner)
            if state is None:
                journal.renew(found)
            execute.take_over(runner)
            why = "the runner did not renew the lock any more"
            journal.save(execute.go_back(runner.hands.state, cause=Cause.ORPHANED, why=why, by="watchdog", now=now))
            parts = assemble.parts(cluster, place, runner, opened)
            stop = opened.enter_context(signals())
            return execute.drive(runner, Machine(parts), stop=stop, each=_log)

        with lease:
            state = watchdog.watch(cluster, place, step_in=step_in)
    click.echo(f"the rollout is {state.phase.value if state else 'gone'}")
    return int(ExitCode.ROLLBACK_FAILED if state is not None and state.rollback_failed else ExitCode.PASS)


def _log(state: State, trouble: str) -> None:
    click.echo(f"{state.phase.value}: {trouble or state.awaiting or '-'}")


def _journal(session: Session) -> State | None:
    """The journal's state; None where there is none, or nothing that could be read."""
    try:
        return session.journal.refresh()
    except Unreadable as error:
        tell(error)
        return None


def _wait_s(session: Session) -> float:
    """A lock that was left behind by a runner that died runs out within this time."""
    return session.place.timing.lease_s + session.place.timing.renew_s


def _admitted(session: Session, state: State) -> None:
    """Verify the record again. Raises what refuses."""
    from agentops.gate import admission

    if state.broke_glass:
        return
    admission.check_again(
        session.place, state.image, record_sha256=state.record, settings=session.settings, now=time.time()
    )


def _recovered(session: Session) -> int:
    """There is no journal: what the objects tell is the way back."""
    found = recover.from_objects(session.cluster, session.place, now=time.time())
    execute.seize(session.runner)
    session.journal.renew(found)
    execute.take_over(session.runner)
    return _run(session, leave_at_approval=False, only_back=True)


def _abort_lost(session: Session) -> int:
    with session.lease:
        return _recovered(session)


def _obeyed(session: Session, screen: Screen) -> State | None:
    """Wait for the runner to go back, as long as it does; its last state, or None where it does not obey."""
    deadline = time.monotonic() + execute.OBEY_S
    marks, mark = "", ""
    while True:
        try:
            state = session.journal.refresh()
            spec = (
                session.cluster.get("Lease", Names(session.place.deployment, session.place.entry).journal) or {}
            ).get("spec") or {}
            mark = f"{spec.get('holderIdentity')} {spec.get('renewTime')}"
        except ApiDown:
            time.sleep(_OBEY_LOOK_S)
            continue
        if state is None:
            return None
        screen.show(session.view(state))
        if state.phase.ended or state.rollback_failed:
            return state
        if state.phase is Phase.ABORTING and mark != marks:
            # It goes back, and its runner lives: it may take the time that it needs.
            marks, deadline = mark, time.monotonic() + session.place.timing.lease_s
        if time.monotonic() > deadline:
            return None
        time.sleep(_OBEY_LOOK_S)


def _run(
    session: Session, *, leave_at_approval: bool, only_back: bool = False, recorded: Recorded | None = None
) -> int:
    """Drive the rollout of the journal to its end and report."""
    state = session.runner.hands.state
    teller = Teller(session.place.notify, os.environ)
    herald = Everybody(teller, Events(session.cluster, session.place.deployment), clock=time.time)
    from agentops.cli.canary_evals import CanaryEvals

    evals = CanaryEvals(session.cluster, session.place, session.settings, session.out_base)
    team = assemble.Team(session.settings, lambda state: _admitted(session, state), evals, herald, recorded)
    with ExitStack() as opened:
        machine: Machine | Delegated
        if state.plan.traffic == "delegate":
            delegate = Delegate.of_state(session.runner.hands, session.place)
            machine = Delegated(
                session.runner.hands, delegate, admitted=team.admitted, herald=herald, clock=time.time
            )  # fmt: skip
        else:
            parts = assemble.parts(
                session.cluster, session.place, session.runner, opened, elsewhere=session.elsewhere,
                team=None if only_back else team,
            )  # fmt: skip
            machine = Machine(replace(parts, herald=herald))
        screen = opened.enter_context(Screen(live=True, quiet=session.quiet, progress=True))
        stop = opened.enter_context(signals())
        state = execute.drive(
            session.runner, machine, stop=stop,
            each=lambda seen, trouble: screen.show(session.view(seen, trouble)),
            leave=lambda seen: leave_at_approval and seen.phase is Phase.WAIT,
            interval_s=session.place.analysis.interval_s,
        )  # fmt: skip
    for text in teller.close():
        click.echo(text, err=True)
    if leave_at_approval and state.phase is Phase.WAIT:
        click.echo(f"{said(state.id, 40)} waits: `agentops rollout promote --why ...`, then `agentops rollout resume`")
        return int(ExitCode.PASS)
    return conclude(session, state, interrupted=stop.is_set(), recorded=signed(session, state))
