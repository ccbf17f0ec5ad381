"""The door to a cluster: kubectl with the user's own credentials.

`kubectl proxy` on a unix socket, which nobody else on the machine can open, carries every request to the API server;
`kubectl port-forward` leads to a port of a pod. Whatever credentials a kubeconfig can name work, and are renewed by
kubectl. (https://kubernetes.io/docs/reference/kubectl/generated/kubectl_proxy/)
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from agentops.contracts import Doc
from agentops.drivers import process
from agentops.errors import ApiDown, ClusterError, Conflict, Unavailable, UsageError
from agentops.text import one_line

# kind: group and version, name in paths.
KINDS = {
    "ConfigMap": ("v1", "configmaps"),
    "Event": ("v1", "events"),
    "Namespace": ("v1", "namespaces"),
    "Pod": ("v1", "pods"),
    "ResourceQuota": ("v1", "resourcequotas"),
    "Service": ("v1", "services"),
    "ServiceAccount": ("v1", "serviceaccounts"),
    "Deployment": ("apps/v1", "deployments"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "Job": ("batch/v1", "jobs"),
    "Lease": ("coordination.k8s.io/v1", "leases"),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices"),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "PodMetrics": ("metrics.k8s.io/v1beta1", "pods"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes"),
    "Gateway": ("gateway.networking.k8s.io/v1", "gateways"),
    "GatewayClass": ("gateway.networking.k8s.io/v1", "gatewayclasses"),
    "VirtualService": ("networking.istio.io/v1", "virtualservices"),
    "Rollout": ("argoproj.io/v1alpha1", "rollouts"),
    "Canary": ("flagger.app/v1beta1", "canaries"),
}
Argv = list[str]
_CLUSTER_WIDE = ("Namespace", "GatewayClass")
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NEEDED = ("PATH", "HOME", "KUBECONFIG")
_START_S = 15.0
_MOST_BYTES = 64 * 1024 * 1024
_FORWARDING = re.compile(rb"Forwarding from 127\.0\.0\.1:([0-9]+)")


def path_of(kind: str, *, namespace: str, name: str = "", subresource: str = "") -> str:
    """The path of an object, or of all of its kind."""
    version, plural = KINDS[kind]
    root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    inside = "" if kind in _CLUSTER_WIDE else f"/namespaces/{namespace}"
    parts = [f"{root}{inside}/{plural}", name, subresource]
    return "/".join(part for part in parts if part)


class Kubectl:
    """One namespace of a cluster, through kubectl. A context manager; its methods may be called from several threads.
    `withheld` are variables of the environment that kubectl and the plug-ins that it starts do not get. See
    `contracts.Cluster`."""

    def __init__(
        self,
        *,
        context: str | None = None,
        namespace: str | None = None,
        timeout_s: float = 10.0,
        withheld: Collection[str] = (),
    ) -> None:
        self._context = context
        self._withheld = frozenset(withheld)
        self._timeout_s = timeout_s
        self._namespace = namespace
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="agentops-")
        self._socket = str(Path(self._folder.name) / "api")
        self._proxy: subprocess.Popen[bytes] | None = None

    @property
    def namespace(self) -> str:
        """The namespace in force."""
        return self._namespace or "default"

    @property
    def context(self) -> str | None:
        """The context of the kubeconfig, None for the current one."""
        return self._context

    def environment(self) -> dict[str, str]:
        """What kubectl is started with: the whole environment but what is withheld, for plug-ins that fetch credentials
        read names that only they know. Without PATH, HOME and KUBECONFIG nothing works: they are never withheld."""
        return {k: v for k, v in os.environ.items() if k in _NEEDED or k not in self._withheld}

    def __enter__(self) -> Self:
        """Open the door. Raises UsageError for a context that is not there, Unavailable without kubectl."""
        if self._namespace is None:
            contexts = self.config().get("contexts") or [{}]
            self._namespace = (contexts[0].get("context") or {}).get("namespace") or "default"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._proxy is not None:
                process.stop(self._proxy)
                if self._proxy.stderr is not None:
                    self._proxy.stderr.close()
                self._proxy = None
        self._folder.cleanup()

    def config(self, *, raw: bool = False) -> dict[str, Any]:
        """The part of the kubeconfig that is in force. With `raw` it holds the credentials: never show or keep it.
        Raises UsageError."""
        argv = [*self._argv("config", "view", "--minify", "-o", "json"), *(("--raw",) if raw else ())]
        done = process.run(argv, cwd=Path.cwd(), env=self.environment(), timeout_s=_START_S)
        if done.code != 0:
            raise UsageError(
                f"kubectl cannot use the kubeconfig: {one_line(done.stderr)}",
                hint="set KUBECONFIG, or name a context that is in it (rollout.context)",
            )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def get(self, kind: str, name: str, *, namespace: str | None = None) -> Doc | None:
        """See contracts.Cluster."""
        return self._call("GET", path_of(kind, namespace=namespace or self.namespace, name=name), gone=None)

    def list(self, kind: str, *, labels: Mapping[str, str] | None = None) -> tuple[Doc, ...]:
        """See contracts.Cluster."""
        path = path_of(kind, namespace=self.namespace)
        if labels:
            path += "?" + urlencode({"labelSelector": ",".join(f"{k}={v}" for k, v in labels.items())})
        found = self._call("GET", path, gone={"items": []}) or {}
        version = KINDS[kind][0]
        return tuple({"apiVersion": version, "kind": kind, **item} for item in found.get("items") or ())

    def create(self, doc: Doc) -> Doc:
        """See contracts.Cluster."""
        return self._write("POST", path_of(doc["kind"], namespace=self.namespace), doc)

    def replace(self, doc: Doc) -> Doc:
        """See contracts.Cluster."""
        return self._write("PUT", path_of(doc["kind"], namespace=self.namespace, name=doc["metadata"]["name"]), doc)

    def patch(self, kind: str, name: str, ops: Sequence[Doc], *, subresource: str = "") -> Doc:
        """See contracts.Cluster."""
        path = path_of(kind, namespace=self.namespace, name=name, subresource=subresource)
        return self._write("PATCH", path, [*ops], kind="application/json-patch+json")

    def may(self, verb: str, kind: str, *, name: str = "", subresource: str = "") -> bool:
        """See contracts.Cluster. The question is that of `kubectl auth can-i`."""
        version, plural = KINDS[kind]
        asked = {
            "namespace": self.namespace, "verb": verb, "group": version.rpartition("/")[0], "resource": plural,
            "name": name, "subresource": subresource,
        }  # fmt: skip
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        found = self._write("POST", _REVIEW, {**review, "spec": {"resourceAttributes": asked}})
        return bool(found["status"].get("allowed"))

    def logs(self, pod: str, *, container: str = "", lines: int = 50) -> str:
        """See contracts.Cluster."""
        asked = {"tailLines": str(lines), **({"container": container} if container else {})}
        path = path_of("Pod", namespace=self.namespace, name=pod, subresource="log")
        status, body = self._ask("GET", f"{path}?{urlencode(asked)}")
        return body.decode("utf-8", "replace") if status == 200 else ""

    def fetch(self, path: str) -> tuple[int, bytes]:
        """GET any path of the API server, such as a Service's proxy: status and body, as hostile as they are. Raises
        ApiDown."""
        return self._ask("GET", path)

    @contextlib.contextmanager
    def forward(self, pod: str, port: int) -> Iterator[int]:
        """See contracts.Cluster. Raises ApiDown where no way was opened in time."""
        argv = self._argv(
            "port-forward", "--address=127.0.0.1", f"--namespace={self.namespace}", f"pod/{pod}", f":{port}"
        )
        with tempfile.TemporaryDirectory(prefix="agentops-") as folder:
            log = Path(folder) / "log"
            with process.running(argv, cwd=Path(folder), env=self.environment(), log=log) as child:
                yield _forwarded(child, log, f"{pod}:{port}")

    def _argv(self, *words: str) -> Argv:
        chosen = [f"--context={self._context}"] if self._context else []
        return ["kubectl", *chosen, *words]

    def _write(self, method: str, path: str, body: object, *, kind: str = "application/json") -> Doc:
        found = self._call(method, f"{path}?fieldManager=agentops-rollout", body=body, kind=kind)
        return found or {}

    def _call(
        self, method: str, path: str, *, body: object = None, kind: str = "application/json", gone: Doc | None = None
    ) -> Doc | None:
        status, raw = self._ask(method, path, body=body, kind=kind)
        if status == 404 and method == "GET":
            return gone
        try:
            found: dict[str, Any] = json.loads(raw)
        except ValueError:
            found = {"message": raw.decode("utf-8", "replace")}
        if status in (200, 201, 202):
            return found
        # A JSON Patch whose test fails is told apart from an object that would be invalid by its silence on causes.
        patched = method == "PATCH" and not (found.get("details") or {}).get("causes")
        said = one_line(str(found.get("message", "")))
        raise _refusal(409 if status == 422 and patched else status, method, path.partition("?")[0], said)

    def _ask(self, method: str, path: str, *, body: object = None, kind: str = "application/json") -> tuple[int, bytes]:
        self._open()
        connection = _Unix(self._socket, self._timeout_s)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": kind, "Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read(_MOST_BYTES + 1)
            if len(body) > _MOST_BYTES:
                raise ClusterError(
                    f"the answer to {method} {path.partition('?')[0]} is larger than {_MOST_BYTES} bytes"
                )
            return answer.status, body
        except (OSError, http.client.HTTPException) as error:
            said = one_line(str(error)) or type(error).__name__
            raise ApiDown(f"the Kubernetes API did not answer {method} {path.partition('?')[0]}: {said}") from None
        finally:
            connection.close()

    def _open(self) -> None:
        """See that the proxy runs."""
        with self._lock:
            if self._proxy is not None and self._proxy.poll() is None:
                return
            Path(self._socket).unlink(missing_ok=True)
            argv = self._argv("proxy", f"--unix-socket={self._socket}")
            try:
                child = subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                    env=self.environment(), start_new_session=True,
                )  # fmt: skip
            except OSError:
                raise Unavailable("kubectl was not found", hint="install kubectl, or correct the PATH") from None
            deadline = time.monotonic() + _START_S
            # The path is there before anybody listens.
            while not _listens(self._socket):
                if child.poll() is not None:
                    said = one_line(child.communicate()[1].decode("utf-8", "replace"))
                    raise UsageError(
                        f"kubectl cannot reach the cluster: {said}", hint="set KUBECONFIG or rollout.context"
                    )
                if time.monotonic() > deadline:
                    process.stop(child)
                    raise ApiDown("kubectl proxy did not start in time")
                time.sleep(0.01)
            self._proxy = child


class _Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _refusal(status: int, method: str, path: str, said: str) -> ClusterError:
    """The error that a status stands for."""
    what = f"{method} {path}: {said or status}"
    if status == 409 or (status == 404 and method != "GET"):
        return Conflict(what)
    if status == 429 or status >= 500:
        return ApiDown(f"the Kubernetes API could not answer {what}")
    hint = {
        401: "log in to the cluster again: the credentials are not valid any more",
        403: "`agentops rollout rbac` prints the Role that a rollout needs",
    }.get(status, "")
    return ClusterError(f"the Kubernetes API refused {what}", hint=hint)


def _forwarded(child: subprocess.Popen[bytes], log: Path, what: str) -> int:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        said = log.read_bytes()
        if found := _FORWARDING.search(said):
            return int(found[1])
        if child.poll() is not None:
            raise ApiDown(f"no way to {what}: {one_line(said.decode('utf-8', 'replace'))}")
        time.sleep(0.02)
    raise ApiDown(f"no way to {what} within {_START_S:g} s")
