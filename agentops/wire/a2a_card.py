"""The agent card of A2A, versions 1.0 and 0.3: where the agent is asked, and how."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.errors import TargetError
from agentops.wire import shape
from agentops.wire.shape import ShapeError

# The second is that of versions before 0.3.
PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")

JSONRPC = "JSONRPC"
HTTP_JSON = "HTTP+JSON"
_SPOKEN = (JSONRPC, HTTP_JSON)
# Glued behind a host, anything else could become part of its name, or the name of another one.
_PATH = re.compile(r"/[^\x00-\x1f\x7f-\x9f\\]*")


@dataclass(frozen=True, slots=True)
class Interface:
    """One way to ask the agent. `version` is "1.0" or "0.3"; `sure` is false where the card leaves it open."""

    url: str
    binding: str
    version: str
    tenant: str = ""
    sure: bool = True

    @property
    def path(self) -> str:
        """The path of the URL, "" for the root. Raises ShapeError where it is none that a host can be put before."""
        path = urllib.parse.urlsplit(self.url).path
        if path and not _PATH.fullmatch(path):
            raise ShapeError(
                "the url of the agent card is none: its path must begin with / and hold no control characters"
            )
        return path.rstrip("/")

    @property
    def host(self) -> str:
        """Host and port of the URL, "" where it has none."""
        return urllib.parse.urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True)
class Card:
    """What the card says of the agent, as far as asking it needs it."""

    name: str
    interface: Interface
    streaming: bool
    required_extensions: tuple[str, ...] = ()


def parse(body: bytes) -> Card:
    """The card in a body. Raises ShapeError where it is none, TargetError where the agent is asked by other means."""
    data = shape.mapping(body)
    found = _declared(data) or _of_version_03(data)
    if not found:
        raise ShapeError("the card has neither supportedInterfaces nor url")
    spoken = [interface for interface in found if interface.binding in _SPOKEN]
    if not spoken:
        offered = ", ".join(sorted({interface.binding for interface in found}))
        raise TargetError(
            f"the agent card offers {offered} only", hint=f"agentops speaks {' and '.join(_SPOKEN)}; serve one of them"
        )
    # The agent's own order counts, but a newer version before an older one.
    newest = [interface for interface in spoken if interface.version == "1.0"]
    capabilities = shape.fields(data.get("capabilities"))
    extensions = map(shape.fields, shape.items(capabilities.get("extensions")))
    required = [shape.name(e.get("uri")) for e in extensions if e.get("required") is True]
    return Card(
        name=shape.name(data.get("name")) or "",
        interface=(newest or spoken)[0],
        streaming=capabilities.get("streaming") is True,
        required_extensions=tuple(uri for uri in required if uri),
    )


def _declared(data: Mapping[str, Any]) -> list[Interface]:
    """The interfaces of a card of version 1.0."""
    found = []
    for item in map(shape.fields, shape.items(data.get("supportedInterfaces"))):
        binding, told = item.get("protocolBinding", item.get("transport")), item.get("protocolVersion")
        if isinstance(item.get("url"), str) and isinstance(binding, str):
            version = _version(told) or "1.0"
            tenant = item.get("tenant") if isinstance(item.get("tenant"), str) else ""
            found.append(_interface(item["url"], binding, version, tenant=tenant or "", sure=bool(_version(told))))
    return found


def _of_version_03(data: Mapping[str, Any]) -> list[Interface]:
    """The interfaces of a card of version 0.3 and before: the main one first."""
    url, preferred = data.get("url"), data.get("preferredTransport")
    if not isinstance(url, str):
        return []
    told = data.get("protocolVersion")
    version = _version(told) or "0.3"
    main = _interface(url, preferred if isinstance(preferred, str) else JSONRPC, version, sure=bool(_version(told)))
    more = []
    for item in map(shape.fields, shape.items(data.get("additionalInterfaces"))):
        if isinstance(item.get("url"), str) and isinstance(item.get("transport"), str):
            more.append(_interface(item["url"], item["transport"], version))
    return [main, *more]


def _interface(url: str, binding: str, version: str, *, tenant: str = "", sure: bool = True) -> Interface:
    try:
        urllib.parse.urlsplit(url)
    except ValueError:
        raise ShapeError("an interface of the card has a url that is none") from None
    return Interface(url, binding[: shape.MAX_NAME].upper(), version, tenant, sure)


def _version(told: Any) -> str:
    """ "1.0" or "0.3" for whatever the card says, "" where it says nothing that can be meant."""
    if not isinstance(told, str) or not told[:1].isdecimal():
        return ""
    return "0.3" if told.startswith("0") else "1.0"
