"""What a configuration demands, and the demands that are refused before any cost."""

from pathlib import Path

import pytest

from agentops.errors import ConfigError, UsageError
from agentops.gate import policy
from agentops.model import settings as s
from agentops.model.case import Case, Suite
from agentops.model.finding import Location, Severity
from agentops.model.verdict import Allowance, Criterion, Where


def settings(*gate: Criterion, **sections: object) -> s.Settings:
    return s.Settings(Path(), s.Agent("a"), gate=gate, source="agentops.yaml", **sections)  # type: ignore[arg-type]


def suite(cases: int, tag: str = "typical") -> Suite:
    made = tuple(Case(f"c{i}", "x", (tag,), (), Location("s.yaml", i)) for i in range(cases))
    return Suite("s", "s.yaml", "0", made)


def test_every_configured_stage_is_gated() -> None:
    everything = settings(
        prompts=s.Prompts(("p",), fail_at=0.7), code=s.Code(("c",)), unit=s.Unit(("t",)), evals=s.Evals(("e",))
    )
    names = [c.name for c in policy.build(everything, "ci").criteria]
    assert names == ["prompt_risk <= 0.7", "findings[severity>=high] <= 0", "tests_failed <= 0", "pass_rate >= 0.85"]


def test_an_own_demand_replaces_the_implied_one() -> None:
    own = Criterion("findings", at_most=3, severity=Severity.MEDIUM)
    assert policy.build(settings(own, code=s.Code(("c",))), "ci").criteria == (own,)


@pytest.mark.parametrize(
    "criterion",
    [
        Criterion("pass_rate", at_most=0.5),
        Criterion("violations", at_least=1),
        Criterion("pass_rate", at_least=0.5, k=3),
        Criterion("consistency_pass_all_k", at_least=0.5),
        Criterion("findings", at_most=0, where=Where(tag="x")),
        Criterion("pass_rate", at_least=0.5, where=Where(stage="code")),
        Criterion("tests_failed", at_most=0, severity=Severity.LOW),
    ],
)
def test_demands_that_cannot_be_meant(criterion: Criterion) -> None:
    with pytest.raises(ConfigError) as caught:
        policy.build(settings(criterion), "ci")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("criterion", "cases", "runs", "said"),
    [
        (Criterion("pass_rate", at_least=0.85), 6, 3, "it takes 19"),
        (Criterion("pass_rate", at_least=0.97), 20, 3, "set evals.runs to at least 5"),
        (Criterion("pass_rate", at_least=1.0), 100, 3, "no number of runs"),
        (Criterion("latency_p99_s", at_most=1), 80, 3, "it takes 299"),
        (Criterion("consistency_pass_all_k", at_least=0.9, k=3), 20, 3, "it takes 29"),
        (Criterion("consistency_pass_all_k", at_least=0.9, k=4), 20, 3, "a case has 3 runs"),
        (Criterion("violations", at_most=0, where=Where(tag="tipical")), 20, 3, "did you mean 'typical'"),
    ],
)
def test_a_gate_that_could_never_pass_is_refused(criterion: Criterion, cases: int, runs: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy.refuse_unreachable(policy.policy("ci", (criterion,), Allowance()), [suite(cases)], runs)
    assert said in caught.value.message + caught.value.hint


def test_a_gate_that_can_pass_is_let_through() -> None:
    reachable = policy.policy("ci", (Criterion("pass_rate", at_least=0.85),), Allowance())
    policy.refuse_unreachable(reachable, [suite(7)], 3)


def test_an_unknown_environment_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'release'"):
        policy.build(settings(), "relase")


def test_the_hash_is_of_what_is_demanded_not_of_where_it_stands() -> None:
    one = policy.policy("ci", (Criterion("pass_rate", at_least=0.85, origin="a:1"),), Allowance())
    two = policy.policy("ci", (Criterion("pass_rate", at_least=0.85, origin="b:9"),), Allowance())
    three = policy.policy("ci", (Criterion("pass_rate", at_least=0.86),), Allowance())
    assert one.sha256 == two.sha256 != three.sha256
