"""The metrics by the name that an assertion gives: one module a family.

What takes more than a look stands apart: deepeval's in judge.py, a content-safety service in moderation.py. Metrics of
the user's come from custom.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentops.contracts import MetricKind
from agentops.evals.metrics import data, language, latency, number, prompt_leak, safety, similarity, text, tools

JUDGE = "judge"
MODERATION = "moderation"

# Assertions that are put to a model or a service; scoring leaves them to whoever holds it.
ASKED = (JUDGE, MODERATION)

# An assertion that names a metric of the user's in its parameter `metric`.
CUSTOM = "custom"

# Assertions that join others; scoring unfolds them.
JOINS = ("all", "any", "weighted")

DETERMINISTIC: Mapping[str, MetricKind] = {
    "contains": MetricKind(text.contains),
    "icontains": MetricKind(text.icontains),
    "contains_any": MetricKind(text.contains_any),
    "icontains_any": MetricKind(text.icontains_any),
    "equals": MetricKind(text.equals),
    "iequals": MetricKind(text.iequals),
    "starts_with": MetricKind(text.starts_with),
    "ends_with": MetricKind(text.ends_with),
    "regex": MetricKind(text.regex, check=text.check_regex, true_of_silence=True),
    "length": MetricKind(text.length, check=text.check_bounds, true_of_silence=True),
    "json_schema": MetricKind(data.json_schema, check=data.check_schema),
    "json_path": MetricKind(data.json_path, check=data.check_path),
    "number": MetricKind(number.number, check=number.check),
    "similarity": MetricKind(similarity.similarity, check=similarity.check),
    "language": MetricKind(language.language, check=language.check),
    "refusal": MetricKind(safety.refusal, true_of_silence=True),
    "forbidden": MetricKind(safety.forbidden, check=safety.check_forbidden, true_of_silence=True),
    "pii": MetricKind(safety.pii, true_of_silence=True),
    "secret_leak": MetricKind(safety.secret_leak, true_of_silence=True),
    "prompt_leak": MetricKind(prompt_leak.prompt_leak, true_of_silence=True),
    "latency": MetricKind(latency.latency, true_of_silence=True),
    "tokens": MetricKind(latency.tokens, true_of_silence=True),
    "cost": MetricKind(latency.cost, true_of_silence=True),
    "turns": MetricKind(latency.turns, check=text.check_bounds, true_of_silence=True),
    "tool_called": MetricKind(tools.tool_called, check=tools.check_called, reads_text=False),
    "tool_not_called": MetricKind(tools.tool_not_called, reads_text=False),
    "tools_only": MetricKind(tools.tools_only, reads_text=False),
    "tool_order": MetricKind(tools.tool_order, reads_text=False),
    "tool_calls": MetricKind(tools.tool_calls, check=tools.check_count, reads_text=False),
    "tool_failed": MetricKind(tools.tool_failed, reads_text=False),
    "no_tool_errors": MetricKind(tools.no_tool_errors, reads_text=False),
}
