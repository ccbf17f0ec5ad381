"""A scripted model: rules in a YAML file say what the model answers next. Pure but for reading the file.

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

import difflib
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agentops.errors import ConfigError, MeasurementError
from agentops.text import one_line

_LIMIT_BYTES = 4 * 1024 * 1024
_MAX_LATENCY_S = 600.0
_MAX_DEPTH = 50
_TOP = ("version", "name", "seed", "latency_s", "rules")
_WHEN = ("user", "system", "tool", "result", "last")
_REPLY = ("text", "tools", "weight")


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


def load(path: Path) -> Script:
    """Read a script. Raises ConfigError that names file and line of everything that is wrong with it, one line a
    place in its `problems`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint="correct the path of the script") from None
    reader = _Reader(path)
    script = None
    try:
        if len(raw) > _LIMIT_BYTES:
            reader.note(None, f"more than {_LIMIT_BYTES // 2**20} MiB")
        else:
            script = reader.script(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        reader.note(None, f"not UTF-8 at byte {error.start}")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        reader.note(mark, f"not valid YAML: {one_line(str(what))}")
    if reader.problems or script is None:
        more = f" (and {len(reader.problems) - 1} more)" if len(reader.problems) > 1 else ""
        raise ConfigError(
            reader.problems[0] + more,
            hint="correct the script of the model",
            problems=tuple(reader.problems),
        )
    return script


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


class _Reader:
    """Walks the YAML nodes, which know their lines. What is wrong is collected; parts that are wrong are left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []

    def note(self, at: Any, what: str) -> None:
        """A problem at a node, at a mark, or at the head of the file where neither is known."""
        mark = at.start_mark if isinstance(at, yaml.Node) else at
        self.problems.append(f"{self.path}:{mark.line + 1 if mark else 1}: {what}")

    def script(self, text: str) -> Script | None:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                self.note(event.start_mark, "anchors and aliases are not allowed; write the value out")
                return None
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:
                self.note(event.start_mark, f"nested more than {_MAX_DEPTH} deep")
                return None
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            self.note(None, "the file is empty")
            return None
        top = self.mapping(root, _TOP, "the script", required=("version", "name", "rules"))
        if top is None:
            return None
        if "version" in top and self.data(top["version"]) != 1:
            self.note(top["version"], "version must be 1")
        script = Script(
            name=self.name(top.get("name")),
            seed=self.seed(top.get("seed")),
            rules=self.rules(top.get("rules")),
            latency_s=self.latency(top.get("latency_s")),
            source=self.path.name,
        )
        return None if self.problems else script

    def mapping(
        self, node: yaml.Node, known: tuple[str, ...], what: str, *, required: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node] | None:
        if not isinstance(node, yaml.MappingNode):
            self.note(node, f"{what} must be a mapping with {', '.join(known)}")
            return None
        found: dict[str, yaml.Node] = {}
        for k, value in node.value:
            name = str(k.value) if isinstance(k, yaml.ScalarNode) else "(not a name)"
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                self.note(k, f"unknown key {one_line(name, 60)!r}" + (f", did you mean {near[0]!r}?" if near else ""))
            elif name in found:
                self.note(k, f"{name} is given twice")
            else:
                found[name] = value
        for name in required:
            if name not in found:
                self.note(node, f"{what} needs {name!r}")
        return found

    def data(self, node: yaml.Node) -> Any:
        """A node as JSON data."""
        if isinstance(node, yaml.SequenceNode):
            return [self.data(item) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            pairs: dict[str, Any] = {}
            for k, value in node.value:
                if not isinstance(k, yaml.ScalarNode) or k.value in pairs:
                    self.note(k, "a key must be a name, given once")
                    continue
                pairs[k.value] = self.data(value)
            return pairs
        try:
            value = yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError):
            value = object()
        if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
            return value
        self.note(node, f"{one_line(str(node.value), 60)!r} is no JSON value; put it in quotes")
        return None

    def text(self, node: yaml.Node, what: str) -> str | None:
        value = self.data(node)
        if isinstance(value, str):
            return value
        self.note(node, f"{what} must be a text")
        return None

    def name(self, node: yaml.Node | None) -> str:
        value = self.text(node, "name") if node else None
        if node and value is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
            self.note(node, "name must be 1 to 64 letters, digits, dots, dashes or underscores")
        return value or ""

    def seed(self, node: yaml.Node | None) -> int:
        value = self.data(node) if node else 0
        if node and (not isinstance(value, int) or isinstance(value, bool)):
            self.note(node, "seed must be a whole number")
            return 0
        return int(value)

    def latency(self, node: yaml.Node | None) -> tuple[float, float]:
        value = self.data(node) if node else [0.0, 0.0]
        numbers = isinstance(value, list) and all(isinstance(v, (int, float)) and v is not True for v in value)
        if node and not (numbers and len(value) == 2 and 0 <= value[0] <= value[1] <= _MAX_LATENCY_S):
            self.note(node, f"latency_s must be [low, high] in seconds, 0 <= low <= high <= {_MAX_LATENCY_S:g}")
            return (0.0, 0.0)
        return (float(value[0]), float(value[1]))

    def rules(self, node: yaml.Node | None) -> tuple[Rule, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.note(node, "rules must be a list of at least one rule")
            return ()
        return tuple(rule for rule in map(self.rule, node.value) if rule is not None)

    def rule(self, node: yaml.Node) -> Rule | None:
        parts = self.mapping(node, ("when", "reply"), "a rule", required=("reply",))
        if parts is None or "reply" not in parts:
            return None
        when = self.mapping(parts["when"], _WHEN, "when") if "when" in parts else {}
        if when is None:
            return None
        texts = {k: self.text(v, k) for k, v in when.items()}
        patterns = {k: self.pattern(when[k], texts[k]) for k in ("user", "system", "result") if k in when}
        return Rule(
            line=node.start_mark.line + 1,
            replies=self.replies(parts["reply"]),
            user=patterns.get("user"),
            system=patterns.get("system"),
            tool=texts.get("tool"),
            result=patterns.get("result"),
            last=self.last(when, texts),
        )

    def last(self, when: Mapping[str, yaml.Node], texts: Mapping[str, str | None]) -> str:
        after_tool = "tool" in when or "result" in when
        last = texts.get("last") or ("tool" if after_tool else "user")
        if last not in ("user", "tool"):
            self.note(when["last"], "last must be user or tool")
        elif last == "user" and after_tool:
            self.note(when["last"], "a rule with tool or result can only follow a tool")
        return last

    def pattern(self, node: yaml.Node, text: str | None) -> re.Pattern[str] | None:
        if text is None:
            return None
        try:
            return re.compile(text, re.IGNORECASE | re.DOTALL)
        except (re.error, OverflowError) as error:
            self.note(node, f"not a regular expression: {error}")
            return None

    def replies(self, node: yaml.Node) -> tuple[ReplyTemplate, ...]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.note(node, "reply must hold at least one reply")
        replies = tuple(reply for reply in map(self.reply, nodes) if reply is not None)
        if replies and not 0 < sum(r.weight for r in replies) < math.inf:
            self.note(node, "the weights of the replies must have a sum above 0")
        return replies

    def reply(self, node: yaml.Node) -> ReplyTemplate | None:
        parts = self.mapping(node, _REPLY, "a reply")
        if parts is None:
            return None
        if "text" not in parts and "tools" not in parts:
            self.note(node, "a reply needs text, tools or both")
        weight = self.data(parts["weight"]) if "weight" in parts else 1.0
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or weight < 0:
            self.note(parts["weight"], "weight must be a number, 0 or more")
            weight = 1.0
        text = self.text(parts["text"], "text") if "text" in parts else None
        return ReplyTemplate(text=text, tools=self.tools(parts.get("tools")), weight=float(weight))

    def tools(self, node: yaml.Node | None) -> tuple[ToolTemplate, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self.note(node, "tools must be a list of at least one call")
            return ()
        return tuple(tool for tool in map(self.tool, node.value) if tool is not None)

    def tool(self, node: yaml.Node) -> ToolTemplate | None:
        parts = self.mapping(node, ("name", "arguments"), "a tool call", required=("name",))
        if parts is None or "name" not in parts:
            return None
        name = self.text(parts["name"], "name")
        arguments = self.data(parts["arguments"]) if "arguments" in parts else {}
        if not isinstance(arguments, (dict, str)):
            self.note(parts["arguments"], "arguments must be a mapping, or the text to send in its place")
        return ToolTemplate(name=name or "", arguments=arguments)
