"""With what the cluster is entered, and for how long: read from the kubeconfig, without ever showing a secret.

Tokens are looked into, not verified: that is the API server's part. What renews itself is told apart from what runs
out. (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/)
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from agentops.drivers import process
from agentops.errors import MeasurementError, UsageError
from agentops.text import one_line

IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where a pod finds its token; the kubelet renews it."""

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
_TOKEN_LONG_S = _DAY_S
_CERTIFICATE_LONG_S = 30 * _DAY_S
_LEAST_TOKEN_S = 600
"""The API server issues none for less."""
_TIMEOUT_S = 30.0
_ROTATED = "/var/run/secrets/"
_GONE_PROVIDERS = ("gcp", "azure")


class Kubeconfig(Protocol):
    """What reads the kubeconfig in force: drivers.kubectl.Kubectl does."""

    def config(self, *, raw: bool = False) -> dict[str, Any]:
        """The part of it that is in force; with `raw`, with its secrets. Raises UsageError."""

    def environment(self) -> Mapping[str, str]:
        """What kubectl is started with."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """With what the cluster is entered; holds no secret.

    `kind` is exec, oidc, token-file, token, certificate, password, in-cluster or none. `expires_at` is Unix time, None
    where it is not known or never. `renewable` is true where kubectl gets new ones by itself.
    """

    kind: str
    expires_at: float | None = None
    renewable: bool = False
    warnings: tuple[str, ...] = ()


def read(kubectl: Kubeconfig, *, now: float, in_cluster: Path = IN_CLUSTER) -> Credentials:
    """The credentials in force. Raises UsageError where there are none, or what they name cannot be read."""
    try:
        config = kubectl.config(raw=True)
    except UsageError:
        # As kubectl does: without a kubeconfig, a pod's own account.
        if "KUBERNETES_SERVICE_HOST" in os.environ and in_cluster.exists():
            return _in_cluster(in_cluster)
        raise
    return of(config, now=now)


def of(config: Mapping[str, Any], *, now: float) -> Credentials:
    """The credentials of a kubeconfig that holds one context and one user. Raises UsageError."""
    users = config.get("users") or [{}]
    user: Mapping[str, Any] = users[0].get("user") or {}
    found = _user(user, now=now)
    clusters = config.get("clusters") or [{}]
    if (clusters[0].get("cluster") or {}).get("insecure-skip-tls-verify"):
        found = _warned(found, "the kubeconfig does not check whom it talks to (insecure-skip-tls-verify)")
    return found


def outlives(credentials: Credentials, seconds: float, *, now: float) -> str:
    """Why a rollout of so many seconds is refused, "" where the credentials hold or renew themselves."""
    left = seconds_left(credentials, now=now)
    if left is None or left >= seconds:
        return ""
    stand = "ran out" if left <= 0 else f"run out in {_span(left)}"
    return (
        f"the credentials ({credentials.kind}) {stand}, and the rollout may last {_span(seconds)}: log in again, or "
        "use an exec plug-in, OIDC, or `kubectl create token --duration`"
    )


def seconds_left(credentials: Credentials, *, now: float) -> float | None:
    """For how long they hold; None where they renew themselves, never run out, or do not tell."""
    if credentials.renewable or credentials.expires_at is None:
        return None
    return credentials.expires_at - now


def mint(
    kubectl: Kubeconfig, folder: Path, *, service_account: str, namespace: str, duration_s: float, now: float
) -> tuple[Path, Credentials]:
    """A short-lived token of a ServiceAccount, and a kubeconfig in `folder` that uses it, with its credentials.

    For those who entered with more, or with less time, than a rollout needs; they must be allowed to create
    `serviceaccounts/token` of that account. Called again, it renews the token in place, and kubectl reads it again.
    The API server may give less time than was asked for: look at the credentials. Raises UsageError, MeasurementError.
    """
    config = kubectl.config(raw=True)
    context = str(config.get("current-context") or "")
    seconds = max(round(duration_s), _LEAST_TOKEN_S)
    argv = ["kubectl", *([f"--context={context}"] if context else []), "create", "token", service_account]
    argv += [f"--namespace={namespace}", f"--duration={seconds}s"]
    done = process.run(argv, cwd=Path.cwd(), env=kubectl.environment(), timeout_s=_TIMEOUT_S)
    token = done.stdout.strip()
    if done.code != 0 or not token:
        raise UsageError(
            f"no token of the ServiceAccount {service_account}: {one_line(done.stderr) or 'kubectl printed nothing'}",
            hint=f"allow `create serviceaccounts/token` of {service_account} in {namespace}, or enter with its own",
        )
    at = folder / "token"
    _secret(at, token)
    clusters = [{"name": "cluster", "cluster": _embedded(config)}]
    made = {
        "apiVersion": "v1", "kind": "Config", "current-context": "rollout", "clusters": clusters,
        "contexts": [{"name": "rollout", "context": {"cluster": "cluster", "user": "rollout", "namespace": namespace}}],
        "users": [{"name": "rollout", "user": {"tokenFile": str(at.resolve())}}],
    }  # fmt: skip
    _secret(folder / "kubeconfig", json.dumps(made))
    return folder / "kubeconfig", of(made, now=now)


def _user(user: Mapping[str, Any], *, now: float) -> Credentials:
    """In the order in which kubectl prefers them."""
    if user.get("exec"):
        return _exec(user["exec"])
    if user.get("auth-provider"):
        return _provider(user["auth-provider"], now=now)
    if user.get("tokenFile"):
        path = Path(user["tokenFile"])
        expires = _expiry(_file(path, "the token"))
        found = Credentials("token-file", expires, renewable=path.as_posix().startswith(_ROTATED))
        return _long(found, _TOKEN_LONG_S, now=now)
    if user.get("token"):
        return _long(Credentials("token", _expiry(str(user["token"]))), _TOKEN_LONG_S, now=now)
    if user.get("client-certificate-data") or user.get("client-certificate"):
        return _long(Credentials("certificate", _not_after(user)), _CERTIFICATE_LONG_S, now=now)
    if user.get("username"):
        return Credentials("password", warnings=("a password is valid until somebody changes it",))
    return Credentials("none", warnings=("the kubeconfig names no credentials",))


def _exec(plugin: Mapping[str, Any]) -> Credentials:
    found = Credentials("exec", renewable=True)
    if plugin.get("interactiveMode") == "Always":
        name = one_line(str(plugin.get("command", "")), 60)
        return _warned(found, f"the plug-in {name} asks a person: a rollout that nobody watches stops when it does")
    return found


def _provider(provider: Mapping[str, Any], *, now: float) -> Credentials:
    name, held = one_line(str(provider.get("name", "")), 40), provider.get("config") or {}
    if name in _GONE_PROVIDERS:
        raise UsageError(
            f"the kubeconfig uses the auth provider {name}, which kubectl dropped in 1.26",
            hint="use the cloud's exec plug-in (gke-gcloud-auth-plugin, kubelogin)",
        )
    found = Credentials("oidc", _expiry(str(held.get("id-token", ""))), renewable=bool(held.get("refresh-token")))
    return found if found.renewable else _long(found, _TOKEN_LONG_S, now=now)


def _in_cluster(path: Path) -> Credentials:
    return Credentials("in-cluster", _expiry(_file(path, "the pod's token")), renewable=True)


def _long(found: Credentials, limit_s: float, *, now: float) -> Credentials:
    """A warning on what is worth stealing: valid for longer than any rollout lasts."""
    what = {"certificate": "client certificate"}.get(found.kind, "token")
    if found.expires_at is None:
        if found.renewable:
            return found
        return _warned(found, f"the {what} does not say when it runs out: it may be valid for ever, and be stolen")
    left = found.expires_at - now
    if left <= limit_s:
        return found
    return _warned(found, f"the {what} is valid for {_span(left)} more: use one that is short-lived")


def _warned(found: Credentials, line: str) -> Credentials:
    return replace(found, warnings=(*found.warnings, line))


def _expiry(token: str) -> float | None:
    """`exp` of a JWT (RFC 7519), without verifying it; None where it has none or is none."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        return None
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        expires = body.get("exp") if isinstance(body, dict) else None
        if isinstance(expires, bool) or not isinstance(expires, (int, float)):
            return None
        datetime.fromtimestamp(expires, UTC)
        return float(expires)
    except (ValueError, OverflowError, OSError, RecursionError):
        return None


def _not_after(user: Mapping[str, Any]) -> float:
    from cryptography import x509

    try:
        if data := user.get("client-certificate-data"):
            pem = base64.b64decode(data)
        else:
            pem = Path(user["client-certificate"]).read_bytes()
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
    except (ValueError, TypeError, binascii.Error, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no certificate in PEM"
        raise UsageError(
            f"the client certificate of the kubeconfig cannot be read: {why}", hint="make the kubeconfig anew"
        ) from None


def _file(path: Path, what: str) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"{what} of the kubeconfig, {path}, cannot be read: {why}", hint="log in again") from None


def _embedded(config: Mapping[str, Any]) -> dict[str, Any]:
    """The cluster of a kubeconfig, with nothing of its user."""
    clusters = config.get("clusters") or []
    if not clusters:
        raise MeasurementError("the kubeconfig names no cluster", hint="set KUBECONFIG")
    return dict(clusters[0].get("cluster") or {})


def _secret(path: Path, text: str) -> None:
    """A file that nobody else may read, whole at any time."""
    half = path.with_name(path.name + ".new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as sink:
        sink.write(text)
    half.replace(path)


def _span(seconds: float) -> str:
    """A duration as people say it."""
    for unit, size in (("days", _DAY_S), ("h", _HOUR_S), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
