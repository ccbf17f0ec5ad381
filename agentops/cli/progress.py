"""Progress on standard error: a bar on a terminal, a line for each event that matters elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

import click

from agentops.model.events import Emit, Event, Note, Progress, StageFinished, StageStarted
from agentops.model.outcome import Outcome
from agentops.pipeline import Plan
from agentops.text import one_line

# Plain progress lines come at most so often, so that a CI log stays short.
_EVERY_S = 10.0


@contextlib.contextmanager
def progress(plan: Plan, *, quiet: bool) -> Iterator[Emit]:
    """What shows the events of a run while it lasts. Events come from several threads."""
    if quiet:
        yield lambda _event: None
    elif sys.stderr.isatty():
        with _bars(plan) as emit:
            yield emit
    else:
        yield _locked(_Lines(plan))


class _Lines:
    """Plain lines, for logs."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._started = time.monotonic()
        self._next = self._started + _EVERY_S

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted(stage):
                self._say(f"{stage}: {self._plan.lines.get(stage, '')}")
            case Progress() if time.monotonic() >= self._next or event.done == event.planned:
                self._next = time.monotonic() + _EVERY_S
                self._say(f"{event.stage}: {_counts(event)}")
            case Note(stage, text):
                self._say(f"{stage}: {one_line(text)}")
            case StageFinished(result):
                self._say(f"{result.name}: {_ended(event)}")

    def _say(self, text: str) -> None:
        click.echo(f"[{time.monotonic() - self._started:6.1f} s] {text}", err=True)


@contextlib.contextmanager
def _bars(plan: Plan) -> Iterator[Emit]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<13}", markup=False), BarColumn(bar_width=24),
        TextColumn("{task.fields[said]}", markup=False), TimeElapsedColumn(),
    )  # fmt: skip
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {s.name: bars.add_task(s.name, total=None, start=False, said="waiting") for s in plan.stages}

        def show(event: Event) -> None:
            match event:
                case StageStarted(stage):
                    bars.start_task(tasks[stage])
                    bars.update(tasks[stage], said=one_line(plan.lines.get(stage, ""), 48))
                case Progress():
                    bars.update(tasks[event.stage], total=event.planned, completed=event.done, said=_counts(event))
                case Note(stage, text):
                    bars.update(tasks[stage], said=one_line(text, 48))
                case StageFinished(result):
                    bars.update(tasks[result.name], total=1, completed=1, said=_ended(event))
                    bars.stop_task(tasks[result.name])

        yield _locked(show)


def _locked(show: Callable[[Event], None]) -> Emit:
    lock = threading.Lock()

    def emit(event: Event) -> None:
        with lock:
            show(event)

    return emit


def _counts(event: Progress) -> str:
    parts = [f"{event.done}/{event.planned}"]
    if event.failed:
        parts.append(f"{event.failed} failed")
    if event.errors:
        parts.append(f"{event.errors} not measured")
    if event.told:
        parts.append(one_line(event.told, 100))
    return ", ".join(parts)


def _ended(event: StageFinished) -> str:
    result = event.result
    if result.outcome is Outcome.ERROR and result.errors:
        return f"error: {one_line(result.errors[0].message, 100)}"
    return f"measured {result.counts.measured}/{result.counts.planned} {result.counts.unit}"
