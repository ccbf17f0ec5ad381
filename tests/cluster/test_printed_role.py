"""The Role that is printed suffices on a real API server, and allows nothing else."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentops.drivers.kubectl import KINDS, Kubectl
from agentops.errors import ClusterError
from agentops.model.rollout import Phase, Plan, State
from agentops.model.rollout_settings import Analysis, Place, Prometheus, Shadow, Watchdog
from agentops.rollout.credentials import Credentials, mint, outlives, read
from agentops.rollout.deployments import Deployments
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal
from agentops.rollout.lease import Lease
from agentops.rollout.preflight import preflight
from agentops.rollout.rbac import RUNNER, Need, as_yaml, needs, role, watchdog_needs
from agentops.rollout.traffic import services
from agentops.rollout.workload import canary_labels, names_of
from agentops.rollout.workload import read as read_workload

pytestmark = pytest.mark.cluster

ADMIN = os.environ.get("KUBECONFIG", "")
WATCHDOG = "agentops-rollout"
OLD, NEW = (f"localhost:5000/none@sha256:{c * 64}" for c in "ab")
MODES = ("replicas", "splitter", "gateway-api", "istio", "delegate")


def kubectl(*argv: str, text: str = "") -> str:
    """As whoever runs the tests, whatever identity a test entered with."""
    env = {**os.environ, "KUBECONFIG": ADMIN}
    done = subprocess.run(["kubectl", *argv], input=text, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def place(namespace: str) -> Place:
    return Place(
        "test",
        "agent",
        namespace=namespace,
        service="front",
        shadow=Shadow("mirror", blocked="payments:80"),
        watchdog=Watchdog(image=f"w@sha256:{'c' * 64}"),
    )


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    if not ADMIN:
        pytest.skip("KUBECONFIG is not set: no cluster to try it on")
    try:
        subprocess.run(["kubectl", "get", "--raw", "/readyz"], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Kubernetes API answers")
    name = f"t-rbac-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


Enter = Callable[..., Kubectl]


@pytest.fixture
def enter(namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """enter(account) is the cluster with a short-lived token of that ServiceAccount."""
    opened: list[Kubectl] = []

    def one(account: str) -> Kubectl:
        monkeypatch.setenv("KUBECONFIG", ADMIN)
        folder = tmp_path / account
        folder.mkdir(exist_ok=True)
        with Kubectl(namespace=namespace) as whole:
            found = mint(whole, folder, service_account=account, namespace=namespace, duration_s=900, now=time.time())
        path, credentials = found
        assert credentials.kind == "token-file"
        monkeypatch.setenv("KUBECONFIG", str(path))
        cluster = Kubectl(namespace=namespace).__enter__()
        opened.append(cluster)
        return cluster

    yield one
    for cluster in opened:
        cluster.__exit__(None, None, None)


def grant(where: Place, mode: str) -> tuple[Any, ...]:
    """Apply the Roles, in place of those before."""
    docs = role(where, mode, hpa="scaler", route="web")
    kubectl("apply", "-f", "-", text=as_yaml(docs))
    return docs


def rights(cluster: Kubectl) -> set[tuple[str, str, str, str]]:
    """Everything that an identity may do in the namespace, as the API server lists it."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    status, raw = cluster._ask("POST", path, body={**review, "spec": {"namespace": cluster.namespace}})
    assert status == 201, raw
    found = json.loads(raw)["status"]
    assert not found.get("incomplete")
    return {
        (group, resource, verb, name)
        for rule in found["resourceRules"]
        for group in rule.get("apiGroups") or ("",)
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames") or ("",)
    }


def as_right(need: Need) -> tuple[str, str, str, str]:
    version, plural = KINDS[need.kind]
    return (
        version.rpartition("/")[0],
        plural + (f"/{need.subresource}" if need.subresource else ""),
        need.verb,
        need.name,
    )


@pytest.mark.parametrize("mode", MODES)
def test_the_role_is_what_was_asked_for_and_no_more(namespace: str, enter: Enter, mode: str) -> None:
    where = place(namespace)
    # Whoever may nothing yet: what every account of the cluster may.
    kubectl("-n", namespace, "create", "serviceaccount", f"nobody-{mode}")
    everybody = rights(enter(f"nobody-{mode}"))
    grant(where, mode)
    for account, wanted in (
        (RUNNER, needs(where, mode, hpa="scaler", route="web")),
        (WATCHDOG, watchdog_needs(where, mode, hpa="scaler", route="web")),
    ):
        cluster = enter(account)
        assert rights(cluster) - everybody == {as_right(need) for need in wanted}
        denied = [str(n) for n in wanted if not cluster.may(n.verb, n.kind, name=n.name, subresource=n.subresource)]
        assert denied == []


@pytest.mark.parametrize("account", [RUNNER, WATCHDOG])
def test_what_is_refused(namespace: str, enter: Enter, account: str) -> None:
    grant(place(namespace), "splitter")
    enter(account)
    refused = [
        ("get", "secrets"), ("list", "secrets"), ("create", "secrets"), ("create", "pods"), ("create", "pods/exec"),
        ("get", "pods/exec"), ("create", "pods/attach"), ("delete", "pods"),
        ("delete", "deployments.apps/agent-canary"),
        ("patch", "deployments.apps/other"), ("patch", "services/other"), ("update", "services/front"),
        ("update", "deployments.apps/agent"), ("patch", "configmaps/other"),
        ("update", "leases.coordination.k8s.io/other"),
        ("create", "roles.rbac.authorization.k8s.io"), ("create", "rolebindings.rbac.authorization.k8s.io"),
        ("create", "serviceaccounts/token"), ("impersonate", "serviceaccounts"), ("list", "nodes"),
        ("list", "namespaces"), ("patch", "horizontalpodautoscalers.autoscaling/other"),
        ("patch", "httproutes.gateway.networking.k8s.io/web"), ("get", "services/proxy"),
    ]  # fmt: skip
    for verb, resource in refused:
        argv = ["kubectl", "auth", "can-i", verb, resource, f"--namespace={namespace}"]
        what, _, part = resource.partition("/")
        if part in ("exec", "attach", "token", "proxy"):
            argv = ["kubectl", "auth", "can-i", verb, what, f"--subresource={part}", f"--namespace={namespace}"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        assert done.stdout.strip() == "no", (verb, resource, done.stdout)
    for other in ("default", "kube-system"):
        done = subprocess.run(
            ["kubectl", "auth", "can-i", "list", "pods", f"--namespace={other}"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.stdout.strip() == "no"


def test_a_role_that_lacks_something_is_told_whole(namespace: str, enter: Enter) -> None:
    where = place(namespace)
    docs = grant(where, "replicas")
    mine = next(doc for doc in docs if doc["kind"] == "Role" and doc["metadata"]["name"] == "agent-rollout")
    less = [rule for rule in mine["rules"] if "leases" not in rule["resources"]]
    for rule in less:
        if "create" in rule["verbs"] and "services" in rule["resources"]:
            rule["resources"] = [r for r in rule["resources"] if r != "services"]
    kubectl("apply", "-f", "-", text=as_yaml([{**mine, "rules": [r for r in less if r["resources"]]}]))
    cluster = enter(RUNNER)
    found = preflight(cluster, where, NEW, mode="replicas")
    assert {str(need) for need in found.missing} >= {
        "get leases agent-rollout", "update leases agent-rollout", "create leases", "create services",
    }  # fmt: skip
    assert any("agentops rollout rbac" in line for line in found.problems)


def workload(namespace: str, image: str) -> str:
    labels = {"app": "agent", "track": "stable"}
    pod = {"containers": [{"name": "agent", "image": image}], "terminationGracePeriodSeconds": 0}
    spec = {
        "replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }  # fmt: skip
    meta = {"name": "agent", "namespace": namespace}
    front = {"selector": {"app": "agent"}, "ports": [{"port": 80, "targetPort": 8080}]}
    hpa = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "agent"},
        "minReplicas": 1, "maxReplicas": 3,
    }  # fmt: skip
    return as_yaml([
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": {**meta, "name": "front"}, "spec": front},
        {
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {**meta, "name": "scaler"},
            "spec": hpa,
        },
    ])  # fmt: skip


def a_state(namespace: str) -> State:
    plan = Plan("canary", "replicas", "", (50,), 1, "", 1)
    return State("r1", "agent", "test", namespace, NEW, OLD, plan, Phase.CANARY_UP)


def test_the_writes_of_a_rollout_pass_with_the_role(namespace: str, enter: Enter) -> None:
    """Journal, lock, stable, its autoscaler, the canary, its budget, the Services: written for real, and let go."""
    where = replace(place(namespace), shadow=Shadow(), watchdog=Watchdog())
    grant(where, "replicas")
    kubectl("apply", "-f", "-", text=workload(namespace, OLD))
    cluster = enter(RUNNER)
    names = names_of(where)
    with Lease(cluster, names, duration_s=10, renew_s=3) as lease:
        lease.acquire(wait_s=0)
        journal = Journal(cluster, names)
        journal.refresh()
        journal.begin(a_state(namespace))
        hands = Hands(cluster, journal, may_write=lease.held)
        work = read_workload(cluster, where)
        assert work.hpa is not None
        deployments = Deployments(hands, where, labels=canary_labels(work, shared_entry=True))
        deployments.take()
        assert "canary pods ready" in deployments.raise_canary(1, shadowed=False)
        services.lay(hands, services.backend(work, names, name=names.to_canary, selector={"x": "y"}))
        services.lead(hands, names.to_canary, {"x": "z"})
        hands.take("Service", names.entry, keep=services.keep)
        services.lead(hands, names.entry, {"app": "agent", "track": "stable"})
        services.give_back(hands, names.entry)
        deployments.lower_canary()
        deployments.let_go()
        journal.ask_abort(why="enough", by="test")
        event = {
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"agent-{uuid.uuid4().hex}"},
            "involvedObject": {"kind": "Deployment", "name": "agent", "namespace": namespace, "apiVersion": "apps/v1"},
            "reason": "Tried", "message": "tried", "type": "Normal",
        }  # fmt: skip
        cluster.create(event)
    marks = json.loads(kubectl("-n", namespace, "get", "service/front", "deployment/agent", "hpa/scaler", "-o", "json"))
    assert not any("rollout.agentops" in json.dumps(doc["metadata"]) for doc in marks["items"])
    # The watchdog may take this over, and may not start anything.
    watchdog = enter(WATCHDOG)
    journal = Journal(watchdog, names)
    state = journal.refresh()
    assert state is not None
    journal.save(replace(state, epoch=2))
    hands = Hands(watchdog, journal)
    hands.bump()
    Deployments(hands, where, labels={}).lower_canary()
    with pytest.raises(ClusterError, match="cannot create resource"):
        watchdog.create({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mine"}, "spec": {},
        })  # fmt: skip


def test_prometheus_is_reached_by_a_role_in_its_namespace(namespace: str, enter: Enter) -> None:
    where = replace(place(namespace), analysis=Analysis(prometheus=Prometheus(service=f"{namespace}:9090/x")))
    with pytest.raises(AssertionError):
        grant(where, "replicas")  # no such namespace: nothing is granted silently
    other = f"{namespace}-mon"
    kubectl("create", "namespace", other)
    try:
        where = replace(where, analysis=Analysis(prometheus=Prometheus(service=f"{other}/prometheus:9090")))
        grant(where, "replicas")
        cluster = enter(RUNNER)
        for name, allowed in (("prometheus:9090", 404), ("http:prometheus:9090", 404), ("grafana:80", 403)):
            status, _ = cluster._ask("GET", f"/api/v1/namespaces/{other}/services/{name}/proxy/api/v1/query")
            assert (status == 403) == (allowed == 403), (name, status)
    finally:
        kubectl("delete", "namespace", other, "--wait=false")


def test_a_pods_port_is_reached_with_the_role(namespace: str, enter: Enter) -> None:
    image = os.environ.get("AGENTOPS_TEST_AGENT_IMAGE")
    if not image:
        pytest.skip("AGENTOPS_TEST_AGENT_IMAGE is not set: there is no image to run")
    where = place(namespace)
    grant(where, "replicas")
    server = ["python3", "-m", "http.server", "8080"]
    pod = {"name": "agent", "image": image, "command": server}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reach", "namespace": namespace}}
    kubectl(
        "apply", "-f", "-", text=as_yaml([{**made, "spec": {"containers": [pod], "terminationGracePeriodSeconds": 0}}])
    )
    try:
        kubectl("-n", namespace, "wait", "pod/reach", "--for=condition=Ready", "--timeout=50s")
        cluster = enter(RUNNER)
        with cluster.forward("reach", 8080) as port:
            for _ in range(50):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                try:
                    connection.request("GET", "/")
                    assert connection.getresponse().status == 200
                    break
                except (OSError, http.client.HTTPException):
                    time.sleep(0.2)
                finally:
                    connection.close()
            else:
                pytest.fail("the pod's port was never reached")
        assert cluster.logs("reach") == "", "logs hold what users say, and are not the runner's to read"
    finally:
        kubectl("-n", namespace, "delete", "pod", "reach", "--wait=false")


def test_credentials_as_they_are_found(namespace: str, enter: Enter) -> None:
    """A client certificate of the admin's, and a minted token that runs out."""
    now = time.time()
    with Kubectl(namespace=namespace) as admin:
        found = read(admin, now=now)
    assert found.kind in ("certificate", "exec", "oidc", "token")
    grant(place(namespace), "replicas")
    minted: Credentials = read(enter(RUNNER), now=now)
    assert minted.kind == "token-file"
    assert minted.expires_at == pytest.approx(now + 900, abs=30)
    assert outlives(minted, 600, now=now) == ""
    assert "run out in 15 min" in outlives(minted, 3600, now=now)
