"""From attempts to what a case, and the stage, came to: a gap in the measurement is never taken for a result."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.evals import reduce
from agentops.model.case import Answer, Assertion, Attempt, Case, CaseResult, Suite, Turn
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.settings import Runs

P, F, E = Outcome.PASS, Outcome.FAIL, Outcome.ERROR


def attempts(name: str, outcomes: str) -> tuple[Attempt, ...]:
    """One attempt a letter: p, f, or e for one without an answer."""
    words = {"p": P, "f": F, "e": E}
    return tuple(
        Attempt(name, i, i, words[o], None if o == "e" else 0.1, () if o == "e" else (Answer("x"),),
                error="no answer within 1 s" if o == "e" else "")
        for i, o in enumerate(outcomes, 1)
    )  # fmt: skip


def result(name: str, outcomes: str, *, planned: int | None = None) -> CaseResult:
    made = attempts(name, outcomes)
    runs = len(made) if planned is None else planned
    return CaseResult(name, "s", (), runs, runs, reduce.rule(made, runs=runs, needed=runs), made)


@pytest.mark.parametrize(
    ("outcomes", "runs", "needed", "outcome"),
    [
        ("pp", 3, 2, P),  # enough, though one was never asked
        ("ppe", 3, 2, P),
        ("ppf", 3, 2, P),
        ("pff", 3, 2, F),  # two can no longer pass
        ("ff", 3, 2, F),
        ("ffe", 3, 2, F),
        ("pf", 3, 2, E),  # the third would settle it
        ("pfe", 3, 2, E),
        ("pe", 3, 2, E),
        ("fe", 3, 2, E),
        ("eee", 3, 2, E),
        ("", 3, 2, E),
        ("ppp", 3, 3, P),
        ("pp", 3, 3, E),
        ("ppe", 3, 3, E),
        ("ppf", 3, 3, F),
        ("f", 3, 3, F),
        ("p", 3, 1, P),
        ("ff", 3, 1, E),
        ("ffe", 3, 1, E),
        ("fff", 3, 1, F),
    ],
)
def test_k_of_n_at_its_edges(outcomes: str, runs: int, needed: int, outcome: Outcome) -> None:
    assert reduce.rule(attempts("c", outcomes), runs=runs, needed=needed) is outcome


@given(st.text("pfe", max_size=6), st.integers(0, 3), st.data())
def test_a_case_is_settled_only_where_no_missing_run_could_change_it(
    outcomes: str, never: int, data: st.DataObject
) -> None:
    runs = max(len(outcomes) + never, 1)
    needed = data.draw(st.integers(1, runs))
    unknown = runs - outcomes.count("p") - outcomes.count("f")
    possible = {outcomes.count("p") + extra >= needed for extra in range(unknown + 1)}
    expected = {frozenset({True}): P, frozenset({False}): F}.get(frozenset(possible), E)
    assert reduce.rule(attempts("c", outcomes), runs=runs, needed=needed) is expected


def test_a_case_that_was_never_asked_is_there_as_an_error() -> None:
    expect = (Assertion("contains", {"value": "x"}),)
    made = tuple(Case(name, (Turn("hi"),), ("t",), expect, Location("s.yaml", 1)) for name in ("b", "a"))
    got = reduce.cases((Suite("s", "s.yaml", "0", made),), reversed(attempts("a", "pp")), runs=Runs(2, 2), needed=2)
    assert [(c.case_id, c.outcome, c.planned) for c in got] == [("b", E, 2), ("a", P, 2)]
    assert [a.run for a in got[1].attempts] == [1, 2]


def test_what_a_budget_left_open_is_inconclusive_and_what_broke_is_an_error() -> None:
    expect = (Assertion("contains", {"value": "x"}),)
    made = tuple(Case(name, (Turn("hi"),), (), expect, Location("s.yaml", 1)) for name in ("a", "b", "c", "d"))
    seen = [*attempts("a", "pp"), *attempts("b", "p"), *attempts("c", "f"), *attempts("d", "ee")]
    for complete, opened in ((False, Outcome.INCONCLUSIVE), (True, E)):
        got = reduce.cases(
            (Suite("s", "s.yaml", "0", made),), seen, runs=Runs(2, 2), needed=None, complete=complete
        )  # fmt: skip
        assert [c.outcome for c in got] == [P, opened, F, E]


def test_a_case_that_the_gate_did_not_need_is_skipped() -> None:
    expect = (Assertion("contains", {"value": "x"}),)
    made = tuple(Case(name, (Turn("hi"),), (), expect, Location("s.yaml", 1)) for name in ("a", "b"))
    got = reduce.cases((Suite("s", "s.yaml", "0", made),), attempts("a", "p"), runs=Runs(0, 5), needed=None)
    assert [(c.outcome, c.planned) for c in got] == [(P, 1), (Outcome.SKIPPED, 0)]
    assert reduce.errors(got, gone="", complete=True, max_error_rate=0.0) == ()
    assert reduce.errors(got[1:], gone="no answer", complete=True, max_error_rate=0.0) != ()


def test_all_measured_is_no_error() -> None:
    assert reduce.errors([result("a", "pf"), result("b", "ff")], gone="", complete=True, max_error_rate=0.0) == ()


def test_a_run_that_stopped_is_an_error_even_with_every_attempt_measured() -> None:
    found = reduce.errors([result("a", "pp")], gone="exited with 137", complete=True, max_error_rate=1.0)
    assert len(found) == 1
    assert "exited with 137" in found[0].message
    assert not found[0].unavailable


def test_a_run_that_stopped_says_so_first_and_then_what_it_missed() -> None:
    found = reduce.errors([result("a", "p", planned=4)], gone="exited with 137", complete=True, max_error_rate=1.0)
    assert "exited with 137" in found[0].message
    assert any("3 of 4 attempts were not measured" in e.message for e in found)


def test_attempts_that_were_never_asked_count_as_unmeasured() -> None:
    cut = [result("a", "p" * 9, planned=10), result("b", "p" * 10)]
    assert reduce.errors(cut, gone="", complete=True, max_error_rate=0.05) == (), "1 of 20 is what the rate allows"
    (found,) = reduce.errors(cut, gone="", complete=True, max_error_rate=0.04)
    assert "1 of 20 attempts were not measured" in found.message


def test_lost_attempts_and_those_never_asked_add_up() -> None:
    holed = [result("a", "p" * 8 + "e", planned=10), result("b", "p" * 10)]
    (found,) = reduce.errors(holed, gone="", complete=True, max_error_rate=0.05)
    assert "2 of 20 attempts were not measured: no answer within 1 s" in found.message
    assert not found.unavailable, "an agent that does not answer is no missing instrument"


@pytest.mark.parametrize("outcomes", ["eee", ""])
def test_a_case_without_a_measured_attempt_is_an_error_at_any_rate(outcomes: str) -> None:
    found = reduce.errors(
        [result("fine", "p" * 100), result("dark", outcomes, planned=3)], gone="", complete=True, max_error_rate=1.0
    )
    assert any("1 case has no measured attempt: dark" in e.message for e in found)


def test_many_cases_without_a_measured_attempt_are_counted_and_some_named() -> None:
    found = reduce.errors([result(f"c{i}", "e") for i in range(8)], gone="", complete=True, max_error_rate=1.0)
    assert any("8 cases" in e.message and "c4 and 3 more" in e.message for e in found)


def test_attempts_that_needed_another_try_count_towards_the_rate() -> None:
    calm, shaken = result("a", "p" * 10), result("b", "p" * 10)
    retried = tuple(replace(a, retries=("the agent answered HTTP 503",)) for a in shaken.attempts[:2])
    shaken = replace(shaken, attempts=(*retried, *shaken.attempts[2:]))
    assert reduce.errors([calm, shaken], gone="", complete=True, max_error_rate=0.1) == ()
    (found,) = reduce.errors([calm, shaken], gone="", complete=True, max_error_rate=0.05)
    assert "2 of 20 attempts were answered only after trouble on the way" in found.message


@pytest.mark.parametrize(
    ("own", "own_runs", "needed", "runs", "made", "least"),
    [
        (None, None, None, Runs(1, 5), 5, 5),  # all of them
        (3, 3, None, Runs(1, 5), 5, 5),  # 3 of its own 3 is 5 of 5
        (2, 3, None, Runs(1, 5), 3, 2),
        (2, 3, None, Runs(1, 5), 5, 4),
        (4, None, None, Runs(1, 5), 5, 4),
        (4, None, None, Runs(1, 5), 2, 2),
        (None, 10, 4, Runs(1, 5), 10, 8),  # the number stands beside evals.runs
        (None, None, 3, Runs(3, 3), 3, 3),
        (4, None, None, Runs(1, 1), 1, 1),  # never more than all
    ],
)
def test_a_number_belongs_to_the_runs_beside_it(
    own: int | None, own_runs: int | None, needed: int | None, runs: Runs, made: int, least: int
) -> None:
    expect = (Assertion("contains", {"value": "x"}),)
    case = Case("a", (Turn("hi"),), (), expect, Location("s.yaml", 1), runs=own_runs, needed=own)
    (got,) = reduce.cases((Suite("s", "s.yaml", "0", (case,)),), attempts("a", "p" * made), runs=runs, needed=needed)
    assert (got.planned, got.needed) == (made, least)
