"""Agents behind LangGraph's server. Every conversation is a thread; the time of creating it is not the answer's."""

from __future__ import annotations

from agentops.agents import recognise
from agentops.agents.access import Access
from agentops.agents.base import HttpAdapter, timed
from agentops.errors import TargetError
from agentops.model.case import Answer, Turn
from agentops.wire import langgraph
from agentops.wire.shape import ShapeError
from agentops.wire.sse import Event

_NAMED = 20
_MOST = 1000


class LangGraphAgent(HttpAdapter):
    """Speaks to the assistant or graph `assistant`. See contracts.AgentAdapter."""

    answers = "state of a LangGraph run"

    def __init__(self, base_url: str, access: Access, *, assistant: str, stream: bool = False) -> None:
        super().__init__(base_url, access)
        self.assistant = assistant
        self.stream = stream

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """Look for the assistant. Raises TargetError, which names the graphs where ours is not among them."""
        async with self.within(timeout_s):
            reply = await self.connection.send("POST", self.at(langgraph.ASSISTANTS_PATH), body={"limit": _MOST})
            if reply.status in (401, 403):
                raise self.connection.refused(reply)
            try:
                if not reply.ok:
                    raise ShapeError(f"HTTP {reply.status}")
                known, graphs = langgraph.assistants(reply.content)
            except ShapeError as error:
                because = f"POST {langgraph.ASSISTANTS_PATH} lists no assistants: {error}"
                raise await recognise.refuse(self, protocol="langgraph", because=because) from None
            if self.assistant not in known:
                there = ", ".join(graphs[:_NAMED]) or "none"
                raise TargetError(
                    f"the LangGraph server has no assistant {self.assistant!r}; its graphs: {there}",
                    hint=f"write agent.app: {graphs[0]}" if graphs else "check the server's langgraph.json",
                )
            return (f"LangGraph assistant {self.assistant}",)

    def dialogue(self, session: str, *, user: str = "") -> _Thread:
        """A thread; it is created with the first turn, and named by the server."""
        return _Thread(self, user or session)


class _Thread:
    def __init__(self, agent: LangGraphAgent, user: str) -> None:
        self._agent = agent
        self._user = user
        self._thread = ""
        self._seen: frozenset[str] = frozenset()
        self._interrupted = False

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more. Raises TargetError."""
        agent = self._agent
        fold = _Run(langgraph.Stream(self._seen)) if agent.stream else None
        body = langgraph.request(
            turn, assistant=agent.assistant, user=self._user, resume=self._interrupted, stream=agent.stream
        )
        async with agent.within(timeout_s):
            if not self._thread:
                created = await agent.ask(agent.at(langgraph.THREADS_PATH), {})
                self._thread = agent.parsed(created, langgraph.thread_id)
            url = agent.at(langgraph.run_path(self._thread, stream=agent.stream))
            http = await agent.ask(url, body, into=fold)
            if fold is not None and http.streamed:
                reply = fold.stream.reply()
            else:
                reply = agent.parsed(http, lambda content: langgraph.parse(content, seen=self._seen))
        self._seen, self._interrupted = reply.seen, reply.interrupted
        return timed(reply.answer, http)


class _Run:
    """A streamed run as a Fold: here the kind of an event matters."""

    def __init__(self, stream: langgraph.Stream) -> None:
        self.stream = stream

    @property
    def done(self) -> bool:
        return self.stream.done

    def take(self, event: Event) -> bool:
        return self.stream.add(event.kind, event.data)
