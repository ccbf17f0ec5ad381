"""Scripts as files: read, held against their schema, made ready."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentops.config import document
from agentops.config.document import Document, Keys
from agentops.errors import ConfigError
from agentops.gateway.script import ReplyTemplate, Rule, Script, ToolTemplate

SCHEMA = "script.schema.json"


def load(path: Path) -> Script:
    """Read a script. Raises ConfigError that names file and line of what is wrong, one line a place in `problems`."""
    found = document.read(path)
    if found.data is None:
        raise ConfigError(
            f"{found.path}: the file is empty", hint="write the script of the model, or name another file"
        )
    document.check(found, SCHEMA)
    data = found.data
    low, high = data.get("latency_s", (0.0, 0.0))
    if low > high:
        raise ConfigError(
            f"{found.place(('latency_s',))}: latency_s: {low} is above {high}", hint="write the lower first"
        )
    rules = tuple(_rule(rule, found, ("rules", i)) for i, rule in enumerate(data["rules"]))
    return Script(data["name"], data.get("seed", 0), rules, (float(low), float(high)), source=path.name)


def _rule(data: Mapping[str, Any], found: Document, keys: Keys) -> Rule:
    when = data.get("when", {})
    after_tool = "tool" in when or "result" in when
    last = when.get("last", "tool" if after_tool else "user")
    if last == "user" and after_tool:
        raise ConfigError(
            f"{found.place((*keys, 'when', 'last'))}: a rule with tool or result can only follow a tool",
            hint="take out last: user",
        )
    patterns = {k: _pattern(when[k], found, (*keys, "when", k)) for k in ("user", "system", "result") if k in when}
    replies = data["reply"] if isinstance(data["reply"], list) else [data["reply"]]
    made = tuple(_reply(reply) for reply in replies)
    if sum(r.weight for r in made) <= 0:
        raise ConfigError(f"{found.place((*keys, 'reply'))}: every weight is 0", hint="give a reply a weight above 0")
    return Rule(
        line=found.lines.get(keys, 1),
        replies=made,
        user=patterns.get("user"),
        system=patterns.get("system"),
        tool=when.get("tool"),
        result=patterns.get("result"),
        last=last,
    )


def _pattern(text: str, found: Document, keys: Keys) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE | re.DOTALL)
    except (re.error, OverflowError) as error:
        raise ConfigError(f"{found.place(keys)}: not a regular expression: {error}", hint="mend the pattern") from None


def _reply(data: Mapping[str, Any]) -> ReplyTemplate:
    tools = tuple(ToolTemplate(t["name"], t.get("arguments", {})) for t in data.get("tools", ()))
    return ReplyTemplate(data.get("text"), tools, float(data.get("weight", 1)))
