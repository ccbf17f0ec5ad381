"""Numbers in text: how countries write them, which of them counts, and how near is near enough."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.contracts import Judgement
from agentops.errors import ConfigError
from agentops.evals.metrics import number
from agentops.model.case import Answer, Turn
from agentops.model.seen import Seen


def judge(text: str, value: float, **params: Any) -> Judgement:
    return number.number({"value": value, **params}, Seen((Turn("?"),), (Answer(text),)))


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("1,234.5", [(1234.5,)]),
        ("1.234,5", [(1234.5,)]),
        ("1 234,50 €", [(1234.5,)]),
        ("1\u202f234,50 €", [(1234.5,)]),
        ("1'234.5", [(1234.5,)]),
        ("12,345,678", [(12345678.0,)]),
        ("1.234", [(1.234, 1234.0)]),
        ("0.123", [(0.123,)]),
        ("1e3 or 1.5E-3", [(1000.0,), (0.0015,)]),
        ("-3 and −3,5 and -.5", [(-3.0,), (-3.5,), (-0.5,)]),
        ("-$5", [(-5.0,)]),
        ("12.5% of 8 %", [(12.5, 0.125), (8.0, 0.08)]),
        ("5-7 days, 3, 4.", [(5.0,), (7.0,), (3.0,), (4.0,)]),
        ("1 2 3", [(1.0,), (2.0,), (3.0,)]),
        ("5kg", [(5.0,)]),
        # Names and versions are no numbers.
        ("A-1001 v2 3f9a x_7 1.2.3", [()]),
        ("1e999", [()]),
    ],
)
def test_how_numbers_are_written(text: str, readings: list[tuple[float, ...]]) -> None:
    found = [n.readings for n in number.find(text)]
    assert [pytest.approx(r) for r in found] == readings


@pytest.mark.parametrize(
    ("text", "value", "params", "holds"),
    [
        ("it costs $24.00", 24, {}, True),
        ("it costs $24.01", 24, {}, False),
        ("about 24.4", 24, {"abs": 0.5}, True),
        ("about 24.6", 24, {"abs": 0.5}, False),
        ("about 26", 24, {"rel": 0.1}, True),
        ("about 27", 24, {"rel": 0.1}, False),
        ("-24", 24, {}, False),
        ("0.30000000000000004", 0.3, {}, True),
        ("half: 50 %", 0.5, {}, True),
        ("2 of 3", 3, {"which": "first"}, False),
        ("2 of 3", 3, {"which": "last"}, True),
        ("2 of 3", 3, {"which": "only"}, False),
        ("2 of 3 kg", 3, {"which": "only", "unit": "kg"}, True),
        ("5 EUR or 6 USD", 6, {"unit": "eur"}, False),
        ("5 EUR or 6 USD", 5, {"unit": ["€", "eur"]}, True),
        ("EUR 5", 5, {"unit": "EUR"}, True),
        ("€5", 5, {"unit": "€"}, True),
        ("5 kgs", 5, {"unit": "kg"}, False),
        ("5 %", 5, {"unit": "%"}, True),
        ("none at all", 0, {}, False),
    ],
)
def test_which_number_counts_and_how_near(text: str, value: float, params: dict[str, Any], holds: bool) -> None:
    judgement = judge(text, value, **params)
    assert judgement.holds is holds, judgement.reason


def test_a_value_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="has an end"):
        number.check({"value": float("inf")})


@given(st.integers(-(10**12), 10**12), st.integers(0, 99))
def test_what_python_groups_is_read_back(whole: int, cents: int) -> None:
    text = f"{whole:,}.{cents:02d}"
    value = float(f"{whole}.{cents:02d}")
    assert judge(f"The total is {text} today", value, which="only").holds
    german = text.translate(str.maketrans(",.", ".,"))
    assert judge(f"Das macht {german} heute", value, which="only").holds


@given(st.text(alphabet="0123456789.,eE+-−%$€' \u00a0ab", max_size=60))
def test_no_text_breaks_the_search(text: str) -> None:
    for found in number.find(text):
        assert text[found.start : found.end]
        assert all(value == value for value in found.readings)
