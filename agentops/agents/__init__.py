"""How a case is put to an agent and its answer read: one module a protocol, imported when it is used."""

from agentops.agents.open import PROTOCOLS, endpoint, open_agent

__all__ = ["PROTOCOLS", "endpoint", "open_agent"]
