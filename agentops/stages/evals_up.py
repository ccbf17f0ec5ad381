"""An agent that stays up for callers that ask it in their own order. It is made of the parts of the stage `evals`."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from agentops.contracts import AgentAdapter, AskJudge, Bench
from agentops.drivers import folder
from agentops.drivers.journal import FileJournal
from agentops.errors import AgentopsError, MeasurementError, ReportError
from agentops.evals.steps import Steps
from agentops.model.run import StageResult
from agentops.model.seen import Context
from agentops.model.settings import Agent, Evals
from agentops.stages import evals_open, target
from agentops.stages.build import BuildStage
from agentops.stages.evals_judges import Judges
from agentops.stages.evals_model import PlayedModel
from agentops.stages.evals_plan import Asked

# Runs live there too: what a build leaves out of its context is out of it here as well.
_RUNS = Path(".agentops") / "runs"
_STOP_S = 20.0

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own, for callers that are not asynchronous. A context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agentops", daemon=True)

    def __enter__(self) -> Loop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to. An interrupt of the caller's thread cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise


@dataclass(frozen=True, slots=True)
class Up:
    """An agent that runs, and what it takes to ask it. `judges` are those that are open, by the kind of assertion;
    `scripted` names what a script plays ("model", "judge"); `own` ends with the agent, inside of `loop`."""

    bench: Bench
    target: target.Target
    adapter: AgentAdapter
    steps: Steps
    judges: dict[str, AskJudge]
    context: Context
    secrets: Sequence[str]
    loop: Loop
    own: AsyncExitStack
    scripted: set[str]

    def open_judges(self, evals: Evals, asked: Asked) -> None:
        """Open the judges that these cases ask for and that are not open yet. Raises ConfigError, MeasurementError."""
        judges = Judges(evals, asked)
        judges.check()
        for kind, ask in self.loop.run(_opened(judges, self)).items():
            self.judges.setdefault(kind, ask)
        if judges.scripted:
            self.scripted.add("judge")


async def _opened(judges: Judges, up: Up) -> Mapping[str, AskJudge]:
    return await judges.open(up.own, up.bench)


@contextlib.contextmanager
def up(agent: Agent, evals: Evals, asked: Asked, *, run_id: str, without_engine: str) -> Iterator[Up]:
    """The agent for as long as the block lasts, with the judges that its cases ask for. Its logs lie in a folder of
    the run below `.agentops/runs`.

    `without_engine` is "process" where the agent may run as a local process if no engine is in reach, else "error".
    Raises MeasurementError where it does not start or does not speak its protocol, ConfigError, ReportError.
    """
    cancel = threading.Event()
    out = _folder(asked.root / _RUNS / run_id)
    word = evals_open.canary(agent)
    with contextlib.ExitStack() as stack:
        log = FileJournal(out / "journal.jsonl")
        stack.callback(log.close)
        bench = Bench(run_id, asked.root, out, lambda _: None, cancel, log)
        image = _image(agent, bench, without_engine)
        if image is not None:
            _sweep(None)
            stack.callback(_sweep, run_id)
        site = stack.enter_context(target.prepare(agent, image, bench))
        model = stack.enter_context(PlayedModel(agent, site, root=asked.root))
        running = stack.enter_context(site.start({**model.env, **evals_open.planted(agent, word)}))
        loop, own = stack.enter_context(Loop()), AsyncExitStack()
        stack.callback(lambda: loop.run(own.aclose()))
        # Whatever still runs when the block is left ends before what it needs does.
        stack.callback(cancel.set)
        adapter = evals_open.adapter(agent, running, connections=evals.concurrency, root=asked.root)
        loop.run(_entered(adapter, own, timeout_s=evals.timeout_s))
        ready = Up(
            bench=bench,
            target=running,
            adapter=adapter,
            steps=Steps(adapter, base_url=running.base_url, root=asked.root, cancel=cancel, metrics=asked.metrics),
            judges={},
            context=Context(word, asked.prompts, agent.tools),
            secrets=evals_open.hidden(agent),
            loop=loop,
            own=own,
            scripted={"model"} if model.played else set(),
        )
        ready.open_judges(evals, asked)
        yield ready


async def _entered(adapter: AgentAdapter, own: AsyncExitStack, *, timeout_s: float) -> None:
    await own.enter_async_context(adapter)
    await adapter.preflight(timeout_s=timeout_s)


def _image(agent: Agent, bench: Bench, without_engine: str) -> str | None:
    """The image to run, None where the agent runs without one. Raises MeasurementError where it could not be built."""
    if agent.url is not None or (agent.build is None and agent.image is None):
        return None
    built: StageResult = BuildStage(agent, bench.root).run(bench, {})
    if built.subject is not None and built.subject.image_id is not None:
        return built.subject.image_id
    missing = all(error.unavailable for error in built.errors)
    if missing and agent.command and without_engine == "process":
        return None
    told, hint = (built.errors[0].message, built.errors[0].hint) if built.errors else ("the build gave no image", "")
    raise MeasurementError(f"there is no image of the agent to run: {told}", hint=hint)


def _sweep(run_id: str | None) -> None:
    """Remove what this run, or (None) runs that were killed, left in the engine."""
    from agentops.drivers.container import Engine

    with contextlib.suppress(AgentopsError), Engine.connect() as engine:
        engine.sweep(run_id)


def _folder(out: Path) -> Path:
    """The run's folder, which the user's repository does not see."""
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise ReportError(f"{out}: cannot be made: {error.strerror}", hint="make room, or mend the rights") from None
    ignore = out.parents[1] / ".gitignore"
    if not ignore.exists():
        folder.write(ignore, "*\n")
    return out
