"""The agent's model where a script plays it."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agentops.model.settings import Agent
from agentops.stages.site import Site

if TYPE_CHECKING:
    from agentops.gateway.script import Script
    from agentops.gateway.server import ScriptServer


class PlayedModel:
    """A scripted model where one is configured, where the agent can reach it. A context manager."""

    def __init__(self, agent: Agent, site: Site, *, root: Path) -> None:
        self._script = agent.model.script
        self._site = site
        self._root = root
        self._stack = ExitStack()
        self._server: ScriptServer | None = None

    def __enter__(self) -> Self:
        if self._script is not None:
            from agentops.gateway.server import ScriptServer

            script = load_script(self._root / self._script)
            server = ScriptServer(script, host=self._site.model_host, token=secrets.token_urlsafe(24))
            self._server = self._stack.enter_context(server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def played(self) -> bool:
        """Whether a script plays the model."""
        return self._server is not None

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead an agent to its model."""
        if self._server is None:
            return {}
        url = f"http://{self._site.model_address(self._server.port)}/v1"
        return {"OPENAI_BASE_URL": url, "OPENAI_API_BASE": url, "OPENAI_API_KEY": self._server.token}

    def said(self) -> list[str]:
        """What every report must say of the scripted model."""
        model = self._server
        if model is None:
            return []
        named = f"scripted model: {model.name} ({self._script})"
        if not model.calls:
            return [f"{named} was never asked: the agent does not use OPENAI_BASE_URL, or needs no model"]
        notices = [f"{named} answered, no real model did"]
        if model.misses:
            count = "1 question" if len(model.misses) == 1 else f"{len(model.misses)} questions"
            notices.append(f"{model.name} had no rule for {count}; the first: {model.misses[0]}")
        return notices


def load_script(path: Path) -> Script:
    """The script in a file. Raises ConfigError."""
    from agentops.gateway import script_file

    return script_file.load(path)
