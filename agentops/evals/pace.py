"""How many calls go to the agent at once: as many as it takes, up to the limit that was configured.

As in TCP: an agent that says it is too busy halves the number, and each round of good answers adds one again. While it
asks for a pause nobody calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator


class Pace:
    """Hands out turns. Used from one event loop."""

    def __init__(self, most: int) -> None:
        self.limit = most
        self.lowest = most
        self._most = most
        self._busy = 0
        self._good = 0
        self._quiet_until = 0.0
        self._free = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until a call may be made."""
        async with self._free:
            await self._free.wait_for(lambda: self._busy < self.limit)
            self._busy += 1
        try:
            await self.pause()
            yield
        finally:
            async with self._free:
                self._busy -= 1
                self._free.notify_all()

    async def pause(self) -> None:
        """Waits as long as the agent asked for."""
        while (left := self._quiet_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def too_fast(self, pause_s: float) -> None:
        """The agent asked for fewer calls, and for a pause."""
        self.limit = max(self.limit // 2, 1)
        self.lowest = min(self.lowest, self.limit)
        self._good = 0
        self._quiet_until = max(self._quiet_until, time.monotonic() + pause_s)

    def went_well(self) -> None:
        """A call was answered."""
        self._good += 1
        if self._good >= self.limit and self.limit < self._most:
            self.limit += 1
            self._good = 0
