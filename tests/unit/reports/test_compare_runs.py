"""Two runs side by side: what changed, by which test, and what may not be compared."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import UsageError
from agentops.model.case import Attempt, CaseResult, Score
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult, Sampling, Scope, StageResult, Subject
from agentops.reports import compare, compare_told
from agentops.stats.compare import Change
from agentops.text import width as columns_of
from tests.unit.reports.rich_run import HOSTILE

KINDS = {"P": Outcome.PASS, "F": Outcome.FAIL, "E": Outcome.ERROR}


def case(name: str, outcomes: str, *, asks: str = "", reason: str = "no", path: str = "s.yaml") -> CaseResult:
    attempts = tuple(
        Attempt(
            name, i, i, KINDS[k], latency_s=0.1 * i, input_tokens=100, output_tokens=10 * i, model="m",
            scores=() if k == "P" else (Score("contains", KINDS[k], reason),),
        )
        for i, k in enumerate(outcomes, 1)
    )  # fmt: skip
    n = len(outcomes)
    return CaseResult(name, "s", (), n, n, Outcome.PASS, attempts, asks or f"ask {name}", Location(path, 3))


def run(name: str, cases: list[CaseResult], *, sha: str = "one", **more: Any) -> RunResult:
    sampling = more.pop("sampling", None)
    subject = Subject(image_id=f"sha256:{name * 12}", commit="abc", hashes={"s.yaml": sha})
    stage = StageResult("evals", Outcome.PASS, cases=tuple(cases), sampling=sampling)
    whole = RunResult(name, "a", f"2026-01-0{name[-1]}", "x", "ci", True, subject, Scope(("evals",), True), (stage,))
    return replace(whole, **more)


BEFORE = [case("broke", "PPPPP"), case("mended", "FFFFF"), case("wobbles", "PPPFP"), case("stays", "PPPPP")]
AFTER = [
    case("broke", "FFFFF", reason="'shipped' is missing"), case("mended", "PPPPP"), case("wobbles", "PPFFP"),
    case("stays", "PPPPP"),
]  # fmt: skip


def told(found: compare.Comparison) -> dict[str, Change]:
    return {c.case_id: c.change for c in found.cases}


def test_a_case_that_broke_is_told_from_one_that_wobbles() -> None:
    found = compare.compare(run("r1", BEFORE), run("r2", AFTER))
    assert told(found) == {
        "broke": Change.NEWLY_FAILING, "mended": Change.FIXED, "wobbles": Change.NOISE, "stays": Change.SAME
    }  # fmt: skip
    broke = found.cases[0]
    assert (broke.case_id, round(broke.p, 5)) == ("broke", 0.00397)  # 1 of 252 ways to draw five failures
    assert found.reasons["broke"] == "contains: 'shipped' is missing"
    assert found.loss.loss == pytest.approx(0.05)
    assert found.loss.low < 0.05 < found.loss.high


def test_the_other_way_round_what_broke_is_fixed() -> None:
    found = compare.compare(run("r1", AFTER), run("r2", BEFORE))
    assert told(found)["broke"] is Change.FIXED
    assert told(found)["mended"] is Change.NEWLY_FAILING


def test_a_case_that_asks_something_else_is_named_and_not_compared() -> None:
    now = [case("broke", "FFFFF", asks="another question"), *AFTER[1:]]
    found = compare.compare(run("r1", BEFORE), run("r2", now, sha="two"))
    assert found.changed == ("broke",)
    assert "broke" not in told(found)
    assert any("s.yaml changed" in notice for notice in found.notices)
    assert "not compared, changed" in compare_told.summed_up(found)


def test_a_pack_asks_with_the_words_of_its_seed_and_is_the_same() -> None:
    before = run("r1", [case("broke", "PPPPP", asks="say KX1", path="s.yaml")])
    after = run("r2", [case("broke", "FFFFF", asks="say QZ9", path="s.yaml")])
    assert told(compare.compare(before, after)) == {"broke": Change.NEWLY_FAILING}


def test_other_cases_are_named() -> None:
    found = compare.compare(
        run("r1", [*BEFORE, case("old", "P"), case("dead", "P")]),
        run("r2", [*AFTER, case("young", "P"), case("dead", "EE")]),
    )
    assert (found.gone, found.new, found.unmeasured) == (("old",), ("young",), ("dead",))


@pytest.mark.parametrize(
    "cases",
    [[], [case("other", "PPP")], [replace(c, input="else") for c in AFTER]],
    ids=["no evals", "other", "changed"],
)
def test_what_has_nothing_in_common_is_refused(cases: list[CaseResult]) -> None:
    with pytest.raises(UsageError):
        compare.compare(run("r1", BEFORE), run("r2", cases, sha="two"))


def test_of_a_run_that_stopped_early_whole_rounds_count() -> None:
    short = [case("broke", "PPPF"), *(replace(c, attempts=c.attempts[:3]) for c in BEFORE[1:])]
    early = run("r1", short, sampling=Sampling(3, 5, 7, saved=7))
    found = compare.compare(early, run("r2", AFTER))
    assert found.before.rounds == 3
    assert (found.cases[0].before.passed, found.cases[0].before.failed) == (3, 0)
    assert any("first 3 rounds count" in notice for notice in found.notices)
    budget = run("r1", short, sampling=Sampling(3, 5, 7, broke_off="20 minutes"))
    assert compare.compare(budget, run("r2", AFTER)).cases[0].before.failed == 1


def test_runs_too_few_to_show_anything_are_counted() -> None:
    before, after = run("r1", [case("a", "PP"), case("b", "PPP")]), run("r2", [case("a", "FF"), case("b", "FFF")])
    found = compare.compare(before, after)
    assert found.blind == 1
    assert found.loss.short == ("a",)


def test_notices_tell_what_makes_runs_unlike() -> None:
    found = compare.compare(run("r2", BEFORE), run("r1", AFTER, agent="b", scripted=("model",), containerised=False))
    said = " | ".join(found.notices)
    assert "different agents: a and b" in said
    assert "the first run is the later one" in said
    assert "a script played nothing in the first run and model in the second" in said
    assert "only one of the runs had the agent in its container" in said


def test_inputs_that_changed_in_between_are_named() -> None:
    subjects = [Subject(hashes={"s.yaml": "one", "prompts": digest, "config": "c"}) for digest in "ab"]
    before, after = run("r1", BEFORE, subject=subjects[0]), run("r2", AFTER, subject=subjects[1])
    assert compare.compare(before, after).notices == ("changed in between: prompts",)


def test_the_document_keeps_its_shape() -> None:
    data = json.loads(compare.document(compare.compare(run("r1", BEFORE), run("r2", AFTER))))
    assert list(data) == [
        "schema", "before", "after", "test", "summary", "cases", "changed", "not_measured", "gone", "new", "loss",
        "latency_s", "usage", "notices",
    ]  # fmt: skip
    assert data["schema"] == "agentops.compare/1"
    assert data["summary"]["newly failing"] == 1
    assert data["cases"][0] == {
        "id": "broke", "change": "newly failing", "before": {"passed": 5, "failed": 0, "unmeasured": 0},
        "after": {"passed": 0, "failed": 5, "unmeasured": 0}, "p": data["cases"][0]["p"],
        "adjusted_p": data["cases"][0]["adjusted_p"], "reason": "contains: 'shipped' is missing",
    }  # fmt: skip
    # Twenty values bound the median; p95 takes 59 to have an upper bound.
    assert data["latency_s"]["p50"]["before"]["high"] is not None
    assert data["latency_s"]["p95"]["before"]["high"] is None
    assert data["usage"]["output_tokens"]["after"] == {"total": 600, "mean": 30, "attempts": 20}
    assert data["usage"]["cost_usd"]["after"] == {"total": None, "mean": None, "attempts": 0}


@pytest.mark.parametrize("width", [30, 46, 80, 140])
@pytest.mark.parametrize("name", ["broke", "返金-リクエスト" * 6])
def test_the_terminal_shows_it_at_any_width(width: int, name: str) -> None:
    rename = [
        [replace(c, case_id=name if c.case_id == "broke" else c.case_id) for c in side] for side in (BEFORE, AFTER)
    ]
    found = compare.compare(run("r1", rename[0]), run("r2", rename[1]))
    text = compare_told.render(found, width=width)
    assert max(map(columns_of, text.splitlines())) <= width
    assert "NEWLY FAILING" in text
    assert "5/5 -> 0/5" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", compare_told.render(found, width=width, colour=True)) == text
    assert "\x1b" not in text


def test_nothing_of_a_hostile_case_reaches_a_terminal_or_markdown() -> None:
    sides = [
        [replace(c, case_id=HOSTILE) for c in [case("x", k, asks="q", reason=HOSTILE)]] for k in ("PPPPP", "FFFFF")
    ]
    found = compare.compare(run("r1", sides[0], agent=HOSTILE), run("r2", sides[1]))
    for text in (compare_told.render(found), compare_told.markdown(found)):
        assert not set(text) & set("\x1b\x00\x07\x08\x9b\ud800\ufffe\u202e")
        assert not re.search(r"^\s*::|##vso\[", text, re.MULTILINE)
    assert "<script>" not in compare_told.markdown(found)
    assert "@everyone" not in compare_told.markdown(found)
    assert json.loads(compare.document(found))["cases"][0]["id"] == HOSTILE


def test_many_cases_that_broke_at_once_are_a_loss() -> None:
    # 400 tests at p 0.004 each: the correction leaves all of them suspect.
    sides = [[case(f"c{i:03}", k) for i in range(400)] for k in ("PPPPP", "FFFFF")]
    found = compare.compare(run("r1", sides[0]), run("r2", sides[1]))
    assert not found.of(Change.NEWLY_FAILING)
    assert found.has_lost
    assert "a loss, though" in compare_told.summed_up(found)
    assert not compare.compare(run("r1", sides[0]), run("r2", sides[0])).has_lost


def test_markdown_begins_with_the_sum_and_stays_small() -> None:
    many = [case(f"c{i:03}", "PPPPP") for i in range(400)], [case(f"c{i:03}", "FFFFF") for i in range(400)]
    text = compare_told.markdown(compare.compare(run("r1", many[0]), run("r2", many[1])))
    assert text.startswith("## 400 cases compared: 0 newly failing, 0 fixed, 400 suspect")
    assert "*and 340 more*" in text
    assert len(text) < 60_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text("PFE", max_size=6), st.text("PFE", max_size=6)), min_size=1, max_size=8))
def test_every_case_is_told_of_once(outcomes: list[tuple[str, str]]) -> None:
    before = run("r1", [case(f"c{i}", old) for i, (old, _) in enumerate(outcomes)])
    after = run("r2", [case(f"c{i}", now) for i, (_, now) in enumerate(outcomes)])
    found = compare.compare(before, after)
    assert sorted([*told(found), *found.unmeasured]) == [f"c{i}" for i in range(len(outcomes))]
    compare_told.render(found, width=50)
    compare_told.markdown(found)
    json.loads(compare.document(found))


def test_a_difference_that_is_not_shown_is_noise_only_where_it_is_the_rule() -> None:
    before, after = [case("x", "PPPPP"), case("y", "PPPPP")], [case("x", "PPPPF"), case("y", "PPPFF")]
    found = compare.compare(run("r1", before), run("r2", after))
    assert {c.case_id: compare_told.word(c) for c in found.cases} == {"x": "noise", "y": "unclear"}
    assert "0 newly failing, 0 fixed, 1 unclear, 1 noise" in compare_told.summed_up(found)
    assert json.loads(compare.document(found))["summary"]["noise"] == 2
