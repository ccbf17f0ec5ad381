"""What a look at the canary means: harm, enough, or not yet. Pure: the evidence of earlier looks comes in as JSON data
from the journal and goes out anew.

The chance of turning back a canary that is as good as stable is split over the tests and holds for all looks of all
steps together: each test is one process over the whole rollout (stats/canary.py).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.model.rollout import Counts, Sample
from agentops.model.rollout_settings import Analysis, Step
from agentops.rollout import comparison, guardrails, objectives
from agentops.rollout.increments import Served, seen, since
from agentops.stats import canary as stats
from agentops.text import said

NAME = "analysis"
"""The name under which the journal keeps the evidence."""
VERSION = 1
_SKEWED = math.log(1e4)
_EMPTY = Served()


@dataclass(frozen=True, slots=True)
class Look:
    """What one look told; see `rollout.parts.Look`."""

    evidence: Mapping[str, Any]
    harm: str = ""
    settled: bool = False
    missing: str = ""
    frozen: str = ""
    told: str = ""


def look(
    analysis: Analysis,
    step: Step,
    evidence: Mapping[str, Any],
    sample: Sample,
    *,
    share: float,
    stage: str = "",
    allowed: Collection[str] = (),
    memory_limit: float | None = None,
) -> Look:
    """One look at a sample. `evidence` is that of the last look, {} at first.

    `share` of the traffic goes to the canary (0..1); with 1 stable serves nothing, and the canary is held against
    what stable did before. A step begins where `share` or `stage` change. `allowed` are the images (name@sha256:...)
    that the canary's pods may run, any where empty; `memory_limit` is a pod's in bytes.
    """
    kept: dict[str, Any] = dict(evidence) if evidence.get("version") == VERSION else {"version": VERSION}
    pods, harm = guardrails.of_pods(
        analysis, kept.get("pods") or {}, sample, allowed=allowed, memory_limit=memory_limit
    )
    kept["pods"] = pods
    _begin_step(kept, f"{stage}:{share:g}")
    lacking = _lacking(sample, share)
    if lacking:
        return Look(kept, harm=harm, missing=lacking, frozen=lacking, told=harm or lacking)
    canary, stable, anew = _served(kept, sample)
    hold = comparison.lately(kept, canary, stable, share)
    faults = comparison.errors(analysis, kept, canary, stable, share=share, hold=hold)
    faults += comparison.latency(analysis, kept, canary, stable, share=share, hold=hold)
    kept["cost"], costly = guardrails.of_cost(analysis, kept.get("cost") or {}, canary)
    kept["slos"], missed, unmet = objectives.look(analysis.slos, kept.get("slos") or {}, sample.slos)
    harm = harm or next((text for text in (*faults, costly, missed) if text), "")
    missing = _missing(analysis, step, kept, sample, share) or unmet or (anew and "the next look: counters began anew")
    told = harm or hold or _told(kept, share)
    return Look(
        kept, harm=harm, settled=not (harm or hold or missing), missing=missing or hold, frozen=hold, told=told
    )  # fmt: skip


def anew(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The journal's evidence without the counters that the next look would be held against: of what was served since
    the last one nothing is made."""
    kept = {key: value for key, value in (evidence.get(NAME) or {}).items() if key not in ("seen", "open")}
    return {**evidence, NAME: kept}


def _lacking(sample: Sample, share: float) -> str:
    """Why nothing can be decided for want of metrics, "" where they are there."""
    names = ["the canary"] if sample.canary is None else []
    if sample.stable is None and share < comparison.ALL:
        names.append("stable")
    if not names:
        return ""
    return said(f"no metrics of {' and '.join(names)}" + (f": {sample.why}" if sample.why else ""), 300)


def _begin_step(kept: dict[str, Any], key: str) -> None:
    before = kept.get("step") or {}
    if before.get("key") != key:
        kept["step"] = {"key": key, "c": [0, 0], "s": [0, 0], "raw": [0, 0]}
        kept["slos"] = objectives.fresh(kept.get("slos") or {})
        kept["alone"] = None


def _served(kept: dict[str, Any], sample: Sample) -> tuple[Served, Served, bool]:
    """What both served since the last look. Counters that fell are taken as they are, and nothing is made of them."""
    before = kept.get("seen") or {}
    now = {"c": _seen(sample.canary), "s": _seen(sample.stable) or before.get("s")}
    found = [since(before.get(arm), value) if value else _EMPTY for arm, value in now.items()]
    kept["seen"] = now
    anew = any(served is None for served in found)
    if anew:
        # Both or none: the other's alone would be held against an earlier time.
        kept["open"] = {}
        return _EMPTY, _EMPTY, True
    canary, stable = (served or _EMPTY for served in found)
    return canary, stable, False


def _seen(counts: Counts | None) -> dict[str, Any] | None:
    return seen(counts) if counts is not None else None


def _missing(analysis: Analysis, step: Step, kept: dict[str, Any], sample: Sample, share: float) -> str:
    """What is not yet shown, "" where the step has all it needs."""
    served, counts = kept["step"]["raw"], kept["step"]["c"]
    if counts[0] < step.samples or counts[0] == 0:
        if not served[0]:
            beside = f", stable {served[1]}" if served[1] else ""
            return f"traffic: the canary served no request in this step{beside}"
        return f"requests of the canary: {counts[0]} of {step.samples}"
    if not comparison.not_inferior(analysis, kept, share):
        return (
            f"certainty that the canary's share of errors is at most {analysis.margin:.2g} above stable's: "
            f"{counts[1]} of {counts[0]} failed in this step"
        )
    if analysis.latency_p95_s is not None and not (sample.canary and sample.canary.latency):
        return "latency: analysis.latency_p95_s is set and nobody tells how long requests take"
    if analysis.cost_usd_per_request is not None and (sample.canary is None or sample.canary.cost_usd is None):
        return "cost: analysis.cost_usd_per_request is set and nobody tells what requests cost"
    return ""


def _told(kept: Mapping[str, Any], share: float) -> str:
    """Where things stand, in one line."""
    (n, k), (many, failed) = kept["step"]["c"], kept["step"]["s"]
    text = f"canary: {k} of {n} requests failed"
    if share < comparison.ALL:
        text += f"; stable: {failed} of {many}"
    mine, theirs = kept["step"]["raw"]
    if 0.0 < share < comparison.ALL and mine + theirs > 0 and stats.log_e_share(mine, mine + theirs, share) >= _SKEWED:
        got = mine / (mine + theirs)
        if not 0.5 < got / share < 2.0:
            text += f"; the canary gets {got:.1%} of the traffic instead of {share:.1%}"
    if not kept.get("history"):
        text += "; latency not measured"
    return text
