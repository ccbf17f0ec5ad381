"""Ask the agent: every case as often as planned, in an order shuffled by a recorded seed, round by round.

Only trouble on the way is tried again, and every try is recorded. What the agent said is never asked for twice. When
the target is gone the run stops early and says so; what was not asked counts as unmeasured, never as passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from agentops.contracts import AgentAdapter, Journal
from agentops.errors import Interrupted, TargetError
from agentops.evals import scoring
from agentops.model.case import Answer, Attempt, Case, Score, ToolCall
from agentops.model.codec import decode, encode
from agentops.model.outcome import Outcome
from agentops.text import cap, redact

# So many attempts in a row without any answer, and the target counts as gone.
_GIVE_UP_AFTER = 10
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_KEPT_CHARS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask and how hard. `runs` a case, at most `concurrency` calls at once, `timeout_s` for one call."""

    cases: tuple[Case, ...]
    runs: int
    concurrency: int
    timeout_s: float
    retries: int
    seed: int
    session_prefix: str

    @property
    def attempts(self) -> int:
        """How many calls are planned, retries aside."""
        return len(self.cases) * self.runs

    def schedule(self) -> Iterator[tuple[Case, int]]:
        """(case, run): each round holds every case once, in an order of its own. `run` counts from 1."""
        order = random.Random(self.seed)  # noqa: S311  an order, not a secret
        for run in range(1, self.runs + 1):
            cases = list(self.cases)
            order.shuffle(cases)
            yield from ((case, run) for case in cases)


@dataclass(slots=True)
class _State:
    """What the workers share."""

    attempts: list[Attempt] = field(default_factory=list)
    silent: int = 0
    gone: str = ""
    failed: int = 0
    errors: int = 0


async def run(
    plan: Plan,
    agent: AgentAdapter,
    *,
    journal: Journal,
    cancel: threading.Event,
    on_attempt: Callable[[int, int, int], None],
    trouble: Callable[[], str | None],
    secrets: Sequence[str] = (),
) -> tuple[list[Attempt], str]:
    """Ask everything that is planned.

    Returns the attempts in the order in which they ended, and why the run stopped early ("" where it did not).
    `on_attempt(done, failed, errors)` is called after each; `trouble()` tells whether the target died. Values
    in `secrets` are taken out of everything that is kept. Raises Interrupted when `cancel` is set.
    """
    state = _State()
    schedule = plan.schedule()

    async def worker() -> None:
        for case, number in schedule:
            if state.gone:
                return
            attempt = redacted(await _attempt(plan, agent, case, number), secrets)
            _note(state, attempt, trouble)
            state.attempts.append(attempt := replace(attempt, seq=len(state.attempts) + 1))
            journal.append("attempt", encode(attempt))
            on_attempt(len(state.attempts), state.failed, state.errors)

    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_watch(cancel))
            workers = [group.create_task(worker()) for _ in range(min(plan.concurrency, plan.attempts))]
            group.create_task(_afterwards(workers, watch))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    return state.attempts, state.gone


async def _afterwards(workers: Sequence[asyncio.Task[None]], watch: asyncio.Task[None]) -> None:
    await asyncio.wait(workers)
    watch.cancel()


async def _watch(cancel: threading.Event) -> None:
    while not cancel.is_set():
        await asyncio.sleep(0.05)
    raise Interrupted("the evals were stopped")


def _note(state: _State, attempt: Attempt, trouble: Callable[[], str | None]) -> None:
    """Count, and decide whether the target is gone."""
    state.failed += attempt.outcome is Outcome.FAIL
    # Without an error it only waits for its judge.
    state.errors += attempt.error != ""
    if attempt.answer is not None:
        state.silent = 0
        return
    state.silent += 1
    if died := trouble():
        state.gone = died
    elif state.silent >= _GIVE_UP_AFTER:
        state.gone = f"given up after {state.silent} calls in a row without an answer; the last: {attempt.error}"


async def _attempt(plan: Plan, agent: AgentAdapter, case: Case, number: int) -> Attempt:
    """One attempt with its retries. Never raises for what the target does."""
    causes: list[str] = []
    session = f"{plan.session_prefix}-{case.id}-{number}"
    while True:
        try:
            answer, latency_s = await agent.ask(case.input, session=session, timeout_s=plan.timeout_s)
        except TargetError as error:
            if not error.retryable or len(causes) >= plan.retries:
                told = f"{error.message} ({error.hint})" if error.hint else error.message
                return Attempt(case.id, number, 0, Outcome.ERROR, error=told, retries=tuple(causes))
            causes.append(error.message)
            await asyncio.sleep(_pause(len(causes), error.retry_after_s))
            # A retry is a new conversation: the broken call may have left half a turn behind.
            session = f"{plan.session_prefix}-{case.id}-{number}-retry{len(causes)}"
            continue
        scores = scoring.score(case, answer, latency_s)
        return Attempt(
            case_id=case.id,
            run=number,
            seq=0,
            outcome=scoring.outcome(case, scores),
            latency_s=round(latency_s, 6),
            answer=_kept(answer),
            error=_unjudged(scores),
            retries=tuple(causes),
            scores=scores,
        )


def redacted(attempt: Attempt, secrets: Sequence[str]) -> Attempt:
    """The attempt without the values: an agent may say what it was given in confidence."""
    if not secrets:
        return attempt
    # As JSON escapes them, so that no quote or backslash in a value hides it.
    escaped = [json.dumps(value)[1:-1] for value in secrets]
    return decode(Attempt, json.loads(redact(json.dumps(encode(attempt)), escaped)))


def _unjudged(scores: Sequence[Score]) -> str:
    return next((f"{s.assertion}: {s.reason}" for s in scores if s.outcome is Outcome.ERROR), "")


def _pause(tries: int, asked_s: float | None) -> float:
    """Seconds until the next try: what the target asked for, else doubling."""
    wanted = asked_s if asked_s is not None else _FIRST_PAUSE_S * 2 ** (tries - 1)
    return min(wanted, _LONGEST_PAUSE_S)


def _kept(answer: Answer) -> Answer:
    """The answer as it goes to the journal: whole, unless it is absurdly long."""
    calls = answer.tool_calls
    with contextlib.suppress(TypeError, ValueError):
        if calls and len(json.dumps([c.arguments for c in calls], default=str)) > _KEPT_CHARS:
            calls = tuple(ToolCall(c.name, {"": cap(str(c.arguments), 1000)}, c.status) for c in calls)
    return replace(answer, text=cap(answer.text, _KEPT_CHARS), tool_calls=calls)
