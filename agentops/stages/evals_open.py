"""What it takes to open an agent that is up: its secrets, a word planted in its prompt, the adapter of its protocol."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from agentops.agents.open import open_agent
from agentops.contracts import AgentAdapter
from agentops.evals.hiding import HidingAgent
from agentops.model.settings import Agent
from agentops.stages.site import Target


def hidden(agent: Agent) -> list[str]:
    """Values that may stand in nothing that is kept or said."""
    names = [*agent.secret_env, *([agent.auth_env] if agent.auth_env else [])]
    return [value for name in names if (value := os.environ.get(name))]


def canary(agent: Agent) -> str:
    """A new word for the agent's prompt, "" where none is planted: an agent that runs already cannot be given one."""
    return f"canary-{secrets.token_hex(6)}" if agent.canary_env and agent.url is None else ""


def planted(agent: Agent, word: str) -> dict[str, str]:
    """The variable through which the word reaches the agent's prompt."""
    return {agent.canary_env: word} if agent.canary_env and word else {}


def adapter(agent: Agent, running: Target, *, connections: int, root: Path) -> AgentAdapter:
    """The adapter of the agent's protocol, whose answers hold no secrets. Sends nothing. Raises ConfigError for
    templates that are wrong."""
    opened = open_agent(
        agent,
        running.base_url,
        connections=connections,
        token=os.environ.get(agent.auth_env, "") if agent.auth_env else "",
        runner=running.runner,
        root=root,
        secrets=hidden(agent),
    )
    return HidingAgent(opened, hidden(agent))
