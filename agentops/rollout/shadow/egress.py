"""Where pods in shadow mode may send packets, and the proof that they can send none elsewhere.

The policy selects every pod of the app in shadow mode and closes all ways out but DNS inside of the cluster and the
rules of `egress`. Some networks accept policies and ignore them, and policies of others add up with ours, so the effect
is tried: a pod with the labels of the shadow pods tries to reach a Service of the team's own that must be out of reach,
while a second pod without these labels has to reach it. Only the two together prove anything.
(https://kubernetes.io/docs/concepts/services-networking/network-policies/)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from agentops.contracts import Cluster
from agentops.errors import UsageError
from agentops.model.rollout import TRACK
from agentops.model.rollout_settings import Place
from agentops.rollout import selectors
from agentops.rollout.hands import Hands
from agentops.rollout.names import Names
from agentops.rollout.workload import APP, MODE, canary_selector
from agentops.text import one_line

PROBE = "rollout.agentops/probe"
"""The label of the pods that try the way out: shadow, or control for the one that has to get through."""
_SERVICE = re.compile(r"([a-z]([-a-z0-9]{0,61}[a-z0-9])?):([0-9]{1,5})")
_JOB = "job-name"
_TTL_S = 600
_DEADLINE_S = 90
_TRIES = 12
_LAST = 5
_STUCK = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError")
_BLOCKED, _REACHED, _UNRESOLVED = 0, 3, 4
# Node-local DNS answers from addresses of nodes, which no pod selector matches. Public resolvers stay shut. Those of
# IPv6 are its private and link-local addresses (RFC 4193, RFC 4291).
_PRIVATE = {
    "IPv4": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
    "IPv6": ("fc00::/7", "fe80::/10"),
}
# What the Job controller adds to the labels of a pod.
_OF_JOB = ("controller-uid", "batch.kubernetes.io/controller-uid")
_JOB_NAMES = ("job-name", "batch.kubernetes.io/job-name")

# One try a second, so that a policy that takes a moment to be in force is given it: the last tries decide.
_SCRIPT = f"""
import socket, sys, time
host, port = sys.argv[1], int(sys.argv[2])
seen = []
for _ in range({_TRIES}):
    started = time.monotonic()
    found = []
    try:
        # Of a Service in two families each address: a policy may hold for one of them alone.
        addresses = {{each[4][:2] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}}
    except OSError as error:
        addresses, found = (), ["unresolved"]
    for address in addresses:
        try:
            socket.create_connection(address, timeout=1).close()
            found.append("reached")
        except ConnectionRefusedError:
            found.append("refused")
        except OSError:
            found.append("blocked")
    seen.append(next(word for word in ("reached", "refused", "blocked", "unresolved") if word in found))
    print(seen[-1], flush=True)
    time.sleep(max(0.0, 1 - (time.monotonic() - started)))
last = seen[-{_LAST}:]
sys.exit({_REACHED} if "reached" in last else {_UNRESOLVED} if "unresolved" in last else {_BLOCKED})
"""


class Shut(Enum):
    """Whether the way out is shut. AWAITED: it is being tried. PROVEN: the policy holds. OPEN: it does not. VOID: it
    could not be tried, which proves nothing."""

    AWAITED = "awaited"
    PROVEN = "proven"
    OPEN = "open"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of the attempt, in a line for people."""

    shut: Shut
    told: str


def policy(names: Names, place: Place, *, families: Collection[str] = ("IPv4",)) -> dict[str, Any]:
    """The NetworkPolicy of the app's pods in shadow mode, in a cluster that has these families of addresses: a network
    that knows one of them alone may do nothing about a policy with a block of the other."""
    dns = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    near = [{"ipBlock": {"cidr": cidr}} for family in _PRIVATE if family in families for cidr in _PRIVATE[family]]
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{names.app}-shadow", "labels": {APP: names.app}},
        "spec": {
            "podSelector": {"matchLabels": {APP: names.app, MODE: "shadow"}},
            "policyTypes": ["Egress"],
            "egress": [{"to": [*dns, *near], "ports": ports}, *(dict(rule) for rule in place.egress)],
        },
    }


def target(place: Place) -> tuple[str, int]:
    """The Service and port that must be out of reach. Raises UsageError where there is none to try, or it is not a
    Service of this namespace: nothing else is ever aimed at."""
    blocked = place.shadow.blocked
    if not blocked:
        raise UsageError(
            "rollout.shadow.blocked is not set: whether pods in shadow mode can act on the world cannot be tried",
            hint="name a Service of the namespace that the agent must not reach, as NAME:PORT, or set "
            "rollout.shadow.mode: off",
        )
    found = _SERVICE.fullmatch(blocked)
    if found is None or not 0 < int(found[3]) < 65536:
        raise UsageError(
            f"rollout.shadow.blocked: {one_line(blocked, 80)!r} is no NAME:PORT of a Service in the same namespace",
            hint="write it as payments:8080",
        )
    return found[1], int(found[3])


class Egress:
    """Shuts the way out and proves it. `image` holds Python, by digest: the tool's own where one is configured
    (rollout.watchdog.image), else the agent's. Raises UsageError as `target` does."""

    def __init__(self, hands: Hands, names: Names, place: Place, *, image: str) -> None:
        self._hands, self._names, self._place, self._image = hands, names, place, image
        self._host, self._port = target(place)

    def shut(self) -> None:
        """See that the policy is there and says what it must. Comes before any pod in shadow mode."""
        wanted = policy(self._names, self._place, families=self._families())
        there = self._hands.make(wanted)
        if not _says(there.get("spec"), wanted["spec"]):
            # Somebody opened it since.
            put_back = [{"op": "replace", "path": "/spec", "value": wanted["spec"]}]
            self._hands.change("NetworkPolicy", wanted["metadata"]["name"], put_back)

    def _families(self) -> set[str]:
        """The families of addresses that Services of the namespace get."""
        found = (self._hands.cluster.get("Service", name) for name in (self._host, self._place.entry))
        told = {family for doc in found if doc for family in (doc.get("spec") or {}).get("ipFamilies") or ()}
        return told & set(_PRIVATE) or {"IPv4"}

    def prove(self, template: Mapping[str, Any], *, attempt: int = 1) -> Proof:
        """Try it, with pods like those of `template`, the pod template of the canary in shadow mode. Called until it is
        not AWAITED; the same attempt tells the same as long as its Jobs are kept. Raises Conflict, ApiDown."""
        if (template.get("spec") or {}).get("hostNetwork"):
            return Proof(Shut.OPEN, "the pods use the network of their node (hostNetwork), where no policy holds")
        if self._hands.cluster.get("Service", self._host) is None:
            return Proof(Shut.VOID, f"there is no Service {self._host} in the namespace to try it on")
        self.shut()
        pods = self._pods()
        other = self._opened_by(template, pods, attempt)
        if other:
            return Proof(Shut.OPEN, other)
        ends = {}
        for role in ("control", "shadow"):
            name = self._job(role, attempt)
            if self._hands.cluster.get("Job", name) is None:
                self._hands.make(self._document(name, role, template))
            ends[role] = _ended(self._hands.cluster, name)
        proof = _verdict(ends["shadow"], ends["control"], f"{self._host}:{self._port}")
        if proof.shut is Shut.PROVEN and not pods:
            # Controllers and webhooks put labels on pods that no template tells, and policies may select by these.
            return Proof(Shut.AWAITED, "a pod of the canary, to look at its labels")
        return proof

    def _pods(self) -> Sequence[Mapping[str, str]]:
        """The labels of the canary's pods in shadow mode, as they are."""
        wanted = {**canary_selector(self._names), MODE: "shadow"}
        return [_labels(pod) for pod in self._hands.cluster.list("Pod", labels=wanted)]

    def _opened_by(self, template: Mapping[str, Any], pods: Sequence[Mapping[str, str]], attempt: int) -> str:
        """A policy of others that lets the canary's pods out and that the probe would not feel: it lacks labels of
        theirs, lest it be counted as a canary, and those that they got when they were made."""
        real = [_labels(template), *pods]
        probes = self._probes(template, attempt)
        for doc in self._hands.cluster.list("NetworkPolicy"):
            spec = doc.get("spec") or {}
            selector = spec.get("podSelector") or {}
            out = "Egress" in (spec.get("policyTypes") or ()) or "egress" in spec
            selects = any(selectors.matches(selector, labels) for labels in real)
            if out and selects and not all(selectors.matches(selector, labels) for labels in probes):
                name, by = one_line(str(doc["metadata"]["name"]), 100), one_line(", ".join(_keys(selector)), 200)
                return f"the NetworkPolicy {name} selects the canary's pods by {by}: the way out cannot be tried"
        return ""

    def _probes(self, template: Mapping[str, Any], attempt: int) -> Sequence[Mapping[str, str]]:
        """The labels of the pod that tries the way out: as it is, or as it will be where there is none yet."""
        name = self._job("shadow", attempt)
        pods = [_labels(pod) for pod in self._hands.cluster.list("Pod", labels={_JOB: name, PROBE: "shadow"})]
        if pods:
            return pods
        told = _labels(self._document(name, "shadow", template)["spec"]["template"])
        return [{**told, **dict.fromkeys(_JOB_NAMES, name), **dict.fromkeys(_OF_JOB, "")}]

    def _job(self, role: str, attempt: int) -> str:
        said = f"{self._hands.state.id}\0{attempt}\0{self._host}:{self._port}"
        return f"{self._names.app[:36]}-egress-{role}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"

    def _document(self, name: str, role: str, template: Mapping[str, Any]) -> dict[str, Any]:
        """A Job of one pod. The shadow pod has every label that policies might select it by, but for the one by which
        the canary's own pods are counted; it is never ready, so that no Service leads to it."""
        labels = {}
        if role == "shadow":
            labels = {k: v for k, v in template["metadata"]["labels"].items() if k != TRACK}
            labels |= {APP: self._names.app, MODE: "shadow"}
        spec = template.get("spec") or {}
        placed = {k: spec[k] for k in ("nodeSelector", "tolerations", "imagePullSecrets") if k in spec}
        address = f"{self._host}.{self._hands.cluster.namespace}.svc"
        container = {
            "name": "probe",
            "image": self._image,
            "command": ["python3", "-c", _SCRIPT, address, str(self._port)],
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True,
                "runAsUser": 65532, "capabilities": {"drop": ["ALL"]},
            },
        }  # fmt: skip
        pod = {
            **placed, "restartPolicy": "Never", "automountServiceAccountToken": False, "enableServiceLinks": False,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "readinessGates": [{"conditionType": "rollout.agentops/never"}], "containers": [container],
        }  # fmt: skip
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "labels": {PROBE: role}},
            "spec": {
                "backoffLimit": 0, "activeDeadlineSeconds": _DEADLINE_S, "ttlSecondsAfterFinished": _TTL_S,
                "template": {"metadata": {"labels": {**labels, PROBE: role}}, "spec": pod},
            },
        }  # fmt: skip


def _labels(doc: Mapping[str, Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in ((doc.get("metadata") or {}).get("labels") or {}).items()}


def _keys(selector: Mapping[str, Any]) -> list[str]:
    """The labels that a selector names."""
    expressions = (str(expression.get("key")) for expression in selector.get("matchExpressions") or ())
    return sorted({*(selector.get("matchLabels") or {}), *expressions})


@dataclass(frozen=True, slots=True)
class _End:
    """How a pod ended: its exit code, or in words why there is none; and when it ran."""

    code: int | None
    why: str = ""
    began: str = ""
    ended: str = ""

    @property
    def words(self) -> str:
        """For people."""
        known = {_UNRESOLVED: "its name was not resolved", _BLOCKED: "the connection failed"}
        return self.why if self.code is None else known.get(self.code, f"exit code {self.code}")


def _ended(cluster: Cluster, job: str) -> _End | None:
    """How the Job's pod ended, None where it has not."""
    for pod in cluster.list("Pod", labels={_JOB: job}):
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            state = status.get("state") or {}
            if "terminated" in state:
                return _exit(state["terminated"])
            waiting = state.get("waiting") or {}
            if waiting.get("reason") in _STUCK:
                return _End(None, f"{waiting['reason']}: {one_line(str(waiting.get('message', '')), 160)}")
    doc = cluster.get("Job", job) or {}
    for condition in (doc.get("status") or {}).get("conditions") or ():
        if condition.get("type") in ("Failed", "Complete") and condition.get("status") == "True":
            said = f"{condition.get('reason', 'failed')}: {condition.get('message', '')}"
            return _End(None, one_line(said, 200))
    return None


def _exit(ended: Mapping[str, Any]) -> _End:
    reason, times = str(ended.get("reason", "")), (str(ended.get("startedAt", "")), str(ended.get("finishedAt", "")))
    if reason not in ("Completed", "Error"):
        said = f"{reason}: {ended.get('message', '')}"
        return _End(None, one_line(f"{said}; the image must hold python3, see rollout.watchdog.image", 300))
    return _End(int(ended.get("exitCode", -1)), "", *times)


def _verdict(shadow: _End | None, control: _End | None, what: str) -> Proof:
    if shadow is not None and shadow.code == _REACHED:
        return Proof(
            Shut.OPEN,
            f"a pod with the labels of the shadow pods reached {what}: the network ignores the policy, or another "
            "policy or rollout.egress allows it",
        )
    if shadow is None or control is None:
        return Proof(Shut.AWAITED, f"whether pods in shadow mode can reach {what} is being tried")
    if control.code != _REACHED:
        return Proof(Shut.VOID, f"no other pod could reach {what} either ({control.words}): nothing is proven")
    if shadow.code != _BLOCKED:
        return Proof(Shut.VOID, f"the attempt from a pod in shadow mode came to no end ({shadow.words})")
    if shadow.began > control.ended or control.began > shadow.ended:
        return Proof(Shut.VOID, f"{what} was not tried from both sides at the same time: nothing is proven")
    return Proof(Shut.PROVEN, f"a pod in shadow mode could not reach {what}, another pod could at the same time")


def _says(there: Any, wanted: Any) -> bool:
    """Whether an object says what is wanted, apart from what the API server fills in."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_says(there.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(there, list) and len(there) == len(wanted)
        return same and all(_says(a, b) for a, b in zip(there, wanted, strict=True))
    return bool(there == wanted)
