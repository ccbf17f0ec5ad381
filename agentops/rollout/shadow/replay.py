"""Recorded sessions put to a pod of the canary in shadow mode, within a budget.

A worker in a thread of its own asks; whoever waits for it polls. It goes through the sessions in their order and hands
out evidence that holds how far it came, so that another runner goes on from there.
"""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agentops.contracts import AgentAdapter, Cluster, Dialogue
from agentops.errors import AgentopsError, TargetError
from agentops.evals.hiding import of_answer
from agentops.model.case import Answer, Turn
from agentops.model.rollout_settings import Spend
from agentops.model.settings import Agent, Price
from agentops.rollout.shadow import verdict
from agentops.rollout.shadow.compare import Trouble, compare
from agentops.rollout.shadow.sessions import Recorded, Session
from agentops.text import redact, said

if TYPE_CHECKING:
    from agentops.agents.openai_chat import OpenAIChatAgent

HEADER = "x-agentops-shadow"
"""Advisory alone: what keeps the agent from acting is the mode of its process."""
_RETRY_S = 0.5
_SILENT = 5
"""So many sessions in a row without any answer end the replay."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How sessions are put: the agent's settings, so many at a time, each turn within `timeout_s`. `name` begins the
    names of the conversations; `prices` are those of models by name, "*" for any other."""

    agent: Agent
    name: str
    budget: Spend = field(default_factory=Spend)
    timeout_s: float = 60.0
    at_once: int = 2
    prices: Mapping[str, Price] = field(default_factory=dict)


class _Over(Exception):
    """The budget holds no further turn. The message is the word for evidence."""


class Replay:
    """Puts `recorded` to a pod. `done` is the evidence of an earlier runner, which counts where it is of the same
    sessions. `trouble` says why it stopped before its end, "" where it did not: the pod or the way to it is gone, and
    another one may be started with what `poll` gives."""

    def __init__(
        self, cluster: Cluster, recorded: Recorded, asking: Asking, *, pod: str, done: Mapping[str, Any] | None = None
    ) -> None:
        self._cluster, self._recorded, self._asking, self._pod = cluster, recorded, asking, pod
        same = bool(done) and (done or {}).get("inputs") == recorded.sha256
        planned = len(recorded.sessions)
        fresh = verdict.begun("replay", planned=planned, inputs=recorded.sha256)
        self._evidence: verdict.Evidence = copy.deepcopy(dict(done)) if done and same else fresh
        self._spent = dict(self._evidence["spent"])
        self._silent = 0
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""

    def start(self) -> None:
        """Begin, or go on. Returns at once."""
        if self._thread is None and not self._evidence["ended"]:
            self._thread = threading.Thread(target=self._run, name="replay", daemon=True)
            self._thread.start()

    def poll(self) -> dict[str, Any]:
        """The evidence so far."""
        with self._lock:
            return copy.deepcopy({**self._evidence, "spent": dict(self._spent)})

    @property
    def running(self) -> bool:
        """Whether more is to come."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Ask no further turn, and drop what is being asked: it stays counted as spent."""
        self._halt.set()
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with suppress(RuntimeError):  # it ended just now
                loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join(0.1)

    def _run(self) -> None:
        try:
            with self._cluster.forward(self._pod, self._asking.agent.port) as port:
                asyncio.run(self._ask_all(port))
        except asyncio.CancelledError:
            return
        except AgentopsError as error:
            self.trouble = said(error.message)
        except Exception as error:  # noqa: BLE001  a thread has nobody to raise to
            self.trouble = f"the replay broke: {said(f'{type(error).__name__}: {error}')}"

    async def _ask_all(self, port: int) -> None:
        # Imported here: the adapters' library is heavy.
        from agentops.agents.open import open_agent

        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        agent = self._asking.agent
        token = os.environ.get(agent.auth_env, "") if agent.auth_env else ""
        hidden = [token] if token else []
        opened = open_agent(
            replace(agent, headers={**agent.headers, HEADER: "1"}),
            f"http://127.0.0.1:{port}",
            connections=self._asking.at_once,
            token=token,
            secrets=hidden,
        )
        async with opened:
            talk = _Talk(opened)
            while not self._halt.is_set() and not self._evidence["ended"] and not self.trouble:
                first = self._evidence["done"]
                batch = self._recorded.sessions[first : first + self._asking.at_once]
                if not batch:
                    self._end(verdict.ALL)
                    return
                came = await asyncio.gather(*(self._ask(talk, s, hidden) for s in batch), return_exceptions=True)
                self._take(batch, came)

    def _take(self, batch: Sequence[Session], came: Sequence[Any]) -> None:
        """Add what came, in the order of the sessions, up to the first one that was broken off."""
        for session, one in zip(batch, came, strict=True):
            if isinstance(one, _Over):
                if one.args[0]:
                    self._end(one.args[0])
                return
            if isinstance(one, BaseException):
                raise one
            answers, trouble, why, live = one
            pair = compare(
                session, answers, rules=self._asking.agent.tools, trouble=trouble, why=why, live_history=live
            )
            self._silent = self._silent + 1 if trouble is Trouble.UNANSWERED else 0
            with self._lock:
                self._evidence = verdict.add(self._evidence, pair, name=session.id, before=session.answers, now=answers)
            if self._silent == _SILENT:
                self.trouble = f"{_SILENT} sessions in a row were not answered: {why}"
                return

    def _end(self, why: str) -> None:
        with self._lock:
            self._evidence = {**self._evidence, "ended": why}

    async def _ask(
        self, talk: _Talk, session: Session, hidden: Sequence[str]
    ) -> tuple[tuple[Answer, ...], Trouble, str, bool]:
        """The answers that came, what kept the others away, and whether each turn had the recorded history."""
        name = f"{self._asking.name}-{session.id}"
        dialogue, live = talk.about(session, name)
        answers: list[Answer] = []
        for turn in session.case.turns:
            try:
                answers.append(of_answer(await self._say(dialogue, turn), hidden))
            except TargetError as error:
                why = said(redact(error.message, hidden), 200)
                trouble = Trouble.UNANSWERED if error.retryable else Trouble.FAILED
                return tuple(answers), trouble, why, live
        return tuple(answers), Trouble.NONE, "", live

    async def _say(self, dialogue: Dialogue, turn: Turn) -> Answer:
        """One turn, tried once more where the way to the agent or its provider was in trouble."""
        self._afford()
        try:
            answer = await dialogue.say(turn, timeout_s=self._asking.timeout_s)
        except TargetError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(_RETRY_S)
            self._afford()
            answer = await dialogue.say(turn, timeout_s=self._asking.timeout_s)
        return self._paid(answer)

    def _afford(self) -> None:
        """Count a call, or raise _Over where the budget does not hold it."""
        if self._halt.is_set():
            raise _Over("")
        budget, spent = self._asking.budget, self._spent
        with self._lock:
            if budget.calls is not None and spent["calls"] >= budget.calls:
                raise _Over(verdict.BUDGET)
            if budget.tokens is not None and spent["tokens"] >= budget.tokens:
                raise _Over(verdict.BUDGET)
            if budget.usd is not None and spent["usd"] >= budget.usd:
                raise _Over(verdict.BUDGET)
            spent["calls"] += 1

    def _paid(self, answer: Answer) -> Answer:
        """The answer with its cost, once it is counted. Raises _Over where a limit is set on what it does not tell."""
        price = self._asking.prices.get(answer.model or "", self._asking.prices.get("*"))
        usage, budget = answer.usage, self._asking.budget
        if answer.cost_usd is None and usage is not None and price is not None:
            cost = (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6
            answer = replace(answer, cost_usd=cost)
        with self._lock:
            self._spent["tokens"] += usage.input_tokens + usage.output_tokens if usage else 0
            self._spent["usd"] += answer.cost_usd or 0.0
        if (budget.tokens is not None and usage is None) or (budget.usd is not None and answer.cost_usd is None):
            raise _Over(verdict.UNTOLD)
        return answer


class _Talk:
    """Conversations with the canary: where the history goes along with every turn, it is the recorded one."""

    def __init__(self, adapter: AgentAdapter) -> None:
        from agentops.agents.openai_chat import OpenAIChatAgent

        self._adapter = adapter
        self._chat = adapter if isinstance(adapter, OpenAIChatAgent) else None

    def about(self, session: Session, name: str) -> tuple[Dialogue, bool]:
        """A conversation, and whether every turn of it is put with what was recorded before it."""
        if self._chat is None or len(session.case.turns) == 1 or None in session.answers[:-1]:
            return self._adapter.dialogue(name), False
        return _Recorded(self._chat, name, session), True


class _Recorded:
    """A chat whose history is the recorded one, whatever the canary answered. See contracts.Dialogue."""

    def __init__(self, agent: OpenAIChatAgent, user: str, session: Session) -> None:
        self._agent, self._user, self._session = agent, user, session
        self._turn = 0

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """The next turn. Raises TargetError."""
        from agentops.agents.base import timed
        from agentops.wire import openai_chat

        agent, messages = self._agent, list[Mapping[str, Any]]()
        for earlier, answer in zip(self._session.case.turns[: self._turn], self._session.answers, strict=False):
            messages.append(openai_chat.user_message(earlier))
            messages.append({"role": "assistant", "content": answer.text if answer else ""})
        messages.append(openai_chat.user_message(turn))
        body = openai_chat.request(messages, session=self._user, model=agent.model)
        async with agent.within(timeout_s):
            reply = await agent.ask(agent.url, body)
            answered = timed(agent.parsed(reply, openai_chat.parse), reply)
        self._turn += 1
        return answered
