"""With what a cluster is entered, and for how long."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import UsageError
from agentops.rollout.credentials import Credentials, mint, of, outlives, read, seconds_left

NOW = 1_800_000_000.0
HOUR, DAY = 3600, 86400


def jwt(**claims: Any) -> str:
    parts = ({"alg": "RS256"}, claims)
    head, body = (base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts)
    return f"{head}.{body}.c2lnbmF0dXJl"


def config(user: Mapping[str, Any], **cluster: Any) -> dict[str, Any]:
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:6443", **cluster}}],
        "users": [{"name": "u", "user": dict(user)}],
    }


def certificate(days: float) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "admin")])
    end = datetime.fromtimestamp(NOW, UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(end - timedelta(days=400)).not_valid_after(end).sign(key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM)


class Config:
    """A kubeconfig that is read."""

    def __init__(self, found: dict[str, Any] | UsageError) -> None:
        self._found = found

    def config(self, *, raw: bool = False) -> dict[str, Any]:
        assert raw, "without it the secrets are not there to look into"
        if isinstance(self._found, UsageError):
            raise self._found
        return self._found

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HERS": "x"}


def test_an_exec_plugin_renews_itself() -> None:
    found = of(config({"exec": {"command": "gke-gcloud-auth-plugin", "interactiveMode": "IfAvailable"}}), now=NOW)
    assert found == Credentials("exec", renewable=True)
    assert outlives(found, 10**9, now=NOW) == ""
    asks = of(config({"exec": {"command": "login", "interactiveMode": "Always"}}), now=NOW)
    assert "asks a person" in asks.warnings[0]


def test_a_short_token_holds_for_what_it_says() -> None:
    found = of(config({"token": jwt(exp=NOW + HOUR)}), now=NOW)
    assert found == Credentials("token", NOW + HOUR)
    assert seconds_left(found, now=NOW) == HOUR
    assert outlives(found, HOUR, now=NOW) == ""
    refusal = outlives(found, HOUR + 1, now=NOW)
    assert "run out in 60 min" in refusal
    assert "log in again" in refusal
    assert "ran out" in outlives(found, 1, now=NOW + HOUR)


@pytest.mark.parametrize(
    ("token", "warned"),
    [
        (jwt(exp=NOW + DAY), ""),
        (jwt(exp=NOW + DAY + 1), "valid for 24 h more"),
        (jwt(exp=NOW + 365 * DAY), "valid for 365 days more"),
        (jwt(iss="kubernetes/serviceaccount"), "does not say when it runs out"),
        ("opaque-value-of-a-token", "does not say when it runs out"),
        ("a.!!!.c", "does not say when it runs out"),
        (jwt(exp="soon"), "does not say when it runs out"),
        (jwt(exp=True), "does not say when it runs out"),
        (jwt(exp=1e300), "does not say when it runs out"),
    ],
)
def test_long_tokens_are_warned_of(token: str, warned: str) -> None:
    found = of(config({"token": token}), now=NOW)
    assert bool(found.warnings) == bool(warned)
    assert not warned or warned in found.warnings[0]
    assert token not in repr(found)


def test_a_token_file_is_read_and_one_of_a_pod_is_renewed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(jwt(exp=NOW + HOUR) + "\n")
    found = of(config({"tokenFile": str(path), "token": "stale"}), now=NOW)
    assert found == Credentials("token-file", NOW + HOUR)
    assert outlives(found, 2 * HOUR, now=NOW)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        of(config({"tokenFile": str(tmp_path / "gone")}), now=NOW)


def test_oidc_renews_with_a_refresh_token_alone() -> None:
    held = {"id-token": jwt(exp=NOW + 600), "refresh-token": "secret-refresh"}
    found = of(config({"auth-provider": {"name": "oidc", "config": held}}), now=NOW)
    assert found == Credentials("oidc", NOW + 600, renewable=True)
    assert outlives(found, HOUR, now=NOW) == ""
    del held["refresh-token"]
    assert outlives(of(config({"auth-provider": {"name": "oidc", "config": held}}), now=NOW), HOUR, now=NOW)
    with pytest.raises(UsageError, match="dropped"):
        of(config({"auth-provider": {"name": "gcp"}}), now=NOW)


@pytest.mark.parametrize(("days", "warned"), [(29.9, False), (30.1, True), (365, True)])
def test_certificates_tell_when_they_end(tmp_path: Path, days: float, warned: bool) -> None:
    pem = certificate(days)
    path = tmp_path / "client.crt"
    path.write_bytes(pem)
    inline = of(config({"client-certificate-data": base64.b64encode(pem).decode()}), now=NOW)
    assert inline == of(config({"client-certificate": str(path)}), now=NOW)
    assert inline.kind == "certificate"
    assert inline.expires_at == pytest.approx(NOW + days * DAY, abs=1)
    assert bool(inline.warnings) == warned
    assert outlives(inline, days * DAY + 60, now=NOW)


@pytest.mark.parametrize("data", ["", "AAAA", "!", base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()])
def test_what_is_no_certificate(data: str, tmp_path: Path) -> None:
    path = tmp_path / "client.crt"
    path.write_text(data)
    with pytest.raises(UsageError, match="client certificate of the kubeconfig cannot be read"):
        of(config({"client-certificate": str(path), "client-certificate-data": data}), now=NOW)


def test_passwords_nothing_and_unchecked_servers_are_warned_of() -> None:
    assert of(config({"username": "u", "password": "p"}), now=NOW).kind == "password"
    assert of(config({}), now=NOW) == Credentials("none", warnings=("the kubeconfig names no credentials",))
    unchecked = of(config({"token": jwt(exp=NOW + 60)}, **{"insecure-skip-tls-verify": True}), now=NOW)
    assert "insecure-skip-tls-verify" in unchecked.warnings[0]


def test_a_pod_enters_with_its_own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Config(UsageError("kubectl cannot use the kubeconfig"))
    token = tmp_path / "token"
    token.write_text(jwt(exp=NOW + HOUR))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(UsageError, match="cannot use"):
        read(none, now=NOW, in_cluster=token)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert read(none, now=NOW, in_cluster=token) == Credentials("in-cluster", NOW + HOUR, renewable=True)
    with pytest.raises(UsageError, match="cannot use"):
        read(none, now=NOW, in_cluster=tmp_path / "gone")


@settings(max_examples=200, deadline=None)
@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()).map("a.{}.b".format))
def test_no_token_breaks_it_or_shows(token: str) -> None:
    found = of(config({"token": token or "x"}), now=NOW)
    assert found.kind == "token"
    assert len(token) < 8 or token not in repr(found)


def _kubectl(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A kubectl that writes down how it was called."""
    called = folder / "called"
    program = folder / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {called}\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return called


def test_a_short_token_is_minted_and_kept_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHHELD", "x")
    # Only what the kubeconfig's reader passes on.
    called = _kubectl(tmp_path, monkeypatch, f'[ "$HERS:$WITHHELD" = x: ] && echo {jwt(exp=NOW + HOUR)}')
    entered = Config(config({"token": "long-lived-secret"}, **{"certificate-authority-data": "Q0E="}))
    path, found = mint(entered, tmp_path, service_account="agentops-runner", namespace="shop", duration_s=HOUR, now=NOW)
    assert called.read_text() == "--context=c create token agentops-runner --namespace=shop --duration=3600s\n"
    assert found == Credentials("token-file", NOW + HOUR)
    made = json.loads(path.read_text())
    assert made["clusters"][0]["cluster"]["certificate-authority-data"] == "Q0E="
    assert made["contexts"][0]["context"]["namespace"] == "shop"
    assert "long-lived-secret" not in path.read_text()
    for file in (path, tmp_path / "token"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # Again, in place.
    mint(entered, tmp_path, service_account="agentops-runner", namespace="shop", duration_s=1, now=NOW)
    assert called.read_text().endswith("--duration=600s\n")


@pytest.mark.parametrize("script", ["echo 'forbidden: \x1b[31mno' >&2; exit 1", "exit 0"])
def test_a_token_that_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    _kubectl(tmp_path, monkeypatch, script)
    with pytest.raises(UsageError, match="no token of the ServiceAccount runner") as caught:
        mint(Config(config({"token": "x"})), tmp_path, service_account="runner", namespace="n", duration_s=1, now=NOW)
    assert "\x1b" not in caught.value.message
    assert "serviceaccounts/token" in caught.value.hint
    assert not (tmp_path / "token").exists()
