"""What a target speaks that does not speak what it should: a few GET requests that call no model."""

from __future__ import annotations

import re
from collections.abc import Callable

from agentops.agents.address import origin
from agentops.agents.base import HttpAdapter
from agentops.agents.connection import Reply
from agentops.errors import TargetError
from agentops.wire import a2a_card, adk, agentcore, shape
from agentops.wire.shape import ShapeError

_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.IGNORECASE)


def _card(content: bytes) -> str:
    return f"it has an A2A agent card, of {a2a_card.parse(content).name!r}"


def _apps(content: bytes) -> str:
    return f"it lists the ADK apps {', '.join(adk.apps(content)[:20]) or 'none'}"


def _ping(content: bytes) -> str:
    return f"GET /ping says {agentcore.healthy(content)}, as AgentCore's contract wants it"


def _ok(content: bytes) -> str:
    if shape.mapping(content).get("ok") is not True:
        raise ShapeError("not ok")
    return "GET /ok says so, as LangGraph's server does"


# A path -> the protocol whose servers answer it, and the reader that makes sure.
_SIGNS: tuple[tuple[str, str, Callable[[bytes], str]], ...] = (
    (a2a_card.PATHS[0], "a2a", _card),
    (a2a_card.PATHS[1], "a2a", _card),
    (adk.APPS_PATH, "adk", _apps),
    (agentcore.PING_PATH, "agentcore", _ping),
    ("/ok", "langgraph", _ok),
)


async def other(adapter: HttpAdapter, *, but: str) -> tuple[str, str] | None:
    """The protocol that the target seems to speak instead, and by what it shows. None where nothing shows."""
    for path, protocol, read in _SIGNS:
        if protocol == but:
            continue
        reply = await adapter.get(origin(adapter.base_url) + path)
        if reply.status != 200:
            continue
        try:
            return protocol, read(reply.content)
        except (ShapeError, TargetError):
            continue
    return None


async def refuse(adapter: HttpAdapter, *, protocol: str, because: str) -> TargetError:
    """The error of a preflight, with what the target speaks instead where that shows."""
    found = await other(adapter, but=protocol)
    if found is None:
        return TargetError(because, hint="check agent.protocol, agent.port and agent.path")
    name, sign = found
    return TargetError(f"{because}; the target seems to speak {name}: {sign}", hint=f"try agent.protocol: {name}")


def page(reply: Reply) -> str:
    """Words for an HTML page, "" where it is none."""
    if reply.content.lstrip()[:1] != b"<":
        return ""
    title = _TITLE.search(reply.content)
    return f"an HTML page titled {title[1].decode('utf-8', 'replace').strip()!r}" if title else "an HTML page"


async def look(adapter: HttpAdapter, url: str, *, protocol: str) -> tuple[str, ...]:
    """The preflight of protocols whose only address takes POST: OPTIONS asks for nothing to be done.

    A router answers it with 404 where there is no such path, but so do servers written by hand for paths that they
    have: a 404 is an error only where the target shows that it speaks something else. Raises TargetError.
    """
    reply = await adapter.connection.send("OPTIONS", url)
    if reply.status == 401:
        raise adapter.connection.refused(reply)
    html = page(reply)
    if reply.ok and html:
        raise await refuse(adapter, protocol=protocol, because=f"{url} is {html}")
    if reply.status != 404:
        return ()
    if await other(adapter, but=protocol) is not None:
        raise await refuse(adapter, protocol=protocol, because=f"nothing is at {url} (HTTP 404)")
    return (f"{url} answers OPTIONS with 404: whether the target speaks {protocol} shows with the first call",)
