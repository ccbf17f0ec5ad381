"""One answer held against its case. This is the one place that catches what a metric throws."""

from __future__ import annotations

from agentops.evals.metrics import DETERMINISTIC, JUDGE
from agentops.evals.metrics.text import SEARCH_S
from agentops.evals.metrics.tools import NoTrace
from agentops.model.case import Answer, Assertion, Case, Score
from agentops.model.outcome import Outcome, worst
from agentops.text import one_line

_NOT_OF_THE_TEXT = ("tool_called", "tool_not_called")
# Assertions that an agent which says nothing would meet.
_TRUE_OF_SILENCE = ("refusal", "latency", "regex")


def score(case: Case, answer: Answer, latency_s: float) -> tuple[Score, ...]:
    """A score for every assertion but the judge's, in the case's order."""
    return tuple(_score(a, answer, latency_s) for a in case.expect if a.kind != JUDGE)


def judged(case: Case) -> tuple[Assertion, ...]:
    """The case's assertions that a judge model has to look at."""
    return tuple(a for a in case.expect if a.kind == JUDGE)


def outcome(case: Case, scores: tuple[Score, ...]) -> Outcome:
    """The attempt's outcome: every assertion must have been judged; one that was not is an error."""
    missing = len(case.expect) - len(scores)
    return worst([s.outcome for s in scores] + [Outcome.ERROR] * missing)


def _score(assertion: Assertion, answer: Answer, latency_s: float) -> Score:
    try:
        holds, reason = DETERMINISTIC[assertion.kind](assertion, answer, latency_s)
    except NoTrace:
        return Score(
            assertion.label,
            Outcome.ERROR,
            "the answer carries no trace of tool calls, neither message.tool_calls nor trace.tool_calls, so that "
            "neither a call nor its absence shows",
        )
    except TimeoutError:
        return Score(
            assertion.label, Outcome.ERROR, f"the search took longer than {SEARCH_S:g} s: simplify the pattern"
        )
    except Exception as error:  # noqa: BLE001  a metric that breaks is data, not the end of the run
        return Score(assertion.label, Outcome.ERROR, f"the metric broke: {one_line(repr(error))}")
    passed = holds is not assertion.negate
    silent = not answer.text.strip() and assertion.kind not in _NOT_OF_THE_TEXT
    if passed and silent and (assertion.negate or assertion.kind in _TRUE_OF_SILENCE):
        return Score(assertion.label, Outcome.ERROR, "the answer is empty, and silence proves nothing")
    return Score(assertion.label, Outcome.PASS if passed else Outcome.FAIL, one_line(reason, 400))
