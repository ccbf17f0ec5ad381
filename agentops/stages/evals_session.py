"""Questions to an agent that is started once: case by case as the evals do it, or turn by turn.

What comes of it is no evidence for a gate: no criterion is decided, and nothing of it is kept for later runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agentops.config import load
from agentops.config.document import Document
from agentops.drivers import folder
from agentops.errors import AgentopsError, MeasurementError, UsageError
from agentops.evals import reduce, runner
from agentops.evals.spent import Spent
from agentops.model.case import Attempt, Case, CaseResult
from agentops.model.outcome import Outcome
from agentops.model.settings import Evals, Runs, Settings
from agentops.stages import evals_plan
from agentops.stages.build import BuildStage
from agentops.stages.evals import EvalsStage
from agentops.stages.evals_plan import Asked
from agentops.stages.evals_up import Up, up

_DEATH_S = 0.5


class EveryRun:
    """A StopRule that is never settled: how many runs are made is the caller's."""

    def add(self, attempt: Attempt) -> None:
        """See contracts.StopRule."""

    def settled(self) -> bool:
        """See contracts.StopRule."""
        return False

    def told(self) -> str:
        """See contracts.StopRule."""
        return ""


def configured(path: Path | None, *, here: Path, suites: Sequence[Path | str], url: str | None) -> Settings:
    """The configuration in the file at `path`, with these suites in place of its own; where there is no file, the `url`
    is enough. A suite is a path on this machine, or the name of a pack.

    Raises ConfigError, and UsageError for a url that is none.
    """
    if url is not None and not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is no URL of an agent", hint="write it as http://host:port")
    root = here if path is None else path.resolve().parent
    named = [os.path.relpath(s, root) if isinstance(s, Path) else s for s in suites]
    flags = {"evals.suites": named} if named else {}
    if path is not None:
        settings, _ = load.load(path, flags=flags)
        if url is None:
            return settings
        return replace(settings, agent=replace(settings.agent, url=url, build=None, image=None, command=()))
    if url is None:
        raise UsageError(
            f"there is no {load.DEFAULT_NAME} in {here} that says how to run the agent",
            hint="name the configuration, or give the URL of an agent that runs already",
        )
    data = {"version": 1, "agent": {"name": "agent", "url": url}}
    return load.from_document(Document("the command line", data), root=root, flags=flags)[0]


class Session:
    """The agent of a configuration, up from the first question to `close`. All of it is for one thread.

    `suites` is "all" where its suites are read, else "none". `runs` overrules how often a case is run. `without_engine`
    is "process" or "error", see `up`. `gone` says why the agent cannot be asked any more, "" while it can. Raises
    ConfigError or UsageError for what can be refused before any cost.
    """

    def __init__(
        self, settings: Settings, *, suites: str = "all", runs: int | None = None, without_engine: str = "process"
    ) -> None:
        evals = settings.evals or Evals(())
        self.evals = evals if suites == "all" else replace(evals, suites=())
        self.settings = settings
        self.agent = settings.agent
        self.run_id = f"{folder.new_run_id()}-pytest"
        self.spent = Spent(self.evals.budget)
        found = evals_plan.read(settings, self.evals, None)
        self.asked = Asked(
            settings.root,
            found.suites,
            self.evals.runs,
            lambda _: EveryRun(),
            prompts=found.prompts,
            metrics=found.metrics,
            notices=found.notices,
        )
        self._runs = runs
        self._without_engine = without_engine
        self._stack = ExitStack()
        self._up: Up | None = None
        self._broken: AgentopsError | None = None
        self._known: dict[str, CaseResult] = {}
        self.gone = ""
        self._names = 0

    def check(self) -> None:
        """Raise ConfigError for what is missing on this machine: a script, a judge, a secret, a build's context."""
        EvalsStage(self.evals, self.agent, self.asked).plan()
        BuildStage(self.agent, self.settings.root).plan()

    def open(self) -> Up:
        """The agent, up; started where it is not yet. One that did not start is not tried again: the same AgentopsError
        is raised each time."""
        if self._broken is not None:
            raise self._broken
        if self._up is None:
            try:
                self._up = self._stack.enter_context(
                    up(
                        self.agent,
                        self.evals,
                        self.asked,
                        run_id=self.run_id,
                        without_engine=self._without_engine,
                    )
                )
            except AgentopsError as error:
                self._broken = error
                raise
        return self._up

    def close(self) -> None:
        """Stop the agent and remove what was started for it. Further questions are refused."""
        self._up = None
        if self._broken is None:
            self._broken = MeasurementError("the agent was stopped: the session is over")
        self._stack.close()

    def name(self, of: str) -> str:
        """A name for a conversation that no other one has."""
        self._names += 1
        return f"{self.run_id}-{self._names}-{of}"

    def afford(self, calls: int) -> None:
        """Raise MeasurementError where the budget does not hold so many calls more."""
        if why := self.spent.room(calls, in_flight=0):
            raise MeasurementError(why, hint="raise evals.budget, or ask less")

    def ask(self, case: Case) -> CaseResult:
        """Run the case as often as it takes. Raises AgentopsError where the agent cannot be asked at all.

        A case that was measured is never asked anew in the same session: whoever runs it again is told the same.
        """
        if (known := self._known.get(case.id)) is not None:
            return known
        running = self.open()
        planned, needed = self._rule(case)
        calls = planned * (len(case.turns) + sum(step.kind == "say" for step in case.setup))
        self.afford(calls)
        whole: list[Attempt] = []  # the runner itself keeps less of most
        ran = running.loop.run(runner.run(self._plan(case, planned, running), self._room(running, whole.append)))
        for attempt in whole:
            self.spent.calls += (1 + len(attempt.retries)) * calls // planned
            self.spent.take(attempt)
        unanswered = any(attempt.latency_s is None for attempt in whole)
        self.gone = ran.gone or (self.died(running) if unanswered else "")
        if self.gone:
            self._broken = MeasurementError(self.gone, hint=f"see {self._log(running)}")
        attempts = tuple(sorted(whole, key=lambda a: a.run))
        suite = next((s.name for s in self.asked.suites if case in s.cases), "")
        result = CaseResult(
            case_id=case.id,
            suite=suite,
            tags=case.tags,
            planned=planned,
            needed=needed,
            outcome=reduce.rule(attempts, runs=planned, needed=needed),
            attempts=attempts,
            input=case.input,
            location=case.location,
            weight=case.weight,
        )
        if result.outcome is not Outcome.ERROR:
            self._known[case.id] = result
        return result

    def died(self, running: Up) -> str:
        """Why the agent is gone, "" where it lives. To be asked after a call without an answer: a process that ends is
        seen a moment after its connection broke."""
        deadline = time.monotonic() + _DEATH_S
        while (why := running.target.trouble()) is None and time.monotonic() < deadline:
            time.sleep(_DEATH_S / 10)
        return why or ""

    def _rule(self, case: Case) -> tuple[int, int]:
        """How many runs are made, and how many of them have to pass: the share that the case or the evals demand."""
        whole = max(case.runs or 0, self.evals.runs.most)
        asked = case.needed or self.evals.needed or whole
        planned = self._runs or max(case.runs or 0, self.evals.runs.least)
        return planned, -(-asked * planned // whole)

    def _plan(self, case: Case, planned: int, running: Up) -> runner.Plan:
        evals = self.evals
        return runner.Plan(
            cases=(replace(case, runs=None, needed=None),),
            runs=Runs(planned, planned),
            concurrency=min(evals.concurrency, planned),
            timeout_s=evals.timeout_s,
            retries=evals.retries,
            seed=evals.seed,
            session_prefix=self.name("case"),
            prices=evals.prices,
            context=running.context,
            metrics=self.asked.metrics,
        )

    def _room(self, running: Up, remember: Callable[[Attempt], None]) -> runner.Room:
        return runner.Room(
            agent=running.adapter,
            rule=EveryRun(),
            journal=running.bench.journal,
            cancel=running.bench.cancel,
            judges=running.judges,
            steps=running.steps,
            trouble=running.target.trouble,
            remember=remember,
            secrets=running.secrets,
        )

    def _log(self, running: Up) -> str:
        return str(running.bench.out / running.target.log) if running.target.log else "the agent's own log"
