"""What the names of a source file stand for: definitions, additions, parameters with their types, loop variables."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

from agentops.injection.kinds import Kind
from agentops.injection.syntax.code_lex import Node
from agentops.injection.syntax.code_tree import MAX_DEPTH, Nodes, assignment, fixed, inside, is_group, is_op, items
from agentops.injection.template import Assigned


@dataclass(frozen=True, slots=True)
class Definition:
    """`how` is "=" for a declaration, "set" for a later assignment, "+=" for an addition, "push" for an element. It
    holds between `start` and `end`, the block it stands in."""

    name: str
    how: str
    nodes: Nodes
    at: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Binding:
    """A name that is a parameter (`type` as the analysis calls it) or, where `over` is set, runs over a container."""

    start: int
    end: int
    type: str = ""
    over: Nodes = ()
    number: bool = False


@dataclass(slots=True)
class Scope:
    """All names of a file."""

    definitions: dict[str, list[Definition]] = field(default_factory=dict)
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    enums: set[str] = field(default_factory=set)
    loops: list[tuple[int, int]] = field(default_factory=list)

    def definition(self, name: str, at: int) -> Definition | None:
        """What defines the name for a use at the offset: the innermost block, there the last before it."""
        best: Definition | None = None
        for one in self.definitions.get(name, ())[:_MOST_DEFINITIONS]:
            if one.how != "=" or not one.start <= at <= one.end or one.at <= at <= one.nodes[-1].end:
                continue
            if best is None or (one.start, one.at <= at, one.at) > (best.start, best.at <= at, best.at):
                best = one
        return best

    def changes(self, of: Definition, at: int) -> list[Definition]:
        """What is assigned or added to it before the offset."""
        return [
            d
            for d in self.definitions.get(of.name, ())[:_MOST_DEFINITIONS]
            if d.how != "=" and of.start <= d.at <= of.end and of.at < d.at < at
        ]

    def binding(self, name: str, at: int) -> Binding | None:
        """The parameter or loop variable of that name around the offset, the innermost."""
        found = [b for b in self.bindings.get(name, ())[:_MOST_DEFINITIONS] if b.start <= at <= b.end]
        return max(found, key=lambda b: b.start, default=None)

    def looped(self, at: int) -> bool:
        """Whether the offset lies in the body of a loop."""
        number = bisect_left(self.loops, (at, 0))
        return any(a <= at <= b for a, b in self.loops[max(number - 40, 0) : number])


_MOST_DEFINITIONS = 400
_DECLARING = frozenset(
    [
        "const",
        "let",
        "var",
        "val",
        "final",
        "static",
        "public",
        "private",
        "protected",
        "export",
        "readonly",
        "String",
        "string",
        "auto",
    ]
)
_LOOPS = frozenset(("for", "while"))
_ADDING = frozenset(["push", "append", "add", "WriteString", "Append", "appendLine", "addAll", "Write", "writeString"])
_NUMBER = frozenset(
    [
        "number",
        "int",
        "integer",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint",
        "uint8",
        "uint32",
        "uint64",
        "float32",
        "float64",
        "float",
        "double",
        "long",
        "short",
        "byte",
        "bigint",
        "bigdecimal",
        "biginteger",
    ]
)
_DATE = frozenset(
    [
        "date",
        "localdate",
        "localdatetime",
        "instant",
        "zoneddatetime",
        "offsetdatetime",
        "duration",
        "time.time",
        "time.duration",
        "year",
    ]
)
_OPTIONAL = frozenset(("string", "String", "any", "unknown", "CharSequence", "object", "Object", "null", "undefined"))


def type_of(nodes: Nodes, enums: set[str]) -> str:
    """The type as the analysis calls it: number, bool, date, enum, or "" for one that may hold any text."""
    words = [n for n in nodes if not is_op(n, "?", "!", "*", "|", "=") and n.text not in ("undefined", "null", "nil")]
    if not words:
        return ""
    if all(n.kind in ("str", "num") for n in words):
        return "enum" if any(n.kind == "str" for n in words) else "number"
    name = "".join(n.text for n in words)
    if name in enums:
        return "enum"
    low = name.lower()
    if low in _NUMBER:
        return "number"
    if low in ("bool", "boolean"):
        return "bool"
    return "date" if low in _DATE else ""


class Collector:
    """Walks a tree once and fills a Scope. `types_first` is set for Java, where a parameter's type precedes it."""

    def __init__(self, *, types_first: bool) -> None:
        self.scope = Scope()
        self.types_first = types_first

    def run(self, nodes: Nodes, end: int) -> Scope:
        """The scope of the file whose text ends at `end`."""
        self._enums(nodes)
        self._walk(nodes, (0, end), lines=True, depth=0)
        self.scope.loops.sort()
        return self.scope

    def _enums(self, nodes: Nodes) -> None:
        for at, node in enumerate(nodes[:-1]):
            if node.kind != "name":
                continue
            name = nodes[at + 1].text
            if node.text == "enum":
                self.scope.enums.add(name)
            elif node.text == "type" and at + 3 < len(nodes) and is_op(nodes[at + 2], "="):
                until = next(
                    (i for i in range(at + 3, len(nodes)) if is_op(nodes[i], ";") or nodes[i].kind == "name"),
                    len(nodes),
                )
                if until > at + 3 and type_of(nodes[at + 3 : until], set()) == "enum":
                    self.scope.enums.add(name)

    def _walk(self, nodes: Nodes, block: tuple[int, int], *, lines: bool, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        for item in items(nodes, lines=lines):
            self._item(item, block)
            for at, node in enumerate(item):
                if node.kind != "group":
                    continue
                before = item[at - 1] if at else None
                inner = block
                if node.text == "{":
                    inner = (node.start, node.end)
                elif node.text == "(":
                    self._parens(item, at, before)
                self._walk(node.kids, inner, lines=node.text == "{", depth=depth + 1)

    def _item(self, item: list[Node], block: tuple[int, int]) -> None:
        found = assignment(item)
        if found is not None and found[0] + 1 < len(item):
            self._assigned(item, *found, block)
        elif item[0].text == "var" and item[-1].text in ("Builder", "Buffer") and len(item) > 2:
            self._define(item[1].text, "=", (Node("str", '"', item[-1].start, item[-1].end),), item[0].start, block)
        for at in range(1, len(item)):
            # `messages.push(x)`, `sb.append(x)`, `b.WriteString(x)`, and chains of them.
            if item[at].text not in _ADDING or at + 1 >= len(item) or not is_group(item[at + 1], "("):
                continue
            if is_op(item[at - 1], ".", "?.") and item[0].kind == "name" and item[0].text not in ("return", "this"):
                first = next((n for n in item if n.kind == "name" and n.text not in _DECLARING), item[0])
                if found is None:
                    for arg in inside(item[at + 1])[:40]:
                        self._define(first.text, "push", arg, item[at].start, block)
        if len(item) >= 4 and item[0].text == "fmt" and item[2].text in ("Fprintf", "Fprint", "Fprintln"):
            args = inside(item[3]) if item[3].kind == "group" else []
            if len(args) > 1 and args[0][-1].kind == "name":
                self._define(args[0][-1].text, "push", item, item[0].start, block)

    def _assigned(self, item: list[Node], at: int, how: str, block: tuple[int, int]) -> None:
        left, right = item[:at], item[at + 1 :]
        names = [n for n in left if n.kind == "name"]
        if not names:
            for group in left:
                self._destructured(group, right, block)
            return
        declared = (
            how == ":=" or names[0].text in _DECLARING or (len(names) > 1 and not any(is_op(n, ".") for n in left))
        )
        if left[-1].kind == "group" and left[-1].text in "{[" and names[0].text in _DECLARING and len(names) == 1:
            self._destructured(left[-1], right, block)
            return
        name = _target(left, types_first=self.types_first)
        if name is None:
            return
        if how in ("+=",):
            kind = "+="
        else:
            known = any(d.start <= item[0].start <= d.end for d in self.scope.definitions.get(name, ())[:50])
            kind = "=" if declared or not known else "set"
        # append in Go gives the list back: `msgs = append(msgs, x)`.
        if right[0].text == "append" and len(right) == 2 and right[1].kind == "group":
            args = inside(right[1])
            if len(args) > 1 and len(args[0]) == 1 and args[0][0].text == name:
                for arg in args[1:]:
                    self._define(name, "push", arg, item[0].start, block)
                return
        self._define(name, kind, right, item[0].start, block)
        if self.types_first or not left[:-1]:
            return
        colon = next((i for i, n in enumerate(left) if is_op(n, ":")), None)
        if colon is not None and (kind_of := type_of(left[colon + 1 :], self.scope.enums)):
            self.scope.bindings.setdefault(name, []).append(Binding(*block, type=kind_of))

    def _define(self, name: str, how: str, nodes: Nodes, at: int, block: tuple[int, int]) -> None:
        known = self.scope.definitions.setdefault(name, [])
        if nodes and len(known) < _MOST_DEFINITIONS:
            known.append(Definition(name, how, nodes, at, *block))

    def _destructured(self, group: Node, right: Nodes, block: tuple[int, int]) -> None:
        """`const { query, top: k } = req.body`: every name stands for an attribute."""
        if group.kind != "group" or group.text not in "{[":
            return
        for item in inside(group)[:100]:
            if item[0].kind != "name":
                continue
            name = item[2].text if len(item) > 2 and is_op(item[1], ":") else item[0].text
            dot = Node("op", ".", right[-1].end, right[-1].end)
            attribute = Node("name", item[0].text, item[0].start, item[0].end)
            self._define(name, "=", (*right, dot, attribute), group.start, block)

    def _parens(self, item: list[Node], at: int, before: Node | None) -> None:
        """The parentheses of a loop, a function's parameters, or the arguments of map and forEach."""
        group = item[at]
        after = item[at + 1 :]
        body = next((n for n in after if is_group(n, "{")), None)
        arrow = next((n for n in after if is_op(n, "=>", "->")), None)
        if before is not None and before.kind == "name" and before.text in _LOOPS:
            until = body.end if body is not None else item[-1].end
            self.scope.loops.append((group.start, until))
            self._over(group.kids, (group.start, until))
            return
        if before is not None and before.text in ("if", "switch", "while", "catch", "when"):
            return
        if body is not None or arrow is not None:
            until = body.end if body is not None and arrow is None else item[-1].end
            for parameter in inside(group)[:100]:
                self._parameter(parameter, (group.start, until))

    def _over(self, kids: Nodes, where: tuple[int, int]) -> None:
        for at, node in enumerate(kids):
            if (node.kind == "name" and node.text in ("of", "in")) or is_op(node, ":"):
                names = [n.text for n in kids[:at] if n.kind == "name" and n.text not in _DECLARING]
                if names and kids[at + 1 :]:
                    self.scope.bindings.setdefault(names[-1], []).append(Binding(*where, over=kids[at + 1 :]))
                return

    def go_range(self, nodes: Nodes) -> None:
        """`for i, doc := range docs { ... }` of Go, anywhere in the tree."""
        stack: list[Nodes] = [nodes]
        while stack:
            kids = stack.pop()
            stack += (n.kids for n in kids if n.kind == "group")
            for at, node in enumerate(kids):
                if node.text != "range" or node.kind != "name" or at < 2:
                    continue
                begin = next((i for i in range(at, max(at - 8, -1), -1) if kids[i].text == "for"), None)
                body = next((i for i in range(at + 1, min(at + 40, len(kids))) if is_group(kids[i], "{")), None)
                if begin is None or body is None:
                    continue
                names = [n.text for n in kids[begin + 1 : at] if n.kind == "name"]
                where = (kids[begin].start, kids[body].end)
                self.scope.loops.append(where)
                for number, name in enumerate(names[:2]):
                    key = number == 0
                    self.scope.bindings.setdefault(name, []).append(
                        Binding(*where, over=() if key else kids[at + 1 : body], type="number" if key else "")
                    )
        self.scope.loops.sort()

    def _parameter(self, item: list[Node], where: tuple[int, int]) -> None:
        colon = next((i for i, n in enumerate(item) if is_op(n, ":")), None)
        equals = next((i for i, n in enumerate(item) if is_op(n, "=")), len(item))
        if item[0].kind == "group":
            if item[0].text == "{":
                self._fields(item[0], where, typed=False)
            if colon is not None and colon + 1 < len(item) and is_group(item[colon + 1], "{"):
                self._fields(item[colon + 1], where, typed=True)
            return
        names = [i for i, n in enumerate(item[:equals]) if n.kind == "name"]
        if not names:
            return
        if colon is not None:
            name, kind = item[names[0]].text, item[colon + 1 : equals]
            name = item[colon - 1].text if is_op(item[colon], ":") and item[colon - 1].kind == "name" else name
        elif self.types_first:
            name, kind = item[names[-1]].text, item[names[-2] : names[-1]] if len(names) > 1 else []
        else:
            name, kind = item[names[0]].text, item[names[0] + 1 : equals]
        found = type_of(kind, self.scope.enums)
        if not found and equals + 1 < len(item) and item[equals + 1].text in ("true", "false"):
            found = "bool"
        self.scope.bindings.setdefault(name, []).append(Binding(*where, type=found))

    def _fields(self, group: Node, where: tuple[int, int], *, typed: bool) -> None:
        for item in inside(group)[:200]:
            if item[0].kind != "name":
                continue
            colon = next((i for i, n in enumerate(item) if is_op(n, ":")), None)
            kind = type_of(item[colon + 1 :], self.scope.enums) if typed and colon is not None else ""
            if kind or not typed:
                self.scope.bindings.setdefault(item[0].text, []).append(Binding(*where, type=kind))


def _target(left: Nodes, *, types_first: bool) -> str | None:
    """The name that is assigned to: of `const x: string`, `String x`, `var x string`, `this.x`, `x`."""
    colon = next((i for i, n in enumerate(left) if is_op(n, ":")), None)
    if colon is not None:
        left = left[:colon]
    while left and is_op(left[-1], "?", "!"):
        left = left[:-1]
    if left and left[-1].kind == "group":
        return None
    names = [n.text for n in left if n.kind == "name"]
    if not names:
        return None
    if colon is None and not types_first and names[0] in ("var", "const") and len(names) > 2:
        return names[1]
    plain = len(names) == 2 and names[0] not in _DECLARING and not any(is_op(n, ".") for n in left)
    return names[0] if plain and not types_first else names[-1]


_READ_FROM = (
    (Kind.USER, "what a request or the person at the keyboard gives", re.compile(
        r"\breq(?:uest)?\.(?:body|query|params|json|formData|Params|Form|GetArguments|Arguments|get)"
        r"|\br\.(?:FormValue|PostFormValue"
        r"|URL\.Query)|\b(?:c|ctx)\.(?:Query|Param|PostForm|FormValue|req\.)|searchParams|\breadline\b"
        r"|rl\.question|os\.Args"
        r"|process\.argv|\bScanner\b|readLine\(|nextLine\(|getParameter|getHeader|flag\.String|env\.vars|Stdin|stdin"
    )),
    (Kind.THIRD_PARTY, "what is read from a file, the net, a search or a command", re.compile(
        r"\bfetch\(|\baxios\b|http\.Get|\bgot\(|readFile|ReadFile|ReadAll|Files\.read|readText"
        r"|env\.files|\bgit\.\w|\bexec\w{0,4}\("
        r"|[sS]imilaritySearch|[vV]ectorStore|[rR]etriev\w{0,4}\b|\.search\(|\.[qQ]uery\(|[sS]crape"
        r"|[cC]rawl|host\.fetch|parsers\."
    )),
    (Kind.MODEL, "a model's answer", re.compile(
        r"\bgenerate(?:Text|Object|Content)\b|chat\.completions|\bllm\.\w|[mM]odel\.(?:chat|generate"
        r"|invoke|call)|runPrompt\("
        r"|messages\.create\(|responses\.create\(|CreateChatCompletion"
    )),
    (Kind.CONSTANT, "the program's own value", re.compile(
        r"\bnew Date\b|\bDate\.now|\btime\.Now|\bLocalDate(?:Time)?\.now|\bInstant\.now|\bprocess\.env\b"
        r"|os\.Getenv|System\.getenv"
        r"|randomUUID|\buuid|\bnanoid\(|\bcrypto\.|Math\.|performance\.now|toJsonSchema|zodToJsonSchema|runtime\.GOOS"
    )),
)  # fmt: skip
_CONSTANT_WORDS = frozenset(("true", "false"))


def read_from(text: str) -> Assigned | None:
    """Where the code `text` takes a value from, as far as it is plain to see."""
    text = text[:400]
    for kind, why, pattern in _READ_FROM:
        if pattern.search(text):
            return Assigned(kind, f"the code takes it from {why}" if kind is not Kind.CONSTANT else f"it is {why}")
    return None


def is_literal(nodes: Nodes) -> bool:
    """Whether the expression is one number, truth value or fixed text."""
    return len(nodes) == 1 and (
        nodes[0].kind == "num" or nodes[0].text in _CONSTANT_WORDS or fixed(nodes[0]) is not None
    )
