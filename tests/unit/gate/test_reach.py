"""What a gate takes, and which gates are refused, let through or put aside before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentops.errors import ConfigError
from agentops.gate import policy
from agentops.model import settings as s
from agentops.model.case import Case, Suite, Turn
from agentops.model.finding import Location
from agentops.model.verdict import Allowance, Criterion, Policy, Where, suite_name

RATE = Criterion("pass_rate", at_least=0.85)


def suite(cases: int, *, tag: str = "typical", name: str = "s", path: str = "s.yaml") -> Suite:
    made = tuple(Case(f"{name}{i}", (Turn("x"),), (tag,), (), Location(path, i)) for i in range(cases))
    return Suite(name, path, "0", made)


def rules(*criteria: Criterion) -> Policy:
    return policy.policy("ci", criteria, Allowance())


def refused(criterion: Criterion, *suites: Suite, runs: int = 3, calls: int | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        policy.refuse_unreachable(rules(criterion), suites, s.Runs(runs, runs), calls=calls)
    return f"{caught.value.message} / {caught.value.hint}"


def names(*paths: str, gate: tuple[Criterion, ...] = ()) -> list[str]:
    settings = s.Settings(Path(), s.Agent("a"), evals=s.Evals(paths), gate=gate, source="agentops.yaml")
    return [c.name for c in policy.build(settings, "ci").criteria]


def test_packs_are_gated_apart_from_own_cases() -> None:
    assert names("a.yaml") == ["pass_rate >= 0.85"]
    assert names("a.yaml", "pack:injection", "pack:robustness", "pack:owasp-agentic", "pack:content-safety") == [
        "pass_rate[suite=own] >= 0.85",
        "violations[suite=pack:injection] <= 0",
        "pass_rate[suite=pack:robustness] >= 0.85",
        "violations[suite=pack:owasp-agentic] <= 0",
        "pass_rate[suite=pack:content-safety] >= 0.85",
    ]
    assert names("pack:injection") == ["violations[suite=pack:injection] <= 0"]
    whole = Criterion("pass_rate", at_least=0.9)
    assert names("a.yaml", "pack:injection", gate=(whole,)) == [whole.name], "it stands for the whole"
    some = Criterion("violations", at_most=3, where=Where(suite="pack:injection"))
    assert names("a.yaml", "pack:injection", gate=(some,)) == [some.name, "pass_rate[suite=own] >= 0.85"]
    assert names("a.yaml", gate=(Criterion("pass_rate", at_least=0.9, where=Where(suite="own")),)) == [
        "pass_rate[suite=own] >= 0.9"
    ]


def test_a_suite_is_chosen_by_its_name() -> None:
    pack = suite(3, name="injection", path="pack:injection")
    assert suite_name(pack) == "pack:injection"
    assert Where(suite="own").takes("s", ())
    assert not Where(suite="own").takes("pack:injection", ())
    assert Where(suite="pack:injection").takes("pack:injection", ())
    assert not Where(suite="s", tag="x").takes("s", ("y",))
    three = Criterion("violations", at_most=0, where=Where(suite="pack:injektion"))
    said = refused(three, suite(5), pack)
    assert "did you mean 'pack:injection'" in said
    assert "suites: pack:injection, s" in said
    few = Criterion("pass_rate", at_least=0.85, where=Where(suite="s"))
    assert "by 6 attempts" in refused(few, suite(2), pack), "the pack's cases do not count"


def test_what_nobody_wrote_is_not_refused() -> None:
    implied = Criterion("pass_rate", at_least=0.85, origin="default")
    policy.refuse_unreachable(rules(implied), [suite(3)], s.Runs(1, 1), calls=2)
    said = refused(RATE, suite(1), runs=1)
    assert "by 1 attempt:" in said
    assert "/ add cases; or with 1 case set evals.runs" in said
    assert "--runs" in said


def test_a_budget_of_calls_that_is_too_small_is_refused() -> None:
    assert "allows 10 calls, it takes 150 attempts" in refused(RATE, suite(50), calls=10)
    policy.refuse_unreachable(rules(RATE), [suite(50)], s.Runs(1, 3), calls=50)
    assert "it takes 150 attempts" in refused(Criterion("violations", at_most=0), suite(50), calls=149)


def test_a_part_is_held_against_what_it_can_answer() -> None:
    safe = Criterion("violations", at_most=0, where=Where(tag="safety"))
    quiet = Criterion("findings", at_most=0)
    loss = Criterion("regression", at_most=0.5, against="main")
    whole = rules(RATE, safe, quiet, loss)
    part = policy.of_part(whole, [suite(2)], s.Runs(1, 3))
    assert [c.name for c in part.criteria] == [quiet.name, "case_rate >= 1"]
    assert part.criteria[-1].origin == "part"
    assert [c.name for c in part.aside] == [RATE.name, safe.name, loss.name]
    assert part.sha256 != whole.sha256
    assert RATE in policy.of_part(whole, [suite(50)], s.Runs(1, 3)).criteria
    policy.refuse_unreachable(part, [suite(2)], s.Runs(1, 3))
    nothing = policy.of_part(rules(quiet), [], s.Runs(1, 3))
    assert nothing.criteria == (quiet,)


def test_a_margin_that_nothing_can_show_is_refused_with_what_would_do() -> None:
    loss = Criterion("regression", at_most=0.03, against="main", origin="a:1")
    said = refused(loss, suite(20))
    assert "cannot show a loss below 0.03 with 20 cases and 3 runs of each" in said
    for enough in (int(w) for w in said.split("it takes ")[1].replace(",", " ").split() if w.isdigit()):
        more = (suite(enough), 3) if f"{enough} cases" in said else (suite(20), enough)
        policy.refuse_unreachable(rules(loss), [more[0]], s.Runs(3, more[1]))
    steady = {f"s{i}": (3, 0) for i in range(20)}
    with pytest.raises(ConfigError, match="has none of these cases"):
        policy.refuse_unreachable(rules(loss), [suite(20)], s.Runs(3, 3), baselines={"main": {"other": (3, 0)}})
    with pytest.raises(ConfigError, match="cannot show a loss"):
        policy.refuse_unreachable(rules(loss), [suite(20)], s.Runs(3, 3), baselines={"main": steady})
    worse = {f"s{i}": (0, 3) for i in range(20)}
    policy.refuse_unreachable(rules(loss), [suite(20)], s.Runs(3, 3), baselines={"main": worse})


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        (Criterion("regression", at_most=0.03), "against is missing"),
        (Criterion("consistency_pass_all_k", at_least=0.5), "k is missing"),
        (Criterion("regression", at_least=0.03, against="main"), "write max_loss instead"),
        (Criterion("regression", at_most=0, against="main"), "every run or no run"),
        (Criterion("pass_rate", at_least=85), "was 0.85 meant?"),
        (Criterion("pass_rate", at_least=1), "violations at_most 0"),
        (Criterion("findings", at_most=0, where=Where(suite="own")), "looks at no cases"),
    ],
)
def test_wrong_keys_are_told_by_what_would_be_right(criterion: Criterion, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy.checked(criterion)
    assert said in f"{caught.value.message} / {caught.value.hint}"


def test_numbers_that_nobody_tells_are_refused() -> None:
    agree = Criterion("judge_agreement", at_least=0.8)
    quick = Criterion("latency_first_token_p95_s", at_most=1)
    for criterion, hint in ((agree, "evals.judge.calibration"), (quick, "agent.stream")):
        with pytest.raises(ConfigError) as caught:
            names("a.yaml", gate=(criterion,))
        assert hint in caught.value.hint
    streams = s.Settings(Path(), s.Agent("a", stream=True), evals=s.Evals(("a.yaml",)), gate=(quick,), source="x")
    assert quick in policy.build(streams, "ci").criteria
