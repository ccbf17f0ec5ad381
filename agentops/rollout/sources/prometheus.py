"""Prometheus, asked by its HTTP API. (https://prometheus.io/docs/prometheus/latest/querying/api/)

A query says {pods} where a regular expression of the version's pods belongs, {arm} for "canary" or "stable",
{namespace}, and {window} for a span of time. What `requests`, `latency`, `cost` and `tokens` find are the agent's
counters (counters.py), one row a pod, told by the label `pod`; `fresh` finds the age of the newest sample of each pod
in seconds. Rows without that label are taken for sums over all pods.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from agentops.contracts import Cluster
from agentops.errors import AgentopsError
from agentops.model.rollout import Pod
from agentops.model.rollout_settings import Prometheus
from agentops.rollout.sources import counters, exposition
from agentops.rollout.sources.arms import Arms, Found, silent
from agentops.text import said
from agentops.wire import shape

_OF_PODS = 'namespace="{namespace}",pod=~"{pods}"'
QUERIES = {
    "requests": f"agent_requests_total{{{_OF_PODS}}}",
    "latency": f"agent_request_seconds_bucket{{{_OF_PODS}}}",
    "cost": f"agent_cost_usd_total{{{_OF_PODS}}}",
    "tokens": f"agent_tokens_total{{{_OF_PODS}}}",
    "fresh": (
        f"time() - max by (pod) (timestamp(up{{{_OF_PODS}}}) and up{{{_OF_PODS}}} == 1"
        f" or timestamp(agent_requests_in_flight{{{_OF_PODS}}}) or timestamp(agent_requests_total{{{_OF_PODS}}}))"
    ),
}
"""The built-in queries by name."""
_METRICS = {
    "requests": counters.REQUESTS, "latency": counters.BUCKET, "cost": counters.COST, "tokens": counters.TOKENS,
}  # fmt: skip
_TIMEOUT_S = 5.0
MOST_BYTES = 8 * 1024 * 1024
_MOST_ROWS = 20_000

Fetch = Callable[[str], tuple[int, bytes]]
"""GET a path (with its query) of Prometheus' API: status and body. Raises OSError, HTTPException, AgentopsError."""
Rows = list[tuple[Mapping[str, str], float]]


class QueryError(ValueError):
    """Prometheus did not answer, or not with numbers; the message is safe."""


def by_url(url: str) -> Fetch:
    """Prometheus at an address. It is asked directly; nowhere else is followed to."""
    opener = urllib.request.build_opener(_Stay)

    def get(path: str) -> tuple[int, bytes]:
        request = urllib.request.Request(url.rstrip("/") + path, headers={"Accept": "application/json"})  # noqa: S310  the settings name it
        try:
            with opener.open(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, answer.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MOST_BYTES + 1)

    if urlsplit(url).scheme not in ("http", "https"):
        raise QueryError(f"{said(url, 80)} is no http:// or https:// address")
    return get


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing: what a query says is for one server."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


def by_service(cluster: Cluster, service: str) -> Fetch:
    """Prometheus behind NAMESPACE/NAME:PORT, through the API server. Raises QueryError where the door cannot do it."""
    fetch = getattr(cluster, "fetch", None)
    namespace, _, name = service.rpartition("/")
    if fetch is None:
        raise QueryError("Services cannot be reached through this cluster's door")
    root = f"/api/v1/namespaces/{namespace or cluster.namespace}/services/{name}/proxy"

    def get(path: str) -> tuple[int, bytes]:
        status, body = fetch(root + path)
        return int(status), bytes(body)

    return get


class Client:
    """Asks queries."""

    def __init__(self, fetch: Fetch, *, namespace: str, window_s: float) -> None:
        self._fetch = fetch
        self._namespace, self._window_s = namespace, window_s

    def rows(self, query: str, *, arm: str, pods: Sequence[Pod]) -> Rows:
        """The rows of an instant vector (a scalar is one without labels) that are numbers. Raises QueryError."""
        asked = self.filled(query, arm=arm, pods=pods)
        try:
            status, body = self._fetch("/api/v1/query?" + urlencode({"query": asked}))
        except (OSError, http.client.HTTPException, AgentopsError) as error:
            raise QueryError(f"Prometheus does not answer: {said(str(error) or type(error).__name__, 120)}") from None
        if len(body) > MOST_BYTES:
            raise QueryError(f"Prometheus answers more than {MOST_BYTES // 2**20} MiB")
        try:
            data = shape.load(body, "what Prometheus answers")
        except shape.ShapeError as error:
            raise QueryError(f"Prometheus answers {status}: {said(str(error), 120)}") from None
        if not isinstance(data, dict) or data.get("status") != "success":
            told = data.get("error") if isinstance(data, dict) else ""
            raise QueryError(f"Prometheus answers {status}: {said(str(told), 160)}")
        return _rows(shape.fields(data.get("data")))

    def number(self, query: str, *, arm: str, pods: Sequence[Pod]) -> float | None:
        """The one number that a query finds, None where it finds none. Raises QueryError, also for several."""
        found = self.rows(query, arm=arm, pods=pods)
        if len(found) > 1:
            raise QueryError(f"the query finds {len(found)} numbers, not one: {said(query, 80)}")
        value = found[0][1] if found else None
        return value if value is not None and value - value == 0.0 else None

    def filled(self, query: str, *, arm: str, pods: Sequence[Pod]) -> str:
        """The query with everything in its place."""
        names = "|".join(pod.name.replace(".", "[.]") for pod in pods) or "none"
        places = {"{arm}": arm, "{namespace}": self._namespace, "{pods}": names, "{window}": f"{self._window_s:.0f}s"}
        for place, text in places.items():
            query = query.replace(place, text)
        return query


class Queried:
    """The Source over Prometheus."""

    def __init__(self, client: Client, settings: Prometheus) -> None:
        self._client, self._stale_s = client, settings.stale_s
        self._queries = {**QUERIES, **settings.queries}
        self._totals = {"canary": counters.Odometer(), "stable": counters.Odometer()}

    def read(self, arms: Arms) -> Found:
        """See arms.Source; blocks as long as Prometheus takes."""
        why: list[str] = []
        for name, pods in arms.each():
            try:
                why.append(self._add(arms, name, pods))
            except (QueryError, exposition.ExpositionError) as error:
                why.append(said(str(error), 200))
        known = [
            None if told else self._totals[name].counts() for (name, _), told in zip(arms.each(), why, strict=True)
        ]
        return Found(known[0], known[1], why="; ".join(dict.fromkeys(told for told in why if told)))

    def close(self) -> None:
        """Nothing was begun."""

    def _add(self, arms: Arms, name: str, pods: tuple[Pod, ...]) -> str:
        """Take in the counters of one version; why they are not to be had, "" where they are."""
        if not any(pod.ready for pod in pods):
            return f"no pod of {name} is ready"
        lacking = self._stale(arms, name, pods)
        if lacking:
            return lacking
        series: dict[str, list[exposition.Series]] = {}
        for query, metric in _METRICS.items():
            for labels, value in self._client.rows(self._queries[query], arm=name, pods=pods):
                kept = tuple((key, labels[key]) for key in ("cause", "code", "le") if key in labels)
                series.setdefault(labels.get("pod", ""), []).append(exposition.Series(metric, kept, value))
        new = {pod.name for pod in pods if arms.is_new(pod)}
        for pod, found in series.items():
            self._totals[name].add(pod, counters.reading(found), from_zero=pod in new)
        return ""

    def _stale(self, arms: Arms, name: str, pods: tuple[Pod, ...]) -> str:
        found = self._client.rows(self._queries["fresh"], arm=name, pods=pods)
        ages = {labels.get("pod", ""): age for labels, age in found}
        if not ages:
            return f"Prometheus has no samples of {name}"
        youngest = min(ages.values())
        if not youngest <= self._stale_s:
            return f"the newest sample of {name} that Prometheus has is {youngest:.0f} s old"
        if "" in ages:
            return ""
        return silent(arms, name, pods, [pod for pod, age in ages.items() if age <= self._stale_s])


def _rows(data: Mapping[str, Any]) -> Rows:
    kind, result = data.get("resultType"), data.get("result")
    if kind == "scalar":
        return [({}, _value(result))]
    if kind != "vector" or not isinstance(result, list) or len(result) > _MOST_ROWS:
        raise QueryError(f"Prometheus answers with a {said(str(kind), 20)}, not with numbers of one time")
    rows: Rows = []
    for row in result:
        labels = {str(k): str(v) for k, v in shape.fields(shape.fields(row).get("metric")).items()}
        rows.append((labels, _value(shape.fields(row).get("value"))))
    return rows


def _value(pair: Any) -> float:
    value = (
        exposition.number(pair[1]) if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str) else None
    )
    if value is None:
        raise QueryError("Prometheus answers with what is no number")
    return value
