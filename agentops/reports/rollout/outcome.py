"""What became of a rollout: one kind, one exit code, one line, one reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agentops.errors import ExitCode
from agentops.model.rollout import Cause, Phase, State
from agentops.text import said

NO_REASON = "no reason was recorded"
_DIGITS = 12


class Kind(Enum):
    """How a rollout stands or ended."""

    UNDER_WAY = "under-way"
    DONE = "done"
    ROLLED_BACK = "rolled-back"
    INCONCLUSIVE = "inconclusive"
    ABORTED = "aborted"
    ROLLBACK_FAILED = "rollback-failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a rollout. `exit_code` is None while it is under way. `headline` is a whole line for people,
    `reason` why it went back ("" where it did not), `hint` what to do now. All texts are safe to print."""

    kind: Kind
    exit_code: ExitCode | None
    headline: str
    reason: str = ""
    hint: str = ""


_CODES: dict[Kind, ExitCode | None] = {
    Kind.UNDER_WAY: None,
    Kind.DONE: ExitCode.PASS,
    Kind.ROLLED_BACK: ExitCode.ROLLED_BACK,
    Kind.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Kind.ABORTED: ExitCode.ROLLED_BACK,
    Kind.ROLLBACK_FAILED: ExitCode.ROLLBACK_FAILED,
}
_HINTS = {
    Kind.ROLLED_BACK: "mend what the reason names, then roll out again",
    Kind.INCONCLUSIVE: "nothing was shown: see that traffic and metrics flow, or give the step more time",
    Kind.ROLLBACK_FAILED: "a person is needed: see the objects that it touched, then `agentops rollout abort` again",
}
_WORDS = {
    Cause.HARM: "harm was seen",
    Cause.BROKEN: "it could not be carried out",
    Cause.ORPHANED: "its runner was gone and the watchdog stepped in",
    Cause.INCONCLUSIVE: "nothing could be shown",
    Cause.ASKED: "somebody asked for it",
}


def outcome(state: State) -> Outcome:
    """What became of the rollout, or that it is under way. Never a pass but for one that is done."""
    kind = _kind(state)
    reason = "" if kind in (Kind.DONE, Kind.UNDER_WAY) else _reason(state, kind)
    if kind is Kind.UNDER_WAY and state.phase is Phase.ABORTING:
        reason = _reason(state, kind)
    return Outcome(kind, _CODES[kind], _headline(state, kind), reason, _HINTS.get(kind, ""))


def why(state: State) -> str:
    """In words, what kind of reason sends or sent it back; "" where none does."""
    return _WORDS[state.cause] if state.cause else ""


def image_name(image: str) -> str:
    """An image as people tell it: its name and the first digits of its digest."""
    name, at, digest = said(image, 300).partition("@")
    if not at:
        return name or "unknown"
    algorithm, _, digits = digest.rpartition(":")
    return f"{name}@{algorithm}:{digits[:_DIGITS]}" if algorithm else f"{name}@{digits[:_DIGITS]}"


def _kind(state: State) -> Kind:
    if state.rollback_failed:
        return Kind.ROLLBACK_FAILED
    if state.phase is Phase.DONE:
        return Kind.DONE
    if state.phase is not Phase.ABORTED:
        return Kind.UNDER_WAY
    return {Cause.INCONCLUSIVE: Kind.INCONCLUSIVE, Cause.ASKED: Kind.ABORTED}.get(
        state.cause or Cause.BROKEN, Kind.ROLLED_BACK
    )


def _reason(state: State, kind: Kind) -> str:
    reason = said(state.reason, 600) or NO_REASON
    if kind is Kind.ROLLBACK_FAILED:
        return f"{said(state.rollback_failed, 600)} (it went back because: {reason})"
    return reason


def _headline(state: State, kind: Kind) -> str:
    app, where = said(state.app, 80), said(state.environment, 60)
    new, old = image_name(state.image), image_name(state.before)
    if kind is Kind.DONE:
        unproved = f", let in without a record: {said(state.broke_glass, 200)}" if state.broke_glass else ""
        return f"DONE: {app} in {where} serves {new}{unproved}"
    if kind is Kind.ROLLBACK_FAILED:
        return f"ROLLBACK FAILED: {app} in {where} may still serve {new}"
    if kind is Kind.INCONCLUSIVE:
        return f"INCONCLUSIVE: {app} in {where} is back on {old}"
    if kind is Kind.ABORTED:
        by = said(state.asked_by, 80) or "somebody who gave no name"
        return f"ABORTED by {by}: {app} in {where} is back on {old}"
    if kind is Kind.ROLLED_BACK:
        return f"ROLLED BACK: {app} in {where} is back on {old}"
    doing = "is going back to " + old if state.phase is Phase.ABORTING else "is coming to " + new
    return f"{app} in {where} {doing}"
