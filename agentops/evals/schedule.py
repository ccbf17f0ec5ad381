"""The order in which cases are run: round by round, every case once a round, shuffled by a recorded seed.

A position in the schedule tells the case and its run for good, so that a run which was killed, or a later run of the
same inputs, goes on where the last one ended.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentops.model.case import Case


@dataclass(frozen=True, slots=True)
class Slot:
    """One attempt to be made. `run` counts from 1, and so does `position`; 0 stands outside of the schedule."""

    position: int
    case: Case
    run: int


def round_of(cases: Sequence[Case], number: int, *, seed: int) -> list[Case]:
    """The cases in the order of that round, counted from 1: the same for the same seed, whatever came before."""
    order = sorted(cases, key=lambda case: case.id)  # whatever the order of suites and files
    random.Random(f"{seed}:{number}").shuffle(order)  # noqa: S311  an order, not a secret
    return order


def slots(cases: Sequence[Case], *, seed: int, first: int, last: int) -> Iterator[Slot]:
    """The positions from `first` to `last`, both included."""
    size = len(cases)
    for number in range((first - 1) // size + 1, (last - 1) // size + 2):
        for index, case in enumerate(round_of(cases, number, seed=seed)):
            position = (number - 1) * size + index + 1
            if first <= position <= last:
                yield Slot(position, case, number)


def still_owed(cases: Sequence[Case], made: Mapping[str, Collection[int]]) -> Iterator[Slot]:
    """What cases with a number of runs of their own still lack, outside of the schedule. `made` are the runs of each
    case that were made."""
    for case in cases:
        for run in range(1, (case.runs or 0) + 1):
            if run not in made.get(case.id, ()):
                yield Slot(0, case, run)
