"""One case as a test report tells it: what was asked, what was said, what did not hold, run by run.

Everything that the agent said stands on a line of its own behind a word of ours, safe for a terminal, XML and the log
of a CI system.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from agentops.errors import AgentopsError, ConfigError
from agentops.model.case import Answer, Attempt, Case, CaseResult
from agentops.model.outcome import Outcome
from agentops.stages.evals_up import Up
from agentops.text import said

# So many runs that did not pass are told in full.
_SHOWN = 5
_CALLS = 10

ATTEMPTS = "agentops.attempts"
PASSED = "agentops.passed"
NEEDED = "agentops.needed"
MODEL = "agentops.model"
SCRIPTED = "agentops.scripted"
CONTAINERISED = "agentops.containerised"
REPLIES = "agentops.replies"


def refusal(error: AgentopsError) -> str:
    """An error on a few lines: what happened, and how to mend it."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    lines = [f"agentops: {said(problem, 1000)}" for problem in problems or (error.message,)]
    first, *rest = error.hint.splitlines() or [""]
    lines += [f"hint: {said(first, 1000)}"] if first else []
    return "\n".join([*lines, *(f"    | {said(line, 1000)}" for line in rest)])


def report(case: Case, result: CaseResult, *, gone: str = "") -> str:
    """Why the case did not pass, on many lines. `gone` says why the agent cannot be asked any more."""
    measured = [a for a in result.attempts if a.outcome in (Outcome.PASS, Outcome.FAIL)]
    head = f"{case.id}: {result.passed()} of {result.planned} runs passed, {result.needed} needed"
    if len(measured) < result.planned:
        head += f", {result.planned - len(measured)} not measured"
    lines = [head, f"at: {said(str(case.location), 200)}"]
    if len(case.turns) == 1:
        lines.append(f"input: {said(case.input)}")
    told = 0
    for attempt in result.attempts:
        lines.append(
            f"run {attempt.run}: {attempt.outcome.value if attempt.outcome is Outcome.PASS else _loud(attempt)}"
        )
        if attempt.outcome is not Outcome.PASS and told < _SHOWN:
            told += 1
            lines += [f"  {line}" for line in _run(case, attempt)]
    return "\n".join([*lines, *([said(gone)] if gone else [])])


def properties(result: CaseResult) -> list[tuple[str, str]]:
    """What a JUnit report keeps of the case beside its outcome."""
    models = sorted({a.model for a in result.attempts if a.model})
    return [
        (ATTEMPTS, str(len(result.attempts))),
        (PASSED, str(result.passed())),
        (NEEDED, str(result.needed)),
        *((MODEL, said(model, 100)) for model in models),
    ]


def of_agent(running: Up) -> list[tuple[str, str]]:
    """What a JUnit report keeps of the agent that was asked."""
    contained = "yes" if running.target.containerised else "no"
    return [(CONTAINERISED, contained), *((SCRIPTED, name) for name in sorted(running.scripted))]


def of_replies(count: int, models: Sequence[str]) -> list[tuple[str, str]]:
    """What a JUnit report keeps of a test that talked to the agent."""
    return [(REPLIES, str(count)), *((MODEL, said(model, 100)) for model in models)]


def summary(told: Sequence[Mapping[str, Sequence[str]]]) -> str:
    """One line on everything that was asked, out of the properties of each test. "" where nothing was."""
    asked = [t for t in told if ATTEMPTS in t]
    replies = sum(int(value) for t in told for value in t.get(REPLIES, ()))
    if not any(CONTAINERISED in t for t in told):
        return ""
    attempts = sum(int(value) for t in asked for value in t[ATTEMPTS])
    parts = []
    if asked:
        parts.append(f"{_count(len(asked), 'case')}, {_count(attempts, 'attempt')}")
    if replies:
        parts.append(f"{_count(replies, 'reply', 'replies')} to tests")
    models = sorted({value for t in told for value in t.get(MODEL, ())})
    scripted = {value for t in told for value in t.get(SCRIPTED, ())}
    named = f"model {', '.join(models)}" if models else "the agent does not tell its model"
    parts.append(f"{named} (a script, no real model)" if "model" in scripted else named)
    parts += ["a script judged, no real model did"] if "judge" in scripted else []
    boxes = {value for t in told for value in t.get(CONTAINERISED, ())}
    parts.append(f"containerised: {'yes' if boxes == {'yes'} else 'no'}")
    return f"agentops: {'; '.join(parts)}; this is no gate: no criterion was decided"


def _run(case: Case, attempt: Attempt) -> Iterator[str]:
    if attempt.error and not attempt.scores:
        yield f"error: {said(attempt.error)}"
    yield from (f"tried again after: {said(cause)}" for cause in attempt.retries)
    several = len(case.turns) > 1
    for number, (turn, answer) in enumerate(zip(case.turns, attempt.answers, strict=False), 1):
        if several:
            yield f"turn {number} input: {said(turn.text)}"
        yield f"{f'turn {number} ' if several else ''}answer: {said(answer.text) or '(empty)'}"
        yield from _calls(answer)
    for score in attempt.scores:
        if score.outcome is not Outcome.PASS:
            word = "does not hold" if score.outcome is Outcome.FAIL else "could not be judged"
            yield f"{said(score.assertion, 120)} {word}: {said(score.reason)}"


def _calls(answer: Answer) -> Iterator[str]:
    calls = answer.tool_calls or ()
    for call in calls[:_CALLS]:
        given = json.dumps(call.arguments, ensure_ascii=False, default=str)
        yield f"tool: {said(call.name, 80)} {said(given, 200)}" + (" (failed)" if call.status == "error" else "")
    if len(calls) > _CALLS:
        yield f"and {len(calls) - _CALLS} more tool calls"


def _loud(attempt: Attempt) -> str:
    return attempt.outcome.value.upper()


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"
