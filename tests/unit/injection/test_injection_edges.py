"""Limits at their very value, and which witness on a variable counts first."""

from __future__ import annotations

import pytest

from agentops.injection import engine
from agentops.injection.kinds import Kind
from agentops.injection.risk import WARN_AT, combine, weigh
from agentops.injection.template import Assigned, Hole, Message, Template
from agentops.injection.trust import Judge


def test_two_risks_at_the_warning_add_up() -> None:
    assert combine([WARN_AT, WARN_AT]) == pytest.approx(1 - 0.5 * 0.5**0.25)
    below = WARN_AT - 1e-9
    assert combine([below, below]) == below


def test_a_risk_at_the_warning_is_weighed() -> None:
    assert weigh(WARN_AT, 1.5) == pytest.approx(1 - 0.5**1.5)
    below = WARN_AT - 1e-9
    assert weigh(below, 1.5) == below


def trust(name: str, **facts: object) -> Kind:
    hole = Hole(name, "a.py", 1, 1, 0)
    template = Template("a.py", "python", (Message(None, (hole,)),), **facts)  # type: ignore[arg-type]
    return Judge({}).trust(hole, template).kind


def test_a_declared_type_counts_before_the_code() -> None:
    web = {"x": Assigned(Kind.THIRD_PARTY, "it is read from the web")}
    assert trust("x", assigned=web) is Kind.THIRD_PARTY
    assert trust("x", assigned=web, types={"x": "integer"}) is Kind.CONSTANT


def test_a_description_counts_before_the_name() -> None:
    assert trust("user_question") is Kind.USER
    said = "A web page fetched from the internet"
    assert trust("zzz", descriptions={"zzz": said}) is Kind.THIRD_PARTY
    assert trust("user_question", descriptions={"user_question": said}) is Kind.THIRD_PARTY


@pytest.mark.parametrize(("length", "bounded"), [(1_900, True), (2_100, False)])
def test_marks_around_a_long_text_are_a_layout(length: int, bounded: bool) -> None:
    filler = ("1 2 3 4 5\n" * 300)[:length]
    text = f"Sum up what stands here.\n<data>\n{filler}\n{{document}}\n</data>\n"
    (result,) = engine.analyse_text(text, path="a.txt")
    mark = result.holes[0].mitigation.boundary
    assert (mark is not None) is bounded
