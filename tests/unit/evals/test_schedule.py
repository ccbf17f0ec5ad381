"""The schedule: the same seed gives the same order, whatever was run before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentops.evals import schedule
from agentops.model.case import Case, Turn
from agentops.model.finding import Location


def cases(count: int, **own: int) -> tuple[Case, ...]:
    return tuple(
        Case(f"c{i}", (Turn("x"),), (), (), Location("s", i), runs=own.get(f"c{i}")) for i in range(count)
    )  # fmt: skip


@given(st.integers(1, 12), st.integers(0, 5), st.data())
def test_a_later_start_gives_the_rest_of_the_same_order(count: int, seed: int, data: st.DataObject) -> None:
    made = cases(count)
    last = data.draw(st.integers(1, count * 5))
    first = data.draw(st.integers(1, last))
    whole = list(schedule.slots(made, seed=seed, first=1, last=last))
    assert list(schedule.slots(made, seed=seed, first=first, last=last)) == whole[first - 1 :]
    assert [slot.position for slot in whole] == list(range(1, last + 1))


@given(st.integers(1, 12), st.integers(0, 5))
def test_each_round_holds_each_case_once(count: int, seed: int) -> None:
    slots = list(schedule.slots(cases(count), seed=seed, first=1, last=count * 4))
    for number in range(4):
        part = slots[number * count : (number + 1) * count]
        assert {slot.case.id for slot in part} == {f"c{i}" for i in range(count)}
        assert {slot.run for slot in part} == {number + 1}


def test_what_a_case_is_owed_comes_without_a_position() -> None:
    made = cases(3, c1=4, c2=1)
    owed = list(schedule.still_owed(made, {"c0": {1, 2}, "c1": {1, 4}, "c2": {1}}))
    assert [(slot.position, slot.case.id, slot.run) for slot in owed] == [(0, "c1", 2), (0, "c1", 3)]
