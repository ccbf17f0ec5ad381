"""What a judge is shown of a conversation, as plain data, and what is made of its answer.

A request holds the metric, its parameters and the conversation; never the case's name, its tags, the verdict that the
suite expects, the bound, or the number of the run.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agentops import text
from agentops.evals.metrics.judge import quote as judge_quote
from agentops.evals.metrics.judge.metrics import ANY, FIELDS, METRICS, label
from agentops.model.case import Assertion, Score, ToolCall
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen

LONGEST = 50_000
"""Characters of an answer, and of all other texts together, beyond which nothing is judged."""
_REASON_LIMIT = 500


def build(assertion: Assertion, seen: Seen, *, blind: Iterable[str] = ()) -> dict[str, Any]:
    """The request as JSON data: `metric`, `params`, `fields` and, for a class of deepeval's, `turns`.

    A metric that judges one exchange sees the last turn and its answer; `turns` are all of them. Words of `blind` are
    replaced in everything that a judge model may come to see.
    """
    params = assertion.params
    name = str(params["metric"])
    spec = METRICS.get(name)
    seals = judge_quote.blinder(blind if spec is None or spec.asks_model else ())

    def shown(value: Any) -> Any:
        return _mapped(value, lambda said: seals(judge_quote.readable(said)))

    fields: dict[str, Any] = {"input": seen.turns[len(seen.answers) - 1].text, "actual_output": seen.text}
    fields |= {key: params[key] for key in FIELDS if key in params}
    if "expected_tools" in fields:
        fields["expected_tools"] = [_tool(tool) for tool in fields["expected_tools"]]
    calls = seen.tool_calls
    if calls is not None and (spec is None or "expected_tools" in params):
        fields["tools_called"] = [_called(call) for call in calls]
    request: dict[str, Any] = {"metric": name, "fields": shown(fields)}
    if spec is None:
        request |= {"params": shown(dict(params.get("params", {}))), "turns": shown(_turns(seen))}
    else:
        request["params"] = shown({key: params[key] for key in spec.parameters if key in params})
    return request


def output_digest(request: Mapping[str, Any]) -> str:
    """SHA-256 over what the agent said and did, as the judge gets it."""
    fields = request["fields"]
    return _digest([fields["actual_output"], fields.get("tools_called"), request.get("turns")])


def settled(assertion: Assertion, request: Mapping[str, Any]) -> Score | None:
    """The score of an answer that no judge can be asked about; None where it can."""
    output = request["fields"]["actual_output"]
    if len(output) > LONGEST:
        reason = f"the answer has {len(output)} characters, more than the {LONGEST} that are judged"
        return Score(label(assertion), Outcome.ERROR, reason)
    rest = _size(request) - len(output)
    if rest > 2 * LONGEST:
        reason = (
            f"the conversation around the answer has {rest} characters, more than the {2 * LONGEST} that are judged"
        )
        return Score(label(assertion), Outcome.ERROR, reason)
    # A class of deepeval's may look at the tools alone: its worker knows.
    silent = not output.strip().strip(text.REPLACEMENT)
    return of_silence(assertion) if silent and not request["metric"].startswith(ANY) else None


def of_silence(assertion: Assertion) -> Score:
    """The score of an empty answer: it fails a demand, and under any other it proves nothing."""
    if "at_least" in assertion.params and not assertion.negate:
        return Score(label(assertion), Outcome.FAIL, "the answer is empty; the judge was not asked", 0.0)
    return Score(label(assertion), Outcome.ERROR, "the answer is empty: there is nothing to judge")


def scored(assertion: Assertion, result: Mapping[str, Any], *, secret: str, cached: bool = False) -> Score:
    """The Score that a result of the worker makes. `secret` is left out of what is shown."""
    params, name = assertion.params, label(assertion)

    def shown(reason: str) -> str:
        return text.one_line(text.redact(reason, [secret]), _REASON_LIMIT)

    if result.get("empty") is True:
        return of_silence(assertion)
    if "error" in result:
        return Score(name, Outcome.ERROR, shown(str(result["error"])))
    value = sound(result.get("score"))
    if value is None:
        return Score(name, Outcome.ERROR, shown(f"the judge's score {result.get('score')!r} is not within 0 to 1"))
    kept = value >= params["at_least"] if "at_least" in params else value <= params["at_most"]
    outcome = Outcome.PASS if kept is not assertion.negate else Outcome.FAIL
    model = text.one_line(str(result.get("model") or ""), 80)
    judge = f"judge {model}" if model else "deepeval"
    reason = shown(str(result.get("reason") or "no reason given"))
    return Score(name, outcome, f"{reason} [{judge}{', cached' if cached else ''}]", value)


def sound(value: object) -> float | None:
    """The value as a number from 0 to 1, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 1 else None


def digest(*parts: Any) -> str:
    """SHA-256 over JSON data, 64 hexadecimal digits."""
    return _digest(list(parts))


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def _turns(seen: Seen) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    for turn, answer in zip(seen.turns, seen.answers, strict=False):
        turns.append({"role": "user", "content": turn.text})
        said: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.tool_calls is not None:
            said["tools_called"] = [_called(call) for call in answer.tool_calls]
        turns.append(said)
    return turns


def _called(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "input_parameters": dict(call.arguments)}


def _tool(tool: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(tool, str):
        return {"name": tool, "input_parameters": None}
    return {"name": tool["name"], "input_parameters": tool.get("arguments")}


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """JSON data with every text in it changed. What JSON does not know becomes a text."""
    if isinstance(value, str):
        return change(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {change(str(k)): _mapped(v, change) for k, v in value.items()}
    if isinstance(value, Sequence):
        return [_mapped(v, change) for v in value]
    return change(str(value))


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(k) + _size(v) for k, v in value.items())
    return sum(map(_size, value)) if isinstance(value, list) else 0
