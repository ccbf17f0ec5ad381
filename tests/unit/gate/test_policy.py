"""What a configuration demands, and the demands that are refused before any cost."""

import math
from pathlib import Path

import pytest

from agentops.errors import ConfigError, UsageError
from agentops.gate import policy
from agentops.model import settings as s
from agentops.model.case import Case, Suite, Turn
from agentops.model.finding import Location, Severity
from agentops.model.verdict import Allowance, Criterion, Where


def settings(*gate: Criterion, **sections: object) -> s.Settings:
    return s.Settings(Path(), s.Agent("a"), gate=gate, source="agentops.yaml", **sections)  # type: ignore[arg-type]


def suite(cases: int, tag: str = "typical") -> Suite:
    made = tuple(Case(f"c{i}", (Turn("x"),), (tag,), (), Location("s.yaml", i)) for i in range(cases))
    return Suite("s", "s.yaml", "0", made)


def test_every_configured_stage_is_gated() -> None:
    everything = settings(
        prompts=s.Prompts(("p",), fail_at=0.7), code=s.Code(("c",)), unit=s.Unit(("t",)), evals=s.Evals(("e",))
    )
    names = [c.name for c in policy.build(everything, "ci").criteria]
    assert names == [
        "prompt_risk <= 0.7", "findings[stage=code, severity>=high] <= 0", "tests_failed <= 0", "pass_rate >= 0.85"
    ]  # fmt: skip


def test_an_own_demand_replaces_the_implied_one() -> None:
    own = Criterion("findings", at_most=3, severity=Severity.MEDIUM)
    assert policy.build(settings(own, code=s.Code(("c",))), "ci").criteria == (own,)


@pytest.mark.parametrize(
    "criterion",
    [
        Criterion("pass_rate", at_most=0.5),
        Criterion("violations", at_least=1),
        Criterion("pass_rate", at_least=0.5, k=3),
        Criterion("pass_rate", at_least=1.0),
        Criterion("pass_rate", at_least=0),
        Criterion("pass_rate", at_least=-1),
        Criterion("pass_rate", at_least=math.nan),
        Criterion("prompt_risk", at_most=1),
        Criterion("findings", at_most=math.inf),
        Criterion("findings", at_most=math.nan),
        Criterion("violations", at_most=-1),
        Criterion("consistency_pass_all_k", at_least=0.5),
        Criterion("findings", at_most=0, where=Where(tag="x")),
        Criterion("pass_rate", at_least=0.5, where=Where(stage="code")),
        Criterion("tests_failed", at_most=0, severity=Severity.LOW),
    ],
)
def test_demands_that_cannot_be_meant(criterion: Criterion) -> None:
    everything = settings(
        criterion, prompts=s.Prompts(("p",)), code=s.Code(("c",)), unit=s.Unit(("t",)), evals=s.Evals(("e",))
    )
    with pytest.raises(ConfigError) as caught:
        policy.build(everything, "ci")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("criterion", "cases", "runs", "said"),
    [
        (Criterion("pass_rate", at_least=0.85), 6, 3, "it takes 24"),
        (Criterion("pass_rate", at_least=0.97), 20, 3, "set evals.runs to at least 5"),
        (Criterion("latency_p99_s", at_most=1), 80, 3, "it takes 299"),
        (Criterion("consistency_pass_all_k", at_least=0.9, k=3), 20, 3, "it takes 29"),
        (Criterion("consistency_pass_all_k", at_least=0.9, k=4), 20, 3, "a case has 3 runs"),
        (Criterion("violations", at_most=0, where=Where(tag="tipical")), 20, 3, "did you mean 'typical'"),
    ],
)
def test_a_gate_that_could_never_pass_is_refused(criterion: Criterion, cases: int, runs: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy.refuse_unreachable(policy.policy("ci", (criterion,), Allowance()), [suite(cases)], s.Runs(runs, runs))
    assert said in caught.value.message + caught.value.hint


def test_a_gate_that_can_pass_is_let_through() -> None:
    reachable = policy.policy("ci", (Criterion("pass_rate", at_least=0.85),), Allowance())
    policy.refuse_unreachable(reachable, [suite(7)], s.Runs(3, 3))


def test_an_unknown_environment_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'release'"):
        policy.build(settings(), "relase")


def test_the_hash_is_of_what_is_demanded_not_of_where_it_stands() -> None:
    one = policy.policy("ci", (Criterion("pass_rate", at_least=0.85, origin="a:1"),), Allowance())
    two = policy.policy("ci", (Criterion("pass_rate", at_least=0.85, origin="b:9"),), Allowance())
    three = policy.policy("ci", (Criterion("pass_rate", at_least=0.86),), Allowance())
    assert one.sha256 == two.sha256 != three.sha256


@pytest.mark.parametrize("metric", ["findings", "tests_failed", "prompt_risk"])
def test_a_demand_that_nothing_measures_is_refused(metric: str) -> None:
    with pytest.raises(ConfigError, match="nothing that is configured measures it"):
        policy.build(settings(Criterion(metric, at_most=0), evals=s.Evals(("e",))), "ci")


def test_a_narrow_demand_does_not_stand_for_the_whole() -> None:
    tagged = Criterion("pass_rate", at_least=0.9, where=Where(tag="safety"))
    code_only = Criterion("findings", at_most=0, severity=Severity.LOW, where=Where(stage="code"))
    made = settings(tagged, code_only, evals=s.Evals(("e",)), code=s.Code(("c",)), dependencies=s.Dependencies(("r",)))
    names = [c.name for c in policy.build(made, "ci").criteria]
    assert "pass_rate >= 0.85" in names
    assert "findings[stage=dependencies, severity>=high] <= 0" in names
    assert sum("stage=code" in name for name in names) == 1


def test_a_run_judged_again_is_gated_on_all_that_it_measured() -> None:
    bare = settings(code=s.Code(("c",)))
    assert "pass_rate >= 0.85" in [c.name for c in policy.build(bare, "ci", measured=("evals",)).criteria]
