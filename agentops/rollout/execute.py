"""Runs the machine: takes the lock, begins or takes over, ticks until the rollout has ended, lets go of the lock."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from agentops.errors import ApiDown, ClusterError, Conflict, UsageError
from agentops.model.rollout import Approval, Cause, Phase, State
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Fenced, Journal, noted
from agentops.rollout.lease import Lease, Locked

OBEY_S = 5.0
"""A runner that was asked to go back does so within this time, or is taken over."""

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Runner:
    """One process that may carry a rollout on: the lock, the journal, and the hands that write under both."""

    journal: Journal
    lease: Lease
    hands: Hands
    clock: Callable[[], float]


class Ticking(Protocol):
    """What carries a rollout on, one look at a time."""

    def tick(self) -> State:
        """One look and what follows from it. Raises ApiDown, Conflict, Fenced."""


def begin(runner: Runner, state: State) -> State:
    """The first write of a rollout, under the lock. Raises Locked where one is under way."""
    found = runner.journal.refresh()
    if found is not None and not found.phase.ended:
        raise Locked(
            f"the rollout {found.id} of {found.image} is under way, in its phase {found.phase.value}",
            hint="`agentops rollout resume` goes on with it, `agentops rollout abort` goes back",
        )
    now = runner.clock()
    fresh = replace(state, began_at=now, phase_at=now, epoch=1)
    fresh = noted(fresh, f"{fresh.image} is to replace {fresh.before}, by {fresh.plan.traffic}", now=now)
    runner.journal.begin(fresh)
    return fresh


def seize(runner: Runner) -> None:
    """Take the lock from whoever holds it, for the way back. Raises Conflict where others are quicker each time."""
    _patiently(runner.lease.seize)


def take_over(runner: Runner) -> State:
    """Make a rollout that another runner left ours, under the lock: whatever that one still writes fails from then on.
    A way back that was stuck begins anew. Raises UsageError where nothing is under way."""

    def claim() -> None:
        state, now = under_way(runner.journal), runner.clock()
        if state.phase is Phase.ABORTING:
            state = replace(state, rollback_failed="", phase_at=now)
        text = f"runner {runner.lease.holder} took over"
        runner.journal.save(noted(replace(state, epoch=state.epoch + 1), text, now=now))

    # Written by somebody else, or by us and the answer was lost: one epoch more does no harm under the lock.
    _patiently(claim)
    _patiently(runner.hands.bump)
    return runner.hands.state


def _patiently(act: Callable[[], None]) -> None:
    """Do it again where others write, or the API is away for a moment: who stops half way has fenced the old runner and
    is none himself."""
    for pause in _BACKOFF_S:
        try:
            act()
        except (ApiDown, Conflict, Fenced):
            time.sleep(pause)
        else:
            return
    act()


def under_way(journal: Journal) -> State:
    """The rollout that is under way. Raises UsageError where none is."""
    state = journal.refresh()
    if state is None or state.phase.ended:
        told = f": the last one, {state.id}, is {state.phase.value}" if state is not None else ""
        raise UsageError(f"no rollout is under way{told}", hint="`agentops rollout start --image NAME@sha256:...`")
    return state


def go_back(state: State, *, cause: Cause, why: str, by: str, now: float) -> State:
    """The state that asks its own runner to go back; one that does already keeps its reason."""
    if state.phase in (Phase.ABORTING, Phase.ABORTED, Phase.DONE):
        return state
    asked = replace(state, desired="abort", cause=cause, reason=why, asked_by=by)
    return noted(asked, f"asked to go back by {by}: {why}", now=now)


def same_place(state: State, environment: str) -> None:
    """Raise UsageError where the rollout is of another environment: its rules are not those at hand."""
    if state.environment != environment:
        raise UsageError(
            f"the rollout {state.id} is of the environment {state.environment}, not of {environment}",
            hint=f"--environment {state.environment}",
        )


def approve(journal: Journal, *, environment: str, who: str, why: str, now: float) -> State:
    """Write down that somebody lets the rollout go on. Raises UsageError where none of this environment waits for it,
    or it was approved or goes back already."""
    for _ in range(_TRIES):
        state = under_way(journal)
        same_place(state, environment)
        if state.desired == "abort" or state.phase is Phase.ABORTING:
            raise UsageError(f"the rollout {state.id} is on its way back", hint="start another one")
        if state.approvals:
            by = state.approvals[-1]
            raise UsageError(f"the rollout {state.id} was approved already, by {by.who}")
        if state.phase is not Phase.WAIT:
            raise UsageError(
                f"the rollout {state.id} does not wait for an approval: it is in its phase {state.phase.value}",
                hint="`agentops rollout status --watch` shows when it does",
            )
        approved = replace(state, approvals=(*state.approvals, Approval(at=now, who=who, why=why, step=state.step)))
        try:
            return journal.save(noted(approved, f"promoted by {who}: {why}", now=now))
        except Conflict:
            continue
    raise ClusterError("the journal changed at every attempt to write to it", hint="try again")


def drive(
    runner: Runner,
    machine: Ticking,
    *,
    stop: threading.Event,
    each: Callable[[State, str], None] = lambda _state, _trouble: None,
    leave: Callable[[State], bool] = lambda _state: False,
    interval_s: float = 1.0,
) -> State:
    """Tick until the rollout has ended, `leave` says that this runner's part is done, or the way back is stuck.

    `stop` (Ctrl-C) asks for the way back; it is gone to its end all the same. `each` is told every state, and what
    hinders. Raises Fenced where another runner took over.
    """
    failures = 0
    while True:
        trouble = ""
        try:
            if not runner.lease.held():
                _again(runner)
            if stop.is_set():
                _interrupted(runner)
            state = machine.tick()
            failures = 0
        except ApiDown as error:
            state, trouble, failures = runner.hands.state, error.message, failures + 1
        except Conflict as error:
            # Somebody else wrote: look again. Who keeps changing an object of ours is a hindrance worth telling.
            state, failures = runner.hands.state, failures + 1
            trouble = error.message if failures > _TRIES else ""
        # Whoever looks may be gone: the way back does not depend on a terminal.
        with contextlib.suppress(OSError):
            each(state, trouble)
        if state.phase.ended or leave(state):
            return state
        if state.rollback_failed and failures == 0:
            return state
        pause = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1] if failures else interval_s
        if stop.is_set():
            threading.Event().wait(pause)
        else:
            stop.wait(pause)


def _again(runner: Runner) -> None:
    """Take the lock again after it ran out while the API was away. Raises Fenced where somebody else has it."""
    try:
        runner.lease.acquire(wait_s=0)
    except Locked as error:
        raise Fenced(f"the lock was lost: {error.message}", hint="see `agentops rollout status`") from None


def _interrupted(runner: Runner) -> None:
    state = runner.hands.state
    if state.desired != "abort" and state.phase not in (Phase.ABORTING, Phase.ABORTED, Phase.DONE):
        runner.journal.ask_abort(why="the runner was stopped", by=runner.lease.holder)
