"""The metrics by the name that an assertion gives: one module a family. deepeval's stand apart in judge.py."""

from __future__ import annotations

from collections.abc import Mapping

from agentops.contracts import Metric
from agentops.evals.metrics import latency, safety, text, tools

JUDGE = "judge"

DETERMINISTIC: Mapping[str, Metric] = {
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
