"""Agents behind Google ADK's api_server.

Every conversation is a session of a user of its own, so that nothing that the app remembers of a user leaks from one
attempt into another. The time of creating the session is not the answer's.
"""

from __future__ import annotations

from agentops.agents import recognise
from agentops.agents.access import Access
from agentops.agents.base import Folding, HttpAdapter, timed
from agentops.errors import TargetError
from agentops.model.case import Answer, Turn
from agentops.wire import adk
from agentops.wire.shape import ShapeError

_NAMED = 20


class AdkAgent(HttpAdapter):
    """Speaks to the app `app` of an api_server. See contracts.AgentAdapter."""

    answers = "list of ADK events"

    def __init__(
        self, base_url: str, access: Access, *, app: str, path: str | None = None, stream: bool = False
    ) -> None:
        super().__init__(base_url, access)
        self.app = app
        self.stream = stream
        self.url = self.at(path or (adk.STREAM_PATH if stream else adk.RUN_PATH))

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """GET /list-apps. Raises TargetError, which names the apps where ours is not among them."""
        async with self.within(timeout_s):
            reply = await self.get(self.at(adk.APPS_PATH))
            if reply.status == 401:
                raise self.connection.refused(reply)
            try:
                if not reply.ok:
                    raise ShapeError(f"HTTP {reply.status}")
                apps = adk.apps(reply.content)
            except ShapeError as error:
                because = f"GET {adk.APPS_PATH} lists no apps: {error}"
                raise await recognise.refuse(self, protocol="adk", because=because) from None
            if self.app not in apps:
                there = ", ".join(apps[:_NAMED]) or "none"
                raise TargetError(
                    f"the ADK server has no app {self.app!r}; it has: {there}",
                    hint=f"write agent.app: {apps[0]}" if apps else "check what the server was started with",
                )
            return (f"ADK app {self.app}, one of {len(apps)}" if len(apps) > 1 else f"ADK app {self.app}",)

    def dialogue(self, session: str, *, user: str = "") -> _Session:
        """A session of the app; it is created with the first turn."""
        return _Session(self, session, user or session)


class _Session:
    def __init__(self, agent: AdkAgent, session: str, user: str) -> None:
        self._agent = agent
        self._name = session
        self._user = user
        self._session = ""

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more. Raises TargetError."""
        agent = self._agent
        fold = Folding(adk.Stream()) if agent.stream else None
        async with agent.within(timeout_s):
            self._session = self._session or await self._created()
            body = adk.request(turn, app=agent.app, user=self._user, session=self._session, stream=agent.stream)
            reply = await agent.ask(agent.url, body, into=fold)
            if fold is not None and reply.streamed:
                answer = fold.stream.answer()
            else:
                answer = agent.parsed(reply, adk.parse)
        return timed(answer, reply)

    async def _created(self) -> str:
        """The session's id. Under our name first; servers that only give ids of their own get to give one."""
        agent = self._agent
        named = agent.at(adk.session_path(agent.app, self._user, self._name))
        reply = await agent.connection.send("POST", named, body={})
        if reply.status in (404, 405):
            reply = await agent.connection.send("POST", agent.at(adk.session_path(agent.app, self._user)), body={})
        if not reply.ok:
            taken = "the server still has this session from earlier: start it anew"
            hint = taken if reply.status == 409 else "check agent.app: no session could be created"
            raise agent.connection.refused(reply, hint=hint)
        return agent.parsed(reply, adk.session_id)
