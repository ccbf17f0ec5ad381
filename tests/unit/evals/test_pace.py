"""Concurrency follows what the agent can take."""

from __future__ import annotations

import asyncio
import time

from agentops.evals.pace import Pace


def test_it_halves_and_comes_back_one_by_one() -> None:
    pace = Pace(16)
    pace.too_fast(0)
    pace.too_fast(0)
    assert pace.limit == 4
    for expected in (4, 4, 4, 5):
        pace.went_well()
        assert pace.limit == expected
    for _ in range(200):
        pace.went_well()
    assert (pace.limit, pace.lowest) == (16, 4)


def test_one_is_always_let_through() -> None:
    pace = Pace(2)
    for _ in range(5):
        pace.too_fast(0)
    assert pace.limit == 1


def test_no_more_than_the_limit_at_once_and_none_during_a_pause() -> None:
    async def go() -> tuple[int, float]:
        pace, busy, most = Pace(3), 0, 0
        pace.too_fast(0.1)
        pace.limit = 3
        began = time.monotonic()
        first = 0.0

        async def one() -> None:
            nonlocal busy, most, first
            async with pace.turn():
                first = first or time.monotonic() - began
                busy += 1
                most = max(most, busy)
                await asyncio.sleep(0.002)
                busy -= 1

        await asyncio.gather(*(one() for _ in range(20)))
        return most, first

    most, first = asyncio.run(go())
    assert most == 3
    assert first >= 0.1
