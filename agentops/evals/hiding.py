"""What an agent was given in confidence is taken out of what it says, before anybody looks at it: a metric would quote
it, a judge would be sent it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from agentops.contracts import AgentAdapter, Dialogue
from agentops.errors import TargetError
from agentops.model.case import Answer, Attempt, Score, ToolCall, Turn
from agentops.text import redact


class HidingAgent:
    """An adapter whose answers and errors hold none of the secrets. See contracts.AgentAdapter."""

    def __init__(self, agent: AgentAdapter, secrets: Sequence[str]) -> None:
        self._agent = agent
        self._secrets = tuple(secrets)

    async def __aenter__(self) -> Self:
        await self._agent.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._agent.__aexit__(kind, error, trace)

    async def preflight(self, *, timeout_s: float) -> tuple[str, ...]:
        """See contracts.AgentAdapter."""
        return tuple(redact(line, self._secrets) for line in await self._agent.preflight(timeout_s=timeout_s))

    def dialogue(self, session: str, *, user: str = "") -> Dialogue:
        """See contracts.AgentAdapter."""
        return _Hiding(self._agent.dialogue(session, user=user), self._secrets)


class _Hiding:
    def __init__(self, dialogue: Dialogue, secrets: tuple[str, ...]) -> None:
        self._dialogue = dialogue
        self._secrets = secrets

    async def say(self, turn: Turn, *, timeout_s: float) -> Answer:
        """See contracts.Dialogue."""
        try:
            answer = await self._dialogue.say(turn, timeout_s=timeout_s)
        except TargetError as error:
            error.message, error.hint = redact(error.message, self._secrets), redact(error.hint, self._secrets)
            raise
        return of_answer(answer, self._secrets)


def of_answer(answer: Answer, secrets: Sequence[str]) -> Answer:
    """The answer without the secrets."""
    if not secrets:
        return answer
    calls = answer.tool_calls
    return replace(
        answer,
        text=redact(answer.text, secrets),
        model=None if answer.model is None else redact(answer.model, secrets),
        tool_calls=None if calls is None else tuple(_of_call(call, secrets) for call in calls),
    )


def of_attempt(attempt: Attempt, secrets: Sequence[str]) -> Attempt:
    """The attempt without the secrets, in whatever words it holds. Numbers and outcomes stay what they are."""
    if not secrets:
        return attempt
    return replace(
        attempt,
        answers=tuple(of_answer(answer, secrets) for answer in attempt.answers),
        error=redact(attempt.error, secrets),
        retries=tuple(redact(cause, secrets) for cause in attempt.retries),
        scores=tuple(_of_score(score, secrets) for score in attempt.scores),
        model=None if attempt.model is None else redact(attempt.model, secrets),
    )


def _of_score(score: Score, secrets: Sequence[str]) -> Score:
    return replace(score, assertion=redact(score.assertion, secrets), reason=redact(score.reason, secrets))


def _of_call(call: ToolCall, secrets: Sequence[str]) -> ToolCall:
    return replace(call, name=redact(call.name, secrets), arguments=_of_data(call.arguments, secrets))


def _of_data(data: Any, secrets: Sequence[str]) -> Any:
    if isinstance(data, str):
        return redact(data, secrets)
    if isinstance(data, Mapping):
        return {redact(str(key), secrets): _of_data(value, secrets) for key, value in data.items()}
    return [_of_data(item, secrets) for item in data] if isinstance(data, (list, tuple)) else data
