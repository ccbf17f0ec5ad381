"""Where numbers come from: pods, Prometheus, the way in; and what is said when they do not come."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fake_cluster import FakeCluster

from agentops.errors import ApiDown, ClusterError, ConfigError
from agentops.model.rollout import Counts, Pod, Sample
from agentops.model.rollout_settings import Analysis, Place, Prometheus, Scrape, Slo
from agentops.rollout import workload
from agentops.rollout.sources import counters, memory, prometheus
from agentops.rollout.sources.arms import Arms
from agentops.rollout.sources.counters import BUCKET, COST, REQUESTS, Odometer, failure
from agentops.rollout.sources.objectives import Objectives
from agentops.rollout.sources.poll import Poll
from agentops.rollout.sources.scrape import Scraped
from agentops.rollout.sources.watch import Watch


def pod(name: str, *, created_at: float = 0.0, ready: bool = True, **more: Any) -> Pod:
    return Pod(name, "10.0.0.1", ready=ready, restarts=0, created_at=created_at, **more)


class Page:
    """A server on loopback: what it answers, by path; and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.slow_s = 0.0
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.asked.append(self.path)
                time.sleep(page.slow_s)
                status, body = page.answer(self.path)
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def answer(self, path: str) -> tuple[int, bytes]:
        return self.answers.get(urlsplit(path).path, (404, b""))

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def page() -> Iterator[Page]:
    found = Page()
    yield found
    found.close()


def reading(ok: int, failed: int = 0, *, cost: float | None = None) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {
        (REQUESTS, "200", "none"): ok, (REQUESTS, "500", "agent"): failed,
        (BUCKET, "0.5"): ok, (BUCKET, "inf"): ok + failed,
    }  # fmt: skip
    return found if cost is None else {**found, (COST,): cost}


def test_pods_that_come_restart_and_go_are_added_up() -> None:
    total = Odometer()
    total.add("old", reading(1000, 10), from_zero=False)
    assert total.counts().requests == 0
    total.add("old", reading(1005, 10, cost=2.0), from_zero=False)
    total.add("new", reading(3, 1), from_zero=True)
    counts = total.counts()
    assert (counts.requests, counts.errors, counts.cost_usd) == (9, {"agent": 1}, 2.0)
    assert counts.latency == ((0.5, 8), (float("inf"), 9))
    total.add("new", reading(2, 0), from_zero=True)  # began anew
    assert total.counts().requests == 11
    total.add("new", {(REQUESTS, "200", "none"): 7.0}, from_zero=True)  # and again: the failures are gone
    assert total.counts().requests == 18
    total.add("late", reading(5000), from_zero=False)  # was there before, and not heard
    assert total.counts().requests == 18


def test_sums_of_others_that_fall_are_no_requests() -> None:
    total = Odometer()
    total.add("", reading(100), from_zero=False)
    total.add("", reading(60), from_zero=False)
    total.add("", reading(70), from_zero=False)
    assert total.counts().requests == 10


@pytest.mark.parametrize(
    ("code", "cause", "told"),
    [
        ("200", "none", ""), ("200", "", ""), ("500", "", "500"), ("503", "none", "503"), ("404", "", ""),
        ("429", "", "429"), ("401", "client", ""), ("502", "model", "model"), ("429", "provider", "provider"),
        ("200", "timeout", "timeout"), ("", "agent", "agent"), ("5xx", "", "5xx"),
    ],
)  # fmt: skip
def test_what_counts_as_a_failure(code: str, cause: str, told: str) -> None:
    assert failure(code, cause) == told


def test_counts_of_the_way_in_leave_clients_errors_out() -> None:
    total = Odometer()
    total.add("", counters.told(Counts(10, {"404": 1})), from_zero=False)
    total.add("", counters.told(Counts(30, {"404": 4, "503": 2}, ((0.5, 3),))), from_zero=False)
    counts = total.counts()
    assert (counts.requests, counts.errors) == (20, {"503": 2})


METRICS = """# HELP agent_requests_total turns
# TYPE agent_requests_total counter
agent_requests_total{{code="200",cause="none"}} {ok}
agent_requests_total{{code="502",cause="model"}} {failed}
agent_request_seconds_bucket{{le="0.5"}} {ok}
agent_request_seconds_bucket{{le="+Inf"}} {all}
agent_cost_usd_total 0.5
agent_requests_in_flight 1
"""


def told(ok: int, failed: int = 0) -> tuple[int, bytes]:
    return 200, METRICS.format(ok=ok, failed=failed, all=ok + failed).encode()


def wait_for(what: Any, *, seconds: float = 5.0) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def test_pods_are_scraped_through_their_own_ports(page: Page) -> None:
    cluster = FakeCluster()
    cluster.ports[("canary-1", 8080)] = cluster.ports[("stable-1", 8080)] = page.port
    source = Scraped(cluster, Scrape(port=8080), every_s=0.02)
    arms = Arms((pod("canary-1", created_at=200.0),), (pod("stable-1"),), now=210.0, began=100.0)
    page.answers["/metrics"] = told(7, 1)
    try:
        first = source.read(arms)
        assert (first.canary, first.stable) == (None, None)
        assert "told nothing yet" in first.why or "tell nothing" in first.why
        found = wait_for(lambda: (f := source.read(arms)).canary and f.stable and f)
        assert (found.canary.requests, found.canary.errors) == (8, {"model": 1})  # new: everything it counted
        assert found.stable.requests == 0  # was there before
        page.answers["/metrics"] = told(12, 3)
        assert wait_for(lambda: source.read(arms).stable.requests == 7)
        assert source.read(arms).canary.requests == 15
    finally:
        source.close()


def test_what_pods_say_instead_of_metrics_is_told(page: Page) -> None:
    cluster = FakeCluster()
    cluster.ports[("canary-1", 1)] = page.port
    source = Scraped(cluster, Scrape(port=1), every_s=0.02)
    arms = Arms((pod("canary-1"),), (), now=500.0, began=400.0)
    page.answers["/metrics"] = (200, b"<html>\x1b[2J</html>")
    try:
        source.read(arms)
        assert wait_for(lambda: "line 1 begins with no name" in source.read(arms).why)
        assert "\x1b" not in source.read(arms).why
        assert "no pod of stable is ready" in source.read(arms).why
    finally:
        source.close()


class FakeLine:
    """A line to a pod, as the test says."""

    def __init__(self) -> None:
        self.why = ""
        self.found: tuple[float, Mapping[tuple[str, ...], float]] | None = None
        self.closed = False

    def latest(self) -> Any:
        return self.found

    def close(self, *, wait_s: float = 0.0) -> None:
        self.closed = True


def test_a_canary_pod_that_falls_silent_is_not_measured() -> None:
    lines: dict[str, FakeLine] = {}
    now = [1000.0]
    source = Scraped(
        FakeCluster(), Scrape(port=1), clock=lambda: now[0], make=lambda name: lines.setdefault(name, FakeLine())
    )  # type: ignore[arg-type, return-value]
    canary = (pod("c1"), pod("c2"))
    stable = (pod("s1"), pod("s2"), pod("s3"))
    arms = Arms(canary, stable, now=100.0, began=0.0)
    source.read(arms)
    for i in range(1, 4):
        now[0] += 10
        for line in lines.values():
            line.found = (now[0], reading(10 * i))
        found = source.read(arms)
    assert found.canary is not None
    assert found.stable is not None
    now[0] += 20
    for name in ("c1", "s1", "s2"):
        lines[name].found = (now[0], reading(90))
    lines["c2"].why = "it answers 500"
    found = source.read(arms)
    assert found.canary is None
    assert found.why == "1 of 2 pods of canary tell nothing (c2): it answers 500"
    assert found.stable is not None  # most of stable is heard
    source.read(Arms((canary[0],), stable, now=130.0, began=0.0))
    assert lines["c2"].closed
    many = tuple(pod(f"m{i:02}") for i in range(30))
    source.read(Arms(many, stable, now=130.0, began=0.0))
    assert sum(not line.closed for line in lines.values()) == 8 + 3


class FakePrometheus(Page):
    """Answers queries by what they contain."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[tuple[str, str], Any] = {}
        self.raw: tuple[int, bytes] | None = None

    def answer(self, path: str) -> tuple[int, bytes]:
        if self.raw is not None:
            return self.raw
        query = parse_qs(urlsplit(path).query)["query"][0]
        arm = "canary" if "canary-1" in query else "stable"
        kind = next((k for k in ("time()", "bucket", "cost", "tokens", "requests_total", "mine") if k in query), "")
        found = [{"metric": m, "value": [0, v]} for m, v in self.rows.get((arm, kind), [])]
        data = {"resultType": "vector", "result": found}
        return 200, json.dumps({"status": "success", "data": data}).encode()


@pytest.fixture
def prom() -> Iterator[FakePrometheus]:
    found = FakePrometheus()
    yield found
    found.close()


ARMS = Arms((pod("canary-1", created_at=10.0),), (pod("stable.1"),), now=100.0, began=5.0)


def fill(prom: FakePrometheus, canary: int, stable: int, *, age: str = "3.5") -> None:
    for arm, name, n in (("canary", "canary-1", canary), ("stable", "stable.1", stable)):
        prom.rows[arm, "time()"] = [({"pod": name}, age)]
        prom.rows[arm, "requests_total"] = [
            ({"pod": name, "code": "200", "cause": "none", "x": "a"}, str(n - 1)),
            ({"pod": name, "code": "500", "cause": "agent", "x": "b"}, "1"),
        ]
        prom.rows[arm, "bucket"] = [({"pod": name, "le": "0.5"}, "1"), ({"pod": name, "le": "+Inf"}, str(n))]


def queried(prom: FakePrometheus, **settings: Any) -> prometheus.Queried:
    client = prometheus.Client(prometheus.by_url(prom.url), namespace="shop", window_s=60.0)
    return prometheus.Queried(client, Prometheus(url=prom.url, **settings))


def test_prometheus_tells_both_versions_by_pod(prom: FakePrometheus) -> None:
    source = queried(prom)
    fill(prom, 5, 100)
    found = source.read(ARMS)
    assert found.why == ""
    assert found.canary is not None
    assert (found.canary.requests, found.canary.errors) == (5, {"agent": 1})
    assert found.stable == Counts(0, {}, ((0.5, 0), (float("inf"), 0)))
    fill(prom, 9, 140)
    found = source.read(ARMS)
    assert found.stable is not None
    assert found.stable.requests == 40
    asked = parse_qs(urlsplit(prom.asked[1]).query)["query"][0]
    assert asked == 'agent_requests_total{namespace="shop",pod=~"canary-1"}'
    assert any("stable[.]1" in parse_qs(urlsplit(path).query)["query"][0] for path in prom.asked)


def test_stale_and_missing_samples_are_no_metrics(prom: FakePrometheus) -> None:
    source = queried(prom)
    fill(prom, 5, 100, age="95")
    found = source.read(ARMS)
    assert (found.canary, found.stable) == (None, None)
    assert "newest sample of canary that Prometheus has is 95 s old" in found.why
    fill(prom, 5, 100, age="NaN")
    assert source.read(ARMS).canary is None
    prom.rows.clear()
    assert "no samples of canary" in source.read(ARMS).why
    fill(prom, 5, 100)
    prom.rows["canary", "requests_total"] = []  # nothing was asked of it yet
    found = source.read(ARMS)
    assert found.canary is not None
    assert found.canary.requests == 0


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (400, b'{"status":"error","error":"parse \\u001b[1merror"}', "answers 400: parse error"),
        (200, b"<html>", "is HTML"), (503, b"", "is empty"), (302, b"", "answers 302"),
        (200, b'{"status":"success","data":{"resultType":"matrix","result":[]}}', "answers with a matrix"),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[{"value":[0,"x"]}]}}', "no number"),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[7]}}', "no number"),
    ],
)  # fmt: skip
def test_what_prometheus_says_instead_is_told(prom: FakePrometheus, status: int, body: bytes, why: str) -> None:
    prom.raw = (status, body)
    found = queried(prom).read(ARMS)
    assert (found.canary, found.stable) == (None, None)
    assert why in found.why
    assert "\x1b" not in found.why
    assert not any("elsewhere" in path for path in prom.asked)


def test_prometheus_that_is_away_is_told() -> None:
    client = prometheus.Client(prometheus.by_url("http://127.0.0.1:1"), namespace="n", window_s=60.0)
    found = prometheus.Queried(client, Prometheus(url="http://127.0.0.1:1")).read(ARMS)
    assert "Prometheus does not answer" in found.why


def test_queries_of_ones_own_overrule(prom: FakePrometheus) -> None:
    source = queried(prom, queries={"requests": "mine{{arm}}[{window}] in {namespace} canary-1"})
    fill(prom, 5, 100)
    prom.rows["canary", "mine"] = [({}, "40")]
    source.read(ARMS)
    prom.rows["canary", "mine"] = [({}, "44")]
    found = source.read(ARMS)
    assert found.canary is not None
    assert found.canary.requests == 4
    asked = [parse_qs(urlsplit(path).query)["query"][0] for path in prom.asked]
    assert "mine{canary}[60s] in shop canary-1" in asked


def test_a_service_is_reached_through_the_api_server() -> None:
    asked: list[str] = []

    def fetch(path: str) -> tuple[int, bytes]:
        asked.append(path)
        raise ApiDown("gone")

    door: Any = SimpleNamespace(namespace="here", fetch=fetch)
    client = prometheus.Client(prometheus.by_service(door, "monitoring/prom:9090"), namespace="n", window_s=60.0)
    with pytest.raises(prometheus.QueryError, match="does not answer: gone"):
        client.number("up", arm="canary", pods=())
    assert asked == ["/api/v1/namespaces/monitoring/services/prom:9090/proxy/api/v1/query?query=up"]
    with pytest.raises(prometheus.QueryError, match="this cluster's door"):
        prometheus.by_service(FakeCluster(), "prom:9090")
    with pytest.raises(prometheus.QueryError, match="no http"):
        prometheus.by_url("file:///etc/passwd")


def test_objectives_by_promql_and_by_address(prom: FakePrometheus, page: Page) -> None:
    client = prometheus.Client(prometheus.by_url(prom.url), namespace="n", window_s=60.0)
    by_url = Slo("judge", url=page.url + "/{arm}", value="scores.mean", at_least=0.5)
    found = Objectives([Slo("mine", promql='mine{pod=~"{pods}"}', at_most=1.0), by_url], client)
    prom.rows["canary", "mine"] = [({}, "0.25")]
    page.answers["/canary"] = (200, b'{"scores": {"mean": 0.75}}')
    page.answers["/stable"] = (200, b'{"scores": {"mean": "high"}}')
    values, why = found.read(ARMS)
    assert values == {"mine": (0.25, None), "judge": (0.75, None)}
    assert why == "objective judge of stable: `value` finds what is no number"
    prom.rows["canary", "mine"] = [({}, "1"), ({"a": "b"}, "2")]
    page.answers["/canary"] = (500, b"")
    values, why = found.read(ARMS)
    assert values["judge"][0] is None
    assert "finds 2 numbers, not one" in why


def test_objectives_that_cannot_be_asked_are_refused() -> None:
    with pytest.raises(ConfigError, match="no JMESPath expression"):
        Objectives([Slo("x", url="http://h", value="a[")], None)
    with pytest.raises(ConfigError, match="asks PromQL"):
        Objectives([Slo("x", promql="up")], None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("512Mi", 512 * 2**20),
        ("1.5G", 1.5e9),
        ("100m", 0.1),
        ("1e3", 1000.0),
        ("2E", 2e18),
        ("1Ei", 2.0**60),
        ("7", 7.0),
    ],
)
def test_quantities(text: str, value: float) -> None:
    assert memory.quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "Mi", "1 Gi", "-1", "1e999", "nan", None, "9" * 40, "1.2.3", "٣"])
def test_what_is_no_quantity(text: object) -> None:
    assert memory.quantity(text) is None


def test_memory_is_that_of_the_one_container() -> None:
    doc = {
        "kind": "PodMetrics", "metadata": {"name": "p", "labels": {"a": "b"}},
        "containers": [{"name": "proxy", "usage": {"memory": "9Gi"}}, {"name": "app", "usage": {"memory": "3Ki"}}],
    }  # fmt: skip
    now = [0.0]
    cluster = FakeCluster(doc)
    found = memory.Memory(cluster, "app", clock=lambda: now[0])
    assert found.used({"a": "b"}) == {"p": 3072}
    cluster.remove("PodMetrics", "p")
    assert found.used({"a": "b"}) == {"p": 3072}
    now[0] = 11.0
    assert found.used({"a": "b"}) == {}


def test_memory_that_may_not_be_seen_is_not_asked_again() -> None:
    calls = []

    def barred(kind: str, **_: Any) -> Any:
        calls.append(kind)
        raise ClusterError("forbidden")

    found = memory.Memory(SimpleNamespace(list=barred), "app", clock=lambda: 50.0 * len(calls))  # type: ignore[arg-type]
    assert [found.used({}), found.used({})] == [{}, {}]
    assert calls == ["PodMetrics"]


def test_a_poll_takes_the_last_answer_and_hands_on_what_went_wrong() -> None:
    poll: Poll[int, int] = Poll(lambda n: 10 // n, every_s=0.01)
    assert poll.latest(5) is None
    assert wait_for(lambda: poll.latest(5))[1] == 2
    poll.latest(0)
    time.sleep(0.2)
    with pytest.raises(ZeroDivisionError):
        poll.latest(0)
    poll.close()


DEPLOYMENT = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"},
    "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "app", "pool": "stable"}},
        "template": {
            "metadata": {"labels": {"app": "app", "pool": "stable"}},
            "spec": {
                "containers": [{"name": "app", "image": "a@sha256:a", "resources": {"limits": {"memory": "1Gi"}}}],
            },
        },
    },
}  # fmt: skip
SERVICE = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"},
    "spec": {"selector": {"app": "app"}, "ports": [{"port": 80}]},
}  # fmt: skip


def watch(analysis: Analysis, *, counts: Any = None) -> Watch:
    place = Place("production", deployment="app", analysis=analysis)
    cluster = FakeCluster(DEPLOYMENT, SERVICE)
    work = workload.read(cluster, place)
    labels = {**workload.canary_labels(work, shared_entry=False)}
    template = {"metadata": {"labels": labels}, "spec": DEPLOYMENT["spec"]["template"]["spec"]}  # type: ignore[index]
    cluster.create(
        {"kind": "Deployment", "metadata": {"name": "app-canary"}, "spec": {"replicas": 2, "template": template}}
    )
    cluster.settle()
    router: Any = SimpleNamespace(counts=counts) if counts else None
    return Watch(cluster, place, work, router=router)


def test_a_watch_sees_pods_of_both_versions_and_says_what_is_not_configured() -> None:
    with watch(Analysis()) as eye:
        sample = eye.sample(50.0)
        assert (len(sample.canary_pods), len(sample.stable_pods)) == (2, 1)
        assert (sample.canary, sample.stable) == (None, None)
        assert "no source of metrics" in sample.why
        assert eye.memory_limit == 2.0**30


def test_a_watch_counts_from_its_first_look_at_the_way_in() -> None:
    served = [Counts(500, {"500": 5}), Counts(900)]
    with watch(Analysis(), counts=lambda: tuple(served)) as eye:
        first = eye.sample(1.0)
        assert (first.canary, first.stable) == (Counts(0), Counts(0))
        served[0] = Counts(510, {"500": 6})
        found = eye.sample(2.0)
        assert found.canary == Counts(10, {"500": 1})
        served[0] = Counts(3)  # the splitter began anew
        assert eye.sample(3.0).canary == Counts(10, {"500": 1})


def test_a_watch_asks_prometheus_beside_the_runner(prom: FakePrometheus) -> None:
    prom.slow_s = 0.05
    analysis = Analysis(prometheus=Prometheus(url=prom.url), slos=(Slo("mine", promql="mine", at_least=1.0),))
    with watch(analysis) as eye:
        began = time.perf_counter()
        sample: Sample = eye.sample(1.0)
        assert time.perf_counter() - began < 0.2
        assert sample.why == "Prometheus was not heard yet"
        assert wait_for(lambda: "no samples of canary" in eye.sample(2.0).why)
        assert wait_for(lambda: "mine" in eye.sample(2.0).slos)
