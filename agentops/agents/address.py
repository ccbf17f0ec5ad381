"""Where a request goes: how a base URL and a path are joined."""

from __future__ import annotations

from urllib.parse import urlsplit


def endpoint(base_url: str, path: str) -> str:
    """Where to post: the path is added, but for what of it the URL says already (`http://host/v1`)."""
    url = base_url.rstrip("/")
    said = urlsplit(url).path
    return url.removesuffix(said) + path if said and (path + "/").startswith(said + "/") else url + path


def origin(base_url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
