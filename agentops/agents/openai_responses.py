"""Agents that speak OpenAI responses. Where the server keeps its answers the next turn names the last, else the
history goes along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops.agents.base import Folding, timed
from agentops.agents.openai import OpenAIAgent
from agentops.model.case import Answer, Turn
from agentops.wire import openai_responses


class OpenAIResponsesAgent(OpenAIAgent):
    """Speaks OpenAI responses to `url`. See contracts.AgentAdapter."""

    protocol = "openai-responses"
    answers = "response object"

    def dialogue(self, session: str, *, user: str = "") -> _Conversation:
        """A conversation that the server keeps, or that goes along with every turn."""
        return _Conversation(self, user or session)


class _Conversation:
    def __init__(self, agent: OpenAIResponsesAgent, user: str) -> None:
        self._agent = agent
        self._user = user
        self._messages: list[Mapping[str, Any]] = []
        self._after = ""

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more. Raises TargetError."""
        agent = self._agent
        messages = [*self._messages, openai_responses.user_message(turn)]
        body = openai_responses.request(
            messages[-1:] if self._after else messages,
            session=self._user,
            model=agent.model,
            after=self._after,
            stream=agent.stream,
        )
        fold = Folding(openai_responses.Stream()) if agent.stream else None
        async with agent.within(timeout_s):
            http = await agent.ask(agent.url, body, into=fold)
            if fold is not None and http.streamed:
                reply = fold.stream.reply()
            else:
                reply = agent.parsed(http, openai_responses.parse)
        self._messages = [*messages, {"role": "assistant", "content": reply.answer.text}]
        self._after = reply.kept_as
        return timed(reply.answer, http)
