"""Agents that speak OpenAI chat completions. The history goes along with every turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops.agents.base import Folding, timed
from agentops.agents.openai import OpenAIAgent
from agentops.model.case import Answer, Turn
from agentops.wire import openai_chat


class OpenAIChatAgent(OpenAIAgent):
    """Speaks OpenAI chat completions to `url`. See contracts.AgentAdapter."""

    protocol = "openai-chat"
    answers = "chat completion"

    def dialogue(self, session: str, *, user: str = "") -> _Chat:
        """A conversation whose history goes along with every turn."""
        return _Chat(self, user or session)


class _Chat:
    def __init__(self, agent: OpenAIChatAgent, user: str) -> None:
        self._agent = agent
        self._user = user
        self._messages: list[Mapping[str, Any]] = []

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more. Raises TargetError."""
        agent = self._agent
        messages = [*self._messages, openai_chat.user_message(turn)]
        body = openai_chat.request(messages, session=self._user, model=agent.model, stream=agent.stream)
        fold = Folding(openai_chat.Stream()) if agent.stream else None
        async with agent.within(timeout_s):
            reply = await agent.ask(agent.url, body, into=fold)
            if fold is not None and reply.streamed:
                answer = fold.stream.answer()
            else:
                answer = agent.parsed(reply, openai_chat.parse)
        self._messages = [*messages, {"role": "assistant", "content": answer.text}]
        return timed(answer, reply)
