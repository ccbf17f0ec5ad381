"""What the agent's pods count, added up over pods that come, restart and go.

agent_requests_total{code, cause}   counter; cause: none, client, provider (or model), timeout, agent, or any other
agent_request_seconds               histogram (_bucket{le}, _sum, _count)
agent_cost_usd_total, agent_tokens_total   counters
agent_requests_in_flight            gauge

A request failed where its cause is neither none nor client nor left out, or, without a cause, where its code is 408,
429 or from 500 on: other codes of 4xx are the client's doing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from agentops.model.rollout import Counts
from agentops.rollout.sources.exposition import ExpositionError, Series, is_count, number
from agentops.text import said

REQUESTS, BUCKET = "agent_requests_total", "agent_request_seconds_bucket"
COST, TOKENS, IN_FLIGHT = "agent_cost_usd_total", "agent_tokens_total", "agent_requests_in_flight"
NAMES = (REQUESTS, BUCKET, COST, TOKENS, IN_FLIGHT)
"""The metrics that are understood."""

Key = tuple[str, ...]
"""A counter: the metric, and for requests their code and cause, for buckets their upper bound."""
Reading = Mapping[Key, float]
"""The counters of one pod at one time."""

_MOST_KEYS = 400
_MOST_PODS = 500
_CLIENT = ("", "none", "ok", "client")
_OWN_CODES = ("408", "429")


def reading(series: Iterable[Series]) -> dict[Key, float]:
    """The counters in these series, added up over labels of no interest. Raises ExpositionError for a counter that
    cannot be one."""
    found: dict[Key, float] = {}
    for one in series:
        if one.name == IN_FLIGHT:
            continue
        if not is_count(one.value):
            raise ExpositionError(f"{one.name} cannot be {one.value}")
        key = _key(one)
        found[key] = found.get(key, 0.0) + one.value
        if len(found) > _MOST_KEYS:
            raise ExpositionError(f"there are more than {_MOST_KEYS} different codes, causes and bounds")
    return found


def _key(one: Series) -> Key:
    if one.name == REQUESTS:
        return (REQUESTS, said(one.label("code"), 20), said(one.label("cause"), 40))
    if one.name == BUCKET:
        bound = number(one.label("le"))
        if bound is None or math.isnan(bound):
            raise ExpositionError(f"{BUCKET} has no bound: le={said(one.label('le'), 20)!r}")
        return (BUCKET, repr(bound))
    return (one.name,)


def told(counts: Counts) -> dict[Key, float]:
    """Counts of requests that somebody else made, as a reading."""
    found: dict[Key, float] = {(REQUESTS, "200", ""): float(max(counts.requests - counts.failed, 0))}
    for cause, n in counts.errors.items():
        found[(REQUESTS, cause, "") if cause.isdigit() else (REQUESTS, "", cause)] = float(n)
    found.update({(BUCKET, repr(edge)): float(n) for edge, n in counts.latency})
    if counts.cost_usd is not None:
        found[(COST,)] = counts.cost_usd
    if counts.tokens is not None:
        found[(TOKENS,)] = float(counts.tokens)
    return found


class Odometer:
    """Adds up what the pods of one version count, from the first reading on: a total never falls.

    A pod that was there before counts from its first reading on, one that came later from zero. Where a counter of a
    pod falls or vanishes, the pod began anew. Numbers that were added up over pods by somebody else (`pod` is "")
    fall when a pod goes; nothing is made of them then.
    """

    def __init__(self) -> None:
        self._last: dict[str, Reading] = {}
        self._total: dict[Key, float] = {}

    def add(self, pod: str, now: Reading, *, from_zero: bool) -> None:
        """Take in a pod's counters."""
        before = self._last.get(pod)
        if before is None:
            grown: Reading = now if from_zero else dict.fromkeys(now, 0.0)
        elif all(now.get(key, -1.0) >= value for key, value in before.items()):
            grown = {key: value - before.get(key, 0.0) for key, value in now.items()}
        else:
            grown = now if pod else dict.fromkeys(now, 0.0)
        for key, value in grown.items():
            self._total[key] = self._total.get(key, 0.0) + value
        self._last.pop(pod, None)
        self._last[pod] = dict(now)
        if len(self._last) > _MOST_PODS:
            self._last.pop(next(iter(self._last)))

    def counts(self) -> Counts:
        """What the version served since the first reading."""
        requests, errors, latency = 0.0, dict[str, float](), list[tuple[float, int]]()
        for key, value in self._total.items():
            if key[0] == REQUESTS:
                requests += value
                if cause := failure(key[1], key[2]):
                    errors[cause] = errors.get(cause, 0.0) + value
            elif key[0] == BUCKET:
                latency.append((float(key[1]), round(value)))
        return Counts(
            requests=round(requests),
            errors={cause: round(value) for cause, value in sorted(errors.items()) if value},
            latency=tuple(sorted(latency)),
            cost_usd=self._total.get((COST,)),
            tokens=round(self._total[(TOKENS,)]) if (TOKENS,) in self._total else None,
        )


def failure(code: str, cause: str) -> str:
    """What a failed request failed of, "" for one that did not fail."""
    if cause not in _CLIENT:
        return cause
    if cause in ("", "ok", "none") and (code in _OWN_CODES or (len(code) == 3 and code.startswith("5"))):
        return code
    return ""
