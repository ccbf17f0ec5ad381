"""Ask the agent: case by case along the schedule until every criterion is settled, or the budget is used up.

Only trouble on the way is tried again, and every try is recorded. What the agent said is never asked for twice. When
the target is gone the run stops early and says so; what was not asked counts as unmeasured, never as passed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentops.contracts import AgentAdapter, AskJudge, Journal, MetricKind, StopRule
from agentops.errors import Interrupted, TargetError
from agentops.evals import hiding, schedule, scoring
from agentops.evals.attempts import summed
from agentops.evals.pace import Pace
from agentops.evals.schedule import Slot
from agentops.evals.spent import Spent
from agentops.evals.steps import Steps
from agentops.model.case import Answer, Attempt, Case, Score
from agentops.model.codec import encode
from agentops.model.outcome import Outcome
from agentops.model.records import Keeper
from agentops.model.seen import Context, Seen
from agentops.model.settings import Budget, Price, Runs

# So many attempts in a row without any answer, and the target counts as gone.
_GIVE_UP_AFTER = 10
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
# So many attempts beyond the next one of the schedule are made at most, or twice the concurrency.
_AHEAD = 16
_STOPPED = "the job was stopped while it was asked"
_LOST_FOR_GOOD = 3
_LONG_CHARS = 16 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask and how hard. At most `concurrency` calls at once, `timeout_s` for one turn. `metrics` are the user's
    own. `runs` are those that the schedule was begun with; `more` rounds may be added now, as many as the most unless
    given."""

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
    more: int | None = None

    @property
    def most(self) -> int:
        """How many attempts are made at most, but for cases with a number of runs of their own."""
        return len(self.cases) * self.runs.most


@dataclass(frozen=True, slots=True)
class Room:
    """What the runner is given to work with. `trouble()` tells whether the target died; values in `secrets` are taken
    out of everything that is kept. `asks` is called before an attempt is made, `remember` with it as it ended, then
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
    asks: Callable[[Mapping[str, Any]], None] = lambda _: None


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


Lost = Mapping[tuple[str, int], int]
"""How often a run of a case was asked for and the job was stopped before it ended."""


async def run(plan: Plan, room: Room, *, earlier: Sequence[Attempt] = (), lost: Lost | None = None) -> Ran:
    """Ask until every criterion is settled, after at least `plan.runs.least` rounds, or nothing is left to ask.

    `earlier` are attempts of the same inputs that count already: nothing of them is asked again. What was `lost` is
    asked again and told as a retry; lost for the third time it is an error, so that stopping a job is no way to throw
    the dice anew. Raises Interrupted when `cancel` is set.
    """
    work = _Work(plan, room, earlier, lost or {})
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

    def __init__(self, plan: Plan, room: Room, earlier: Sequence[Attempt], lost: Lost) -> None:
        self._plan = plan
        self._room = room
        self._lost = lost
        self.pace = Pace(plan.concurrency)
        self.spent = Spent(plan.budget)
        self.kept = Keeper()
        self.gone = ""
        self.broke_off = ""
        self._silent = self._failed = self._errors = self._busy = 0
        self._made: dict[str, set[int]] = {case.id: set() for case in plan.cases}
        self._turns = {case.id: _calls(case) for case in plan.cases}
        self._handed = 0
        self._moved = asyncio.Event()
        self._waiting: dict[int, Attempt] = {}
        self._next = 1
        for attempt in earlier:
            self._note(attempt)
            self._made[attempt.case_id].add(attempt.run)
            if not attempt.earlier:
                # Of this very run, before it was stopped: its budget is the same.
                self.spent.calls += self._turns[attempt.case_id] * (1 + len(attempt.retries))
                self.spent.take(attempt)
        self._taken = {attempt.position for attempt in earlier}
        self._slots = self._schedule(sum(attempt.earlier for attempt in earlier))

    def _schedule(self, before: int) -> Iterator[Slot]:
        """What is left to ask: gaps that a killed run left, the rounds up to the most, then what cases are owed.

        Where `before` attempts of earlier runs reach the cap already, more rounds are planned.
        """
        cases, most = self._plan.cases, self._plan.most
        more = len(cases) * (self._plan.more or self._plan.runs.most)
        last = min(most, before + more) if before < most else -(-before // len(cases)) * len(cases) + more
        for slot in schedule.slots(cases, seed=self._plan.seed, first=1, last=last):
            if slot.position in self._taken:
                continue
            if self._enough(slot.position):
                break
            self._made[slot.case.id].add(slot.run)
            self._handed = slot.position
            yield slot
        yield from schedule.still_owed(cases, self._made)

    def _enough(self, position: int) -> bool:
        return position > self._plan.runs.least * len(self._plan.cases) and self._room.rule.settled()

    async def worker(self) -> None:
        """Makes one attempt after the other until there is nothing left to make."""
        while True:
            async with self.pace.turn():
                await self._not_too_far()
                slot = next(self._slots, None)
                if slot is None or self._stop(slot):
                    return
                self._busy += 1
                try:
                    attempt = await self._attempt(slot)
                finally:
                    self._busy -= 1
                if self._room.cancel.is_set() and attempt.outcome is Outcome.ERROR:
                    return  # what the user stopped is no trouble of the agent's
                self._take(attempt)

    async def _not_too_far(self) -> None:
        """Waits while the schedule's next attempt is long overdue: what is asked meanwhile cannot settle anything."""
        while self._handed - self._next >= max(_AHEAD, 2 * self._plan.concurrency) and not self.gone:
            self._moved.clear()
            await self._moved.wait()

    def _stop(self, slot: Slot) -> bool:
        if self.gone or self.broke_off:
            return True
        self.broke_off = self._reserve(slot.case)
        return self.broke_off != ""

    def _reserve(self, case: Case) -> str:
        """Why the case cannot be afforded any more; "" where its calls are counted now."""
        calls = self._turns[case.id]
        why = self.spent.room(calls, in_flight=self._busy)
        self.spent.calls += 0 if why else calls
        return why

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
        self._moved.set()

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
        case, lost = slot.case, self._lost.get((slot.case.id, slot.run), 0)
        causes = [_STOPPED] * lost
        session = f"{self._plan.session_prefix}-{case.id}-{slot.run}"
        empty = Attempt(case.id, slot.run, 0, Outcome.ERROR, position=slot.position)
        if lost >= _LOST_FOR_GOOD:
            return replace(empty, error=f"{_STOPPED}, {lost} times", retries=tuple(causes))
        asked = {"position": slot.position, "case_id": case.id, "run": slot.run}
        self._room.journal.append("asked", asked)
        self._room.asks(asked)
        while True:
            # A retry is a new conversation: the broken call may have left half a turn behind.
            name = f"{session}-retry{len(causes)}" if causes else session
            try:
                answers = await self._converse(case, name)
            except TargetError as error:
                spent = "" if not error.retryable or self._enough_tried(causes, lost) else self._reserve(case)
                if not error.retryable or self._enough_tried(causes, lost) or spent:
                    told = f"{error.message} ({error.hint})" if error.hint else error.message
                    return replace(empty, error=told, retries=tuple(causes))
                causes.append(error.message)
                await self._wait(error, tries=len(causes) - lost)
                continue
            self.pace.went_well()
            scores = await self._scores(case, answers, name)
            return summed(replace(empty, retries=tuple(causes), scores=scores), answers)

    def _enough_tried(self, causes: Sequence[str], lost: int) -> bool:
        return len(causes) - lost >= self._plan.retries

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
            await self._room.steps.prepare(case.setup, session=session, timeout_s=timeout_s)
        dialogue = self._room.agent.dialogue(session)
        answers = []
        for turn in case.turns:
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


def _calls(case: Case) -> int:
    """The calls that one attempt takes."""
    return len(case.turns) + sum(step.kind == "say" for step in case.setup)
