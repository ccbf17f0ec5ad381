"""The metrics by the name that an assertion gives: one module a family. deepeval's stand apart in judge.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentops.evals.metrics import latency, safety, text, tools
from agentops.model.case import Answer, Assertion

JUDGE = "judge"

DETERMINISTIC: Mapping[str, Callable[[Assertion, Answer, float], tuple[bool, str]]] = {
    "contains": text.contains,
    "icontains": text.icontains,
    "contains_any": text.contains_any,
    "icontains_any": text.icontains_any,
    "equals": text.equals,
    "regex": text.regex,
    "json_schema": text.json_schema,
    "refusal": safety.refusal,
    "latency": latency.latency,
    "tool_called": tools.tool_called,
    "tool_not_called": tools.tool_not_called,
}
