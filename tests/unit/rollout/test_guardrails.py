"""Absolute guardrails: pods, errors, memory, cost."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agentops.model.rollout import Pod, Sample
from agentops.model.rollout_settings import Analysis
from agentops.rollout import guardrails
from agentops.rollout.increments import Served

GOOD = Pod("canary-1", "10.0.0.1", ready=True, restarts=0, node="a", image_id="docker.io/library/app@sha256:aa")
BESIDE = Pod("stable-1", "10.0.0.2", ready=True, restarts=2, node="a")
ALLOWED = ("registry/app@sha256:aa", "registry/app@sha256:bb")


class Eye:
    """Looks at pods, one after the other."""

    def __init__(self, analysis: Analysis | None = None, *, limit: float | None = None) -> None:
        self.analysis, self.limit = analysis or Analysis(), limit
        self.kept: Mapping[str, Any] = {}

    def __call__(self, *pods: Pod, at: float = 0.0, stable: tuple[Pod, ...] = (BESIDE,)) -> str:
        sample = Sample(at, None, None, canary_pods=pods, stable_pods=stable)
        kept, harm = guardrails.of_pods(self.analysis, self.kept, sample, allowed=ALLOWED, memory_limit=self.limit)
        self.kept = json.loads(json.dumps(kept, allow_nan=False))
        return harm


def test_sound_pods_are_left_alone() -> None:
    eye = Eye()
    assert eye(GOOD) == ""
    assert eye(GOOD, replace(GOOD, name="canary-2", ready=False, image_id=""), at=100.0) == ""


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImagePull"])
def test_an_image_that_cannot_be_pulled_is_given_a_moment(reason: str) -> None:
    eye, pod = Eye(), replace(GOOD, ready=False, waiting=reason, message="\x1b[2Jmanifest unknown")
    assert eye(pod, at=0.0) == ""
    assert eye(pod, at=10.0) == ""
    assert eye(pod, at=16.0).endswith(f"its image cannot be pulled: {reason} (manifest unknown)")
    assert eye(GOOD, at=17.0) == ""
    assert eye(pod, at=18.0) == ""  # a new trouble, a new moment


def test_waiting_is_not_mistaken_where_the_clock_goes_back() -> None:
    eye, pod = Eye(), replace(GOOD, ready=False, waiting="ErrImagePull")
    assert eye(pod, at=5000.0) == ""
    assert eye(pod, at=10.0) == ""
    assert eye(pod, at=20.0) == ""
    assert "pulled" in eye(pod, at=30.0)


def test_names_that_never_work_and_crashes_need_no_moment() -> None:
    assert "pulled" in Eye()(replace(GOOD, waiting="InvalidImageName"))
    assert "crashes again and again" in Eye(Analysis(restarts=None))(replace(GOOD, waiting="CrashLoopBackOff"))


def test_a_container_that_cannot_start_is_given_a_moment() -> None:
    eye, pod = Eye(), replace(GOOD, waiting="CreateContainerConfigError")
    assert eye(pod) == ""
    assert "cannot start" in eye(pod, at=20.0)


def test_restarts_count_beyond_what_is_allowed() -> None:
    assert "restarted 1 times" in Eye()(replace(GOOD, restarts=1))
    assert Eye(Analysis(restarts=2))(replace(GOOD, restarts=2)) == ""
    assert Eye(Analysis(restarts=None))(replace(GOOD, restarts=9)) == ""
    assert Eye()(replace(GOOD, restarts=1, leaving=True)) == ""


def test_a_node_that_fell_over_is_not_the_images_fault() -> None:
    eye = Eye()
    eye(GOOD)
    assert eye(replace(GOOD, restarts=1), stable=(replace(BESIDE, restarts=3),)) == ""
    assert eye(replace(GOOD, restarts=1)) == ""
    assert "restarted" in eye(replace(GOOD, restarts=2))
    assert Eye()(replace(GOOD, restarts=1), stable=(replace(BESIDE, ready=False),)) == ""
    assert "restarted" in Eye()(replace(GOOD, restarts=1), stable=(replace(BESIDE, ready=False, node="b"),))


def test_another_digest_than_the_allowed_ones_is_harm() -> None:
    assert Eye()(replace(GOOD, image_id="docker.io/library/app@sha256:bb")) == ""
    assert "runs sha256:cc" in Eye()(replace(GOOD, image_id="docker-pullable://registry/app@sha256:cc"))
    # Whatever the name: the same image may be called otherwise, and so may another one.
    assert Eye()(replace(GOOD, image_id="mirror/elsewhere@sha256:aa")) == ""
    assert "runs sha256:cc" in Eye()(replace(GOOD, image_id="istio/proxyv2@sha256:cc"))
    # What tells no digest of a repository.
    assert Eye()(replace(GOOD, image_id="sha256:cc")) == ""


def test_why_pods_are_not_ready_is_one_safe_line() -> None:
    late = replace(GOOD, ready=False, waiting="Unschedulable", message="0/3 nodes\n::error::x")
    said = guardrails.diagnosis([GOOD, late, replace(late, leaving=True)])
    assert said == "1 of 3 pods: canary-1: Unschedulable (0/3 nodes ::error::x)"
    assert guardrails.diagnosis([GOOD]) == ""
    assert "is not ready" in guardrails.diagnosis([replace(GOOD, ready=False)])


def errors(analysis: Analysis, looks: list[tuple[int, int]], *, stable: float | None = 0.01) -> int | None:
    """After how many requests the guardrail fires."""
    kept: Mapping[str, Any] = {}
    seen = 0
    for n, k in looks:
        seen += n
        kept, harm = guardrails.of_errors(analysis, kept, Served(n, k), stable_fails=stable)
        if harm:
            return seen
    return None


def test_a_canary_that_fails_from_the_start_fires_at_four() -> None:
    assert errors(Analysis(), [(1, 1)] * 20) == 4
    assert errors(Analysis(), [(4, 4)]) == 4
    assert errors(Analysis(), [(1, 1), (1, 0)] * 50) is None
    assert errors(Analysis(max_error_rate=None), [(1, 1)] * 50) is None
    assert errors(Analysis(), [(1, 1)] * 50, stable=0.8) is None


def test_a_canary_that_breaks_down_late_fires_soon() -> None:
    found = errors(Analysis(), [(100, 1)] * 100 + [(1, 1)] * 30)
    assert found is not None
    assert 10_005 <= found <= 10_015


def test_provider_errors_are_left_out_where_nothing_can_be_compared() -> None:
    kept, harm = guardrails.of_errors(Analysis(), {}, Served(20, 20, provider=20), stable_fails=None)
    assert (kept, harm) == ({}, "")


def test_cost_takes_batches_and_their_spread() -> None:
    analysis = Analysis(cost_usd_per_request=1.0)

    def after(costs: list[float]) -> str:
        kept: Mapping[str, Any] = {}
        harm = ""
        for cost in costs:
            kept, harm = guardrails.of_cost(analysis, kept, Served(1, usd=cost))
        return harm

    rng = random.Random(1)
    assert after([1.2] * 20) == ""
    assert "costs 1.2 USD" in after([1.2] * 30)
    assert after([rng.expovariate(1 / 0.9) for _ in range(300)]) == ""
    assert "USD" in after([rng.expovariate(1 / 1.5) for _ in range(300)])


MIB = 1024 * 1024


def memory(rise: Any, *, looks: int = 90, every_s: float = 10.0, limit: float | None = 512.0 * MIB) -> str:
    eye = Eye(limit=limit)
    rng = random.Random(5)
    for i in range(looks):
        used = round(100 * MIB + rise(i * every_s) + rng.gauss(0, 0.3 * MIB))
        harm = eye(replace(GOOD, memory_bytes=used), at=i * every_s)
        if harm:
            return harm
    return ""


def test_a_leak_is_found_before_its_limit() -> None:
    harm = memory(lambda t: t / 60 * 4 * MIB)
    assert "MiB a minute" in harm
    assert "limit of 512 MiB" in harm


def test_what_is_no_leak_is_left_alone() -> None:
    assert memory(lambda t: 0.0) == ""
    assert memory(lambda t: 150 * MIB * (1 - 2.7 ** (-t / 60))) == ""  # a cache that fills
    assert memory(lambda t: 150 * MIB * (1 - 2.7 ** (-t / 400))) == ""  # and one that takes its time
    assert memory(lambda t: (t % 100) / 100 * 40 * MIB) == ""  # a garbage collector
    assert memory(lambda t: t / 3600 * 10 * MIB) == ""  # 40 hours from the limit
    assert memory(lambda t: t / 60 * 4 * MIB, limit=None) == ""


def test_series_stay_small_and_the_clock_may_go_back() -> None:
    eye = Eye(limit=512.0 * MIB)
    for i in range(2000):
        eye(*(replace(GOOD, name=f"p{j}", memory_bytes=(100 + i % 7) * MIB) for j in range(30)), at=i * 6.0)
    assert len(json.dumps(eye.kept)) < 8000
    assert eye(replace(GOOD, memory_bytes=300 * MIB), at=1.0) == ""
    assert len(eye.kept["memory"]) <= 6
