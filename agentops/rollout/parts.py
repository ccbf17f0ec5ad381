"""What the machine of a rollout is put together from. `execute` hands the real ones down; tests hand others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agentops.contracts import TrafficRouter
from agentops.model.rollout import Phase, State
from agentops.model.rollout_settings import Place
from agentops.rollout.deployments import Deployments
from agentops.rollout.hands import Hands


class Look(Protocol):
    """What one look at the canary told.

    `evidence` are parts of the journal's evidence as they are now: JSON data by name. `harm` is the reason to go back
    now, "" where there is none. `settled`: everything that the phase must show was shown; `missing` says what is not
    yet. `frozen` says why nothing can be decided just now. `told` is one line for people.
    """

    @property
    def evidence(self) -> Mapping[str, Any]: ...

    @property
    def harm(self) -> str: ...

    @property
    def settled(self) -> bool: ...

    @property
    def missing(self) -> str: ...

    @property
    def frozen(self) -> str: ...

    @property
    def told(self) -> str: ...


class Progress(Look, Protocol):
    """What one look at a trial told. `over`: nothing more will come of it, settled or not."""

    @property
    def over(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What one look told; a Look, and a Progress."""

    evidence: Mapping[str, Any]
    harm: str = ""
    settled: bool = False
    missing: str = ""
    frozen: str = ""
    told: str = ""
    over: bool = False


class Trial(Protocol):
    """What the canary is put through before it serves anybody: recorded sessions, mirrored requests, evals."""

    def look(self, state: State) -> Progress:
        """Begin it if it did not, and tell how far it is. Never blocks."""

    def stop(self) -> None:
        """End what `look` began. What was seen is kept."""


class Analyse(Protocol):
    """Looks at the metrics of both versions."""

    def __call__(self, state: State, /, *, share: float, step: bool) -> Look:
        """`share` of the traffic goes to the canary, 0..1. With `step` the step's minimum has to be reached."""


class Herald(Protocol):
    """Tells people and machines what becomes of the rollout. Never raises, never blocks."""

    def due(self, before: State, after: State, /) -> tuple[State, tuple[str, ...]]:
        """What is news in `after`, and the state that remembers that it was told."""

    def tell(self, news: Sequence[str], state: State) -> None:
        """Tell it; called once the state is in the journal."""


class Silence:
    """Tells nobody."""

    def due(self, _before: State, after: State, /) -> tuple[State, tuple[str, ...]]:
        """Nothing is news."""
        return after, ()

    def tell(self, news: Sequence[str], state: State) -> None:
        """Nobody listens."""


def _admitted(_state: State) -> None:
    """Without records there is nothing to look at again."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a rollout is carried out with. `admitted` raises where the image's record does not hold any more;
    `fence` lays and proves the egress policy of shadow pods and returns what is awaited, raising UsageError where it
    does not hold; `watch_over` sees that a watchdog runs; `diagnose` says why pods of the canary are not ready."""

    hands: Hands
    place: Place
    deployments: Deployments
    router: TrafficRouter
    analyse: Analyse
    trials: Mapping[Phase, Trial] = field(default_factory=dict)
    admitted: Callable[[State], None] = _admitted
    fence: Callable[[], str] = lambda: ""
    watch_over: Callable[[], None] = lambda: None
    diagnose: Callable[[], str] = lambda: ""
    herald: Herald = field(default_factory=Silence)
    clock: Callable[[], float] = time.time
