"""When the evals may stop: as soon as every criterion on behaviour is settled."""

from __future__ import annotations

from collections.abc import Sequence

from agentops.gate import gauges
from agentops.gate.gauges.base import Design
from agentops.model.case import Attempt
from agentops.model.verdict import Criterion


class Settled:
    """The stop rule of a run: every criterion on behaviour as a gauge. See contracts.StopRule."""

    def __init__(self, criteria: Sequence[Criterion], design: Design) -> None:
        behaviour = [c for c in criteria if c.metric in gauges.KINDS and design.of(c).members]
        self._gauges = [gauges.make(c, design) for c in behaviour]

    def add(self, attempt: Attempt) -> None:
        """Take in the next attempt of the schedule."""
        for gauge in self._gauges:
            gauge.add(attempt)

    def settled(self) -> bool:
        """Whether no criterion could still change."""
        return all(gauge.settled for gauge in self._gauges)

    def told(self) -> str:
        """Where the criteria that are not settled stand."""
        open_ones = [gauge for gauge in self._gauges if not gauge.settled]
        return "; ".join(said for gauge in open_ones if (said := gauge.told()))
