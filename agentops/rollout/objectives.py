"""Objectives of the team's own: numbers that a query gives for both versions.

Nothing is known of how they were made, so no chance of error is claimed for them: an objective is missed where the last
five values all miss it, and met where all of them meet it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from agentops.model.rollout_settings import Slo
from agentops.text import said

AFTER = 5
"""Values before an objective is judged."""

Kept = Mapping[str, Any]
Values = Mapping[str, tuple[float | None, float | None]]


def fresh(kept: Kept) -> dict[str, Any]:
    """What is kept at the beginning of a step: how stable did."""
    return {name: {"c": [], "s": values["s"]} for name, values in kept.items()}


def look(slos: Sequence[Slo], kept: Kept, values: Values) -> tuple[dict[str, Any], str, str]:
    """What is kept anew, the harm ("" where none), and which required objective is not met or not judged yet."""
    now: dict[str, Any] = {}
    harm = unmet = ""
    for slo in slos:
        old = kept.get(slo.name) or {"c": [], "s": []}
        found = values.get(slo.name, (None, None))
        now[slo.name] = mine = {arm: _more(old[arm], value) for arm, value in zip("cs", found, strict=True)}
        if not slo.required:
            continue
        missed = _missed(slo, mine["c"], mine["s"])
        unmet = unmet or _unmet(slo, mine, missed)
        if missed == AFTER and not _stable_misses(slo, mine["s"]):
            harm = harm or said(
                f"objective {slo.name}: {_asked(slo)}; the canary's last {AFTER} values are {_told(mine)}"
            )
    return now, harm, unmet


def _more(values: list[float], value: float | None) -> list[float]:
    return values if value is None or not math.isfinite(value) else [*values, value][-AFTER:]


def _missed(slo: Slo, canary: Sequence[float], stable: Sequence[float]) -> int | None:
    """How many of the last values miss the objective; None where it cannot be judged yet."""
    if len(canary) < AFTER or (slo.max_loss is not None and not stable):
        return None
    level = median(stable) if stable else 0.0
    return sum(_bad(slo, value) or _lost(slo, value, level) for value in canary)


def _bad(slo: Slo, value: float) -> bool:
    low = slo.at_least is not None and value < slo.at_least
    return low or (slo.at_most is not None and value > slo.at_most)


def _lost(slo: Slo, value: float, level: float) -> bool:
    """Whether it is worse than stable by more than allowed. Less is better where the objective is a ceiling."""
    if slo.max_loss is None:
        return False
    ceiling = slo.at_most is not None and slo.at_least is None
    return (value - level if ceiling else level - value) > slo.max_loss


def _stable_misses(slo: Slo, stable: Sequence[float]) -> bool:
    """Whether stable misses the bound too: then a canary that is not worse beyond `max_loss` is not to blame."""
    return bool(stable) and _bad(slo, median(stable)) and slo.max_loss is None


def _unmet(slo: Slo, mine: Kept, missed: int | None) -> str:
    if missed is None:
        lacks = "of stable" if len(mine["c"]) >= AFTER else f"{len(mine['c'])} of {AFTER}"
        return said(f"objective {slo.name}: values ({lacks})")
    if missed:
        also = ", and stable misses it too" if _stable_misses(slo, mine["s"]) else ""
        return said(f"objective {slo.name}: {_asked(slo)}; the canary is at {_told(mine)}{also}")
    return ""


def _asked(slo: Slo) -> str:
    bounds = (("at least", slo.at_least), ("at most", slo.at_most), ("worse than stable by at most", slo.max_loss))
    return " and ".join(f"{words} {value:g}" for words, value in bounds if value is not None)


def _told(mine: Kept) -> str:
    values = ", ".join(f"{value:.4g}" for value in mine["c"])
    return f"{values} (stable {median(mine['s']):.4g})" if mine["s"] else values
