"""A scripted model: rules in a YAML file (see script_file.py) say what the model answers next. Pure.

A rule names what it looks for (`when`) and what the model then says (`reply`); the first rule that matches wins.
Which of several replies is given follows from the seed, the messages and how often these very messages were asked
before, so that answers differ between runs and yet never depend on the order in which cases are asked.

    version: 1
    name: support-model
    seed: 7                      # optional, 0
    latency_s: [0.005, 0.02]     # optional, no delay
    rules:
      - when: {user: 'order (?P<order>[A-Z]-[0-9]{4})'}
        reply: {tools: [{name: lookup_order, arguments: {order_id: '{order}'}}]}
      - when: {tool: lookup_order, result: '"status": "shipped"'}
        reply:
          - {text: 'Your order is on its way.', weight: 9}
          - {text: 'It left our warehouse.', weight: 1}

Patterns are Python's, searched for without regard to case, and a dot matches a line break.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentops.errors import MeasurementError
from agentops.text import one_line


class ScriptMiss(MeasurementError):
    """No rule of the script matches what the model was asked. Asking again cannot help."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A tool call that the model asks for. `arguments` is what goes over the wire: JSON text, or what the script
    gives in its place to play a model that errs."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The model's next message: a text, tool calls or both, to be given after `latency_s` seconds."""

    text: str | None
    tools: tuple[ToolRequest, ...] = ()
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolTemplate:
    """A tool call as written in the script. `arguments` is JSON data, or text that is sent as it is."""

    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class ReplyTemplate:
    """One of a rule's replies; it is chosen in proportion to `weight`."""

    text: str | None
    tools: tuple[ToolTemplate, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """What must match, and the replies to choose from. A pattern that is None is not looked at."""

    line: int
    replies: tuple[ReplyTemplate, ...]
    user: re.Pattern[str] | None = None
    system: re.Pattern[str] | None = None
    tool: str | None = None
    result: re.Pattern[str] | None = None
    last: str = "user"

    def match(self, view: View) -> dict[str, str] | None:
        """The named groups of all patterns, or None where the rule does not match."""
        if view.last != self.last or (self.tool is not None and self.tool != view.tool):
            return None
        groups: dict[str, str] = {}
        for pattern, text in ((self.system, view.system), (self.user, view.user), (self.result, view.result)):
            if pattern is None:
                continue
            found = pattern.search(text)
            if found is None:
                return None
            groups.update((name, value or "") for name, value in found.groupdict().items())
        return groups


@dataclass(frozen=True, slots=True)
class View:
    """A conversation as the rules see it. `last` is the role of the last message; `tool` and `result` are set where
    that is a tool's result; `user` is always the latest user message."""

    last: str
    user: str
    system: str
    tool: str
    result: str


@dataclass(frozen=True, slots=True)
class Script:
    """A scripted model, ready to answer."""

    name: str
    seed: int
    rules: tuple[Rule, ...]
    latency_s: tuple[float, float] = (0.0, 0.0)
    source: str = ""

    def reply(self, messages: Sequence[Mapping[str, Any]], *, occurrence: int) -> Reply:
        """The next message for a conversation in the shape of OpenAI's chat completions.

        `occurrence` counts from 0 how often the very same conversation (see `key`) was asked before.
        Raises ScriptMiss when no rule matches.
        """
        view = _view(messages)
        for rule in self.rules:
            groups = rule.match(view)
            if groups is not None:
                break
        else:
            raise ScriptMiss(
                f"no rule of {self.source or self.name} matches: {_told(view)}",
                hint="add a rule for it, or a last rule without `when`",
            )
        dice = _dice(self.seed, key(messages), occurrence)
        low, high = self.latency_s
        return _fill(_choose(rule.replies, next(dice)), groups, low + (high - low) * next(dice))


def key(messages: Sequence[Mapping[str, Any]]) -> str:
    """Identifies a conversation: 64 hex digits.

    System messages are left out (a date in them must not roll the dice anew), and so are the ids of tool calls,
    which differ from call to call; a tool's result is known by the name of its tool instead.
    """
    names = _tool_names(messages)
    said: list[list[Any]] = []
    for message in messages:
        role = str(message.get("role", ""))
        if role in ("system", "developer"):
            continue
        calls = [[name, arguments] for _, name, arguments in _tool_calls(message)]
        said.append([role, _text(message), calls, names.get(str(message.get("tool_call_id", "")), "")])
    canonical = json.dumps(said, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _view(messages: Sequence[Mapping[str, Any]]) -> View:
    roles = [str(m.get("role", "")) for m in messages]
    users = [m for m, role in zip(messages, roles, strict=True) if role == "user"]
    systems = [_text(m) for m, role in zip(messages, roles, strict=True) if role in ("system", "developer")]
    last = roles[-1] if roles else ""
    tool = result = ""
    if last == "tool":
        tool = _tool_names(messages).get(str(messages[-1].get("tool_call_id", "")), "")
        result = _text(messages[-1])
    user = _text(users[-1]) if users else ""
    return View(last=last, user=user, system="\n".join(systems), tool=tool, result=result)


def _tool_names(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {call_id: name for message in messages for call_id, name, _ in _tool_calls(message)}


def _tool_calls(message: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            yield str(call.get("id", "")), str(function.get("name", "")), str(function.get("arguments", ""))


def _text(message: Mapping[str, Any]) -> str:
    """The text of a message, whose content is a text or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(p["text"]) for p in content if isinstance(p, Mapping) and isinstance(p.get("text"), str))
    return ""


def _told(view: View) -> str:
    if view.last == "user":
        return f"user {one_line(view.user, 120)!r}"
    if view.last == "tool":
        return f"tool {one_line(view.tool, 60)!r} gave {one_line(view.result, 120)!r} for {one_line(view.user, 80)!r}"
    return f"the last message is from {one_line(view.last, 20)!r}, not from user or tool"


def _dice(seed: int, conversation: str, occurrence: int) -> Iterator[float]:
    """Numbers in [0, 1) that follow from the arguments alone."""
    roll = 0
    while True:
        digest = hashlib.sha256(f"{seed}\0{conversation}\0{occurrence}\0{roll}".encode()).digest()
        # 53 bits: what a float holds exactly, so that 1.0 is never reached.
        yield (int.from_bytes(digest[:8], "big") >> 11) / 2**53
        roll += 1


def _choose(replies: Sequence[ReplyTemplate], at: float) -> ReplyTemplate:
    left = at * sum(r.weight for r in replies)
    for reply in replies:
        left -= reply.weight
        if left < 0:
            return reply
    return replies[-1]


def _fill(template: ReplyTemplate, groups: Mapping[str, str], latency_s: float) -> Reply:
    tools = tuple(
        ToolRequest(t.name, filled if isinstance(filled, str) else json.dumps(filled, ensure_ascii=False))
        for t in template.tools
        for filled in (_filled(t.arguments, groups),)
    )
    text = None if template.text is None else str(_filled(template.text, groups))
    return Reply(text=text, tools=tools, latency_s=latency_s)


def _filled(value: Any, groups: Mapping[str, str]) -> Any:
    """Every `{name}` of a known group replaced, in one pass; all other braces stay."""
    if isinstance(value, str) and groups:
        names = "|".join(re.escape(name) for name in groups)
        return re.sub(rf"\{{({names})\}}", lambda m: groups[m.group(1)], value)
    if isinstance(value, list):
        return [_filled(v, groups) for v in value]
    if isinstance(value, dict):
        return {k: _filled(v, groups) for k, v in value.items()}
    return value
