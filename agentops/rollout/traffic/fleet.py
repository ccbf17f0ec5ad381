"""The splitter's pods as one: what all of them are told, and what all of them counted, by Envoy's admin interface.

The interface listens on each pod's loopback; a port forward leads there. Pods are asked side by side, and one that does
not answer holds nobody up. (https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin)
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from agentops.contracts import Cluster
from agentops.errors import AgentopsError, ApiDown
from agentops.model.rollout import Counts
from agentops.rollout.traffic import envoy
from agentops.rollout.traffic.envoy import Split
from agentops.text import one_line

T = TypeVar("T")

_ANSWER_S = 2.0
_ALL_S = 4.0
_ERROR = 400
_EXTERNAL = r"^cluster\.(canary|stable)-[0-9]+\.external\.upstream_rq_"
_CODE = re.compile(r"cluster\.(canary|stable)-[0-9]+\.external\.upstream_rq_([0-9]{3}|completed)$")
_BUCKET = re.compile(
    r"^envoy_cluster_external_upstream_rq_time_bucket\{(?=[^}]*envoy_cluster_name=\"(canary|stable)-[0-9]+\")"
    r"[^}]*\ble=\"([0-9.e+]+|\+Inf)\"[^}]*\} ([0-9]+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Admin:
    """Envoy's admin interface on a port of 127.0.0.1. Every method raises ApiDown where it does not answer."""

    port: int

    def ask(self, method: str, path: str) -> str:
        """The body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise ApiDown(f"a splitter does not answer: {one_line(str(error)) or type(error).__name__}") from None
        finally:
            connection.close()
        if answer.status >= _ERROR:
            raise ApiDown(f"a splitter refused {path.partition('?')[0]}: {one_line(body)}")
        return body

    def holds(self, split: Split, ports: Sequence[int]) -> bool:
        """Whether exactly this split is in force."""
        entries = _json(self.ask("GET", "/runtime?format=json")).get("entries") or {}
        return all(
            _parsed(str((entries.get(key) or {}).get("final_value"))) == _parsed(json.dumps(value))
            for key, value in envoy.values(split, ports).items()
        )

    def push(self, split: Split, ports: Sequence[int]) -> bool:
        """Bring the split into force, if another one is. Returns whether it is in force now."""
        if self.holds(split, ports):
            return True
        # Envoy takes a plus sign for what it is: no blanks may be left for the encoding.
        told = {k: json.dumps(v, separators=(",", ":")) for k, v in envoy.values(split, ports).items()}
        self.ask("POST", "/runtime_modify?" + "&".join(f"{quote(k)}={quote(v, safe='')}" for k, v in told.items()))
        return self.holds(split, ports)

    def reaches(self, arm: str, ports: Sequence[int]) -> bool:
        """Whether connections to the version (canary or stable) can be opened on every port."""
        told = self.numbers(rf"^cluster\.reach-{arm}-[0-9]+\.health_check\.healthy$")
        return all(told.get(f"cluster.{envoy.reach(arm, port)}.health_check.healthy") == 1 for port in ports)

    def active(self) -> int:
        """Requests in flight."""
        return self.numbers(rf"^http\.{envoy.PREFIX}\.downstream_rq_active$").get(
            f"http.{envoy.PREFIX}.downstream_rq_active", 0
        )

    def numbers(self, pattern: str) -> dict[str, int]:
        """The counters and gauges whose names the pattern matches."""
        body = self.ask("GET", f"/stats?format=json&filter={quote(pattern, safe='')}")
        stats = _json(body).get("stats") or ()
        return {str(s["name"]): int(s["value"]) for s in stats if isinstance(s.get("value"), int)}

    def drain(self) -> None:
        """Let clients go: each answer ends its connection, and the pod takes no more."""
        self.ask("POST", "/healthcheck/fail")

    def counts(self) -> dict[str, Counts]:
        """What canary and stable served since this Envoy started, without copies of requests. What answered 400 or more
        is an error by its code; connections that failed count as 503."""
        requests: dict[str, int] = {"canary": 0, "stable": 0}
        errors: dict[str, dict[str, int]] = {"canary": {}, "stable": {}}
        for name, value in self.numbers(_EXTERNAL).items():
            told = _CODE.match(name)
            if told is None:
                continue
            arm, code = told[1], told[2]
            if code == "completed":
                requests[arm] += value
            elif int(code) >= _ERROR:
                errors[arm][code] = errors[arm].get(code, 0) + value
        latency = self._latency()
        return {arm: Counts(requests[arm], errors[arm], latency.get(arm, ())) for arm in requests}

    def _latency(self) -> dict[str, tuple[tuple[float, int], ...]]:
        body = self.ask("GET", f"/stats/prometheus?filter={quote('external.upstream_rq_time', safe='')}")
        found: dict[str, dict[float, int]] = {}
        for arm, bound, count in _BUCKET.findall(body):
            upper = float("inf") if bound == "+Inf" else round(float(bound) / 1000, 6)
            buckets = found.setdefault(arm, {})
            buckets[upper] = buckets.get(upper, 0) + int(count)
        return {arm: tuple(sorted(buckets.items())) for arm, buckets in found.items()}


class Fleet:
    """The admin interfaces of several pods. Ways to them stay open until `close`, or until this object is no more."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ways: dict[str, tuple[contextlib.ExitStack, Admin]] = {}
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._served: dict[tuple[str, str], tuple[Counts, Counts]] = {}
        self._end = weakref.finalize(self, _close, self._ways)

    def close(self) -> None:
        """Close every way."""
        _close(self._ways)

    def each(self, pods: Sequence[str], ask: Callable[[Admin], T]) -> dict[str, T | None]:
        """Ask all pods at once; None for one that does not answer in time. The API's own refusals are raised."""
        found: dict[str, T | None] = dict.fromkeys(pods)
        refused: list[AgentopsError] = []

        def one(pod: str) -> None:
            try:
                found[pod] = self._ask(pod, ask)
            except ApiDown:
                pass
            except AgentopsError as error:
                refused.append(error)
            finally:
                with self._lock:
                    self._busy.discard(pod)

        with self._lock:
            # One that still hangs from before is not asked twice.
            free = [pod for pod in pods if pod not in self._busy]
            self._busy.update(free)
        threads = [threading.Thread(target=one, args=(pod,), daemon=True) for pod in free]
        deadline = time.monotonic() + _ALL_S
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0))
        if refused:
            raise refused[0]
        return dict(found)

    def counts(self, pods: Sequence[str]) -> tuple[Counts | None, Counts | None]:
        """What canary and stable served through all pods that there were since this object was made: the counts of one
        that is gone, or began anew, stay in the sum. (None, None) where no pod answers."""
        told = self.each(pods, Admin.counts)
        if not any(told.values()):
            return None, None
        for pod, arms in told.items():
            for arm, now in (arms or {}).items():
                before, last = self._served.get((pod, arm), (Counts(0), Counts(0)))
                if now.requests < last.requests:
                    before = _plus(before, last)
                self._served[pod, arm] = (before, now)
        return self._sum("canary"), self._sum("stable")

    def _sum(self, arm: str) -> Counts:
        total = Counts(0)
        for (_, whose), (before, now) in sorted(self._served.items(), key=lambda item: item[0]):
            if whose == arm:
                total = _plus(_plus(total, before), now)
        return total

    def _ask(self, pod: str, ask: Callable[[Admin], T]) -> T:
        """Over the way that is open, else, or where that one is dead, over a new one."""
        way = self._ways.get(pod)
        if way is not None:
            try:
                return ask(way[1])
            except ApiDown:
                self._drop(pod)
        stack = contextlib.ExitStack()
        port = stack.enter_context(self._cluster.forward(pod, envoy.ADMIN_PORT))
        self._ways[pod] = (stack, Admin(port))
        try:
            return ask(Admin(port))
        except ApiDown:
            self._drop(pod)
            raise

    def _drop(self, pod: str) -> None:
        way = self._ways.pop(pod, None)
        if way is not None:
            way[0].close()


def _close(ways: dict[str, tuple[contextlib.ExitStack, Admin]]) -> None:
    while ways:
        _, (stack, _admin) = ways.popitem()
        stack.close()


def _plus(a: Counts, b: Counts) -> Counts:
    """Both together; bounds that only one of them has count with what it saw below them."""
    errors = {code: a.errors.get(code, 0) + b.errors.get(code, 0) for code in {*a.errors, *b.errors}}
    bounds = sorted({bound for bound, _ in (*a.latency, *b.latency)})
    latency = tuple((bound, _below(a, bound) + _below(b, bound)) for bound in bounds)
    return Counts(a.requests + b.requests, dict(sorted(errors.items())), latency)


def _below(counts: Counts, bound: float) -> int:
    return max((count for upper, count in counts.latency if upper <= bound), default=0)


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        raise ApiDown(f"a splitter answered something else than JSON: {one_line(text, 80)}") from None
    return found if isinstance(found, dict) else {}


def _parsed(text: str) -> int | tuple[int, str] | None:
    """A runtime value: a whole number, or a fraction as (numerator, denominator)."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, dict):
        return int(value.get("numerator", 0)), str(value.get("denominator", "HUNDRED"))
    return value if isinstance(value, int) else None
