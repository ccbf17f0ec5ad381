"""The canary held against stable: which counts are fed to which test of stats/canary.py, and what these say.

Every function takes what is kept in the journal as one dict of JSON data and sets its own keys in it anew; no value
in it is changed in place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from agentops.model.rollout_settings import Analysis
from agentops.rollout import guardrails
from agentops.rollout.increments import Served
from agentops.stats import canary as stats
from agentops.stats import wilson
from agentops.stats.eprocess import log_e_above

Kept = dict[str, Any]

ERRORS, LATENCY, ALONE = 0.6, 0.1, 0.05
"""The parts of alpha: errors beside stable, latency beside stable, errors where stable serves nothing any more. The
rest is kept for what requests of a session have in common beyond what `scattered` can see."""
ALL = 0.999
"""From this share of the traffic on stable serves nothing."""
_PAIRED = 5  # requests of the canary in a block of the test for "not inferior"
_HISTORY = 40  # requests of stable before its latency is known
_RECENT = 40.0  # requests after which half is forgotten
_OUTAGE, _FAULTS, _FEW = 0.10, 0.20, 2.5
_ALONE_PARTS = (0.5, 0.5)
_KNOWN = 20  # requests of stable that its share of errors may be taken from
_P95 = 0.05


def lately(kept: Kept, canary: Served, stable: Served, share: float) -> str:
    """Keep what happened lately, and say why nothing can be held against the canary just now."""
    old = kept.get("recent") or {"c": [0.0] * 3, "s": [0.0] * 3}
    now = {}
    for arm, served in (("c", canary), ("s", stable)):
        left = 0.5 ** (served.requests / _RECENT)
        fresh = (served.requests, served.failed, served.provider)
        now[arm] = [round(was * left + new, 6) for was, new in zip(old[arm], fresh, strict=True)]
    kept["recent"] = now
    (n, k, p), (many, failed, provider) = now["c"], now["s"]
    if share >= ALL:
        if p >= _FEW and p >= _OUTAGE * n:
            return "the model provider fails, and stable serves nothing to compare with"
        return ""
    if provider >= _FEW and provider >= _OUTAGE * many:
        whom = "both versions" if p >= _OUTAGE / 2 * n else "stable"
        return f"the model provider fails for {whom}"
    whole = (kept.get("all") or {}).get("s") or [0, 0]
    usual = min(max(3.0 * whole[1] / max(whole[0], 1), _FAULTS), 0.5)
    if failed >= _FEW and failed >= usual * many and k >= _FAULTS * n and k > 0:
        return f"both versions fail: {failed / many:.0%} of stable's requests lately, {k / n:.0%} of the canary's"
    return ""


def share_of(counts: Sequence[float]) -> float:
    """The second of the first, 0 of none."""
    return counts[1] / counts[0] if counts[0] else 0.0


def errors(analysis: Analysis, kept: Kept, canary: Served, stable: Served, *, share: float, hold: str) -> list[str]:
    """Feed the tests on errors; what they hold against the canary."""
    held = bool(hold)
    c, s = _counted(canary, held=held), _counted(stable, held=held)
    base = _base(kept)
    whole = kept.get("all") or {"c": [0, 0], "s": [0, 0]}
    step = kept["step"]
    if not held:
        whole = {"c": _plus(whole["c"], c), "s": _plus(whole["s"], s)}
        step = {**step, "c": _plus(step["c"], c), "s": _plus(step["s"], s)}
    kept["step"] = {**step, "raw": [step["raw"][0] + canary.requests, step["raw"][1] + stable.requests]}
    told = []
    recent = kept["recent"]
    fails = share_of(recent["s"]) if share < ALL and recent["s"][0] >= 1.0 else None
    if not held:
        limits, over = guardrails.of_errors(analysis, kept.get("errors") or {}, canary, stable_fails=fails)
        kept["errors"] = limits
        told.append(over)
    if share >= ALL:
        told.append(_alone(analysis, kept, canary, held=held))
    else:
        told.append(_worse(analysis, kept, s, c, base=base))
        if not held:
            _alike(analysis, kept, s, c, base=base)
    kept["all"] = whole
    if not held:
        kept["scatter"] = stats.scattered(kept.get("scatter") or {}, *s, _base(kept))
    return told


def _counted(served: Served, *, held: bool) -> tuple[int, int]:
    """Requests and failures that count: while the provider fails for both, what it failed is left out."""
    gone = served.provider if held else 0
    return served.requests - gone, served.failed - gone


def _plus(counts: list[int], more: tuple[int, int]) -> list[int]:
    return [counts[0] + more[0], counts[1] + more[1]]


def _base(kept: Kept) -> float:
    """About how often stable fails, from what was seen before; 2 % where nothing was."""
    n, k = (kept.get("all") or {}).get("s") or [0, 0]
    return (float(k) + 0.5) / (float(n) + 25.0)


def _gather(kept: Kept, name: str, s: tuple[int, int], c: tuple[int, int], *, least: int) -> stats.Block | None:
    """Add to the open block of a test; the block once both versions are in it. Its end depends on numbers of requests
    alone, never on how they came out."""
    opened = kept.get("open") or {}
    n, k, m, failed = opened.get(name) or [0, 0, 0, 0]
    now = [n + s[0], k + s[1], m + c[0], failed + c[1]]
    full = now[0] >= 1 and now[2] >= least
    kept["open"] = {**opened, name: [0, 0, 0, 0] if full else now}
    return stats.Block(*now) if full else None


def _worse(analysis: Analysis, kept: Kept, s: tuple[int, int], c: tuple[int, int], *, base: float) -> str:
    process = kept.get("worse") or stats.begun(len(stats.WORSE))
    block = _gather(kept, "worse", s, c, least=1)
    if block is not None:
        process = stats.grown(process, _tempered(kept, "scatter", stats.worse_gains(block, base)), block.canary)
    kept["worse"] = process
    if stats.log_e(process, stats.WORSE) < -math.log(ERRORS * analysis.alpha):
        return ""
    # Sure to be worse; by more than is allowed, as far as can be seen?
    step, recent, whole = kept["step"], kept["recent"], kept.get("all") or {"c": [0, 0], "s": [0, 0]}
    pairs = [(step["c"], step["s"]), (recent["c"], recent["s"]), (whole["c"], whole["s"])]
    mine, theirs = max(pairs, key=lambda pair: share_of(pair[0]) - share_of(pair[1]))
    if share_of(mine) - share_of(theirs) <= analysis.margin:
        return ""
    return (
        f"the canary fails more often than stable: {share_of(mine):.1%} of {mine[0]:.0f} requests, "
        f"stable {share_of(theirs):.1%} of {theirs[0]:.0f}"
    )


def _tempered(kept: Kept, name: str, gains: Sequence[float], *, design: float = stats.BUNCHED) -> list[float]:
    """Gains as they count where what stable shows of this comes in bunches."""
    part = stats.independent(kept.get(name) or {}, design=design)
    return [part * gain for gain in gains]


def _alike(analysis: Analysis, kept: Kept, s: tuple[int, int], c: tuple[int, int], *, base: float) -> None:
    process = kept.get("alike") or stats.begun(len(stats.ALIKE))
    block = _gather(kept, "alike", s, c, least=_PAIRED)
    if block is not None:
        gains = stats.alike_gains(block, base, analysis.margin)
        process = stats.grown(process, _tempered(kept, "scatter", gains, design=1.0), block.canary)
    kept["alike"] = process


def _alone(analysis: Analysis, kept: Kept, canary: Served, *, held: bool) -> str:
    """The canary serves everything: it is held against the share at which stable failed before, and the margin."""
    n, k = (kept.get("all") or {}).get("s") or [0, 0]
    alone = kept.get("alone")
    if alone is None:
        known = n >= _KNOWN
        most = (wilson.upper_bound(k, n, analysis.confidence) if known else 0.0) + analysis.margin
        alone = {"most": min(most, 0.99), "known": known, "process": stats.begun(2), "c": [0, 0]}
    requests, failed = canary.requests - canary.provider, canary.failed - canary.provider
    gains = stats.above_gains(requests, failed, alone["most"])
    process = stats.grown(alone["process"], gains, requests)
    kept["alone"] = {**alone, "process": process}
    if not held:
        kept["alone"]["c"] = _plus(alone["c"], (requests, failed))
    sure = stats.log_e(process, _ALONE_PARTS) >= -math.log(ALONE * analysis.alpha)
    counts = kept["alone"]["c"]
    if not alone["known"] or not sure or held:
        return ""
    return f"the canary fails more often than stable did: {counts[1]} of {counts[0]} requests, stable {k} of {n} before"


def latency(analysis: Analysis, kept: Kept, canary: Served, stable: Served, *, share: float, hold: str) -> list[str]:
    """Feed the tests on latency; what they hold against the canary.

    The claim "the canary is at most `latency_ratio` times as slow" says: no more of its requests lie above ratio * x
    than of stable's above x. x is the bound of a bucket near stable's 95th percentile.
    """
    told = []
    history = _history(kept, stable)
    limit = guardrails.edge_above(analysis.latency_p95_s, stable.latency)
    whole, slow = stable.above(limit) if limit is not None else (0, 0)
    left = 0.5 ** (whole / _RECENT)
    recent_n, recent_slow = kept.get("slowly") or (0.0, 0.0)
    kept["slowly"] = [round(recent_n * left + whole, 6), round(recent_slow * left + slow, 6)]
    if not hold:
        lately = share_of(kept["slowly"]) if share < ALL else None
        kept["late"], over = guardrails.of_latency(analysis, kept.get("late") or {}, canary, stable_slow=lately)
        told.append(over)
    if analysis.latency_ratio is not None and share < ALL:
        told.append(_slower(analysis.latency_ratio, analysis.alpha, kept, canary, stable))
    kept["history"] = [[edge if math.isfinite(edge) else None, n] for edge, n in _added(history, stable.latency)]
    return told


def _history(kept: Kept, stable: Served) -> list[tuple[float, int]]:
    """Stable's histogram so far; begun anew where its bounds changed."""
    known = [(math.inf if edge is None else float(edge), int(n)) for edge, n in kept.get("history") or ()]
    if stable.latency and [edge for edge, _ in known] != [edge for edge, _ in stable.latency]:
        return []
    return known


def _added(known: list[tuple[float, int]], more: tuple[tuple[float, int], ...]) -> list[tuple[float, int]]:
    if not known or not more:
        return known or list(more)
    return [(edge, n + m) for (edge, n), (_, m) in zip(known, more, strict=True)]


def _slower(ratio: float, alpha: float, kept: Kept, canary: Served, stable: Served) -> str:
    history = _history(kept, stable)
    opened = (kept.get("open") or {}).get("slow") or [0, 0, 0, 0]
    # The pair of bounds is chosen before the block, from what was known then.
    pair = kept.get("pair") if any(opened) else None
    pair = pair or _pair(history, canary.latency, ratio)
    if pair != kept.get("pair"):
        kept["scatter_slow"] = {}
    kept["pair"] = pair
    process = kept.get("slow") or stats.begun(len(stats.WORSE))
    edges = {edge for edge, _ in canary.latency}
    if pair is not None and pair[1] in edges and pair[0] in {edge for edge, _ in stable.latency}:
        n, k = stable.above(pair[0])
        m, failed = canary.above(pair[1])
        block = _gather(kept, "slow", (n, k), (m, failed), least=1)
        if block is not None:
            whole = history[-1][1]
            base = (whole - dict(history).get(pair[0], whole) + 0.5) / (whole + 1.0)
            gains = _tempered(kept, "scatter_slow", stats.worse_gains(block, base))
            process = stats.grown(process, gains, block.canary)
            kept["scatter_slow"] = stats.scattered(
                kept.get("scatter_slow") or {}, block.stable, block.stable_failed, base
            )
    kept["slow"] = process
    if stats.log_e(process, stats.WORSE) < -math.log(LATENCY * alpha) or pair is None:
        return ""
    return (
        f"the canary is slower than stable by more than {ratio:g} times: more of its requests take above {pair[1]:g} s "
        f"than stable's above {pair[0]:g} s"
    )


def _pair(history: list[tuple[float, int]], canary: tuple[tuple[float, int], ...], ratio: float) -> list[float] | None:
    """Bounds for stable and canary: the largest that at least one in twenty of stable's requests takes longer than, and
    the least that is `ratio` times as much or more."""
    whole = history[-1][1] if history else 0
    if whole < _HISTORY or not canary:
        return None
    below = [edge for edge, n in history if math.isfinite(edge) and edge > 0.0 and whole - n >= _P95 * whole]
    for edge in reversed(below):
        above = guardrails.edge_above(edge * ratio, canary)
        if above is not None:
            return [edge, above]
    return None


def not_inferior(analysis: Analysis, kept: Kept, share: float) -> bool:
    """Whether the canary's share of errors was shown to be less than the margin above stable's."""
    height = -math.log(1.0 - analysis.confidence)
    alike = kept.get("alike")
    beside = alike is not None and stats.log_e(alike, stats.ALIKE) >= height
    if share < ALL:
        return beside
    alone = kept.get("alone")
    if alone is None or (alike is not None and alike["n"] and not beside):
        return False
    n, k = alone["c"]
    most = min(max(alone["most"], 1e-6), 1.0 - 1e-6)
    return n > 0 and log_e_above(n - k, n, 1.0 - most) >= height
