"""What a registry says of an image: the digest behind a tag, and the configs behind a manifest or an index.

Reads only (OCI distribution specification 1.1, pull). Every answer that was asked for by digest is held against it. A
registry on loopback is asked over HTTP, any other over HTTPS; redirects are not followed. Credentials are those of
`docker login` where they stand in the file itself; programs that keep them are not asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from agentops.errors import MeasurementError, Unavailable, UsageError
from agentops.text import one_line

_HUB = "registry-1.docker.io"
_HUB_LOGIN = "https://index.docker.io/v1/"
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*")
_MOST_BYTES = 4 * 1024 * 1024
_MOST_PLATFORMS = 40
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Reference:
    """An image's name, taken apart: NAME, and a tag or a digest ("sha256:...")."""

    name: str
    host: str
    path: str
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """One image for one platform ("linux/amd64"): the digests of its manifest and its config."""

    name: str
    manifest: str
    config: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a digest stands for: one image, or where it is an index one for each platform."""

    digest: str
    index: bool
    platforms: tuple[Platform, ...]

    def within(self, measured: set[str]) -> bool:
        """Whether every image that a cluster could take under this digest is one that was measured, by the digest of
        its config or its manifest. An index that was measured as such stands for its image where it has but one."""
        if not self.platforms:
            return False
        if self.digest in measured and len(self.platforms) == 1:
            return True
        return all({p.config, p.manifest} & measured for p in self.platforms)


def parse(reference: str) -> Reference:
    """The parts of a reference; docker.io is meant where no host stands. Raises UsageError."""
    bare, at, digest = reference.partition("@")
    head, slash, last = bare.rpartition("/")
    last, colon, tag = last.partition(":")
    name = f"{head}{slash}{last}"
    first, _, rest = name.partition("/")
    has_host = bool(rest) and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if has_host else (_HUB, name if "/" in name else f"library/{name}")
    if host in ("docker.io", "index.docker.io"):
        host, path = _HUB, rest if "/" in rest else f"library/{rest}"
    sound = _HOST.fullmatch(host) and _PATH.fullmatch(path) and len(reference) < 512
    if not sound or (colon and not _TAG.fullmatch(tag)) or (at and not _DIGEST.fullmatch(digest)):
        raise UsageError(
            f"{one_line(reference, 120)!r} is no image",
            hint="write it as registry/name@sha256:... or registry/name:tag",
        )
    return Reference(name, host, path, tag, digest)


def resolve(reference: str) -> str:
    """The digest that a reference stands for now; its own where it has one. Raises UsageError, Unavailable,
    MeasurementError."""
    found = parse(reference)
    if found.digest:
        return found.digest
    body, _ = _Registry(found).manifest(found.tag or "latest")
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def identity(reference: str) -> Identity:
    """The images behind NAME@sha256:... Raises UsageError, Unavailable where the registry does not answer, and
    MeasurementError for an answer that is not what was asked for."""
    found = parse(reference)
    if not found.digest:
        raise UsageError(f"{reference} has no digest", hint="write it as registry/name@sha256:...")
    registry = _Registry(found)
    data = registry.document(found.digest)
    if not _is_index(data):
        return Identity(found.digest, False, (Platform("", found.digest, _config(data, found.digest)),))
    platforms = []
    for name, digest in _children(data, found.digest):
        child = registry.document(digest)
        if _is_index(child):
            raise MeasurementError(f"{found.name}@{digest}: an index inside of an index", hint="name the image's own")
        platforms.append(Platform(name, digest, _config(child, digest)))
    return Identity(found.digest, True, tuple(platforms))


def _children(index: Mapping[str, Any], digest: str) -> list[tuple[str, str]]:
    """Platform and digest of each image in an index; what a builder attests about them is no image."""
    manifests = index.get("manifests")
    if not isinstance(manifests, list) or len(manifests) > _MOST_PLATFORMS:
        raise MeasurementError(f"{digest}: no index, or one of more than {_MOST_PLATFORMS} images")
    told = []
    for item in manifests:
        platform = item.get("platform") if isinstance(item, dict) else None
        platform = platform if isinstance(platform, dict) else {}
        name = f"{platform.get('os', '')}/{platform.get('architecture', '')}"
        child = item.get("digest") if isinstance(item, dict) else None
        if not isinstance(child, str) or not _DIGEST.fullmatch(child):
            raise MeasurementError(f"{digest}: an index with an image without a digest")
        if name != "unknown/unknown":
            told.append((one_line(name, 60), child))
    return told


def _is_index(data: Mapping[str, Any]) -> bool:
    if "manifests" in data and ("config" in data or "layers" in data):
        # Two readers could take it for two different images (CVE-2021-41190).
        raise MeasurementError("a manifest that is an image and an index at once", hint="push the image anew")
    return data.get("mediaType") in _INDEXES or ("manifests" in data and "config" not in data)


def _config(manifest: Mapping[str, Any], digest: str) -> str:
    config = manifest.get("config")
    found = config.get("digest") if isinstance(config, dict) else None
    if not isinstance(found, str) or not _DIGEST.fullmatch(found):
        raise MeasurementError(f"{digest}: a manifest that names no config", hint="is it an image?")
    return found


class _Registry:
    """One repository of one registry."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._loopback = _is_loopback(reference.host)
        scheme = "http" if self._loopback else "https"
        self._base = f"{scheme}://{reference.host}/v2/{reference.path}/manifests/"
        self._bearer = ""

    def document(self, digest: str) -> Mapping[str, Any]:
        """A manifest or an index by digest."""
        body, _ = self.manifest(digest)
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise MeasurementError(f"{self._reference.host} answered with something else than {digest}")
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise MeasurementError(f"{digest} is no manifest", hint="is it an image?")
        return data

    def manifest(self, name: str) -> tuple[bytes, Mapping[str, str]]:
        """The bytes of a manifest by tag or digest. A challenge for a token is met once."""
        headers = {"Accept": ", ".join((*_MANIFESTS, *_INDEXES))}
        login = _login(self._reference.host)
        if self._bearer:
            headers["Authorization"] = self._bearer
        status, told, body = self._get(self._base + name, headers)
        if status == 401:
            self._bearer = headers["Authorization"] = self._authorise(told.get("www-authenticate", ""), login)
            status, told, body = self._get(self._base + name, headers)
        if status == 200:
            return body, told
        shown = f"{self._reference.name}{'@' if name.startswith('sha256:') else ':'}{name}"
        if status == 404:
            raise MeasurementError(f"{shown} is not in the registry", hint="push the image, or correct its name")
        if status in (401, 403):
            raise Unavailable(f"{shown}: the registry refuses ({status})", hint="`docker login` to it on this machine")
        raise Unavailable(f"{shown}: the registry answered {status}", hint="try again later")

    def _authorise(self, challenge: str, login: str) -> str:
        """The header that a challenge asks for: the login itself, or a token for it (or for nobody)."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return f"Basic {login}"
        told = dict(re.findall(r'([a-z]+)="([^"]*)"', rest))
        try:
            realm = urlsplit(told.get("realm", ""))
        except ValueError:
            raise Unavailable(f"{self._reference.host} asks for credentials at no address") from None
        if scheme.lower() != "bearer" or not realm.hostname:
            raise Unavailable(f"{self._reference.host} asks for credentials in an unknown way")
        if realm.scheme != "https" and not (self._loopback and _is_loopback(realm.netloc)):
            raise Unavailable(f"{self._reference.host} asks for credentials at an address that is not HTTPS")
        scope = told.get("scope") or f"repository:{self._reference.path}:pull"
        query = urlencode({"service": told.get("service", ""), "scope": scope})
        address = f"{realm.scheme}://{realm.netloc}{realm.path}?{query}"
        status, _, body = self._get(address, {"Authorization": f"Basic {login}"} if login else {})
        try:
            data = json.loads(body) if status == 200 else {}
            token = data.get("token") or data.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Unavailable(
                f"{realm.hostname} gave no token for {self._reference.path} ({status})",
                hint="`docker login` to the registry on this machine",
            )
        return f"Bearer {token}"

    def _get(self, address: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers in lower case and body. Raises Unavailable where no answer comes."""
        proxies = urllib.request.ProxyHandler({}) if self._loopback else urllib.request.ProxyHandler()
        opener = urllib.request.build_opener(_Stay, proxies)
        request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310  the scheme is ours, see above
        try:
            try:
                answer = opener.open(request, timeout=_TIMEOUT_S)
            except urllib.error.HTTPError as refused:
                answer = refused
            with answer:
                body = answer.read(_MOST_BYTES + 1)
                status, told = int(answer.status or 0), {k.lower(): v for k, v in answer.headers.items()}
        except (OSError, HTTPException, ValueError) as error:
            said = one_line(str(getattr(error, "reason", "") or error), 200)
            raise Unavailable(
                f"the registry {self._reference.host} does not answer: {said}", hint="correct the image's name"
            ) from None
        if len(body) > _MOST_BYTES:
            raise MeasurementError(f"{self._reference.host} answered with more than {_MOST_BYTES // 2**20} MiB")
        return status, told, body


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody: credentials would go along."""

    def redirect_request(self, *_: Any) -> None:
        """No further request."""


def _login(host: str) -> str:
    """The login of the host as Docker's configuration has it, "" where there is none: base64 of user:password."""
    folder = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    try:
        data = json.loads((Path(folder) / "config.json").read_bytes())
        kept = data["auths"][_HUB_LOGIN if host == _HUB else host]["auth"]
        base64.b64decode(kept, validate=True)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return ""
    return str(kept)


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
