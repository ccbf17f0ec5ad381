"""The Gateway API mode against an API in memory, with a Gateway that is played: it takes up routes and answers."""

from __future__ import annotations

import copy
import http.server
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from fake_cluster import FakeCluster
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ApiDown, ClusterError, Conflict, UsageError
from agentops.model.rollout import ID, MANAGER, TRACK, Plan, State
from agentops.model.rollout_settings import Place
from agentops.rollout.hands import Hands, notes
from agentops.rollout.journal import Fenced, Journal
from agentops.rollout.names import Names
from agentops.rollout.traffic import probe as probes
from agentops.rollout.traffic.choose import IN_PROGRESS
from agentops.rollout.traffic.gateway_api import GatewayApi, accepted, unready
from agentops.rollout.traffic.routes import Split, shared

PLACE = Place("test", "agent")
NAMES = Names("agent", "agent")
LABELS = {"app": "agent", "tier": "api"}
CANARY = {TRACK: "canary", "rollout.agentops/app": "agent"}
FEATURES = ["HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"]
TEAM_RULE = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
    "backendRefs": [{"group": "", "kind": "Service", "name": "agent", "port": 80, "weight": 1}],
}
ELSEWHERE = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/docs"}}],
    "backendRefs": [{"name": "docs", "port": 80}],
}


def pod(name: str, labels: dict[str, str]) -> dict[str, Any]:
    status = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": "10.0.0.1"}
    return {"kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {}, "status": status}


def docs(*rules: dict[str, Any]) -> list[dict[str, Any]]:
    ready = {"httpGet": {"path": "/ready", "port": 8080}}
    container = {"name": "agent", "image": "a", "readinessProbe": ready}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    return [
        {
            "kind": "Deployment", "metadata": {"name": "agent"},
            "spec": {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template},
        },
        {"kind": "Service", "metadata": {"name": "agent"}, "spec": {"selector": LABELS, "ports": [{"port": 80}]}},
        pod("agent-1", LABELS), pod("agent-canary-1", {"app": "agent-canary", **CANARY}),
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "agent"},
            "spec": {"parentRefs": [{"name": "front"}], "hostnames": ["*.example.test"], "rules": list(rules)},
        },
        {
            "kind": "Gateway", "metadata": {"name": "front", "namespace": "default"},
            "spec": {"gatewayClassName": "class", "listeners": [{"protocol": "HTTP", "port": 80}]},
            "status": {"conditions": [{"type": "Programmed", "status": "True"}]},
        },
        {
            "kind": "GatewayClass", "metadata": {"name": "class"}, "spec": {},
            "status": {"supportedFeatures": [{"name": name} for name in FEATURES]},
        },
    ]  # fmt: skip


class World:
    """A cluster with its endpoint controller and a Gateway, which do their work when `settle` is called."""

    def __init__(self, *rules: dict[str, Any], epoch: int = 1) -> None:
        self.cluster = FakeCluster(*docs(*(rules or (TEAM_RULE, ELSEWHERE))))
        self.plane: dict[str, Any] = {}
        self.denied, self.redirected = 0, ""
        self.asked: list[probes.Tagged] = []
        self.broken: set[str] = set()
        journal = Journal(self.cluster, NAMES)
        journal.begin(
            State("r1", "agent", "test", "default", "new", "old", Plan("canary", "", "", (), 1, "", 2), epoch=epoch)
        )
        self.hands = Hands(self.cluster, journal)
        self.settle()

    def router(self) -> GatewayApi:
        return GatewayApi(self.hands, PLACE, route="agent", probe=self.probe)

    @property
    def route(self) -> dict[str, Any]:
        return self.cluster.objects[("HTTPRoute", "agent")]

    def refs(self, rule: int = 0) -> list[tuple[str, int]]:
        return [(ref["name"], ref.get("weight", 1)) for ref in self.route["spec"]["rules"][rule]["backendRefs"]]

    def selector(self, name: str) -> dict[str, str]:
        found: dict[str, str] = self.cluster.objects[("Service", name)]["spec"]["selector"]
        return found

    def settle(self, *, plane: bool = True) -> None:
        for (kind, name), doc in list(self.cluster.objects.items()):
            if kind == "Service":
                self.endpoints(name, doc["spec"]["selector"])
        self.accept()
        if plane:
            self.plane = copy.deepcopy(self.route)

    def endpoints(self, name: str, selector: dict[str, str]) -> None:
        pods = [d["metadata"] for (k, _), d in self.cluster.objects.items() if k == "Pod"]
        found = [m["name"] for m in pods if selector.items() <= m["labels"].items()]
        self.cluster.objects[("EndpointSlice", name)] = {
            "kind": "EndpointSlice", "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [
                {"addresses": [f"10.0.0.{at}"], "conditions": {"ready": True}, "targetRef": {"name": one}}
                for at, one in enumerate(found)
            ],
        }  # fmt: skip

    def accept(self, *, status: str = "True", reason: str = "Accepted") -> None:
        generation = self.route["metadata"]["generation"]
        conditions = [
            {"type": kind, "status": status, "reason": reason, "observedGeneration": generation}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        self.route["status"] = {"parents": [{"parentRef": {"name": "front"}, "conditions": conditions}]}

    def probe(self, gateway: Any, requests: Sequence[probes.Tagged]) -> tuple[tuple[probes.Answer, ...], ...]:
        """Answers as the route says that the data plane took up last."""
        assert gateway["metadata"]["name"] == "front"
        self.asked += requests
        return (tuple(self.answer(path, mark) for _, path, mark in requests),)

    def answer(self, path: str, mark: str) -> probes.Answer:
        if self.denied:
            return self.denied, self.redirected
        for rule in self.plane["spec"]["rules"]:
            match = rule["matches"][0]
            headers = [h["value"] for h in match.get("headers", [])]
            if headers == [mark] and match["path"]["value"] == path:
                if "filters" in rule:
                    return 302, f"http://{rule['filters'][0]['requestRedirect']['hostname']}{path}"
                return (503 if rule["backendRefs"][0]["name"] in self.broken else 200), ""
        return 404, ""


def done(world: World, act: Any) -> None:
    """Tick, and let the controllers work between, until nothing is awaited."""
    waiting = "never called"
    for _ in range(8):
        waiting = act()
        if not waiting:
            return
        world.settle()
    pytest.fail(waiting)


@pytest.fixture
def world() -> World:
    return World()


def test_the_route_leads_to_both_versions_only_once_stable_has_pods_there(world: World) -> None:
    router = world.router()
    assert "the Services agent-stable and agent-canary" in router.prepare()
    world.cluster.objects.pop(("EndpointSlice", "agent-stable"), None)
    assert router.prepare() == "a ready pod behind the Service agent-stable"
    assert world.refs() == [("agent", 1)]
    done(world, router.prepare)
    assert world.refs() == [("agent-stable", 100), ("agent-canary", 0)]
    assert world.route["spec"]["rules"][1] == ELSEWHERE
    assert world.route["metadata"]["labels"] == {IN_PROGRESS: "true"}
    assert world.selector("agent-stable") == LABELS
    assert world.selector("agent-canary") == CANARY


def test_nothing_counts_before_the_gateway_took_this_generation(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    assert "Gateway front to look at HTTPRoute agent" in router.shift(25)
    world.accept(status="False", reason="UnsupportedValue")
    assert "UnsupportedValue" in router.shift(25)
    world.accept()
    assert "take up the split" in router.shift(25), "the status is there, the data plane lags"
    world.settle()
    assert router.shift(25) == ""
    asked = len(world.asked)
    assert router.shift(25) == ""
    assert len(world.asked) == asked, "what was observed once is not asked again"
    assert world.refs() == [("agent-stable", 75), ("agent-canary", 25)]


def test_a_redirect_of_the_agents_own_is_no_answer(world: World) -> None:
    router = world.router()
    world.denied, world.redirected = 302, "https://login.example.test/"
    for _ in range(4):
        waiting = router.prepare()
        world.settle()
    assert "take up the split" in waiting


def test_a_version_that_the_data_plane_does_not_reach_is_awaited(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    world.broken = {"agent-canary"}
    router.shift(25)
    world.settle()
    assert "to reach agent-canary (it answered 503)" in router.shift(25)
    world.broken = set()
    assert router.shift(25) == ""
    hosts = {host for host, _, _ in world.asked}
    assert hosts == {"probe.example.test"}


def test_another_runner_observes_for_itself(world: World) -> None:
    done(world, world.router().prepare)
    done(world, lambda: world.router().shift(25))
    world.plane["spec"]["rules"].pop()
    world.plane["spec"]["rules"] = world.plane["spec"]["rules"][:1]
    assert "take up the split" in world.router().shift(25)


def test_a_gateway_that_wants_credentials_is_judged_by_the_status_alone(world: World) -> None:
    router = world.router()
    world.denied = 401
    done(world, router.prepare)
    done(world, lambda: router.shift(25))
    assert "asks for credentials" in router.unobserved
    assert any("credentials" in line for line in router.warnings())
    assert not any(probes.mine(rule) for rule in world.route["spec"]["rules"])


def test_weight_goes_to_the_canary_only_while_it_has_a_ready_pod(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    world.endpoints("agent-canary", {"nobody": "here"})
    assert "ready pod of the canary" in router.shift(25)
    assert world.refs() == [("agent-stable", 100), ("agent-canary", 0)]


def test_copies_are_laid_and_taken_away(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    done(world, lambda: router.shift(0, mirror=12.5))
    (one,) = world.route["spec"]["rules"][0]["filters"]
    assert one["requestMirror"]["backendRef"]["name"] == "agent-canary"
    assert one["requestMirror"]["fraction"] == {"numerator": 1250, "denominator": 10000}
    assert router.drift(0) == ""
    done(world, lambda: router.shift(10))
    assert "filters" not in world.route["spec"]["rules"][0]


@pytest.mark.parametrize(
    ("features", "can"),
    [(FEATURES, True), (FEATURES[:1], False), (["HTTPRouteQueryParamMatching"], False), ([], True)],
)
def test_copies_need_what_the_class_tells(world: World, features: list[str], can: bool) -> None:
    world.cluster.edit("GatewayClass", "class", lambda d: d["status"].update(supportedFeatures=features))
    router = world.router()
    assert router.can_mirror is can
    if not can:
        with pytest.raises(UsageError, match="copy a share"):
            router.shift(0, mirror=10)


def test_a_second_mirror_is_a_feature_of_its_own() -> None:
    theirs = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}
    assert World({**TEAM_RULE, "filters": [theirs]}).router().can_mirror is False


def test_a_session_stays_only_with_persistence(world: World) -> None:
    assert world.router().by_session is False
    assert World({**TEAM_RULE, "sessionPersistence": {"type": "Cookie"}}).router().by_session is True


def test_clear_flips_the_service_first(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    done(world, lambda: router.shift(50))
    world.cluster.writes.clear()
    assert router.clear() != ""
    assert [(kind, name) for _, kind, name in world.cluster.writes] == [
        ("Service", "agent-canary"),
        ("HTTPRoute", "agent"),
    ]
    assert world.selector("agent-canary") == LABELS
    assert world.refs() == [("agent-stable", 100), ("agent-canary", 0)]
    world.settle()
    assert router.clear() == ""
    writes = len(world.cluster.writes)
    assert router.clear() == ""
    assert len(world.cluster.writes) == writes


def test_copies_never_reach_stable(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    done(world, lambda: router.shift(0, mirror=50))
    router.clear()
    assert world.selector("agent-canary") == CANARY, "the data plane still copies"
    world.settle(plane=False)
    router.clear()
    assert world.selector("agent-canary") == CANARY
    done(world, router.clear)
    assert world.selector("agent-canary") == LABELS
    assert "filters" not in world.route["spec"]["rules"][0]


def test_clear_waits_until_no_pod_of_the_canary_is_behind_its_service(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    done(world, lambda: router.shift(50))
    router.clear()
    world.accept()
    world.plane = copy.deepcopy(world.route)
    assert router.clear() == "1 pods of the canary to leave the Service agent-canary"


def test_clear_before_anything_was_laid_writes_nothing(world: World) -> None:
    leftover = {"selector": CANARY, "ports": [{"port": 80}]}
    meta = {"name": "agent-canary", "labels": {"app.kubernetes.io/managed-by": MANAGER}, "annotations": {ID: "r0"}}
    world.cluster.objects[("Service", "agent-canary")] = {"kind": "Service", "metadata": meta, "spec": leftover}
    world.endpoints("agent-canary", {"nobody": "here"})
    writes = len(world.cluster.writes)
    assert world.router().clear() == ""
    assert len(world.cluster.writes) == writes


def test_restore_puts_back_our_part_and_no_more(world: World) -> None:
    before = copy.deepcopy(world.route["spec"])
    router = world.router()
    done(world, router.prepare)
    done(world, lambda: router.shift(50))
    world.cluster.edit("HTTPRoute", "agent", lambda d: d["spec"]["rules"][0].update(timeouts={"request": "9s"}))
    world.cluster.edit("HTTPRoute", "agent", lambda d: d["metadata"]["labels"].update(team="x"))
    done(world, router.clear)
    done(world, router.restore)
    before["rules"][0]["timeouts"] = {"request": "9s"}
    assert world.route["spec"] == before
    assert world.route["metadata"]["labels"] == {"team": "x"}
    assert notes(world.route) == {}
    writes = len(world.cluster.writes)
    assert router.restore() == ""
    assert router.retire() == ""
    assert len(world.cluster.writes) == writes


def test_restore_without_the_kept_original_finds_the_way_by_itself(world: World) -> None:
    before = copy.deepcopy(world.route["spec"])
    router = world.router()
    done(world, router.prepare)
    world.cluster.edit("HTTPRoute", "agent", lambda d: d["metadata"].update(annotations={}))
    done(world, router.restore)
    assert world.route["spec"] == before


def test_drift_names_who_did_it(world: World) -> None:
    router = world.router()
    assert router.drift(0) == ""
    done(world, router.prepare)
    assert router.drift(0) == ""
    router.shift(25)
    assert router.drift(50) == "", "a share that was not written yet is no drift"
    fields = {"f:spec": {"f:rules": {}}}
    writers = [
        {"manager": MANAGER, "time": "2026-01-02T00:00:00Z", "fieldsV1": fields},
        {"manager": "kubectl-edit\x1b[2J", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields},
        {"manager": "controller", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:status": {}}},
    ]

    def edited(doc: dict[str, Any]) -> None:
        doc["metadata"]["managedFields"] = writers
        doc["spec"]["rules"][0]["backendRefs"][1]["weight"] = 300

    world.cluster.edit("HTTPRoute", "agent", edited)
    told = router.drift(25)
    assert "says 20 % to agent-stable, 80 % to agent-canary, not 25 % to the canary" in told
    assert "kubectl-edit at 2026-01-01" in told
    assert "\x1b" not in told
    writers[1]["manager"] = "argocd-controller"
    world.cluster.edit("HTTPRoute", "agent", lambda d: d["spec"]["rules"].__setitem__(0, TEAM_RULE))
    told = router.drift(25)
    assert "leads past the rollout" in told
    assert "Argo CD applies it" in told
    world.cluster.edit("HTTPRoute", "agent", lambda d: d["metadata"].update(annotations={}))
    assert "lost the marks" in router.drift(25)
    world.cluster.remove("HTTPRoute", "agent")
    assert router.drift(25) == "HTTPRoute agent was deleted"


def test_drift_of_the_services_selector(world: World) -> None:
    router = world.router()
    done(world, router.prepare)
    done(world, lambda: router.shift(25))
    world.cluster.edit("Service", "agent-canary", lambda d: d["spec"].update(selector={"app": "else"}))
    assert "selector of the Service agent-canary was changed to app=else" in router.drift(25)


def test_a_rule_that_changes_between_look_and_write_is_not_overwritten(world: World) -> None:
    router = world.router()
    done(world, router.prepare)

    def meanwhile(_verb: str, kind: str, _name: str) -> None:
        if kind == "HTTPRoute":
            world.cluster.before_write = lambda *_: None
            world.cluster.edit("HTTPRoute", "agent", lambda d: d["spec"]["rules"][1].update(timeouts={"request": "1s"}))

    world.cluster.before_write = meanwhile
    with pytest.raises(Conflict):
        router.shift(25)
    assert world.refs() == [("agent-stable", 100), ("agent-canary", 0)]
    done(world, lambda: router.shift(25))
    assert world.route["spec"]["rules"][1]["timeouts"] == {"request": "1s"}


def test_a_runner_that_was_taken_over_writes_no_weight(world: World) -> None:
    old = world.router()
    done(world, old.prepare)
    mark = "rollout.agentops/epoch"
    world.cluster.edit("HTTPRoute", "agent", lambda d: d["metadata"]["annotations"].update({mark: "2"}))
    services = ("agent-stable", "agent-canary")
    with pytest.raises((Fenced, Conflict)):
        old._write(old._hands.cluster.get("HTTPRoute", "agent") or {}, Split(50), [])
    for name in services:
        world.cluster.edit("Service", name, lambda d: d["metadata"]["annotations"].update({mark: "2"}))
    with pytest.raises((Fenced, Conflict)):
        old.shift(50)
    assert world.refs() == [("agent-stable", 100), ("agent-canary", 0)]


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_lost_answer_at_any_write_changes_nothing_of_the_end(side: str) -> None:
    def drive(fail_at: int) -> tuple[World, int]:
        world, count = World(), 0

        def hook(*_: str) -> None:
            nonlocal count
            count += 1
            if count == fail_at:
                raise ApiDown("cut off")

        setattr(world.cluster, f"{side}_write", hook)
        for act in ("prepare", "half", "clear", "restore"):
            for _ in range(10):
                router = world.router()
                try:
                    waiting = router.shift(50) if act == "half" else getattr(router, act)()
                except (ApiDown, Conflict):
                    waiting = "the API"
                    world.hands.journal.refresh()
                if not waiting:
                    break
                world.settle()
            else:
                pytest.fail(f"{act} does not converge after write {fail_at}")
        return world, count

    plain, writes = drive(0)
    assert writes > 5
    for fail_at in range(1, writes + 1):
        world, _ = drive(fail_at)
        assert world.route["spec"] == plain.route["spec"]
        assert notes(world.route) == {}
        assert world.selector("agent-canary") == LABELS


def test_a_route_that_does_not_lead_here_is_told() -> None:
    world = World(ELSEWHERE)
    with pytest.raises(ClusterError, match="does not lead to the Service agent"):
        world.router().prepare()
    assert ("Service", "agent-canary") not in world.cluster.objects


def test_a_route_that_another_rollout_holds_refuses_before_a_service_is_led_elsewhere(world: World) -> None:
    done(world, world.router().prepare)
    done(world, lambda: world.router().shift(50))
    done(world, world.router().clear)
    assert world.selector("agent-canary") == LABELS
    world.cluster.edit("HTTPRoute", "agent", lambda d: d["metadata"]["annotations"].update({ID: "r0"}))
    for act in (world.router().prepare, lambda: world.router().shift(50)):
        with pytest.raises(Conflict, match="belongs to the rollout r0"):
            act()
        assert world.selector("agent-canary") == LABELS, "the canary's pods may be gone"


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("by", ["plan", "touched"])
def test_whoever_knows_the_route_by_a_wrong_name_finds_it_on_the_way_back(world: World, by: str, marked: bool) -> None:
    before = copy.deepcopy(world.route["spec"])
    done(world, world.router().prepare)
    done(world, lambda: world.router().shift(50))
    state = world.hands.state
    if by == "plan":
        kept = tuple(item for item in state.touched if item.kind != "HTTPRoute")
        world.hands.journal.save(replace(state, touched=kept, plan=replace(state.plan, route="agent")))
    if not marked:
        world.cluster.edit("HTTPRoute", "agent", lambda d: d["metadata"].update(annotations={}))
    for act in ("clear", "restore"):
        router = GatewayApi(world.hands, PLACE, route="front-door", probe=world.probe)
        done(world, getattr(router, act))
    assert world.route["spec"] == before
    assert notes(world.route) == {}


def test_a_route_of_the_right_name_that_nobody_holds_does_not_hide_the_one_that_is_held(world: World) -> None:
    before = copy.deepcopy(world.route["spec"])
    other = {"kind": "HTTPRoute", "metadata": {"name": "front-door"}, "spec": {"rules": [ELSEWHERE]}}
    world.cluster._store(copy.deepcopy(other))
    done(world, world.router().prepare)
    router = GatewayApi(world.hands, PLACE, route="front-door", probe=world.probe)
    for act in (router.clear, router.restore):
        done(world, act)
    assert world.route["spec"] == before
    assert world.cluster.objects["HTTPRoute", "front-door"]["spec"] == other["spec"]


def test_a_route_that_is_nowhere_any_more_is_nothing_to_restore(world: World) -> None:
    done(world, world.router().prepare)
    world.cluster.remove("HTTPRoute", "agent")
    assert world.router().restore() == ""


def test_what_makes_a_route_unready(world: World) -> None:
    assert unready(world.cluster, "agent") == ""
    assert "is not there" in unready(world.cluster, "other")
    world.cluster.edit("Gateway", "front", lambda d: d.update(status={}))
    assert unready(world.cluster, "agent") == "Gateway front is not programmed"
    world.route["spec"]["parentRefs"] = []
    assert "it has no parent" in accepted(world.route)


def test_a_route_without_room_for_three_rules_more_is_left_without() -> None:
    rules = [{**ELSEWHERE, "matches": [{"path": {"value": f"/{n}"}}]} for n in range(13)]
    world = World(TEAM_RULE, *rules)
    done(world, world.router().prepare)
    assert len(world.route["spec"]["rules"]) == 14
    assert world.asked == []


WEIGHTS = st.integers(0, 100)
BACKEND = st.fixed_dictionaries({"name": st.sampled_from("xyz"), "port": st.just(80), "weight": st.integers(0, 1000)})
OTHERS = st.lists(BACKEND, max_size=3, unique_by=lambda ref: str(ref["name"]))
OWN = st.one_of(st.just({}), st.builds(lambda w: {"weight": w}, st.integers(1, 1000)))


@given(OTHERS, OWN, st.integers(0, 3), WEIGHTS, WEIGHTS, st.sampled_from([0.0, 10.0, 33.33]))
def test_any_rule_is_led_in_proportion_and_comes_back(
    others: list[dict[str, Any]], own: dict[str, int], at: int, first: int, second: int, mirror: float
) -> None:
    router = WORLD.router()
    rule = {
        "matches": [{"path": {"value": "/"}}],
        "backendRefs": [*others[:at], {"name": "agent", "port": 80, **own}, *others[at:]],
    }
    led = router.led(router.led(rule, Split(first, mirror)), Split(second))
    weights = {ref["name"]: ref["weight"] for ref in led["backendRefs"]}
    whole, total = own.get("weight", 1), sum(weights.values())
    before = sum(ref["weight"] for ref in others) + whole
    assert weights["agent-canary"] * 100 == whole * 100 * second
    for ref in others:
        assert weights[ref["name"]] * before == ref["weight"] * total
    assert router.led(led, Split(second)) == led
    assert router.back(led, [rule]) == rule


WORLD = World()


@given(st.integers(-5, 10_000), WEIGHTS)
def test_two_shares_are_the_whole(total: int, weight: int) -> None:
    stable, canary = shared(total, weight)
    assert canary * 100 == (stable + canary) * weight
    assert stable >= 0


def test_replicas_follow_the_weight(world: World) -> None:
    router = world.router()
    assert [router.replicas(w, stable=4) for w in (0, 1, 25, 50, 100)] == [1, 1, 1, 2, 4]


class Front(http.server.BaseHTTPRequestHandler):
    """A data plane that redirects what bears the right mark."""

    def do_GET(self) -> None:
        told = f"{self.headers['Host']} {self.path} {self.headers[probes.HEADER]}"
        self.send_response(302)
        self.send_header("Location", told)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def front() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Front) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def data_plane(port: int, *, labels: dict[str, str]) -> FakeCluster:
    one = pod("envoy-1", labels)
    service = {
        "kind": "Service",
        "metadata": {"name": "envoy", "labels": labels},
        "spec": {"ports": [{"port": 80, "targetPort": 10080}]},
    }
    cluster = FakeCluster(one, service)
    cluster.ports[("envoy-1", 10080)] = port
    return cluster


GATEWAY = {
    "metadata": {"name": "front", "namespace": "default"},
    "spec": {"listeners": [{"protocol": "HTTP", "port": 80}]},
}


def test_tagged_requests_go_to_the_gateways_own_pods(front: int) -> None:
    cluster = data_plane(front, labels={"gateway.networking.k8s.io/gateway-name": "front"})
    found = probes.forwarded(cluster)(GATEWAY, [("a.test", "/x", "m")])
    assert found == (((302, "a.test /x m"),),)


def test_the_pods_are_looked_for_in_the_namespace_of_envoy_gateway(front: int) -> None:
    owning = "gateway.envoyproxy.io/owning-gateway"
    labels = {f"{owning}-name": "front", f"{owning}-namespace": "default"}
    there = data_plane(front, labels=labels)
    opened: list[str] = []

    class Opened:
        def __enter__(self) -> FakeCluster:
            return there

        def __exit__(self, *_: object) -> None:
            opened.append("closed")

    def elsewhere(namespace: str) -> Any:
        opened.append(namespace)
        return Opened()

    assert probes.forwarded(FakeCluster(), elsewhere)(GATEWAY, [("", "/x", "m")])[0][0][0] == 302
    assert opened == ["envoy-gateway-system", "closed"]
    with pytest.raises(probes.Unasked, match="in reach"):
        probes.forwarded(FakeCluster())(GATEWAY, [("", "/x", "m")])
    there.forbidden.add(("create", "Pod"))
    with pytest.raises(probes.Unasked, match="in reach"):
        probes.forwarded(FakeCluster(), elsewhere)(GATEWAY, [("", "/x", "m")])


def test_only_plain_http_is_probed() -> None:
    secure = {**GATEWAY, "spec": {"listeners": [{"protocol": "HTTPS", "port": 443}]}}
    with pytest.raises(probes.Unasked, match="plain HTTP"):
        probes.forwarded(FakeCluster())(secure, [])
