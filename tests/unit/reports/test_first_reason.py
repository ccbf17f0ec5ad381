"""Why a case did not pass, in one line."""

from __future__ import annotations

from agentops.model.case import Attempt, CaseResult
from agentops.model.outcome import Outcome
from agentops.reports import summary


def test_an_open_case_says_how_many_of_its_runs_were_made() -> None:
    passed = Attempt("c", 1, 1, Outcome.PASS)
    case = CaseResult("c", "s", (), 3, 3, Outcome.INCONCLUSIVE, (passed,))
    assert summary.first_reason(case) == "1 of 3 runs were made"
