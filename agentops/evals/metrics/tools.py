"""Assertions on the tool calls that the agent's trace reports. Without a trace nothing is known about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentops.evals.metrics.text import Judged
from agentops.model.case import Answer, Assertion, ToolCall
from agentops.text import one_line


class NoTrace(Exception):
    """The answer carries no trace, so that neither a call nor its absence can be shown."""


def tool_called(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """The tool was called, with arguments that contain the given ones, as many times as given (at least once)."""
    params = assertion.params
    name = params.get("name", params.get("value"))
    wanted = params.get("arguments", {})
    calls = _trace(answer)
    fitting = [c for c in calls if c.name == name and contains(c.arguments, wanted)]
    times = params.get("times")
    if times is not None and len(fitting) != times:
        return False, f"{name} was called {len(fitting)} times, {times} expected; {_seen(calls)}"
    if not fitting:
        return False, f"{name} was not called as expected; {_seen(calls)}"
    return True, f"{name} was called; {_seen(calls)}"


def tool_not_called(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """None of the tools was called."""
    value = assertion.params["value"]
    names = {value} if isinstance(value, str) else set(value)
    calls = _trace(answer)
    called = sorted({c.name for c in calls} & names)
    return not called, f"{', '.join(called)} was called; {_seen(calls)}" if called else _seen(calls)


def contains(arguments: Any, wanted: Any) -> bool:
    """Whether the arguments hold everything that is wanted: mappings by key, all else by equality."""
    if isinstance(wanted, Mapping):
        return isinstance(arguments, Mapping) and all(
            key in arguments and contains(arguments[key], value) for key, value in wanted.items()
        )
    if isinstance(arguments, bool) is not isinstance(wanted, bool):
        return False
    return bool(arguments == wanted)


def _trace(answer: Answer) -> tuple[ToolCall, ...]:
    if answer.tool_calls is None:
        raise NoTrace
    return answer.tool_calls


def _seen(calls: tuple[ToolCall, ...]) -> str:
    if not calls:
        return "no tool was called"
    return "calls: " + one_line(", ".join(f"{c.name}({dict(c.arguments)})" for c in calls), 200)
