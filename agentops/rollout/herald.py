"""Who is told of the rollout: the configured targets, the team's Deployment by events, and the runner's own screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentops.model.rollout import State
from agentops.reports.rollout.view import View
from agentops.rollout import notify
from agentops.rollout.events import Events
from agentops.rollout.journal import noted


class Everybody:
    """Tells everybody. See parts.Herald. Close `teller` at the end."""

    def __init__(self, teller: notify.Teller, events: Events, *, clock: Callable[[], float]) -> None:
        self._teller = teller
        self._events = events
        self._clock = clock
        self._refused = ""

    def due(self, before: State, after: State) -> tuple[State, tuple[str, ...]]:
        """See parts.Herald. What could not be told before is a line of the journal."""
        now = self._clock()
        for text in (*self._teller.heard(), *([self._refused] if self._refused else ())):
            after = noted(after, text, now=now)
        self._refused = ""
        news = notify.due(before, after)
        return notify.told(after, news), news

    def tell(self, news: Sequence[str], state: State) -> None:
        """See parts.Herald."""
        now = self._clock()
        if news:
            self._teller.tell(news, View(state, now))
        self._refused = self._events.tell(state, now=now)
