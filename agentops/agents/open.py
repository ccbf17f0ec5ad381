"""Picks the adapter for the protocol that the configuration names. Nothing of a protocol is imported before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.agents.access import Access
from agentops.agents.address import endpoint
from agentops.contracts import AgentAdapter
from agentops.errors import ConfigError
from agentops.model.settings import Agent

if TYPE_CHECKING:
    from agentops.agents.command import Runner

__all__ = ["PROTOCOLS", "endpoint", "open_agent"]


@dataclass(frozen=True, slots=True)
class _Way:
    """What an adapter is made of, besides the agent's settings."""

    base_url: str
    access: Access
    runner: Runner | None
    root: Path | None


def open_agent(
    agent: Agent,
    base_url: str,
    *,
    connections: int,
    token: str = "",
    runner: Runner | None = None,
    root: Path | None = None,
    secrets: Sequence[str] = (),
) -> AgentAdapter:
    """The adapter for an agent that runs at `base_url` ("" for the protocol command). Sends nothing.

    `connections` bounds the calls at once, `token` is sent as a bearer token, and `secrets` are values that no message
    may hold. For the protocol command `runner` runs it, else it runs on this machine in the folder `root`.
    Raises ConfigError for a template or an expression that is wrong, and for a protocol that is unknown.
    """
    make = PROTOCOLS.get(agent.protocol)
    if make is None:
        raise ConfigError(
            f"agent.protocol: {agent.protocol!r} is unknown", hint=f"known are {', '.join(sorted(PROTOCOLS))}"
        )
    for name, value in agent.headers.items():
        if any(c in "\r\n\x00" for c in name + value):
            raise ConfigError(f"agent.headers.{name!r}: a header cannot hold a line break", hint="take it out")
    access = Access(connections, agent.headers, token, tuple(secrets))
    return make(agent, _Way(base_url, access, runner, root))


def _openai_chat(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents.openai_chat import OpenAIChatAgent
    from agentops.wire.openai_chat import PATH

    url = endpoint(way.base_url, agent.path or PATH)
    return OpenAIChatAgent(url, way.access, model=agent.app or agent.name, stream=agent.stream)


def _openai_responses(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents.openai_responses import OpenAIResponsesAgent
    from agentops.wire.openai_responses import PATH

    url = endpoint(way.base_url, agent.path or PATH)
    return OpenAIResponsesAgent(url, way.access, model=agent.app or agent.name, stream=agent.stream)


def _agentcore(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents.agentcore import AgentCoreAgent
    from agentops.wire.agentcore import PATH

    return AgentCoreAgent(way.base_url, way.access, path=agent.path or PATH)


def _adk(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents.adk import AdkAgent

    app = agent.app or agent.name
    return AdkAgent(way.base_url, way.access, app=app, path=agent.path, stream=agent.stream)


def _langgraph(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents.langgraph import LangGraphAgent

    base_url = endpoint(way.base_url, agent.path.rstrip("/")) if agent.path else way.base_url
    return LangGraphAgent(base_url, way.access, assistant=agent.app or agent.name, stream=agent.stream)


def _a2a(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents.a2a import A2AAgent

    return A2AAgent(way.base_url, way.access, path=agent.path, stream=agent.stream)


def _http(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents.http import HttpAgent

    if agent.http is None:
        raise ConfigError("agent.http is missing", hint="write agent.http with a body and an answer")
    path = agent.path if agent.path is not None else "/"
    return HttpAgent(way.base_url, way.access, http=agent.http, path=path, stream=agent.stream)


def _command(agent: Agent, way: _Way) -> AgentAdapter:
    from agentops.agents import command

    if not agent.command:
        raise ConfigError("agent.command is missing", hint="write agent.command")
    runner = way.runner or command.local(way.root, env=agent.env, slots=way.access.connections)
    return command.CommandAgent(agent.command, runner, secrets=(*way.access.secrets, way.access.token))


PROTOCOLS: Mapping[str, Callable[[Agent, _Way], AgentAdapter]] = {
    "openai-chat": _openai_chat,
    "openai-responses": _openai_responses,
    "agentcore": _agentcore,
    "adk": _adk,
    "langgraph": _langgraph,
    "a2a": _a2a,
    "http": _http,
    "command": _command,
}
