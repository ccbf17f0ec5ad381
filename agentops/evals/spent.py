"""What the evals have spent, held against their budget."""

from __future__ import annotations

import time

from agentops.model.case import Attempt
from agentops.model.settings import Budget

# Sums of prices are not exact.
_ROUNDING = 1 + 1e-9


class Spent:
    """Counts calls, tokens, money and time. A call is one turn put to the agent, a retried one too."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._began = time.monotonic()
        self.calls = 0
        self.tokens = 0
        self.usd = 0.0
        self._priced = self._counted = self._made = 0

    def take(self, attempt: Attempt) -> None:
        """Add what an attempt came to; its calls were counted when they were made."""
        self._made += attempt.latency_s is not None
        if attempt.input_tokens is not None and attempt.output_tokens is not None:
            self.tokens += attempt.input_tokens + attempt.output_tokens
            self._counted += 1
        if attempt.cost_usd is not None:
            self.usd += attempt.cost_usd
            self._priced += 1

    def room(self, calls: int, *, in_flight: int) -> str:
        """Why `calls` more cannot be afforded, "" where they can. Those in flight are counted as dear as the mean."""
        budget, ahead = self._budget, in_flight + 1
        if budget.calls is not None and self.calls + calls > budget.calls:
            return f"the budget of {budget.calls} calls is used up"
        if budget.minutes is not None and time.monotonic() - self._began > budget.minutes * 60:
            return f"the {budget.minutes:g} minutes of the budget are over"
        if budget.tokens is not None and self._next(self.tokens, self._counted, ahead) > budget.tokens * _ROUNDING:
            return f"the budget of {budget.tokens} tokens is used up"
        if budget.usd is not None and self._next(self.usd, self._priced, ahead) > budget.usd * _ROUNDING:
            return f"the budget of {budget.usd:g} USD is used up"
        return ""

    def unknown(self) -> str:
        """Which limit could not be held for sure because some answers do not tell what they cost."""
        if self._budget.usd is not None and self._priced < max(self._made, 1):
            return "usd"
        return "tokens" if self._budget.tokens is not None and self._counted < max(self._made, 1) else ""

    def _next(self, total: float, told: int, ahead: int) -> float:
        """The total once those ahead are there too, with the mean for every answer that did not tell; before any did,
        nothing but what is over."""
        return total * (max(self._made, told) + ahead) / told if told else total
