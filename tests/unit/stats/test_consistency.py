from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.stats.consistency import blocks, pass_hat_k


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 8))
def test_pass_hat_k_is_the_share_of_choices_that_all_pass(runs: list[bool], k: int) -> None:
    if k > len(runs):
        with pytest.raises(ValueError, match="needs at least"):
            pass_hat_k(sum(runs), len(runs), k)
        return
    choices = list(combinations(runs, k))
    assert pass_hat_k(sum(runs), len(runs), k) == pytest.approx(sum(map(all, choices)) / len(choices))


def test_blocks_share_no_run() -> None:
    assert list(blocks([True, True, False, True, True], 2)) == [True, False]
