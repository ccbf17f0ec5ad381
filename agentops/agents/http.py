"""Agents that speak an HTTP of their own: asked by templates, read by JMESPath, as agent.http says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops.agents import recognise
from agentops.agents.access import Access
from agentops.agents.base import EVENTS, Folding, HttpAdapter, timed
from agentops.agents.template import Templates, variables
from agentops.model.case import Answer, Turn
from agentops.model.settings import Http
from agentops.wire import jmes


class HttpAgent(HttpAdapter):
    """Speaks as `http` says. Raises ConfigError for a template or an expression that is wrong. See
    contracts.AgentAdapter."""

    answers = "answer that agent.http describes"

    def __init__(self, base_url: str, access: Access, *, http: Http, path: str = "/", stream: bool = False) -> None:
        super().__init__(base_url, access)
        self.method = http.method
        self.templates = Templates(path=path, headers=http.headers, body=http.body)
        self.reader = jmes.Reader(http)
        self.stream = stream or http.stream
        kinds = [value for name, value in http.headers.items() if name.lower() == "content-type"]
        self._headers = {} if kinds else {"Content-Type": "application/json"}

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """Whether somebody answers at all; see recognise.look."""
        seen = variables(Turn("preflight"), session="preflight", user="preflight", number=1, history=[])
        async with self.within(timeout_s):
            return await recognise.look(self, self.at(self.templates.path(seen)), protocol="http")

    def dialogue(self, session: str, *, user: str = "") -> _Dialogue:
        """A conversation under this name, until the agent gives it one of its own."""
        return _Dialogue(self, session, user or session)

    def parts(self, seen: Mapping[str, Any]) -> dict[str, Any]:
        """Headers and body of a request. A body that is one text goes as it is. Raises TargetError."""
        made = self.templates.body(seen)
        headers = dict(EVENTS) if self.stream else {}
        if made is None:
            return {"headers": headers | self.templates.headers(seen)}
        headers |= self._headers | self.templates.headers(seen)
        if isinstance(made, str):
            return {"headers": headers, "raw": made.encode("utf-8", "replace")}
        return {"headers": headers, "body": made}


class _Dialogue:
    def __init__(self, agent: HttpAgent, session: str, user: str) -> None:
        self._agent = agent
        self._session = session
        self._user = user
        self._history: list[dict[str, str]] = []

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more. Raises TargetError."""
        agent = self._agent
        number = 1 + sum(message["role"] == "user" for message in self._history)
        fold = Folding(jmes.Stream(agent.reader)) if agent.stream else None
        async with agent.within(timeout_s):
            seen = variables(turn, session=self._session, user=self._user, number=number, history=self._history)
            url = agent.at(agent.templates.path(seen))
            reply = await agent.connection.send(agent.method, url, into=fold, **agent.parts(seen))
            if not reply.ok:
                raise agent.connection.refused(reply)
            if fold is not None and reply.streamed:
                answer, session = fold.stream.answer()
            else:
                answer, session = agent.parsed(reply, agent.reader.parse)
        self._session = self._session if session is None else session
        said = {"role": "user", "content": turn.text}, {"role": "assistant", "content": answer.text}
        self._history = [*self._history, *said]
        return timed(answer, reply)
