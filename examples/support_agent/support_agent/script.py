"""A script in place of a model, for demonstrations and tests without a key: MODEL_SCRIPT names a JSON file of rules.

[{"when": "where is (?P<order>[A-Z]-[0-9]{4})", "tool": "lookup_order", "arguments": {"order_id": "{order}"},
  "say": "I found your order."}, ..., {"say": "How can I help?"}]

The first rule whose `when` is found in the customer's message is played (one without `when` always is): its tool is
asked for, and once the tool gave a result it says its text. Every answer names the model as `scripted:FILE`, so that
nobody takes it for one.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support_agent.model import Call, Completion

_FALLBACK = "I'm sorry, I have no answer to that."
# About what four characters of English are to a tokenizer: enough to have something to count.
_CHARS_A_TOKEN = 4


class ScriptError(ValueError):
    """The script is missing or cannot be meant."""


@dataclass(frozen=True, slots=True)
class _Rule:
    when: re.Pattern[str]
    say: str
    tool: str
    arguments: Mapping[str, Any]


class ScriptedModel:
    """Plays the model. Raises ScriptError. Each answer takes `latency_s`."""

    def __init__(self, path: Path, *, latency_s: float = 0.02) -> None:
        self.name = f"scripted:{path.name}"
        self._latency_s = latency_s
        try:
            self._rules = [_rule(item) for item in json.loads(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError, AttributeError, re.error) as error:
            raise ScriptError(f"MODEL_SCRIPT cannot be used: {type(error).__name__}: {error}") from None

    async def complete(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Completion:  # noqa: ARG002
        """The next message of the script, whatever tools are offered."""
        await asyncio.sleep(self._latency_s)
        asked = max(i for i, message in enumerate(messages) if message["role"] == "user")
        text, call = self._next(str(messages[asked]["content"]), done=len(messages) > asked + 1)
        calls = (Call("call-1", *call),) if call else ()
        read = sum(len(str(message.get("content") or "")) for message in messages)
        written = len(text) + sum(len(c.arguments) for c in calls)
        return Completion(text, calls, self.name, read // _CHARS_A_TOKEN, max(written // _CHARS_A_TOKEN, 1))

    async def probe(self) -> str | None:
        """A script is always in reach."""
        return None

    def _next(self, said: str, *, done: bool) -> tuple[str, tuple[str, str] | None]:
        for rule in self._rules:
            found = rule.when.search(said)
            if found is None:
                continue
            if rule.tool and not done:
                return "", (rule.tool, json.dumps(_filled(rule.arguments, found.groupdict())))
            return rule.say, None
        return _FALLBACK, None


def _rule(item: Mapping[str, Any]) -> _Rule:
    when = re.compile(str(item.get("when", "")), re.IGNORECASE | re.DOTALL)
    return _Rule(when, str(item.get("say") or _FALLBACK), str(item.get("tool", "")), dict(item.get("arguments", {})))


def _filled(arguments: Mapping[str, Any], groups: Mapping[str, str | None]) -> dict[str, Any]:
    def fill(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        for name, found in groups.items():
            value = value.replace(f"{{{name}}}", found or "")
        return value

    return {key: fill(value) for key, value in arguments.items()}
