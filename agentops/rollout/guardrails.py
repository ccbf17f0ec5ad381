"""Absolute guardrails: each brings traffic back on its own, whatever else was measured.

Every function takes what it keeps in the journal (JSON data, {} at first) and returns it anew, never changed in place.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import median
from typing import Any

from agentops.model.rollout import Pod, Sample
from agentops.model.rollout_settings import Analysis
from agentops.rollout.increments import Served
from agentops.stats import canary as stats
from agentops.text import said

Kept = Mapping[str, Any]

NEVER_PULLED = ("InvalidImageName", "ErrImageNeverPull")
NOT_PULLED = ("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", *NEVER_PULLED)
NOT_STARTED = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError")
CRASHING = ("CrashLoopBackOff", "OOMKilled")
_PATIENCE_S = 15.0  # a registry may hiccup: what cannot be pulled or started has to stay so for so long

# A rate above its limit: evidence of 10:1 in a canary's first requests, 1,000:1 for a breakdown at any later time.
_EARLY, _LATE = math.log(10.0), math.log(1000.0)
_SLOW_SHARE = 0.05  # what lies above the 95th percentile
_SLOW_PARTS = (0.5, 0.5)
_SLOW_LATE = math.log(1e6)  # limits of latency are often met narrowly, and for long

_BATCH = 10  # requests whose cost is taken together
_BATCHES = 3
_ERRORS = 3.0  # standard errors that the mean cost must lie above its limit

_PODS, _POINTS = 6, 40
_EVERY_S = 5.0
_ENOUGH, _SPAN_S = 12, 180.0
_SURE = 0.999
_STEADY = 0.9
_RISE = 0.01  # of the limit; less is the noise of a garbage collector


def of_pods(
    analysis: Analysis, kept: Kept, sample: Sample, *, allowed: Collection[str] = (), memory_limit: float | None = None
) -> tuple[dict[str, Any], str]:
    """What the pods of the canary show at one look, and the harm, "" where none.

    `allowed` are the images (name@sha256:...) that may run, any where it is empty; `memory_limit` is a pod's in bytes.
    """
    pods = [pod for pod in sample.canary_pods if not pod.leaving]
    waiting, harm = _waiting(kept.get("waiting") or {}, pods, sample.at)
    restarts, restarted = _restarts(analysis, kept.get("restarts") or {}, pods, sample.stable_pods)
    memory, leak = _memory(analysis, kept.get("memory") or {}, pods, at=sample.at, limit=memory_limit)
    told = harm or _wrong_image(pods, allowed) or restarted or leak
    return {"waiting": waiting, "restarts": restarts, "memory": memory}, told


def diagnosis(pods: Sequence[Pod]) -> str:
    """Why pods are not ready, as one safe line; "" where all are."""
    unready = [pod for pod in pods if not pod.ready and not pod.leaving]
    if not unready:
        return ""
    by: dict[str, list[Pod]] = {}
    for pod in unready:
        by.setdefault(pod.waiting or _unready(pod), []).append(pod)
    why, same = max(by.items(), key=lambda item: (item[0] != "is not ready", len(item[1])))
    message = next((f" ({pod.message})" for pod in same if pod.message), "")
    return said(f"{len(same)} of {len(pods)} pods: {same[0].name}: {why}{message}", 300)


def _unready(pod: Pod) -> str:
    if pod.lost:
        return "its node does not answer"
    return "restarts" if pod.restarts else "is not ready"


def of_errors(analysis: Analysis, kept: Kept, served: Served, *, stable_fails: float | None) -> tuple[Kept, str]:
    """Whether more than `max_error_rate` of the canary's requests fail. `stable_fails` is stable's share of failures
    just now: where that is above the limit as well, it is not the canary's fault and nothing is counted; None where
    stable serves nothing, and the model provider's errors are left out then.

    The claim "no more than that fails" is tested from the first request on; beside that, evidence that never falls
    below 1 (Page 1954) sees a canary that breaks down late.
    """
    most = analysis.max_error_rate
    if most is None or not 0.0 < most < 1.0:
        return kept, ""
    requests, failed = served.requests, served.failed
    if stable_fails is None:
        requests, failed = requests - served.provider, failed - served.provider
    if requests > 0 and (stable_fails is None or stable_fails < most):
        kept = _above(kept, requests, failed, most)
    early, late = _evidence(kept, stats.ABOVE)
    if early < _EARLY and late < _LATE:
        return kept, ""
    return kept, f"more than {most:.0%} of the canary's requests fail: {kept['k']} of {kept['of']}"


def of_latency(analysis: Analysis, kept: Kept, served: Served, *, stable_slow: float | None) -> tuple[Kept, str]:
    """Whether more than one in twenty of the canary's requests takes longer than `latency_p95_s`. `stable_slow` is
    stable's share of such requests; where that is above one in twenty too, nothing is counted."""
    edge = edge_above(analysis.latency_p95_s, served.latency)
    if edge is None:
        return kept, ""
    whole, slow = served.above(edge)
    if whole > 0 and (stable_slow is None or stable_slow <= _SLOW_SHARE):
        kept = _above(kept, whole, slow, _SLOW_SHARE)
    early, late = _evidence(kept, _SLOW_PARTS)
    if max(early - math.log(1.0 / (1.0 - analysis.confidence)), late - _SLOW_LATE) < 0.0:
        return kept, ""
    return kept, (
        f"the canary's 95th percentile of latency is above {analysis.latency_p95_s:g} s: "
        f"{kept['k']} of {kept['of']} requests took more than {edge:g} s"
    )


def edge_above(limit: float | None, latency: Sequence[tuple[float, int]]) -> float | None:
    """The least finite bound of a histogram at or above a limit; None where there is none."""
    if limit is None:
        return None
    return next((edge for edge, _ in latency if edge >= limit and math.isfinite(edge)), None)


def of_cost(analysis: Analysis, kept: Kept, served: Served) -> tuple[Kept, str]:
    """Whether a request of the canary costs more than `cost_usd_per_request` on the mean: of batches of ten, by three
    standard errors, or twice as much whatever the spread."""
    most = analysis.cost_usd_per_request
    if most is None or served.usd is None:
        return kept, ""
    n, usd = int(kept.get("n", 0)) + served.requests, float(kept.get("usd", 0.0)) + served.usd
    many, mean, squares = int(kept.get("many", 0)), float(kept.get("mean", 0.0)), float(kept.get("squares", 0.0))
    if n >= _BATCH:
        many, off = many + 1, usd / n - mean
        mean += off / many
        squares += off * (usd / n - mean)
        n, usd = 0, 0.0
    kept = {"n": n, "usd": round(usd, 9), "many": many, "mean": mean, "squares": squares}
    if many < _BATCHES:
        return kept, ""
    error = math.sqrt(squares / (many - 1) / many)
    if mean - _ERRORS * error <= most and mean <= 2.0 * most:
        return kept, ""
    return kept, f"a request of the canary costs {mean:.4g} USD, more than {most:g}"


def _above(kept: Kept, requests: int, failed: int, most: float) -> Kept:
    gains = stats.above_gains(requests, failed, most)
    process = stats.grown(kept.get("process") or stats.begun(len(gains)), gains, requests)
    late = [
        round(min(max(c, 0.0) + gain, 700.0), 6) for c, gain in zip(kept.get("late") or [0.0] * 2, gains, strict=True)
    ]
    return {
        "process": process,
        "late": late,
        "k": int(kept.get("k", 0)) + failed,
        "of": int(kept.get("of", 0)) + requests,
    }


def _evidence(kept: Kept, parts: Sequence[float]) -> tuple[float, float]:
    if not kept:
        return 0.0, 0.0
    return stats.log_e(kept["process"], parts), max(kept["late"])


def _waiting(kept: Kept, pods: Sequence[Pod], at: float) -> tuple[dict[str, float], str]:
    """Since when pods wait, by what kind of trouble; and the harm."""
    trouble = {
        kind: [pod for pod in pods if pod.waiting in of] for kind, of in (("pull", NOT_PULLED), ("start", NOT_STARTED))
    }
    since = {kind: min(float(kept.get(kind, at)), at) for kind, found in trouble.items() if found}
    crashing = [pod for pod in pods if pod.waiting in CRASHING]
    never = [pod for pod in pods if pod.waiting in NEVER_PULLED]
    for found, what, sure in (
        (crashing, "crashes again and again", True),
        (
            never or trouble["pull"],
            "its image cannot be pulled",
            bool(never) or at - since.get("pull", at) >= _PATIENCE_S,
        ),
        (trouble["start"], "its container cannot start", at - since.get("start", at) >= _PATIENCE_S),
    ):
        if found and sure:
            pod = found[0]
            message = f" ({pod.message})" if pod.message else ""
            return since, said(f"pod {pod.name} of the canary: {what}: {pod.waiting}{message}", 300)
    return since, ""


def _restarts(analysis: Analysis, kept: Kept, pods: Sequence[Pod], stable: Sequence[Pod]) -> tuple[dict[str, Any], str]:
    """Restarts, but for those on a node where stable's pods fell over as well: that is the node's doing."""
    stood: Mapping[str, int] = kept.get("stable") or {}
    first = {**{pod.name: pod.restarts for pod in stable[:_POINTS]}, **stood}
    fell = {
        pod.node
        for pod in stable
        if pod.node and not pod.leaving and (not pod.ready or pod.restarts > first.get(pod.name, pod.restarts))
    }
    excused = {**(kept.get("excused") or {})}
    excused.update({pod.name: pod.restarts for pod in pods if pod.restarts and pod.node in fell})
    names = {pod.name for pod in stable}
    held = {
        "stable": {name: n for name, n in first.items() if name in names},
        "excused": {pod.name: excused[pod.name] for pod in pods if pod.name in excused},
    }
    counted = [(max(pod.restarts - excused.get(pod.name, 0), 0), pod) for pod in pods]
    total = sum(n for n, _ in counted)
    if analysis.restarts is None or total <= analysis.restarts:
        return held, ""
    worst = max(counted, key=lambda item: item[0])[1]
    return held, said(
        f"containers of the canary restarted {total} times (pod {worst.name}), allowed are {analysis.restarts}"
    )


def _wrong_image(pods: Sequence[Pod], allowed: Collection[str]) -> str:
    """A pod that runs another digest, whatever name it was pulled by. Runtimes that tell no repository digest (of an
    image that was loaded and not pulled, the id of its config) cannot be asked."""
    digests = {image.rpartition("@")[2] for image in allowed}
    for pod in pods:
        _, at, digest = pod.image_id.rpartition("@")
        if allowed and at and digest not in digests:
            return said(f"pod {pod.name} of the canary runs {digest}, which is not the image of this rollout")
    return ""


def _memory(
    analysis: Analysis, kept: Kept, pods: Sequence[Pod], *, at: float, limit: float | None
) -> tuple[dict[str, Any], str]:
    """The memory of a few pods over time, in KiB, and whether it leads to the limit within `memory_hours`."""
    series: dict[str, Any] = {}
    harm = ""
    for pod in sorted(pods, key=lambda pod: (pod.name not in kept, pod.name))[:_PODS]:
        old = kept.get(pod.name)
        if pod.memory_bytes is None:
            if old:
                series[pod.name] = old
            continue
        series[pod.name] = now = _pointed(old, at=at, value=pod.memory_bytes // 1024)
        if limit and analysis.memory_hours is not None and now is not old and not harm:
            harm = _leak(pod.name, now["p"], limit / 1024.0, analysis.memory_hours)
    return series, harm


def _pointed(old: Kept | None, *, at: float, value: int) -> Kept:
    """A series with one point more where enough time went by; every other point goes where there are too many. A clock
    that went back begins it anew."""
    if old is None or at < old["p"][-1][0]:
        return {"every": _EVERY_S, "p": [[round(at), value]]}
    points, every = old["p"], float(old["every"])
    last_at, last = points[-1]
    if at - last_at < every or (value == last and at - last_at < 12.0 * every):
        return old
    points = [*points, [round(at), value]]
    return {"every": every, "p": points} if len(points) < _POINTS else {"every": every * 2.0, "p": points[1::2]}


def _leak(name: str, points: Sequence[Sequence[int]], limit: float, hours: float) -> str:
    """The first third is taken for warming up. Growth that slows down comes to an end: where the slope of the second
    half is r times that of the first, what is still to come is slope * half / -log(r)."""
    late = [(float(t), float(v)) for t, v in points[len(points) // 3 :]]
    if len(points) < _ENOUGH or late[-1][0] - late[0][0] < _SPAN_S:
        return ""
    middle = len(late) // 2
    whole, first, last = (stats.slope(part, _SURE) for part in (late, late[: middle + 1], late[middle:]))
    if whole is None or first is None or last is None:
        return ""
    now, before = median(v for _, v in late[-3:]), median(v for _, v in late[:3])
    left = stats.seconds_to(limit, value=now, slope=min(whole.low, last.median))
    if left > hours * 3600.0 or now - before < _RISE * limit:
        return ""
    slower = last.median / first.median if first.median > 0.0 else 1.0
    if 0.0 < slower < _STEADY:
        half = (late[-1][0] - late[0][0]) / 2
        if now + last.median * half / -math.log(slower) < limit:
            return ""
    return said(
        f"memory of pod {name} of the canary grows by {whole.median * 60.0 / 1024.0:.3g} MiB a minute: "
        f"at its limit of {limit / 1024.0:.0f} MiB within {left / 3600.0:.2g} hours"
    )
