"""Where a request goes: how a base URL and a path are joined."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def endpoint(base_url: str, path: str) -> str:
    """Where to post: the path is added, but for what of it the URL says already (`http://host/v1`)."""
    url = base_url.rstrip("/")
    said = urlsplit(url).path
    return url.removesuffix(said) + path if said and (path + "/").startswith(said + "/") else url + path


def origin(base_url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def is_within(url: str, base_url: str) -> bool:
    """Whether a URL has the scheme, host, port and user of the base URL: a request to it goes to the same server."""
    try:
        return _server(url) == _server(base_url)
    except ValueError:
        return False


def _server(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), user + at
