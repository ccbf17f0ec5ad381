"""The agent-wide tool policy: what holds for every attempt of every suite, whatever the case asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from agentops.contracts import Unjudgeable
from agentops.evals.metrics import calls, patterns, schemas
from agentops.evals.metrics.letters import plain
from agentops.evals.metrics.tools import trace
from agentops.model.case import Score, ToolCall
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen, ToolPolicy
from agentops.text import one_line

LABEL = "tool policy"


def judge(policy: ToolPolicy, seen: Seen) -> Score:
    """The calls of all turns held against the policy. ERROR where there is no trace, where arguments that a rule looks
    into cannot be read, or a rule could not be looked at in time; a rule that is broken decides all the same. Never
    raises.

    What forbids sees through the writing of names (case, dashes, invisible characters, a namespace before them) and
    into texts that are JSON; `allowed` compares exactly.
    """
    try:
        made = trace(seen)
    except Unjudgeable as error:
        return Score(LABEL, Outcome.ERROR, str(error))
    unjudged = ""
    broken = _counts(policy, made)
    for number, call in enumerate(made, 1):
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
    return Score(LABEL, Outcome.PASS, f"{len(made)} calls, every one within the policy")


def _counts(policy: ToolPolicy, made: tuple[ToolCall, ...]) -> str:
    if policy.max_calls is not None and len(made) > policy.max_calls:
        return f"{len(made)} calls, at most {policy.max_calls} allowed by max_calls"
    by_name = Counter(call.name for call in made)
    for name, most in policy.max_calls_of.items():
        count = sum(number for said, number in by_name.items() if calls.is_called(name, said))
        if count > most:
            return f"{name} was called {count} times, at most {most} allowed by max_calls_of"
    return ""


def _broken(policy: ToolPolicy, call: ToolCall) -> Iterator[str]:
    """The rules that the call breaks, cheapest first. Raises Unjudgeable where a rule is left that looks into
    arguments which cannot be read."""
    if policy.allowed is not None and call.name not in policy.allowed:
        yield "the tool is not in allowed"
    ruled = [schema for name, schema in policy.schemas.items() if calls.is_called(name, call.name)]
    if policy.forbidden_arguments or policy.forbidden_patterns:
        yield from _forbidden(policy, call)
    if calls.unread(call) and (policy.forbidden_arguments or policy.forbidden_patterns or ruled):
        raise Unjudgeable("the arguments cannot be read: they are no JSON object")
    for schema in ruled:
        wrong = schemas.violation(schema, call.arguments)
        if wrong is not None:
            yield f"the arguments break the schema: {one_line(wrong, 200)}"


def _forbidden(policy: ToolPolicy, call: ToolCall) -> Iterator[str]:
    forbidden = {calls.folded(name) for name in policy.forbidden_arguments}
    texts: dict[str, None] = {}
    for piece in calls.pieces(call.arguments):
        if forbidden and piece.is_name and calls.folded(piece.text) in forbidden:
            yield f"the argument {one_line(piece.text, 60)} is in forbidden_arguments"
        texts |= dict.fromkeys((piece.text, plain(piece.text)))
    for pattern in policy.forbidden_patterns:
        if patterns.search_any(pattern, texts) is not None:
            yield f"an argument matches /{one_line(pattern, 80)}/ of forbidden_patterns"
