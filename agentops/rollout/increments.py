"""What was served since the last look, from counters that only grow, and may begin anew."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.model.rollout import Counts

PROVIDER = ("provider", "model")
"""The causes of errors that came from the model provider; also with more behind them: provider-429."""
_EDGES = 40


@dataclass(frozen=True, slots=True)
class Served:
    """Requests since the last look. `provider` of the `failed` are the model provider's. `latency` are cumulative
    counts below upper bounds in seconds, the last bound infinite, empty where nobody measures it; `usd` likewise
    None."""

    requests: int = 0
    failed: int = 0
    provider: int = 0
    latency: tuple[tuple[float, int], ...] = ()
    usd: float | None = None

    def above(self, edge: float) -> tuple[int, int]:
        """Requests whose latency is known, and those above the bound."""
        whole = self.latency[-1][1] if self.latency else 0
        return whole, whole - next((n for bound, n in self.latency if bound == edge), whole)


def by_provider(cause: str) -> bool:
    """Whether an error of this cause is the model provider's."""
    return cause.partition("-")[0] in PROVIDER


def seen(counts: Counts) -> dict[str, Any]:
    """The counters as JSON data, for the next look."""
    failed = {cause: n for cause, n in counts.errors.items() if n}
    provider = sum(n for cause, n in failed.items() if by_provider(cause))
    return {
        "n": counts.requests,
        "k": sum(failed.values()),
        "p": provider,
        "l": [[edge if math.isfinite(edge) else None, n] for edge, n in _latency(counts)],
        "usd": counts.cost_usd,
    }


def since(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Served | None:
    """What came on top between two sets of counters (of `seen`). None where a counter fell or none was known: what came
    meanwhile cannot be told, and is left out."""
    if before is None:
        return None
    requests, failed, provider = (int(now[key]) - int(before[key]) for key in ("n", "k", "p"))
    if not 0 <= provider <= failed or requests < 0:
        return None
    failed = min(failed, requests)
    latency = _grown(before["l"], now["l"])
    usd = None if now["usd"] is None or before["usd"] is None else float(now["usd"]) - float(before["usd"])
    if latency is None or (usd is not None and not 0.0 <= usd < math.inf):
        return None
    return Served(requests, failed, min(provider, failed), latency, usd)


def _latency(counts: Counts) -> list[tuple[float, int]]:
    """The buckets, made to end at infinity and thinned to what a journal can hold."""
    known: list[tuple[float, int]] = []
    for edge, n in sorted(counts.latency):
        if not math.isnan(edge) and (not known or edge > known[-1][0]):
            known.append((edge, max(n, known[-1][1] if known else 0)))
    if not known:
        return []
    if math.isfinite(known[-1][0]):
        known.append((math.inf, max(counts.requests, known[-1][1])))
    stride = -(-len(known) // _EDGES)
    return [item for i, item in enumerate(known) if not (len(known) - 1 - i) % stride]


def _grown(before: Iterable[Any], now: Iterable[Any]) -> tuple[tuple[float, int], ...] | None:
    """The buckets' growth; empty where the bounds are others than before, None where a count fell."""
    old, new = list(before), list(now)
    if [edge for edge, _ in old] != [edge for edge, _ in new]:
        return ()
    grown = [(math.inf if edge is None else float(edge), n - m) for (edge, n), (_, m) in zip(new, old, strict=True)]
    counts = [n for _, n in grown]
    if any(n < 0 for n in counts):
        return None
    # Scrapes of several pods may fall between the increments of one request's buckets.
    return tuple(grown) if counts == sorted(counts) else ()
