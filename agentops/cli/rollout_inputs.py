"""The files that a rollout puts to its canary: read, and refused, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agentops.cli.canary_evals import CanaryEvals
from agentops.errors import ConfigError, UsageError
from agentops.model.rollout import Phase, State

if TYPE_CHECKING:
    from agentops.cli.rollout_session import Session
    from agentops.rollout.shadow.sessions import Recorded

T = TypeVar("T")

_SESSIONS, _EVALS = "rollout.shadow.sessions", "rollout.evals"
_ORDER = list(Phase)


def read(session: Session, state: State | None = None) -> Recorded | None:
    """The recorded sessions of the environment, None where none are put to the canary any more; the suites of its evals
    are looked at too. `state` is the rollout that is under way, None before the first write of one.

    Raises ConfigError and UsageError that name the key, the file and the mend: for what is missing, empty or broken,
    and for fewer sessions than could ever show anything.
    """
    place = session.place
    if place.evals.suites and _ahead(state, Phase.CHECK):
        evals = CanaryEvals(session.cluster, place, session.settings, session.out_base)
        _named(_EVALS, evals.check)
    if place.shadow.mode != "replay" or not _ahead(state, Phase.SHADOW):
        return None
    from agentops.rollout.shadow import sessions

    root = Path(session.settings.root)
    recorded = _named(_SESSIONS, lambda: sessions.read(place.shadow.sessions, root=root))
    _enough(session, recorded)
    return recorded


def _ahead(state: State | None, phase: Phase) -> bool:
    """Whether the phase is still to come, or to be gone on with: the way back needs no file, nor does a controller in
    the cluster."""
    if state is None:
        return True
    goes = state.desired == "go" and state.plan.traffic != "delegate"
    return goes and _ORDER.index(state.phase) <= _ORDER.index(phase)


def _enough(session: Session, recorded: Recorded) -> None:
    from agentops.rollout.shadow import verdict

    place = session.place
    if not (0.0 < place.analysis.confidence < 1.0 and 0.0 < place.shadow.max_loss < 1.0):
        # The plan refuses it in its own words.
        return
    least, there = verdict.needed(place.shadow, place.analysis), len(recorded.sessions)
    if there < least:
        out = "; ".join(f"{count} {why}" for why, count in recorded.left_out.items())
        raise UsageError(
            f"{_SESSIONS}: {', '.join(place.shadow.sessions)}: {there} sessions{f' ({out} left out)' if out else ''} "
            f"cannot show a loss below {place.shadow.max_loss:g}: {least} are needed",
            hint="name more recorded sessions, or widen rollout.shadow.max_loss",
        )


def _named(key: str, act: Callable[[], T]) -> T:
    """What `act` returns; what it refuses names the key."""
    try:
        return act()
    except UsageError as error:
        problems = error.problems if isinstance(error, ConfigError) else ()
        raise ConfigError(
            _under(key, error.message),
            hint=error.hint or f"mend the file, or name another one under {key}",
            problems=tuple(_under(key, text) for text in problems),
        ) from None


def _under(key: str, text: str) -> str:
    return text if text.startswith(key) else f"{key}: {text}"
