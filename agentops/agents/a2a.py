"""Agents that speak A2A 1.0, or 0.3 where their card says so.

The card is read first, and once. Of the address that it names only the path is used: requests go to the host under
test and nowhere else, for a container's card names a port of its own or a public host that is not measured here, and
a token must not travel where a card points. `agent.path` overrules the path too.
"""

from __future__ import annotations

import asyncio
import urllib.parse
import uuid
from dataclasses import replace

from agentops.agents import recognise
from agentops.agents.access import Access
from agentops.agents.address import endpoint, is_within, origin
from agentops.agents.base import Folding, HttpAdapter, timed
from agentops.agents.connection import Reply
from agentops.errors import TargetError
from agentops.model.case import Answer, Turn
from agentops.wire import a2a, a2a_card
from agentops.wire.a2a_card import Card, Interface
from agentops.wire.shape import ShapeError

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
_MEND_CARD = "correct the card's url, or set agent.path"


class A2AAgent(HttpAdapter):
    """Speaks A2A. See contracts.AgentAdapter."""

    answers = "A2A task or message"

    def __init__(self, base_url: str, access: Access, *, path: str | None = None, stream: bool = False) -> None:
        super().__init__(base_url, access)
        self._path = path
        self._stream = stream
        self._card: Card | None = None
        self._reading = asyncio.Lock()

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """Read the card. Raises TargetError where there is none that can be used."""
        async with self.within(timeout_s):
            card = await self.card()
            way = card.interface
            said = [f"A2A {way.version} over {way.binding}, agent {card.name!r}, asked at {self.where(way)}"]
            if way.host and way.host != urllib.parse.urlsplit(self.base_url).netloc:
                said.append(f"the agent card names {way.host}; requests go to the agent under test instead")
            if self._stream and not card.streaming:
                said.append("the agent card declares no streaming: answers come whole")
            if card.required_extensions:
                said.append(f"the agent card requires extensions unknown here: {', '.join(card.required_extensions)}")
            return tuple(map(self.safe, said))

    def dialogue(self, session: str, *, user: str = "") -> _Context:
        """A context of the agent, which names it itself; the protocol knows no users."""
        del session, user
        return _Context(self)

    async def card(self) -> Card:
        """The agent's card, read once. Raises TargetError, ShapeError."""
        async with self._reading:
            if self._card is None:
                self._card = await self._read_card()
            return self._card

    def where(self, way: Interface) -> str:
        """The URL of an interface, on the host under test. Raises TargetError where the card's would lead elsewhere."""
        if self._path is not None:
            return endpoint(self.base_url, self._path).rstrip("/") or self.base_url
        try:
            url = origin(self.base_url) + (way.path or "/")
        except ShapeError as error:
            raise TargetError(str(error), hint=_MEND_CARD) from None
        if not is_within(url, self.base_url):
            raise TargetError("the url of the agent card leads away from the agent under test", hint=_MEND_CARD)
        return url

    def streams(self, card: Card) -> bool:
        """Whether answers are asked for as events."""
        return self._stream and card.streaming

    def fall_back(self, way: Interface) -> bool:
        """Take the other version of the protocol where the card left it open; whether that is left to try."""
        if self._card is None or way.sure:
            return False
        if self._card.interface == way:
            other = {"1.0": "0.3", "0.3": "1.0"}[way.version]
            self._card = replace(self._card, interface=replace(way, version=other, sure=True))
        return True

    async def _read_card(self) -> Card:
        bases = [self.base_url.rstrip("/"), origin(self.base_url)]
        if self._path is not None:
            bases.insert(0, endpoint(self.base_url, self._path).rstrip("/"))
        for url in dict.fromkeys(base + path for base in bases for path in a2a_card.PATHS):
            reply = await self.get(url)
            if reply.status in (401, 429, 502, 503, 504):
                raise self.connection.refused(reply)
            if reply.ok:
                try:
                    return self.parsed(reply, a2a_card.parse)
                except ShapeError as error:
                    because = f"{url} is no agent card: {recognise.page(reply) or error}"
                    raise await recognise.refuse(self, protocol="a2a", because=because) from None
        because = f"there is no agent card at {origin(self.base_url)}{a2a_card.PATHS[0]}"
        raise await recognise.refuse(self, protocol="a2a", because=because)


class _Context:
    def __init__(self, agent: A2AAgent) -> None:
        self._agent = agent
        self._context = ""
        self._task = ""

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """One turn more; a task that is worked on is looked at until it ends. Raises TargetError."""
        agent = self._agent
        async with agent.within(timeout_s):
            card = await agent.card()
            try:
                task, sent = await self._sent(turn, card)
            except a2a.WrongVersion:
                # The call did not reach the agent's code: this is no second throw of the dice.
                if not agent.fall_back(card.interface):
                    raise
                card = await agent.card()
                task, sent = await self._sent(turn, card)
            task, last = await self._ended(task, sent, card.interface)
            text = task.text()
        self._context = task.context or self._context
        self._task = task.id if task.waiting else ""
        return timed(Answer(text), last, since=sent)

    async def _sent(self, turn: Turn, card: Card) -> tuple[a2a.Task, Reply]:
        agent, way = self._agent, card.interface
        action = "stream" if agent.streams(card) else "send"
        message = a2a.message(turn, id=str(uuid.uuid4()), interface=way, context=self._context, task=self._task)
        given = a2a.params(message, way)
        fold = Folding(a2a.Stream(way)) if action == "stream" else None
        url, body = agent.where(way), given
        if way.binding == a2a_card.HTTP_JSON:
            url = url.rstrip("/") + a2a.rest_path(action, way)
        else:
            body = a2a.envelope(action, given, id=str(uuid.uuid4()), interface=way)
        reply = await agent.ask(url, body, into=fold, headers=_version(way))
        if fold is not None and reply.streamed:
            task: a2a.Task = fold.stream.task
            if not task.state:
                raise ShapeError("the stream ended without a task or a message")
            return task, reply
        return agent.parsed(reply, lambda content: a2a.parse(content, way)), reply

    async def _ended(self, task: a2a.Task, reply: Reply, way: Interface) -> tuple[a2a.Task, Reply]:
        """The task when nobody works on it any more, and the last answer read."""
        agent, pause_s = self._agent, _FIRST_PAUSE_S
        while task.open:
            if not task.id:
                raise ShapeError("the task is still worked on and has no id to ask for it")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            if way.binding == a2a_card.HTTP_JSON:
                url = agent.where(way).rstrip("/") + a2a.rest_path("get", way, task=task.id)
                reply = await agent.connection.send("GET", url, headers=_version(way))
                if not reply.ok:
                    raise agent.connection.refused(reply)
            else:
                given = {"id": task.id} | ({"tenant": way.tenant} if way.tenant else {})
                body = a2a.envelope("get", given, id=str(uuid.uuid4()), interface=way)
                reply = await agent.ask(agent.where(way), body, headers=_version(way))
            before = task.context
            task = agent.parsed(reply, lambda content: a2a.parse(content, way))
            task.context = task.context or before
        return task, reply


def _version(way: Interface) -> dict[str, str]:
    # A request without it is taken for one of 0.3.
    return {"A2A-Version": way.version} if way.version != "0.3" else {}
