import math
import random

from hypothesis import given
from hypothesis import strategies as st

from agentops.stats.latency import lower_bound, percentile, samples_needed, upper_bound


def test_the_samples_that_bound_a_percentile() -> None:
    assert samples_needed(0.95, 0.95) == 59
    assert samples_needed(0.99, 0.95) == 299
    values = [float(i) for i in range(59)]
    assert upper_bound(values, 0.95, 0.95) == 58.0
    assert upper_bound(values[:-1], 0.95, 0.95) == math.inf


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_bounds_hold_the_percentile(values: list[float], q: float) -> None:
    assert lower_bound(values, q, 0.95) <= percentile(values, q) <= upper_bound(values, q, 0.95)


def test_the_bounds_cover_as_often_as_they_say() -> None:
    dice = random.Random(3)
    missed_high = missed_low = 0
    for _ in range(2000):
        sample = [dice.random() for _ in range(100)]
        missed_high += upper_bound(sample, 0.9, 0.95) < 0.9
        missed_low += lower_bound(sample, 0.9, 0.95) > 0.9
    assert missed_high / 2000 < 0.065
    assert missed_low / 2000 < 0.065
    assert missed_high + missed_low > 20  # neither is trivially wide
