"""Assertions on the tool calls that the agent's trace reports. Without a trace nothing is known about them."""

from __future__ import annotations

import hashlib
import json
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from agentops.contracts import Judgement, Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics import calls, schemas
from agentops.evals.metrics.text import Params, check_bounds, texts, within
from agentops.model.case import ToolCall
from agentops.model.seen import Seen
from agentops.text import one_line


def tool_called(params: Params, seen: Seen) -> Judgement:
    """The tool was called with arguments that contain `arguments` and satisfy `arguments_schema`: exactly `times`
    times, or within `at_least` (1 unless given) and `at_most`.

    Raises Unjudgeable where it hangs on a call whose arguments cannot be read, or that differs in the writing of names
    alone: under `not` it would otherwise be a call that was not made.
    """
    name, wanted = params.get("name", params.get("value", "")), params.get("arguments", {})
    made = trace(seen)
    named = [c for c in made if c.name == name and contains(c.arguments, wanted)]
    wrong = [_wrong(params, c) for c in named]
    fitting = wrong.count(None)
    maybe = [c for c in made if calls.is_called(name, c.name) and _open(params, c, wanted)]
    least, most = params.get("at_least", 1), params.get("at_most")
    if "times" in params:
        least = most = params["times"]
    results = {least <= n and (most is None or n <= most) for n in range(fitting, fitting + len(maybe) + 1)}
    if len(results) > 1:
        why = "arguments that cannot be read" if calls.unread(maybe[0]) else "names in another writing"
        raise Unjudgeable(f"a call that may be one of {one_line(name, 60)} has {why}; {shown(made)}")
    if results == {True}:
        return Judgement(True, f"{name} was called; {shown(made)}")
    expected = f"{least} expected" if most == least else f"{least} to {most} expected"
    if most is None:
        expected = f"at least {least} expected"
    told = next((f"; {one_line(w, 120)}" for w in wrong if w is not None), "")
    return Judgement(False, f"{name} was called {fitting} times as expected, {expected}{told}; {shown(made)}")


def _wrong(params: Params, call: ToolCall) -> str | None:
    return schemas.violation(params["arguments_schema"], call.arguments) if "arguments_schema" in params else None


def _open(params: Params, call: ToolCall, wanted: Any) -> bool:
    """Whether a call of this tool, by its name in some writing, may fit although it does not as it stands."""
    exact = call.name == params.get("name", params.get("value")) and contains(call.arguments, wanted)
    if calls.unread(call):
        return not exact or _wrong(params, call) is not None
    return not exact and calls.may_hold(call.arguments, wanted)


def check_called(params: Params) -> None:
    """Refuse counts that nothing could meet, and what is no JSON Schema."""
    if "times" in params and ("at_least" in params or "at_most" in params):
        raise ConfigError("times beside at_least or at_most", hint="say it in one way")
    check_bounds({"at_least": params.get("at_least", 1), **params})
    if "arguments_schema" in params:
        schemas.check_schema(params["arguments_schema"])


def tool_not_called(params: Params, seen: Seen) -> Judgement:
    """None of the tools was called, in whatever writing of its name and behind whatever namespace."""
    made = trace(seen)
    called = sorted({c.name for c in made if any(calls.is_called(name, c.name) for name in texts(params))})
    return Judgement(not called, f"{_names(called)} was called; {shown(made)}" if called else shown(made))


def tools_only(params: Params, seen: Seen) -> Judgement:
    """No other tool than these was called. They need not have been: an empty list forbids every call."""
    made = trace(seen)
    others = sorted({c.name for c in made} - set(texts(params)))
    return Judgement(not others, f"{_names(others)} was called; {shown(made)}" if others else shown(made))


def tool_order(params: Params, seen: Seen) -> Judgement:
    """The tools were called in this order, with others between them; with `exact: true` these calls and no others."""
    wanted = list(params.get("names", params.get("value", ())))
    made = trace(seen)
    names = [c.name for c in made]
    if params.get("exact", False):
        return Judgement(names == wanted, f"expected exactly {_arrows(wanted)}; {shown(made)}")
    rest = iter(names)
    missing = next((name for name in wanted if name not in rest), None)
    if missing is None:
        return Judgement(True, f"in order: {_arrows(wanted)}; {shown(made)}")
    return Judgement(False, f"{one_line(missing, 80)} is not in its place of {_arrows(wanted)}; {shown(made)}")


def tool_calls(params: Params, seen: Seen) -> Judgement:
    """So many calls were made: a number, or within `at_least` and `at_most`; of all tools, or of `name`. Raises
    Unjudgeable where it hangs on calls whose name differs in its writing alone."""
    if "value" in params:
        params = {"at_least": params["value"], "at_most": params["value"]}
    made = trace(seen)
    name = params.get("name")
    counted = sum(name is None or c.name == name for c in made)
    near = 0 if name is None else sum(c.name != name and calls.is_called(name, c.name) for c in made)
    judgement = within(counted, params, "calls")
    if any(within(counted + more, params, "calls").holds is not judgement.holds for more in range(near + 1)):
        raise Unjudgeable(f"{near} calls are of {one_line(str(name), 60)} in another writing; {shown(made)}")
    return Judgement(judgement.holds, f"{judgement.reason}; {shown(made)}")


def check_count(params: Params) -> None:
    """Refuse bounds that nothing could meet, and none at all."""
    if not {"value", "at_least", "at_most"} & params.keys():
        raise ConfigError("no bound", hint="give at_least or at_most")
    check_bounds(params)


def tool_failed(params: Params, seen: Seen) -> Judgement:
    """A call of one of the tools ended in an error, by the trace."""
    made = trace(seen)
    failed = [c for c in made if c.status == "error" and c.name in texts(params)]
    return Judgement(bool(failed), f"{_names([c.name for c in failed]) or 'none of them'} failed; {shown(made)}")


def no_tool_errors(params: Params, seen: Seen) -> Judgement:
    """No call ended in an error, by the trace (`true`), or one did (`false`)."""
    made = trace(seen)
    failed = [c.name for c in made if c.status == "error"]
    reason = f"{_names(failed)} failed; {shown(made)}" if failed else f"no call failed; {shown(made)}"
    return Judgement((not failed) is params["value"], reason)


def path(made: Sequence[ToolCall] | None) -> str:
    """A digest of the way that the agent took: the tools in the order of their calls, each with the names of its
    arguments. "" where the calls are unknown; no call at all is a way too.

    Values stay out: what an agent writes into a search differs from run to run where the way is the same.
    """
    if made is None:
        return ""
    steps = [[call.name, sorted(map(str, call.arguments))] for call in made]
    return hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:16]


def contains(arguments: Any, wanted: Any) -> bool:
    """Whether the arguments hold everything that is wanted: mappings by key, all else by equality."""
    if isinstance(wanted, Mapping):
        return isinstance(arguments, Mapping) and all(
            key in arguments and contains(arguments[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        same_size = isinstance(arguments, (list, tuple)) and len(arguments) == len(wanted)
        return same_size and all(map(contains, arguments, wanted))
    if isinstance(arguments, bool) is not isinstance(wanted, bool):
        return False
    return bool(arguments == wanted)


def trace(seen: Seen) -> tuple[ToolCall, ...]:
    """The tool calls of all turns. Raises Unjudgeable where a turn carries no trace: then neither a call nor its
    absence shows."""
    made = seen.tool_calls
    if made is None:
        raise Unjudgeable(
            "the answer carries no trace of tool calls, so that neither a call nor its absence shows: see "
            "agent.protocol in docs/evals.md on how an agent tells them"
        )
    return made


def shown(made: Sequence[ToolCall]) -> str:
    """The calls in one line. Arguments are cut at every level: how deep they go is the agent's choice."""
    if not made:
        return "no tool was called"
    brief = reprlib.Repr()
    brief.maxlevel, brief.maxdict, brief.maxlist, brief.maxstring, brief.maxother = 3, 6, 6, 60, 60
    listed = ", ".join(f"{c.name[:80]}({brief.repr(dict(c.arguments))})" for c in made[:20])
    return "calls: " + one_line(listed, 200)


def _names(names: Sequence[str]) -> str:
    return one_line(", ".join(names[:10]), 120)


def _arrows(names: Sequence[str]) -> str:
    return one_line(" -> ".join(names), 120)
