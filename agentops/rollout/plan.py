"""What a rollout will do, before it does anything: the steps, what they can show, how long they last at most. Pure.

A plan that could never reach its minimum of evidence is refused here: it would cost traffic and end inconclusive.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from agentops.contracts import Doc
from agentops.model.codec import encode
from agentops.model.rollout import Plan
from agentops.model.rollout_settings import Place
from agentops.rollout.plan_lines import lines, span, steps
from agentops.rollout.plan_sizes import (
    FULL,
    bake_s,
    longest_s,
    share_of_pods,
    shares,
    step_s,
    until_commit_s,
    weights_of,
)
from agentops.stats import canary
from agentops.text import one_line

__all__ = ["SCHEMA", "lines", "longest_s", "plan", "plan_document", "until_commit_s"]

SCHEMA = "agentops.rollout-plan/1"

USUAL = 0.01
"""Stable's share of errors where nobody knows it."""

_ROUTE = {"gateway-api": "HTTPRoute", "istio": "VirtualService"}


def plan(
    place: Place,
    mode: str,
    why: str,
    stable_replicas: int,
    *,
    route: str | None = None,
    traffic_rps: float | None = None,
    stable_errors: float | None = None,
    credentials_s: float | None = None,
    record_s: float | None = None,
) -> Plan:
    """The plan for an environment in the mode that was chosen, with its refusals.

    `route` is the one that was found, where the configuration names none. `traffic_rps` are the requests a second that
    reach both versions together, `stable_errors` the share of stable's that fail, where these are known.
    `credentials_s` and `record_s` are the seconds that the credentials and the record of the gate hold, None where they
    do not run out. Never raises for what the settings say: that is a refusal.
    """
    weights = weights_of(place, mode)
    refusals = _refused(place, mode, stable_replicas, route=route) + _misled(weights)
    refusals += _too_long(place, mode, credentials_s=credentials_s, record_s=record_s)
    warnings, needed, detects = _warned(place, mode), 0, "nothing: the plan is refused"
    if mode == "delegate":
        detects = "what the controller in the cluster analyses; agentops judges nothing itself"
    elif not refusals:
        real = shares(place, mode, stable_replicas)
        first = (real[0] if real else float(FULL)) / FULL
        least = _least(place, first, stable_errors=stable_errors)
        warnings += _coarse(weights, stable_replicas) if mode == "replicas" else []
        if least is None:
            refusals.append(_hopeless(place, stable_errors))
        else:
            needed = max(place.step.samples, least)
            detects = _detects(place, needed, first, stable_errors=stable_errors)
            slow = _slow(place, real, needed, traffic_rps=traffic_rps)
            refusals += slow if traffic_rps is not None else []
            warnings += slow if traffic_rps is None else []
    return Plan(
        strategy=place.strategy,
        traffic=mode,
        why=one_line(why, 300),
        weights=weights,
        needed=needed,
        detects=detects,
        stable_replicas=stable_replicas,
        steps=() if refusals else tuple(steps(place, mode, weights, stable_replicas)),
        warnings=tuple(warnings),
        refusals=tuple(refusals),
    )


def plan_document(found: Plan) -> Doc:
    """The plan as JSON data, for `--plan --json`."""
    data: dict[str, Any] = {"schema": SCHEMA, **encode(found)}
    return data


def _refused(place: Place, mode: str, stable_replicas: int, *, route: str | None) -> list[str]:
    """What contradicts itself."""
    told, analysis = [], place.analysis
    if mode == "auto":
        told.append("how traffic is led was not settled: choose a mode first")
    if stable_replicas < 1:
        told.append(
            f"the Deployment {place.deployment} has no pods: there is nothing to compare with, or to go back to"
        )
    if place.strategy == "blue-green" and place.low_capacity:
        told.append("blue-green switches to a new version of full size, which low_capacity excludes: drop one of them")
    if place.shadow.mode == "mirror" and mode == "replicas":
        told.append("traffic by replicas cannot copy requests: set shadow.mode: replay, or another mode of traffic")
    if mode == "splitter" and not place.splitter.image:
        told.append("traffic by splitter needs splitter.image: an image of Envoy, by digest")
    if mode in _ROUTE and not (place.route or route):
        told.append(f"traffic by {mode} needs `route`: the {_ROUTE[mode]} that leads to {place.entry}")
    sane = 0.0 < analysis.margin < 1.0 and 0.0 < analysis.confidence < 1.0 and 0.0 < analysis.alpha < 1.0
    if not sane and mode != "delegate":
        told.append("analysis: margin, confidence and alpha must lie between 0 and 1")
    return told + (_unheard(place) if mode == "delegate" else [])


def _unheard(place: Place) -> list[str]:
    """What a place asks for before the canary serves anybody, and a controller in the cluster would not do."""
    asked = [
        *([f"shadow.mode: {place.shadow.mode}"] if place.shadow.mode != "off" else []),
        *(["evals.suites"] if place.evals.suites else []),
    ]
    return [
        f"{what} cannot be had where a controller in the cluster takes the steps (traffic: delegate): give it as a "
        "metric of its own (an AnalysisTemplate of Argo Rollouts, a MetricTemplate or webhook of Flagger), or drop it"
        for what in asked
    ]


def _misled(weights: tuple[int, ...]) -> list[str]:
    shown = ", ".join(str(weight) for weight in weights)
    if any(not 1 <= weight < FULL for weight in weights):
        return [f"canary: shares must be from 1 to 99 percent, not {shown}"]
    if list(weights) != sorted(set(weights)):
        return [f"canary: every share must be larger than the one before, not {shown}"]
    return []


def _too_long(place: Place, mode: str, *, credentials_s: float | None, record_s: float | None) -> list[str]:
    told = []
    longest, commit = longest_s(place, mode), until_commit_s(place, mode)
    if credentials_s is not None and credentials_s < longest:
        told.append(
            f"the credentials hold for {span(credentials_s)}, the rollout lasts {span(longest)} at most: log in again, "
            "or use credentials that renew themselves"
        )
    if record_s is not None and record_s < commit:
        told.append(
            f"the gate's record holds for {span(record_s)}; it is looked at again before {place.deployment} changes, "
            f"after {span(commit)} at most: run the gate anew, or shorten the steps"
        )
    return told


def _least(place: Place, share: float, *, stable_errors: float | None) -> int | None:
    """The least requests of the canary that can show the margin: without any failure, where stable's are not known."""
    analysis = place.analysis
    chance = 0.5 if stable_errors is None else 0.8
    return canary.needed(
        stable_errors or 0.0, margin=analysis.margin, confidence=analysis.confidence, share=share, chance=chance
    )


def _hopeless(place: Place, stable_errors: float | None) -> str:
    at = "" if stable_errors is None else f" while stable fails {stable_errors:.2%} of its requests"
    return (
        f"no number of requests shows a margin of {place.analysis.margin:.2%}{at} with these shares: widen "
        "analysis.margin, or leave stable a share to compare with"
    )


def _detects(place: Place, needed: int, share: float, *, stable_errors: float | None) -> str:
    analysis = place.analysis
    base = USUAL if stable_errors is None else stable_errors
    told = [canary.detects(needed, base, alpha=analysis.alpha, share=share)]
    if share >= 1.0:
        told = ["stable serves nothing to compare with meanwhile: absolute limits alone turn the canary back"]
    usual = canary.needed(base, margin=analysis.margin, confidence=analysis.confidence, share=share)
    took = f"about {usual}" if usual else "no number"
    known = "" if stable_errors is not None else ", which is assumed"
    told.append(
        f"that it is at most {analysis.margin:.3g} above stable's takes {took} where stable fails {base:.3g}{known}"
    )
    told.append(f"one as good as stable is turned back in at most {analysis.alpha:.3g} of rollouts")
    return "; ".join(told)


def _slow(place: Place, real: tuple[float, ...], needed: int, *, traffic_rps: float | None) -> list[str]:
    """That a stage would be over before enough requests came; where the traffic is not known, how much it takes."""
    share, lasts = (real[0], step_s(place)) if real else (float(FULL), bake_s(place))
    what = f"the step at {share:.3g} %" if real else "the bake"
    least = needed / (lasts * share / FULL)
    if traffic_rps is None:
        return [
            f"how much traffic there is is not known: {what} lasts {span(lasts)} at most and needs {needed} requests "
            f"of the canary; below {least:.3g} requests a second in all it ends inconclusive"
        ]
    if traffic_rps >= least:
        return []
    return [
        f"{what} would see about {int(traffic_rps * lasts * share / FULL)} requests of the canary within {span(lasts)} "
        f"at {traffic_rps:.3g} a second, {needed} are needed: begin with a larger share, lengthen step.minutes, or "
        "widen analysis.margin"
    ]


def _coarse(weights: tuple[int, ...], stable_replicas: int) -> list[str]:
    """Where numbers of pods are the weights: what these come to."""
    told, before = [], 0
    for weight in weights:
        pods, real = share_of_pods(weight, stable_replicas)
        if pods == before:
            told.append(f"{weight} % is the same as the step before: {pods} of {stable_replicas + pods} pods")
        elif math.fabs(real - weight) >= 1.0:
            told.append(
                f"{weight} % is {real:.3g} % in truth: {pods} of {stable_replicas + pods} pods; a finer share takes "
                "more pods, or traffic: splitter"
            )
        before = pods
    return told


def _warned(place: Place, mode: str) -> list[str]:
    if mode == "delegate":
        return _unused(place) + _left_out(place)
    told = []
    if place.watchdog.image is None:
        told.append("there is no watchdog (watchdog.image): if this process dies, nobody brings traffic back by itself")
    if place.low_capacity:
        told.append(
            "low_capacity: the canary is never tried with all traffic, and the commit rolls stable while it serves"
        )
    return told + _left_out(place)


def _left_out(place: Place) -> list[str]:
    return ["the wait for a person is left out of the time that was planned"] if place.approval else []


def _unused(place: Place) -> list[str]:
    """Settings that were made and do nothing where a controller in the cluster takes the steps and judges them."""
    usual = Place(place.name, place.deployment)
    # How often to look, and for how long to stay frozen, hold with any controller.
    mine = place.analysis
    judged = replace(usual.analysis, interval_s=mine.interval_s, outage_minutes=mine.outage_minutes)
    names = ("strategy", "canary", "step", "bake_minutes", "low_capacity", "watchdog")
    made = [name for name in names if getattr(place, name) != getattr(usual, name)]
    made += ["analysis"] if mine != judged else []
    if not made:
        return []
    return [f"not used, the controller in the cluster takes the steps and judges them: {', '.join(made)}"]
