"""Walks a file once and fills its scope: definitions, additions, parameters with their types, loop variables."""

from __future__ import annotations

from agentops.injection.syntax.code.declared import DECLARING, behind_each, named, target, tests_in
from agentops.injection.syntax.code.scope import Binding, Definition, Function, Scope
from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import MAX_DEPTH, Nodes, assignment, inside, is_group, is_op, items
from agentops.injection.syntax.code.typed import type_of

_LOOPS = frozenset(("for", "while"))
_TESTS = frozenset(("if", "switch", "catch", "when"))
_ADDING = frozenset(["push", "append", "add", "WriteString", "Append", "appendLine", "addAll", "Write", "writeString"])


class Collector:
    """Walks a tree once and fills a Scope. `types_first` is set for Java, where a parameter's type precedes it."""

    def __init__(self, text: str, *, types_first: bool) -> None:
        self.scope = Scope()
        self.types_first = types_first
        self._text = text
        self._condition = ""

    def run(self, nodes: Nodes) -> Scope:
        """The scope of the file."""
        self._enums(nodes)
        self._walk(nodes, (0, len(self._text)), lines=True, depth=0)
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
        outer = self._condition
        for item in items(nodes, lines=lines):
            tests = tests_in(self._text, item, outer)
            self._condition = tests.get(-1, outer)
            self._item(item, block)
            behind = behind_each(item)
            for at, node in enumerate(item):
                if node.kind != "group":
                    continue
                inner = block
                self._condition = outer
                if node.text == "{":
                    inner = (node.start, node.end)
                    self._condition = tests.get(at, outer)
                elif node.text == "(":
                    self._parens(item, at, *behind[at])
                self._walk(node.kids, inner, lines=node.text == "{", depth=depth + 1)
        self._condition = outer

    def _item(self, item: list[Node], block: tuple[int, int]) -> None:
        if item[0].text == "if" and len(item) > 3 and is_group(item[1], "(") and item[2].kind == "name":
            item = item[2:]  # a statement without braces
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
                first = next((n for n in item if n.kind == "name" and n.text not in DECLARING), item[0])
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
            how == ":=" or names[0].text in DECLARING or (len(names) > 1 and not any(is_op(n, ".") for n in left))
        )
        if left[-1].kind == "group" and left[-1].text in "{[" and names[0].text in DECLARING and len(names) == 1:
            self._destructured(left[-1], right, block)
            return
        name = names[0].text if how == ":=" else target(left, types_first=self.types_first)
        if name is None:
            return
        if how in ("+=",):
            kind = "+="
        else:
            kind = "=" if declared or not self.scope.knows(name, item[0].start) else "set"
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
            self.scope.bind(name, Binding(*block, type=kind_of))

    def _define(self, name: str, how: str, nodes: Nodes, at: int, block: tuple[int, int]) -> None:
        if nodes:
            self.scope.define(Definition(name, how, nodes, at, *block, self._condition))

    def _destructured(self, group: Node, right: Nodes, block: tuple[int, int]) -> None:
        """`const { query, top: k } = req.body`: every name stands for an attribute."""
        if group.kind != "group" or group.text not in "{[":
            return
        for item in inside(group)[:100]:
            if item[0].kind != "name":
                continue
            name = item[2].text if len(item) > 2 and is_op(item[1], ":") else item[0].text
            dot = Node("op", ".", right[-1].end, right[-1].end)
            attribute = Node("name", item[0].text, right[-1].end, right[-1].end)
            self._define(name, "=", (*right, dot, attribute), group.start, block)

    def _parens(self, item: list[Node], at: int, body: Node | None, arrow: Node | None) -> None:
        """The parentheses of a loop, a function's parameters, or the arguments of map and forEach. `body` and `arrow`
        are the first ones behind them."""
        group = item[at]
        before = item[at - 1].text if at and item[at - 1].kind == "name" else ""
        if before:
            self.scope.called[before] += 1
        if before in _LOOPS:
            until = body.end if body is not None else item[-1].end
            self.scope.loop(group.start, until)
            self._over(group.kids, (group.start, until))
        elif before not in _TESTS and (body is not None or arrow is not None):
            until = body.end if body is not None and arrow is None else item[-1].end
            listed = inside(group)[:100]
            for parameter in listed:
                self._parameter(parameter, (group.start, until))
            self._function(item, at, body=body, arrow=arrow)

    def _function(self, item: list[Node], at: int, *, body: Node | None, arrow: Node | None) -> None:
        """Remember a function under its name: `function f(a) {...}`, `String f(String a) {...}`, `f = (a) => ...`."""
        name = item[at - 1].text if at and item[at - 1].kind == "name" else ""
        given: Nodes = [body] if body is not None else []
        if arrow is not None:
            head = next((i for i in range(at - 1, max(at - 3, 0), -1) if is_op(item[i], "=")), None)
            after = next((i for i in range(at + 1, min(at + 12, len(item))) if item[i] is arrow), None)
            name = target(item[:head], types_first=self.types_first) or "" if head else ""
            given = item[after + 1 :] if after is not None else []
        if name and given:
            names = tuple(named(p, types_first=self.types_first) for p in inside(item[at])[:100])
            self.scope.functions.setdefault(name, []).append(Function(names, given))
            if arrow is None:
                self.scope.called[name] -= 1  # its own declaration

    def _over(self, kids: Nodes, where: tuple[int, int]) -> None:
        for at, node in enumerate(kids):
            if (node.kind == "name" and node.text in ("of", "in")) or is_op(node, ":"):
                names = [n.text for n in kids[:at] if n.kind == "name" and n.text not in DECLARING]
                if names and kids[at + 1 :]:
                    self.scope.bind(names[-1], Binding(*where, over=kids[at + 1 :]))
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
                self.scope.loop(*where)
                for number, name in enumerate(names[:2]):
                    key = number == 0
                    self.scope.bind(
                        name, Binding(*where, over=() if key else kids[at + 1 : body], type="number" if key else "")
                    )

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
        self.scope.bind(name, Binding(*where, type=found))

    def _fields(self, group: Node, where: tuple[int, int], *, typed: bool) -> None:
        for item in inside(group)[:200]:
            if item[0].kind != "name":
                continue
            colon = next((i for i, n in enumerate(item) if is_op(n, ":")), None)
            kind = type_of(item[colon + 1 :], self.scope.enums) if typed and colon is not None else ""
            if kind or not typed:
                self.scope.bind(item[0].text, Binding(*where, type=kind))
