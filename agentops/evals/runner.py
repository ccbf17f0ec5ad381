"""Ask the agent: case by case along the schedule until every criterion is settled, or the budget is used up.

Only trouble on the way is tried again, and every try is recorded. What the agent said is never asked for twice. When
the target is gone the run stops early and says so; what was not asked counts as unmeasured, never as passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentops.contracts import AgentAdapter, AskJudge, Journal, MetricKind, StopRule
from agentops.errors import Interrupted, TargetError
from agentops.evals import hiding, schedule, scoring
from agentops.evals.metrics import tools
from agentops.evals.pace import Pace
from agentops.evals.schedule import Slot
from agentops.evals.spent import Spent
from agentops.evals.steps import Steps
from agentops.model.case import Answer, Attempt, Case, Score, ToolCall
from agentops.model.codec import encode
from agentops.model.outcome import Outcome, worst
from agentops.model.records import Keeper
from agentops.model.seen import Context, Seen, total
from agentops.model.settings import Budget, Price, Runs
from agentops.text import cap

# So many attempts in a row without any answer, and the target counts as gone.
_GIVE_UP_AFTER = 10
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
_KEPT_CHARS = 64 * 1024
_LONG_CHARS = 16 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask and how hard. At most `concurrency` calls at once, `timeout_s` for one turn. `metrics` are the user's
    own."""

    cases: tuple[Case, ...]
    runs: Runs
    concurrency: int
    timeout_s: float
    retries: int
    seed: int
    session_prefix: str
    budget: Budget = field(default_factory=Budget)
    prices: Mapping[str, Price] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    metrics: Mapping[str, MetricKind] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """How many attempts are made at most, but for cases with a number of runs of their own."""
        return len(self.cases) * self.runs.most


@dataclass(frozen=True, slots=True)
class Room:
    """What the runner is given to work with. `trouble()` tells whether the target died; values in `secrets` are taken
    out of everything that is kept. `remember` is called with each attempt as it ends, then
    `on_attempt(done, failed, errors)`."""

    agent: AgentAdapter
    rule: StopRule
    journal: Journal
    cancel: threading.Event
    judges: Mapping[str, AskJudge]
    steps: Steps | None = None
    trouble: Callable[[], str | None] = lambda: None
    remember: Callable[[Attempt], None] = lambda _: None
    on_attempt: Callable[[int, int, int], None] = lambda *_: None
    secrets: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of it: the attempts in the order in which they ended, those of earlier runs first.

    `gone` says why the target could not be asked any more, `broke_off` which budget was used up; "" where neither.
    """

    attempts: tuple[Attempt, ...]
    gone: str = ""
    broke_off: str = ""
    lowest_concurrency: int = 0
    unknown_cost: str = ""


async def run(plan: Plan, room: Room, *, earlier: Sequence[Attempt] = ()) -> Ran:
    """Ask until every criterion is settled, after at least `plan.runs.least` rounds, or nothing is left to ask.

    `earlier` are attempts of the same inputs that count already: nothing of them is asked again. Raises Interrupted
    when `cancel` is set.
    """
    work = _Work(plan, room, earlier)
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_watch(room.cancel))
            workers = [group.create_task(work.worker()) for _ in range(plan.concurrency)]
            group.create_task(_afterwards(workers, watch))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    return Ran(tuple(work.kept.attempts), work.gone, work.broke_off, work.pace.lowest, work.spent.unknown())


class _Work:
    """What the workers share."""

    def __init__(self, plan: Plan, room: Room, earlier: Sequence[Attempt]) -> None:
        self._plan = plan
        self._room = room
        self.pace = Pace(plan.concurrency)
        self.spent = Spent(plan.budget)
        self.kept = Keeper()
        self.gone = ""
        self.broke_off = ""
        self._silent = self._failed = self._errors = self._busy = 0
        self._made: dict[str, int] = {}
        self._waiting: dict[int, Attempt] = {}
        self._next = 1
        for attempt in earlier:
            self._note(attempt)
            self._made[attempt.case_id] = max(self._made.get(attempt.case_id, 0), attempt.run)
        self._taken = {attempt.position for attempt in earlier}
        self._slots = self._schedule(sum(attempt.earlier for attempt in earlier))

    def _schedule(self, before: int) -> Iterator[Slot]:
        """What is left to ask: gaps that a killed run left, the rounds up to the most, then what cases are owed.

        Where `before` attempts of earlier runs reach the cap already, as many rounds again are planned.
        """
        cases, most = self._plan.cases, self._plan.most
        last = most if before < most else -(-before // len(cases)) * len(cases) + most
        for slot in schedule.slots(cases, seed=self._plan.seed, first=1, last=last):
            if slot.position in self._taken:
                continue
            if self._enough(slot.position):
                break
            self._made[slot.case.id] = slot.run
            yield slot
        yield from schedule.still_owed(cases, self._made)

    def _enough(self, position: int) -> bool:
        return position > self._plan.runs.least * len(self._plan.cases) and self._room.rule.settled()

    async def worker(self) -> None:
        """Makes one attempt after the other until there is nothing left to make."""
        while True:
            async with self.pace.turn():
                slot = next(self._slots, None)
                if slot is None or self._stop(slot):
                    return
                self._busy += 1
                try:
                    attempt = await self._attempt(slot)
                finally:
                    self._busy -= 1
                self._take(attempt)

    def _stop(self, slot: Slot) -> bool:
        if self.gone or self.broke_off:
            return True
        calls = len(slot.case.turns) + sum(step.kind == "say" for step in slot.case.setup)
        self.broke_off = self.spent.room(calls, in_flight=self._busy)
        return self.broke_off != ""

    def _take(self, attempt: Attempt) -> None:
        """Record an attempt as it ended."""
        attempt = hiding.of_attempt(replace(attempt, seq=len(self.kept.attempts) + 1), self._room.secrets)
        self._room.journal.append("attempt", encode(attempt))
        self._room.remember(attempt)
        self.spent.take(attempt)
        self._note(attempt)
        self._is_gone(attempt)
        self._room.on_attempt(len(self.kept.attempts), self._failed, self._errors)

    def _note(self, attempt: Attempt) -> None:
        """Count an attempt and show it to the rule, in the order of the schedule."""
        self._failed += attempt.outcome is Outcome.FAIL
        self._errors += attempt.error != ""
        kept = self.kept.keep(attempt)
        if attempt.position:
            self._waiting[attempt.position] = kept
        while (ready := self._waiting.pop(self._next, None)) is not None:
            self._room.rule.add(ready)
            self._next += 1

    def _is_gone(self, attempt: Attempt) -> None:
        if attempt.latency_s is not None:
            self._silent = 0
            return
        self._silent += 1
        if died := self._room.trouble():
            self.gone = died
        elif self._silent >= _GIVE_UP_AFTER:
            self.gone = f"given up after {self._silent} calls in a row without an answer; the last: {attempt.error}"

    async def _attempt(self, slot: Slot) -> Attempt:
        """One attempt with its retries. Never raises for what the target does."""
        case, causes = slot.case, list[str]()
        session = f"{self._plan.session_prefix}-{case.id}-{slot.run}"
        empty = Attempt(case.id, slot.run, 0, Outcome.ERROR, position=slot.position)
        while True:
            # A retry is a new conversation: the broken call may have left half a turn behind.
            name = f"{session}-retry{len(causes)}" if causes else session
            try:
                answers = await self._converse(case, name)
            except TargetError as error:
                if not error.retryable or len(causes) >= self._plan.retries:
                    told = f"{error.message} ({error.hint})" if error.hint else error.message
                    return replace(empty, error=told, retries=tuple(causes))
                causes.append(error.message)
                await self._wait(error, tries=len(causes))
                continue
            self.pace.went_well()
            scores = await self._scores(case, answers, name)
            return _summed(replace(empty, retries=tuple(causes), scores=scores), answers)

    async def _wait(self, error: TargetError, *, tries: int) -> None:
        """Until the next try: what the target asked for, else doubling. One that is too busy gets fewer calls."""
        wanted = error.retry_after_s if error.retry_after_s is not None else _FIRST_PAUSE_S * 2 ** (tries - 1)
        pause_s = min(wanted, _LONGEST_PAUSE_S)
        if error.retry_after_s is not None or error.throttled:
            self.pace.too_fast(pause_s)
            await self.pace.pause()
        else:
            await asyncio.sleep(pause_s)

    async def _converse(self, case: Case, session: str) -> tuple[Answer, ...]:
        """All turns of the case. Raises TargetError."""
        timeout_s = self._plan.timeout_s
        if case.setup and self._room.steps is not None:
            self.spent.calls += sum(step.kind == "say" for step in case.setup)
            await self._room.steps.prepare(case.setup, session=session, timeout_s=timeout_s)
        dialogue = self._room.agent.dialogue(session)
        answers = []
        for turn in case.turns:
            self.spent.calls += 1
            answers.append(self._priced(await dialogue.say(turn, timeout_s=timeout_s)))
        return tuple(answers)

    def _priced(self, answer: Answer) -> Answer:
        """With its cost by the configured prices, where the agent tells tokens and no cost."""
        prices = self._plan.prices
        price = prices.get(answer.model or "", prices.get("*"))
        if answer.cost_usd is not None or answer.usage is None or price is None:
            return answer
        usage = answer.usage
        cost = (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6
        return replace(answer, cost_usd=cost)

    async def _scores(self, case: Case, answers: tuple[Answer, ...], session: str) -> tuple[Score, ...]:
        seen = Seen(case.turns, answers, self._plan.context)
        scores = list(await self._scored(case, seen))
        for item in scoring.judged(case):
            so_far = replace(seen, turns=seen.turns[: item.turn + 1], answers=seen.answers[: item.turn + 1])
            said = await self._room.judges[item.assertion.kind](item.assertion, so_far)
            scores.append(replace(said, assertion=item.where + said.assertion))
        if case.after and self._room.steps is not None:
            scores += await self._room.steps.look(case.after, session=session)
        return tuple(scores)

    async def _scored(self, case: Case, seen: Seen) -> tuple[Score, ...]:
        """By the metrics. Long answers take time, which must not be counted as another call's."""

        def score() -> tuple[Score, ...]:
            return scoring.score(case, seen, custom_metrics=self._plan.metrics)

        long = sum(len(answer.text) for answer in seen.answers) > _LONG_CHARS
        return await asyncio.to_thread(score) if long else score()


async def _afterwards(workers: Sequence[asyncio.Task[None]], watch: asyncio.Task[None]) -> None:
    await asyncio.wait(workers)
    watch.cancel()


async def _watch(cancel: threading.Event) -> None:
    while not cancel.is_set():
        await asyncio.sleep(0.05)
    raise Interrupted("the evals were stopped")


def _summed(attempt: Attempt, answers: tuple[Answer, ...]) -> Attempt:
    """The attempt with what its answers add up to."""
    usages = [answer.usage for answer in answers]
    latency_s = total([answer.latency_s for answer in answers])
    cost = total([answer.cost_usd for answer in answers])
    known = all(usage is not None for usage in usages)
    return replace(
        attempt,
        outcome=worst(score.outcome for score in attempt.scores),
        error=_unjudged(attempt.scores),
        latency_s=None if latency_s is None else round(latency_s, 6),
        first_token_s=answers[-1].first_token_s,
        input_tokens=sum(usage.input_tokens for usage in usages if usage) if known else None,
        output_tokens=sum(usage.output_tokens for usage in usages if usage) if known else None,
        cost_usd=None if cost is None else round(cost, 9),
        model=answers[-1].model,
        path=_path(answers),
        answers=tuple(_kept(answer) for answer in answers),
    )


def _path(answers: tuple[Answer, ...]) -> str:
    calls = [answer.tool_calls for answer in answers]
    return "" if None in calls else tools.path([call for some in calls for call in some or ()])


def _unjudged(scores: Sequence[Score]) -> str:
    return next((f"{s.assertion}: {s.reason}" for s in scores if s.outcome is Outcome.ERROR), "")


def _kept(answer: Answer) -> Answer:
    """The answer as it goes to the journal: whole, unless it is absurdly long."""
    calls = answer.tool_calls
    with contextlib.suppress(TypeError, ValueError):
        if calls and len(json.dumps([c.arguments for c in calls], default=str)) > _KEPT_CHARS:
            calls = tuple(ToolCall(c.name, {"": cap(str(c.arguments), 1000)}, c.status) for c in calls)
    return replace(answer, text=cap(answer.text, _KEPT_CHARS), tool_calls=calls)
