"""kill -9 of the runner before and after a write, any write; then another runner goes on, or goes back: it always ends
where it should, with no lock left and nothing of others touched.

Here a part of the writes, spread over the whole rollout; `benchmarks/rollout.py` tries every one.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest
from bad_agents.build import build
from kills import Kill, one_kill

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

_TURNS = (("before", "resume"), ("after", "abort"), ("after", "resume"), ("before", "abort"))
_TRIED = tuple(
    Kill(at, *_TURNS[number % len(_TURNS)]) for number, at in enumerate((3, 5, 8, 11, 14, 18, 22, 27, 32, 38, 44, 50))
)


def attempt(kill: Kill, folder: Path) -> str:
    """One of them; see `one_kill`."""
    return one_kill(kill, folder, build("good"))


@pytest.mark.parametrize("kill", _TRIED, ids=str)
def test_it_converges(attempted: Future[str], kill: Kill) -> None:
    assert attempted.result() == ""
