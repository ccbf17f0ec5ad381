"""Talking to the agent under test from Python, without asyncio: ask, look at what was said, hold it against metrics."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentops import text
from agentops.contracts import AgentAdapter, Dialogue
from agentops.errors import AgentopsError, ConfigError, MeasurementError, TargetError, UsageError
from agentops.evals import dataset, scoring
from agentops.evals.metrics import DETERMINISTIC
from agentops.model.case import Answer, Case, Score, ToolCall, Turn
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen
from agentops.stages.evals_plan import Asked
from agentops.stages.evals_session import EveryRun, Session

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
# How messages call what a test wrote.
_SHOWN = "check"
_OWN_FILE = re.compile(rf"{_SHOWN}\.json(:\d+)*: (cases\.0\.)?")
_OF_PROMPTS = "prompt_leak"


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """What the agent said in one turn. `seen` is the conversation so far; `retries` tells the causes of earlier tries.

    The text is the agent's own, as it came: make it safe before it is shown anywhere.
    """

    answer: Answer
    seen: Seen
    retries: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What it said."""
        return self.answer.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...] | None:
        """The tools that it called in this turn; None where its protocol does not tell."""
        return self.answer.tool_calls

    @property
    def latency_s(self) -> float | None:
        """Seconds from the first byte sent to the last byte read."""
        return self.answer.latency_s

    @property
    def model(self) -> str | None:
        """The model that answered, where the agent tells."""
        return self.answer.model

    def __str__(self) -> str:
        return self.answer.text

    def __repr__(self) -> str:
        return f"<reply {text.said(self.answer.text, 120)!r}>"


class Conversation:
    """Several turns with one memory."""

    def __init__(self, session: Session, counted: Callable[[Reply], None]) -> None:
        self._session = session
        self._counted = counted
        self._dialogue: Dialogue | None = None
        self._turns: tuple[Turn, ...] = ()
        self._answers: tuple[Answer, ...] = ()

    def ask(self, said: str) -> Reply:
        """Put one turn to the agent. Trouble on the way is tried again before the first answer, as often as
        `evals.retries` says. Raises TargetError where no answer comes, MeasurementError where the agent cannot be asked
        at all."""
        __tracebackhide__ = True
        causes: list[str] = []
        while True:
            try:
                answer = self._say(Turn(said))
            except TargetError as error:
                if self._answers or not error.retryable or len(causes) >= self._session.evals.retries:
                    raise self._told(error) from None
                causes.append(error.message)
                self._dialogue = None
                wanted = _FIRST_PAUSE_S * 2 ** (len(causes) - 1) if error.retry_after_s is None else error.retry_after_s
                time.sleep(min(wanted, _LONGEST_PAUSE_S))
                continue
            self._turns, self._answers = (*self._turns, Turn(said)), (*self._answers, answer)
            reply = Reply(answer, Seen(self._turns, self._answers, self._session.open().context), tuple(causes))
            self._counted(reply)
            return reply

    def _say(self, turn: Turn) -> Answer:
        session = self._session
        running = session.open()
        session.afford(1)
        session.spent.calls += 1
        if self._dialogue is None:
            self._dialogue = running.loop.run(_dialogue(running.adapter, session.name("test")))
        return running.loop.run(_said(self._dialogue, turn, timeout_s=session.evals.timeout_s))

    def _told(self, error: TargetError) -> TargetError:
        died = self._session.died(self._session.open())
        said = [error.message, *([died] if died else []), *([error.hint] if error.hint else [])]
        return TargetError(text.said("; ".join(said), 1000), hint=error.hint, retryable=error.retryable)


class Agent:
    """The agent under test, as a test sees it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.replies: list[Reply] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._session.open().target.base_url

    @property
    def containerised(self) -> bool:
        """Whether it runs in the container that would be shipped."""
        return self._session.open().target.containerised

    def ask(self, said: str) -> Reply:
        """Put one question to the agent, in a conversation of its own. Raises as Conversation.ask."""
        __tracebackhide__ = True
        return self.conversation().ask(said)

    def conversation(self) -> Conversation:
        """A new conversation; nothing is sent yet."""
        return Conversation(self._session, self.replies.append)

    def check(self, reply: Reply, *expect: Mapping[str, Any], **kinds: Any) -> None:
        """Hold a reply, with the conversation before it, against assertions as an evalset writes them:
        `check(reply, {"contains": "Parcelway"}, {"not": {"refusal": True}})`, or short `check(reply, contains="x")`.

        Raises AssertionError that tells the reason of each one that does not hold, MeasurementError where one could not
        be judged, ConfigError for one that cannot be meant.
        """
        __tracebackhide__ = True
        items = [*expect, *({kind: value} for kind, value in kinds.items())]
        try:
            scores = _scores(self._session, reply, items)
        except AgentopsError as error:
            # What stands between the test and the mistake in it is of no interest.
            told = text.said(f"{error.message}; {error.hint}" if error.hint else error.message, 1000)
            raise type(error)(told, hint=error.hint) from None
        failed = [s for s in scores if s.outcome is Outcome.FAIL]
        unjudged = [s for s in scores if s.outcome not in (Outcome.PASS, Outcome.FAIL)]
        hidden = self._session.open().secrets
        if failed:
            raise AssertionError(_lines(failed + unjudged, reply, hidden))
        if unjudged or not scores:
            raise MeasurementError(_lines(unjudged, reply, hidden))


async def _dialogue(adapter: AgentAdapter, name: str) -> Dialogue:
    return adapter.dialogue(name)


async def _said(dialogue: Dialogue, turn: Turn, *, timeout_s: float) -> Answer:
    return await dialogue.say(turn, timeout_s=timeout_s)


def _lines(scores: Sequence[Score], reply: Reply, hidden: Sequence[str]) -> str:
    words = {Outcome.FAIL: "does not hold"}
    lines = [f"{s.assertion} {words.get(s.outcome, 'could not be judged')}: {text.said(s.reason)}" for s in scores]
    return text.redact("\n".join([*lines, f"the answer: {text.said(reply.text)}"]), hidden)


def _scores(session: Session, reply: Reply, items: Sequence[Mapping[str, Any]]) -> tuple[Score, ...]:
    running = session.open()
    case = replace(_case(session, items), turns=reply.seen.turns)
    waiting = scoring.judged(case)
    if {item.assertion.kind for item in waiting} - set(running.judges):
        running.open_judges(
            session.evals, Asked(session.settings.root, (_suite(case),), session.evals.runs, lambda _: EveryRun())
        )
    seen = replace(reply.seen, context=replace(running.context, prompts=_prompts(session, case)))
    scores = list(scoring.score(case, seen, custom_metrics=session.asked.metrics))
    for item in waiting:
        scores.append(running.loop.run(_judged(running.judges[item.assertion.kind], item, seen)))
    return tuple(scores)


async def _judged(ask: Any, item: scoring.Asked, seen: Seen) -> Score:
    found: Score = await ask(item.assertion, seen)
    return found


def _suite(case: Case) -> dataset.Suite:
    return dataset.Suite(_SHOWN, _SHOWN, "", (case,))


def _case(session: Session, items: Sequence[Mapping[str, Any]]) -> Case:
    """The assertions as a case, read by the rules for evalsets. Raises ConfigError."""
    if not items:
        raise UsageError("nothing is expected of the reply", hint='give at least one assertion: {"contains": "..."}')
    try:
        written = json.dumps({"cases": [{"id": _SHOWN, "input": "-", "expect": [dict(item) for item in items]}]})
    except (TypeError, ValueError) as error:
        raise UsageError(f"the assertions are no plain data: {error}", hint="write them as in an evalset") from None
    out = session.open().bench.out
    (out / f"{_SHOWN}.json").write_text(written, encoding="utf-8")
    try:
        (suite,) = dataset.load([f"{_SHOWN}.json"], root=out, metrics={**DETERMINISTIC, **session.asked.metrics})
    except ConfigError as error:
        problems = [_OWN_FILE.sub("", problem) for problem in error.problems or (error.message,)]
        raise ConfigError("; ".join(problems), hint=error.hint) from None
    return suite.cases[0]


def _prompts(session: Session, case: Case) -> tuple[str, ...]:
    """The fixed texts of the agent's templates, read where an assertion looks at them."""
    settings = session.settings.prompts
    if (
        session.asked.prompts
        or settings is None
        or not any(a.assertion.kind == _OF_PROMPTS for a in scoring.asked(case))
    ):
        return session.asked.prompts
    from pathlib import Path

    from agentops.injection import fixed

    return fixed.texts([Path(p) for p in settings.paths], root=session.settings.root, exclude=settings.exclude)
