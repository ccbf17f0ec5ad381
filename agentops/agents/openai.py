"""What the adapters for OpenAI's two protocols have in common: they are made alike, and looked at alike."""

from __future__ import annotations

from typing import ClassVar

from agentops.agents import recognise
from agentops.agents.access import Access
from agentops.agents.base import HttpAdapter


class OpenAIAgent(HttpAdapter):
    """Speaks `protocol` to `url`, and asks for `model`."""

    protocol: ClassVar[str]

    def __init__(self, url: str, access: Access, *, model: str, stream: bool = False) -> None:
        super().__init__(url, access)
        self.url = url
        self.model = model
        self.stream = stream

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """Whether the address is there; see recognise.look."""
        async with self.within(timeout_s):
            return await recognise.look(self, self.url, protocol=self.protocol)
