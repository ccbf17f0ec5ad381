"""Assertions on how long an answer took."""

from __future__ import annotations

from agentops.evals.metrics.text import Judged
from agentops.model.case import Answer, Assertion


def latency(assertion: Assertion, _answer: Answer, latency_s: float) -> Judged:
    """The whole answer was there in time."""
    bound = assertion.params["at_most_s"]
    return latency_s <= bound, f"{latency_s:.3f} s, at most {bound:g} s allowed"
