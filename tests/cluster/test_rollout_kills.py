"""kill -9 of the runner before and after a write, any write; then another runner goes on, or goes back: it always ends
where it should, with no lock left and nothing of others touched.

Here a part of the writes, spread over the whole rollout; `benchmarks/rollout.py` tries every one.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from bad_agents.build import build
from kills import Kill, one_kill

# The first to ask waits for those before it.
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

_AT_ONCE = 4
_TURNS = (("before", "resume"), ("after", "abort"), ("after", "resume"), ("before", "abort"))
_TRIED = tuple(
    Kill(at, *_TURNS[number % len(_TURNS)]) for number, at in enumerate((3, 5, 8, 11, 14, 18, 22, 27, 32, 38, 44, 50))
)


@pytest.fixture(scope="module")
def ends(api: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kill, Future[str]]]:
    """All of them, several at once."""
    folder, good = tmp_path_factory.mktemp("kills"), build("good")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield {kill: pool.submit(one_kill, kill, folder / str(number), good) for number, kill in enumerate(_TRIED)}


@pytest.mark.parametrize("kill", _TRIED, ids=str)
def test_it_converges(ends: dict[Kill, Future[str]], kill: Kill) -> None:
    assert ends[kill].result() == ""
