"""The agent-wide tool policy: what holds for every attempt of every suite, whatever the case asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from agentops.contracts import Unjudgeable
from agentops.evals.metrics import patterns
from agentops.evals.metrics.spoken import texts_of
from agentops.evals.metrics.tools import trace
from agentops.model.case import Score, ToolCall
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen, ToolPolicy
from agentops.text import one_line

LABEL = "tool policy"


def judge(policy: ToolPolicy, seen: Seen) -> Score:
    """The calls of all turns held against the policy. ERROR where there is no trace or a rule could not be looked at
    in time; a rule that is broken decides all the same. Never raises."""
    try:
        calls = trace(seen)
    except Unjudgeable as error:
        return Score(LABEL, Outcome.ERROR, str(error))
    unjudged = ""
    broken = _counts(policy, calls)
    for number, call in enumerate(calls, 1):
        if broken:
            break
        place = f"call {number}, {one_line(call.name, 60)}"
        try:
            broken = next((f"{place}: {rule}" for rule in _broken(policy, call)), "")
        except Unjudgeable as error:
            unjudged = unjudged or f"{place}: {error}"
        except Exception as error:  # noqa: BLE001  what a call makes of the policy is data, not the end of the run
            unjudged = unjudged or f"{place}: the policy could not be applied: {type(error).__name__}"
    if broken:
        return Score(LABEL, Outcome.FAIL, one_line(broken, 400))
    if unjudged:
        return Score(LABEL, Outcome.ERROR, one_line(unjudged, 400))
    return Score(LABEL, Outcome.PASS, f"{len(calls)} calls, every one within the policy")


def _counts(policy: ToolPolicy, calls: tuple[ToolCall, ...]) -> str:
    if policy.max_calls is not None and len(calls) > policy.max_calls:
        return f"{len(calls)} calls, at most {policy.max_calls} allowed by max_calls"
    made = Counter(call.name for call in calls)
    for name, most in policy.max_calls_of.items():
        if made[name] > most:
            return f"{name} was called {made[name]} times, at most {most} allowed by max_calls_of"
    return ""


def _broken(policy: ToolPolicy, call: ToolCall) -> Iterator[str]:
    """The rules that the call breaks, cheapest first."""
    if policy.allowed is not None and call.name not in policy.allowed:
        yield "the tool is not in allowed"
    names = {name.casefold() for name in policy.forbidden_arguments}
    for name in _names(call.arguments) if names else ():
        if name.casefold() in names:
            yield f"the argument {one_line(name, 60)} is in forbidden_arguments"
    for pattern in policy.forbidden_patterns:
        if patterns.search_any(pattern, texts_of(call.arguments)) is not None:
            yield f"an argument matches /{one_line(pattern, 80)}/ of forbidden_patterns"
    if call.name in policy.schemas:
        wrong = patterns.violation(policy.schemas[call.name], call.arguments)
        if wrong is not None:
            yield f"the arguments break the schema: {one_line(wrong, 200)}"


def _names(data: Any) -> Iterator[str]:
    """Every key of nested data. Not recursive: the depth is the agent's choice."""
    stack = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            yield from map(str, value)
            stack.extend(value.values())
        elif isinstance(value, (list, tuple)):
            stack.extend(value)
