"""The plan of a rollout: what it says, and what it refuses before any cost."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.model.codec import decode
from agentops.model.rollout import Plan
from agentops.model.rollout_settings import (
    MODES,
    STRATEGIES,
    Analysis,
    CanaryEvals,
    Place,
    Shadow,
    Splitter,
    Step,
    Watchdog,
)
from agentops.rollout.plan import SCHEMA, lines, longest_s, plan, plan_document, until_commit_s
from agentops.rollout.plan_sizes import full_size, share_of_pods
from agentops.stats import canary

ENVOY = "envoy@sha256:" + "e" * 64
PLACE = Place("production", "agent", splitter=Splitter(image=ENVOY), watchdog=Watchdog(image="w@sha256:" + "a" * 64))


def test_the_plan_of_a_plain_rollout() -> None:
    found = plan(PLACE, "splitter", "an image of Envoy is configured", 4)
    assert found.refusals == ()
    assert found.weights == (5, 25, 50)
    assert [step.partition(":")[0].partition(" (")[0] for step in found.steps] == [
        "start the canary", "canary 5 %", "canary 25 %", "canary 50 %", "bake", "commit", "restore",
        "all of it within 2 h 1 min",
    ]  # fmt: skip
    assert "(5 pods)" in found.steps[4]  # a quarter more than 4
    assert found.needed == canary.needed(0.0, margin=0.02, confidence=0.95, share=0.05, chance=0.5)
    assert found.needed > PLACE.step.samples
    assert "from 1.0% to" in found.detects
    # Nobody said how much traffic there is.
    (warning,) = found.warnings
    assert "how much traffic there is is not known" in warning
    assert "ends inconclusive" in warning


def test_every_phase_that_is_asked_for_is_in_the_plan_and_no_other() -> None:
    place = replace(
        PLACE,
        shadow=Shadow("replay", sessions=("a", "b")),
        evals=CanaryEvals(("s.yaml",), smoke="smoke"),
        approval=True,
    )
    told = plan(place, "splitter", "", 2, traffic_rps=1000.0).steps
    assert [step.partition(":")[0].partition(" (")[0].partition(" until")[0] for step in told[:4]] == [
        "start the canary", "shadow", "check", "wait",
    ]  # fmt: skip
    assert "recorded in 2 files" in told[1]
    assert "tagged smoke" in told[2]
    assert not any(
        "shadow" in step or "check" in step or "wait" in step for step in plan(PLACE, "splitter", "", 2).steps
    )


def test_traffic_that_never_brings_enough_is_refused_with_the_numbers() -> None:
    # 20 minutes with the extension, 5 % of 0.5 requests a second: 30 of 240 or so.
    found = plan(PLACE, "splitter", "", 4, traffic_rps=0.5)
    (refusal,) = found.refusals
    assert refusal.startswith("the step at 5 % would see about 30 requests of the canary within 20 min")
    assert f"{found.needed} are needed" in refusal
    assert found.steps == ()
    enough = found.needed / (20 * 60 * 0.05)
    assert plan(PLACE, "splitter", "", 4, traffic_rps=enough * 1.001).refusals == ()
    assert plan(PLACE, "splitter", "", 4, traffic_rps=enough * 0.999).refusals != ()


def test_a_share_of_errors_that_stable_has_itself_needs_more() -> None:
    clean = plan(PLACE, "splitter", "", 4, stable_errors=0.0)
    usual = plan(PLACE, "splitter", "", 4, stable_errors=0.02)
    assert usual.needed > 2 * clean.needed
    # With everything at the canary there is nothing to compare with while stable fails more than the margin.
    alone = replace(PLACE, strategy="blue-green")
    assert "no number of requests" in plan(alone, "splitter", "", 4, stable_errors=0.05).refusals[0]


def test_samples_that_were_asked_for_are_the_least() -> None:
    place = replace(PLACE, step=Step(samples=5000))
    assert plan(place, "splitter", "", 4).needed == 5000


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ((5, 5), "every share must be larger than the one before, not 5, 5"),
        ((50, 25), "every share must be larger than the one before"),
        ((0, 10), "from 1 to 99 percent, not 0, 10"),
        ((10, 100), "from 1 to 99 percent"),
    ],
)
def test_shares_that_do_not_rise_are_refused(weights: tuple[int, ...], said: str) -> None:
    (refusal,) = plan(replace(PLACE, canary=weights), "splitter", "", 4).refusals
    assert said in refusal


@pytest.mark.parametrize(
    ("place", "mode", "said"),
    [
        (PLACE, "auto", "choose a mode first"),
        (replace(PLACE, strategy="blue-green", low_capacity=True), "splitter", "low_capacity excludes"),
        (replace(PLACE, shadow=Shadow("mirror", blocked="pay:1")), "replicas", "cannot copy requests"),
        (replace(PLACE, splitter=Splitter()), "splitter", "needs splitter.image"),
        (PLACE, "gateway-api", "the HTTPRoute that leads to agent"),
        (PLACE, "istio", "the VirtualService that leads to agent"),
        (replace(PLACE, analysis=Analysis(margin=0.0)), "splitter", "must lie between 0 and 1"),
    ],
)
def test_contradictions_are_refused(place: Place, mode: str, said: str) -> None:
    (refusal,) = plan(place, mode, "", 4).refusals
    assert said in refusal


def test_a_route_that_was_found_is_a_route() -> None:
    assert plan(PLACE, "gateway-api", "", 4, route="agent").refusals == ()


def test_nothing_is_rolled_out_beside_no_pods() -> None:
    (refusal,) = plan(PLACE, "splitter", "", 0).refusals
    assert "has no pods" in refusal


def test_credentials_and_record_have_to_last() -> None:
    longest, commit = longest_s(PLACE, "splitter"), until_commit_s(PLACE, "splitter")
    assert 0 < commit < longest
    assert plan(PLACE, "splitter", "", 4, credentials_s=longest, record_s=commit).refusals == ()
    (refusal,) = plan(PLACE, "splitter", "", 4, credentials_s=longest - 1).refusals
    assert "the credentials hold for" in refusal
    (refusal,) = plan(PLACE, "splitter", "", 4, record_s=commit - 1).refusals
    assert "run the gate anew" in refusal


def test_blue_green_is_one_step_at_full_size() -> None:
    found = plan(replace(PLACE, strategy="blue-green"), "replicas", "", 4)
    assert found.weights == ()
    assert found.refusals == ()
    assert "5 pods, its full size" in found.steps[0]
    assert "bake: 100 % go to the canary (5 pods)" in found.steps[1]
    assert "nothing to compare with" in found.detects


def test_numbers_of_pods_are_coarse_and_it_is_said() -> None:
    found = plan(PLACE, "replicas", "", 2)
    assert found.warnings[:2] == (
        "5 % is 33.3 % in truth: 1 of 3 pods; a finer share takes more pods, or traffic: splitter",
        "25 % is the same as the step before: 1 of 3 pods",
    )
    assert "canary 5 % (1 pod beside 2: 33.3 %)" in found.steps[1]
    # What was asked for exactly is not warned of.
    assert not any("50 %" in line for line in found.warnings)
    # A third of the requests brings enough where 5 % would not.
    assert plan(PLACE, "replicas", "", 2, traffic_rps=1.0).refusals == ()
    assert plan(PLACE, "splitter", "", 2, traffic_rps=1.0).refusals != ()


def test_low_capacity_bakes_at_the_last_share() -> None:
    place = replace(PLACE, low_capacity=True)
    found = plan(place, "splitter", "", 4)
    assert any(step.startswith("bake: 50 % stay with the canary") for step in found.steps)
    assert any(line.startswith("low_capacity") for line in found.warnings)


def test_no_watchdog_is_told() -> None:
    found = plan(replace(PLACE, watchdog=Watchdog()), "splitter", "", 4)
    assert any("no watchdog" in line for line in found.warnings)


def test_delegated_rollouts_are_not_judged_here() -> None:
    found = plan(PLACE, "delegate", "Argo Rollouts owns the workload", 4)
    assert (found.refusals, found.needed, found.weights) == ((), 0, ())
    assert "the controller in the cluster" in found.steps[0]


def test_what_a_controller_would_not_do_is_refused_with_the_mend() -> None:
    place = replace(PLACE, shadow=Shadow("replay", sessions=("a",)), evals=CanaryEvals(("s.yaml",)))
    shadow, evals = plan(place, "delegate", "", 4).refusals
    assert shadow.startswith("shadow.mode: replay cannot be had")
    assert evals.startswith("evals.suites cannot be had")
    for refusal in (shadow, evals):
        assert "a metric of its own" in refusal
        assert "or drop it" in refusal
    assert not any("cannot be had" in refusal for refusal in plan(place, "splitter", "", 4).refusals)


def test_an_approval_is_asked_for_before_the_image_is_set_by_a_controller_too() -> None:
    found = plan(replace(PLACE, approval=True), "delegate", "", 4)
    assert found.refusals == ()
    assert found.steps[0] == "wait until somebody says `agentops rollout promote`"
    assert found.steps[1].startswith("set the image of agent")
    assert any("the wait for a person" in line for line in found.warnings)


def test_settings_that_do_nothing_are_told() -> None:
    assert plan(Place("production", "agent"), "delegate", "", 4).warnings == ()
    looks = Analysis(interval_s=9.0, outage_minutes=2.0)
    assert plan(Place("production", "agent", analysis=looks), "delegate", "", 4).warnings == ()
    made = Place("production", "agent", canary=(1,), analysis=replace(looks, margin=0.2), watchdog=Watchdog(image="w"))
    (warning,) = plan(made, "delegate", "", 4).warnings
    assert warning.endswith(": canary, watchdog, analysis")


def test_what_is_printed() -> None:
    found = plan(PLACE, "splitter", "evil\x1b[2J\n::error::x", 4, traffic_rps=0.1)
    told = lines(found)
    assert told[0] == "canary, traffic by splitter: evil ::error::x"
    assert any(line.startswith("refused: the step at 5 %") for line in told)
    good = lines(plan(PLACE, "splitter", "", 4))
    assert good[1].startswith(" 1. start the canary")
    assert any(line.startswith("detects: ") for line in good)
    data = plan_document(found)
    assert data["schema"] == SCHEMA
    assert decode(Plan, {k: v for k, v in json.loads(json.dumps(data)).items() if k != "schema"}) == found


def test_sizes() -> None:
    assert [full_size(n) for n in (1, 2, 4, 10)] == [2, 3, 5, 13]
    assert share_of_pods(50, 4) == (4, 50.0)
    assert share_of_pods(5, 19) == (1, 5.0)
    assert share_of_pods(99, 1)[0] == 99


unit = st.floats(0.001, 0.999)
minutes = st.floats(0.01, 10_000)
analyses = st.builds(Analysis, alpha=st.floats(0.0, 0.2), margin=st.floats(0.0, 1.0), confidence=st.floats(0.5, 0.9999))
places = st.builds(
    Place,
    name=st.just("p"),
    deployment=st.just("agent"),
    strategy=st.sampled_from(STRATEGIES),
    canary=st.lists(st.integers(-5, 110), max_size=5).map(tuple)
    | st.lists(st.integers(1, 99), max_size=5, unique=True).map(sorted).map(tuple),
    route=st.none() | st.just("r"),
    approval=st.booleans(),
    low_capacity=st.booleans(),
    bake_minutes=minutes,
    step=st.builds(Step, samples=st.integers(1, 10**6), minutes=minutes, extend=st.integers(0, 5)),
    shadow=st.builds(Shadow, mode=st.sampled_from(("off", "replay", "mirror")), minutes=minutes),
    analysis=analyses,
    splitter=st.sampled_from((Splitter(), Splitter(image=ENVOY))),
)
seconds = st.none() | st.floats(-1e6, 1e9)


@settings(max_examples=150, deadline=None)
@given(
    place=places,
    mode=st.sampled_from(MODES),
    replicas=st.integers(0, 500),
    rps=st.none() | st.floats(0.0, 1e6),
    errors=st.none() | st.floats(0.0, 1.0),
    credentials=seconds,
    record=seconds,
)
def test_any_place_gives_a_plan_or_refusals(
    place: Place,
    mode: str,
    replicas: int,
    rps: float | None,
    errors: float | None,
    credentials: float | None,
    record: float | None,
) -> None:
    found = plan(
        place, mode, "why", replicas, traffic_rps=rps, stable_errors=errors, credentials_s=credentials, record_s=record
    )
    assert bool(found.steps) != bool(found.refusals)
    assert found.needed >= 0
    assert math.isfinite(longest_s(place, mode))
    assert until_commit_s(place, mode) < longest_s(place, mode)
    assert all(line and "\n" not in line for line in (*lines(found), *found.steps))
    if found.refusals:
        return
    assert list(found.weights) == sorted(set(found.weights))
    assert all(1 <= weight <= 99 for weight in found.weights)
    assert mode == "delegate" or found.needed >= place.step.samples
    assert credentials is None or credentials >= longest_s(place, mode)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 99), st.integers(1, 1000))
def test_pods_never_weigh_less_than_was_asked_for(weight: int, stable: int) -> None:
    pods, real = share_of_pods(weight, stable)
    assert pods >= 1
    assert real >= weight - 1e-9
    assert 100 * (pods - 1) / (stable + pods - 1) < weight or pods == 1


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 1e4), st.floats(1.0, 100.0))
def test_more_traffic_never_makes_a_plan_refused(rps: float, times: float) -> None:
    if not plan(PLACE, "splitter", "", 4, traffic_rps=rps).refusals:
        assert plan(PLACE, "splitter", "", 4, traffic_rps=rps * times).refusals == ()
