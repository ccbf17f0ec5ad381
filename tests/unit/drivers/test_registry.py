"""A registry over real sockets: what it says is held against the digest that was asked for, and logins stay at home."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agentops.drivers import registry
from agentops.drivers.registry import Platform
from agentops.errors import MeasurementError, Unavailable, UsageError

CONFIG, CONFIG_2 = "sha256:" + "ab" * 32, "sha256:" + "bc" * 32


class Registry(ThreadingHTTPServer):
    """Manifests by tag or digest. `asks` is the challenge to whoever comes without `wants`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manifests: dict[str, bytes] = {}
        self.asks = ""
        self.wants = ""
        self.token: Any = None
        self.seen: list[tuple[str, str]] = []
        self.status = 0
        self.host = f"127.0.0.1:{self.server_address[1]}"

    def add(self, data: Any, *tags: str) -> str:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        for name in (digest, *tags):
            self.manifests[name] = body
        return digest


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        server = self.server
        login = self.headers.get("Authorization", "")
        server.seen.append((self.path, login))
        if self.path.startswith("/token"):
            return self._answer(200, json.dumps(server.token).encode())
        if server.status:
            return self._answer(server.status, b"", Location=f"http://{server.host}/elsewhere")
        if server.wants and login != server.wants:
            return self._answer(401, b"", **{"WWW-Authenticate": server.asks})
        body = server.manifests.get(self.path.removeprefix("/v2/team/bot/manifests/"))
        return self._answer(200, body) if body is not None else self._answer(404, b"{}")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    found = Registry()
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def manifest(config: str = CONFIG) -> dict[str, Any]:
    kind = "application/vnd.oci.image.manifest.v1+json"
    return {"schemaVersion": 2, "mediaType": kind, "config": {"digest": config}, "layers": []}


def index(*items: tuple[str, str, str]) -> dict[str, Any]:
    told = [{"digest": d, "platform": {"os": os, "architecture": arch}} for d, os, arch in items]
    return {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": told}


def test_a_tag_is_resolved_and_a_digest_is_its_own(server: Registry) -> None:
    digest = server.add(manifest(), "r1", "latest")
    name = f"{server.host}/team/bot"
    assert registry.resolve(f"{name}:r1") == registry.resolve(name) == digest
    asked = len(server.seen)
    assert registry.resolve(f"{name}@{digest}") == digest
    assert len(server.seen) == asked, "nobody is asked for what is known"


def test_a_manifest_and_an_index_tell_their_images(server: Registry) -> None:
    one, two, note = server.add(manifest()), server.add(manifest(CONFIG_2)), server.add(manifest("sha256:" + "f" * 64))
    name = f"{server.host}/team/bot"
    single = registry.identity(f"{name}@{one}")
    assert (single.index, single.platforms) == (False, (Platform("", one, CONFIG),))
    whole = server.add(index((one, "linux", "amd64"), (two, "linux", "arm64"), (note, "unknown", "unknown")))
    found = registry.identity(f"{name}@{whole}")
    assert found.index
    assert found.platforms == (Platform("linux/amd64", one, CONFIG), Platform("linux/arm64", two, CONFIG_2))
    assert not found.within({CONFIG}), "a platform that nobody measured"
    assert found.within({CONFIG, two})
    assert single.within({CONFIG})
    assert not single.within({CONFIG_2})
    assert not registry.Identity(one, True, ()).within({one})


@pytest.mark.parametrize("kind", ["manifest", "index", ""])
@pytest.mark.parametrize("also", ["config", "layers"])
def test_what_is_an_image_and_an_index_at_once_is_refused(server: Registry, kind: str, also: str) -> None:
    one = server.add(manifest())
    whole = index((one, "linux", "amd64"))
    both = {**whole, also: manifest()[also], "mediaType": f"application/vnd.oci.image.{kind}.v1+json"}
    if not kind:
        del both["mediaType"]
    digest = server.add(both)
    with pytest.raises(MeasurementError, match="an image and an index at once"):
        registry.identity(f"{server.host}/team/bot@{digest}")


def test_a_challenge_that_names_no_address_is_no_crash(server: Registry) -> None:
    digest = server.add(manifest())
    server.wants, server.asks = "Bearer x", 'Bearer realm="http://[half",service="s"'
    with pytest.raises(Unavailable, match="asks for credentials at no address"):
        registry.identity(f"{server.host}/team/bot@{digest}")


def test_an_answer_that_is_not_what_was_asked_for_is_refused(server: Registry) -> None:
    digest = server.add(manifest())
    server.manifests[digest] = json.dumps(manifest(CONFIG_2)).encode()
    with pytest.raises(MeasurementError, match="something else"):
        registry.identity(f"{server.host}/team/bot@{digest}")


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{", b"[" * 100_000, {}, {"config": {}}, {"config": {"digest": 1}}, {"config": []},
        {"manifests": {}}, {"manifests": [1]}, {"manifests": [{"digest": "x"}]}, {"manifests": [{}] * 50},
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused(server: Registry, data: Any) -> None:
    digest = server.add(data)
    with pytest.raises(MeasurementError):
        registry.identity(f"{server.host}/team/bot@{digest}")


def test_an_index_inside_of_an_index_is_refused(server: Registry) -> None:
    inner = server.add(index((server.add(manifest()), "linux", "amd64")))
    with pytest.raises(MeasurementError, match="inside"):
        registry.identity(f"{server.host}/team/bot@{server.add(index((inner, 'linux', 'amd64')))}")


def test_trouble_says_what_it_is(server: Registry) -> None:
    name = f"{server.host}/team/bot"
    with pytest.raises(MeasurementError, match="not in the registry"):
        registry.resolve(f"{name}:none")
    server.status = 503
    with pytest.raises(Unavailable, match="503"):
        registry.resolve(f"{name}:r1")
    server.status = 307
    with pytest.raises(Unavailable, match="307"):
        registry.resolve(f"{name}:r1")
    assert not [path for path, _ in server.seen if "elsewhere" in path]
    server.status = 0
    server.add(b" " * (5 * 1024 * 1024), "big")
    with pytest.raises(MeasurementError, match="more than 4 MiB"):
        registry.resolve(f"{name}:big")
    with pytest.raises(Unavailable, match="does not answer"):
        registry.resolve("127.0.0.1:1/team/bot:r1")


def test_a_token_is_asked_for_with_the_login_of_docker(server: Registry, tmp_path: Path) -> None:
    digest = server.add(manifest(), "r1")
    server.asks = f'Bearer realm="http://{server.host}/token",service="here"'
    server.wants, server.token = "Bearer abc", {"token": "abc"}
    name = f"{server.host}/team/bot"
    assert registry.resolve(f"{name}:r1") == digest
    token = next(entry for entry in server.seen if entry[0].startswith("/token"))
    assert token == ("/token?service=here&scope=repository%3Ateam%2Fbot%3Apull", "")
    login = base64.b64encode(b"me:word").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {server.host: {"auth": login}}}))
    server.seen.clear()
    assert registry.resolve(f"{name}:r1") == digest
    assert (token[0], f"Basic {login}") in server.seen
    server.asks, server.wants = "Basic realm=x", f"Basic {login}"
    assert registry.resolve(f"{name}:r1") == digest


@pytest.mark.parametrize("token", [None, [], {}, {"token": 1}, {"token": "a\nb"}, {"token": ""}])
def test_without_a_token_it_is_refused(server: Registry, token: Any) -> None:
    server.asks, server.wants, server.token = f'Bearer realm="http://{server.host}/token"', "Bearer abc", token
    with pytest.raises(Unavailable, match="no token"):
        registry.resolve(f"{server.host}/team/bot:r1")


@pytest.mark.parametrize("realm", ["http://example.invalid/token", "", "ftp://127.0.0.1/x", "file:///etc/passwd"])
def test_a_login_goes_nowhere_but_over_https(server: Registry, realm: str) -> None:
    server.asks, server.wants = f'Bearer realm="{realm}"', "Bearer abc"
    with pytest.raises(Unavailable):
        registry.resolve(f"{server.host}/team/bot:r1")


@pytest.mark.parametrize(
    ("reference", "host", "path"),
    [
        ("nginx", "registry-1.docker.io", "library/nginx"),
        ("docker.io/nginx:1", "registry-1.docker.io", "library/nginx"),
        ("team/bot:r1", "registry-1.docker.io", "team/bot"),
        ("ghcr.io/team/bot:r1", "ghcr.io", "team/bot"),
        ("localhost/bot", "localhost", "bot"),
        ("[::1]:5000/bot", "[::1]:5000", "bot"),
    ],
)
def test_references_are_taken_apart(reference: str, host: str, path: str) -> None:
    found = registry.parse(reference)
    assert (found.host, found.path) == (host, path)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "/",
        "a b",
        "Team/Bot",
        "ghcr.io/x:",
        "ghcr.io/x@sha256:ab",
        "ghcr.io/x?y=1",
        "user@host/x",
        "h.io/../x",
        "h.io/x" * 200,
    ],
)
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(UsageError, match="is no image"):
        registry.parse(reference)
