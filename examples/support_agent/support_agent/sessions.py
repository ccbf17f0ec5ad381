"""Conversations, kept in memory: at most so many, each at most so long, forgotten when idle."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Session:
    """One conversation. `history` holds what customer and agent said, without tool traffic; `said` is everything the
    customer wrote in it, which is what the customer can answer for; `refunded` says that a refund was issued.

    `customer` is an e-mail address that the front end has verified, or None.
    """

    history: list[dict[str, str]] = field(default_factory=list)
    said: str = ""
    refunded: bool = False
    customer: str | None = None
    last_used: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def remember(self, text: str, answer: str, *, turns: int) -> None:
        """Add one turn, dropping the oldest beyond `turns`."""
        self.history.append({"role": "user", "content": text})
        self.history.append({"role": "assistant", "content": answer})
        del self.history[: max(len(self.history) - 2 * turns, 0)]

    def hear(self, text: str, *, limit: int) -> None:
        """Keep what the customer wrote, the newest `limit` characters."""
        self.said = (self.said + "\n" + text)[-limit:]


class Sessions:
    """All conversations; the one idle longest goes first when there are more than `limit`."""

    def __init__(self, *, limit: int, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._ttl_s = ttl_s
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()

    def get(self, session_id: str | None, *, customer: str | None) -> Session:
        """The conversation of that id; a new one where there is none, or where another customer comes with its id."""
        now = self._clock()
        self._expire(now)
        if session_id is None:
            return Session(customer=customer)
        session = self._open.get(session_id)
        if session is None or session.customer != customer:
            session = Session(customer=customer)
            self._open[session_id] = session
        session.last_used = now
        self._open.move_to_end(session_id)
        while len(self._open) > self._limit:
            self._open.popitem(last=False)
        return session

    def __len__(self) -> int:
        return len(self._open)

    def _expire(self, now: float) -> None:
        while self._open:
            oldest = next(iter(self._open))
            if now - self._open[oldest].last_used <= self._ttl_s:
                return
            del self._open[oldest]
