"""What a set of suites is made of."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agentops.model.case import Assertion, Case, Step, Suite
from agentops.text import one_line

_MOST = 12
_COLUMNS = 80

IMPORTED = "imported"
"""The tag of cases with an origin that were seen in production."""


@dataclass(frozen=True, slots=True)
class Composition:
    """Counts. `tags`, `weights` and `turns` are cases by tag, by weight and by number of turns; a case counts once for
    each of its tags, and `untagged` where it has none. `assertions` are counted by what reports call them, the parts of
    joins and what is expected of probes included. `written` cases are somebody's own, the others have an origin:
    `imported` ones, by their tag, were seen in production, `generated` ones are made.
    """

    cases: int
    suites: int
    tags: Mapping[str, int]
    untagged: int
    weights: Mapping[float, int]
    turns: Mapping[int, int]
    assertions: Mapping[str, int]
    probes: int
    written: int
    generated: int
    imported: int = 0


def composition(suites: Iterable[Suite]) -> Composition:
    """The composition of the suites together. Most frequent first, then by name."""
    suites = tuple(suites)
    cases = [case for suite in suites for case in suite.cases]
    others = [case for case in cases if case.origin]
    imported = sum(IMPORTED in case.tags for case in others)
    return Composition(
        cases=len(cases),
        suites=len(suites),
        tags=_by_count(Counter(tag for case in cases for tag in case.tags)),
        untagged=sum(not case.tags for case in cases),
        weights=dict(sorted(Counter(case.weight for case in cases).items())),
        turns=dict(sorted(Counter(len(case.turns) for case in cases).items())),
        assertions=_by_count(Counter(a.label for case in cases for a in _assertions(case))),
        probes=sum(len(case.after) for case in cases),
        written=len(cases) - len(others),
        generated=len(others) - imported,
        imported=imported,
    )


def render(made: Composition) -> str:
    """A short table for people, a line for each kind of count."""
    rows = {
        "cases": f"{made.cases} in {_count(made.suites, 'suite')}: {_origins(made)}",
        "tags": _list([*made.tags.items(), *([("no tag", made.untagged)] if made.untagged else [])]),
        "weights": _list([(f"{weight:g}:", count) for weight, count in made.weights.items()]),
        "turns": _list([(f"{turns}:", count) for turns, count in made.turns.items()]),
        "assertions": _list(list(made.assertions.items())),
        "probes": f"{made.probes} after the cases",
    }
    left_out = {"weights": set(made.weights) <= {1.0}, "turns": set(made.turns) <= {1}, "probes": not made.probes}
    return "\n".join(_row(name, text) for name, text in rows.items() if not left_out.get(name))


def _origins(made: Composition) -> str:
    told = f"{made.written} written, {made.generated} generated"
    return f"{told}, {made.imported} imported" if made.imported else told


def _row(name: str, text: str) -> str:
    return textwrap.fill(
        text,
        _COLUMNS,
        initial_indent=f"{name:<11} ",
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _assertions(case: Case) -> Iterator[Assertion]:
    for turn in case.turns:
        yield from _unfolded(turn.expect)
    yield from _unfolded(case.expect)
    for step in (*case.setup, *case.after):
        yield from _unfolded(_of_step(step))


def _of_step(step: Step) -> Iterable[Assertion]:
    expect: Iterable[Assertion] = step.params.get("expect", ())
    return expect


def _unfolded(assertions: Iterable[Assertion]) -> Iterator[Assertion]:
    for assertion in assertions:
        yield assertion
        yield from _unfolded(assertion.parts)


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _list(counts: list[tuple[str, int]]) -> str:
    shown = [f"{one_line(name, 40)} {count}" for name, count in counts[:_MOST]]
    if len(counts) > _MOST:
        shown.append(f"and {len(counts) - _MOST} more")
    return ", ".join(shown) or "none"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
