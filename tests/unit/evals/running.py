"""What tests of the runner share: a journal in memory, a rule that never stops, a run from start to end."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from agentops.contracts import AgentAdapter
from agentops.evals import runner
from agentops.model.case import Attempt
from agentops.model.codec import decode


class Records:
    """A journal in memory."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Mapping[str, Any]]] = []

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        self.rows.append((kind, data))

    def attempts(self) -> list[Attempt]:
        """The attempts as they were written, whole."""
        return [decode(Attempt, data) for kind, data in self.rows if kind == "attempt"]


class Never:
    """A rule that is never settled; remembers the attempts that it was shown."""

    def __init__(self) -> None:
        self.seen: list[Attempt] = []

    def add(self, attempt: Attempt) -> None:
        self.seen.append(attempt)

    def settled(self) -> bool:
        return False

    def told(self) -> str:
        return ""


def room(agent: AgentAdapter, journal: Any = None, *, rule: Any = None, **more: Any) -> runner.Room:
    """What a run is given, with nothing in its way unless said."""
    given = {"cancel": threading.Event(), "judges": {}, **more}
    return runner.Room(agent=agent, rule=rule or Never(), journal=journal or Records(), **given)


async def run(plan: runner.Plan, given: runner.Room, *, earlier: Sequence[Attempt] = ()) -> runner.Ran:
    """One run of the evals."""
    return await runner.run(plan, given, earlier=earlier)
