"""Agents behind the HTTP contract of the AWS Bedrock AgentCore runtime. The agent keeps the conversation under the
session's header. An answer as events is read as such whether or not streams were asked for: the agent chooses."""

from __future__ import annotations

from agentops.agents import recognise
from agentops.agents.access import Access
from agentops.agents.address import origin
from agentops.agents.base import Folding, HttpAdapter, timed
from agentops.model.case import Answer, Turn
from agentops.wire import agentcore
from agentops.wire.shape import ShapeError


class AgentCoreAgent(HttpAdapter):
    """Speaks AgentCore's contract. See contracts.AgentAdapter."""

    answers = "AgentCore invocation's result"

    def __init__(self, base_url: str, access: Access, *, path: str) -> None:
        super().__init__(base_url, access)
        self.url = self.at(path)

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """GET /ping, which the contract demands. Raises TargetError."""
        async with self.within(timeout_s):
            reply = await self.get(origin(self.base_url) + agentcore.PING_PATH)
            if reply.status == 401:
                raise self.connection.refused(reply)
            try:
                if reply.ok:
                    return (f"GET /ping: {agentcore.healthy(reply.content)}",)
                because = f"GET /ping answered HTTP {reply.status}"
            except ShapeError as error:
                because = f"GET /ping answered {recognise.page(reply) or self.connection.quote(reply.content)}: {error}"
            raise await recognise.refuse(self, protocol="agentcore", because=because)

    def dialogue(self, session: str, *, user: str = "") -> _Session:
        """A session of the runtime."""
        return _Session(self, session, user or session)


class _Session:
    def __init__(self, agent: AgentCoreAgent, session: str, user: str) -> None:
        self._agent = agent
        self._headers = {agentcore.SESSION_HEADER: agentcore.session_header(session), agentcore.USER_HEADER: user}

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more. Raises TargetError."""
        agent = self._agent
        fold = Folding(agentcore.Stream())
        async with agent.within(timeout_s):
            reply = await agent.ask(agent.url, agentcore.request(turn), into=fold, headers=self._headers)
            answer = fold.stream.answer() if reply.streamed else agent.parsed(reply, agentcore.parse)
        return timed(answer, reply)
