"""Walks a Python file and finds its prompts: by where they stand, by what they are called, by how they read."""

from __future__ import annotations

import ast

from agentops.injection.syntax.python import blocks, decorated, signatures, speech, tools
from agentops.injection.syntax.python.calls import FILLERS, TAKEN, Calls, is_silent
from agentops.injection.syntax.python.found import Found, Gathered
from agentops.injection.syntax.python.handed import Handed
from agentops.injection.syntax.python.held import Held
from agentops.injection.syntax.python.kept import Kept
from agentops.injection.syntax.python.messages import Messages, role_of_method
from agentops.injection.syntax.python.words import gives_orders, names_prompt, reads_as_prompt, role_of
from agentops.injection.template import Note
from agentops.pysource.parts import Reader
from agentops.pysource.scopes import FunctionNode, How, Scope, Scopes, bodies, dotted, place
from agentops.pysource.texts import Frame, Literal, Parts

_TEXTS = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.IfExp, ast.BoolOp, ast.Call)


class Finder:
    """Gathers the finds of one file."""

    def __init__(self, reader: Reader, scopes: Scopes, messages: Messages, calls: Calls, handed: Handed) -> None:
        self._reader, self._scopes, self._messages, self._calls = reader, scopes, messages, calls
        self._gathered = Gathered(messages.source)
        self._made: set[Scope] = set()
        self._held, self._handed = Held(calls), handed
        self._target, self._arguments = "", 0
        self._kept = Kept()
        self._folded: set[tuple[int, str]] = set()

    def run(self, tree: ast.Module) -> list[Found]:
        """All finds, those that are parts of others included. Raises RecursionError."""
        self._block(tree.body, self._scopes.module, "")
        for name, frame in self._gathered.left():
            self._group(name, frame)
        return self._gathered.all()

    def _block(self, body: list[ast.stmt], scope: Scope, role: str) -> None:
        speaking: list[ast.stmt] = []
        for number, statement in enumerate(body):
            if number == 0 and _is_docstring(statement):
                continue
            if blocks.role_of_block(statement):
                speaking.append(statement)
                continue
            self._speaking(speaking, scope, role)
            speaking = []
            self._statement(statement, scope, role)
        self._speaking(speaking, scope, role)

    def _speaking(self, nodes: list[ast.stmt], scope: Scope, role: str) -> None:
        """Neighbouring blocks that each speak in a role are one prompt."""
        found = blocks.blocks(self._reader, self._scopes, nodes, scope) if nodes else None
        if found is not None:
            self._gathered.take(found)
            return
        for node in nodes:
            self._statement(node, scope, role)

    def _statement(self, node: ast.stmt, scope: Scope, role: str) -> None:
        frame = Frame(scope, place(node), self._scopes.branches.get(node, ()))
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, scope)
            case ast.ClassDef():
                inner = self._scopes.by_node[node]
                if (one := signatures.declared(self._reader, node, Frame(inner))) is not None:
                    self._gathered.take(one)
                else:
                    self._block(node.body, inner, "")
            case ast.Assign(targets=targets, value=value):
                self._assigned(targets[0], value, frame)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assigned(target, value, frame)
            case ast.AugAssign(target=target, value=value):
                self._assigned(target, value, frame)
            case ast.Return(value=ast.expr() as value):
                function = scope.function
                if scope in self._made:
                    return
                self._expression(value, function.name if function else "", frame, role=role)
            case ast.Expr(value=value):
                self._expression(value, "", frame)
            case ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom():
                pass
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._expression(child, "", frame)
                    elif isinstance(child, ast.withitem):
                        self._expression(child.context_expr, "", frame)
                for body in bodies(node):
                    self._block(body, scope, role)

    def _function(self, node: FunctionNode, scope: Scope) -> None:
        inner = self._scopes.by_node[node]
        said = tools.decorated_as(node)
        if said == "tool" and (one := tools.tool_function(self._reader, node, Frame(scope))) is not None:
            self._gathered.take(one)
        if (made := decorated.prompt(self._reader, self._messages, node, inner)) is not None:
            self._gathered.take(made)
            self._made.add(inner)
        for name, value in inner.defaults.items():
            self._expression(value, name, Frame(scope, place(node)))
        self._block(node.body, inner, "system" if said == "system" else "")

    def _assigned(self, target: ast.expr, value: ast.expr, frame: Frame) -> None:
        name = _target_name(target)
        variable = self._target = dotted(target)
        self._expression(value, name, frame)
        self._target = ""
        owner = frame.scope.owner(variable) if variable else None
        if owner is not None and isinstance(value, ast.BinOp | ast.Call):
            self._held.chained(value, variable, owner, frame)
        if owner is None or (id(owner), variable) in self._folded or len(owner.bindings.get(variable, ())) < 2:
            return
        # A text that is put together over several statements is one prompt.
        self._folded.add((id(owner), variable))
        if any(b.how is How.ADDED or b.branch for b in owner.bindings[variable]):
            whole = Frame(frame.scope, depth=1)
            parts = self._reader.text(target, whole)  # the target names what it holds at the end
            self._offer(target, name, parts, frame, within=(0, 0))

    def _expression(self, expr: ast.expr, name: str, frame: Frame, *, role: str = "") -> None:
        match expr:
            case ast.Dict():
                self._dict(expr, name, frame)
            case ast.List() | ast.Tuple():
                if not self._list(expr, name, frame):
                    for element in expr.elts:
                        self._expression(element, name, frame, role=role)
            case ast.Call():
                self._call(expr, name, frame, role=role)
            case ast.Constant(value=str()) | ast.JoinedStr() | ast.BinOp() | ast.IfExp() | ast.BoolOp():
                self._text(expr, name, frame, role=role)
            case ast.ListComp() | ast.GeneratorExp():
                if not self._list(expr, name, frame):
                    self._expression(expr.elt, name, frame)
            case ast.Constant() | ast.Name() | ast.Attribute() | ast.Compare():
                pass
            case _:
                for child in ast.iter_child_nodes(expr):
                    if isinstance(child, ast.expr):
                        self._expression(child, name, frame, role=role)

    def _dict(self, expr: ast.Dict, name: str, frame: Frame) -> None:
        if tools.is_tool(expr):
            self._gathered.take(tools.tool_dict(self._reader, expr, frame))
            return
        one = self._list(ast.copy_location(ast.List([expr], ast.Load()), expr), name, frame)
        if one:
            return
        if (sent := self._calls.body(expr, frame, name)) is not None:
            self._gathered.take(sent)
            return
        for key, value in zip(expr.keys, expr.values, strict=True):
            word = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
            inner = word if names_prompt(word) else f"{name}_{word}" if names_prompt(name) and word else word
            if word in ("description", "title", "name", "help", "url", "path"):
                continue
            self._given(value, inner, word, frame)

    def _given(self, value: ast.expr, name: str, slot: str, frame: Frame) -> None:
        """What is handed over under a keyword or a key: a text, or a variable that holds one."""
        if isinstance(value, ast.Name | ast.Attribute):
            self._used(value, slot, frame)
        elif slot and isinstance(value, _TEXTS) and (parts := self._reader.text(value, frame)) is not None:
            self._offer(value, name, parts, frame, within=self._reader.parsed.span(value), slot=slot)
        else:
            self._expression(value, name, frame)

    def _used(self, value: ast.Name | ast.Attribute, slot: str, frame: Frame) -> None:
        """A text of a name that says nothing, which goes out under the name of a prompt."""
        variable = dotted(value)
        found = self._reader.bindings(variable, frame, most=1) if variable else None
        if found is None or not found[1] or not names_prompt(slot) or names_prompt(variable):
            return
        key = (id(found[1][-1]), variable)
        if key in self._folded:
            return
        self._folded.add(key)
        parts = self._reader.text(value, frame)
        if parts is not None and speech.has_holes(parts):
            self._offer(value, variable, parts, frame, within=(0, 0), slot=slot)

    def _list(self, expr: ast.expr, name: str, frame: Frame) -> bool:
        """Take the messages in the list, if there are any."""
        notes: list[Note] = []
        turns = self._messages.turns(expr, frame, notes)
        if not turns or not any(parts for _, parts in turns):
            return False
        if name and frame.scope.added.get(name):
            self._gathered.grow(name, frame)
            return True
        span = self._reader.parsed.span(expr)
        found = Found(name, span[0], span, turns, frame.scope, placed=True, notes=notes)
        self._gathered.take(found)
        if name:
            self._gathered.hold(found)
        return True

    def _group(self, name: str, frame: Frame) -> None:
        found = Found(name, 0, (0, 0), [], frame.scope, placed=True)
        found.turns = self._messages.group(name, frame, found.notes)
        starts = [p.start for p in found.parts]
        found.start = min(starts, default=self._reader.parsed.offset(*frame.at))
        found.within = (found.start, max(starts, default=found.start) + 1)
        if found.turns:
            self._gathered.take(found)

    def _call(self, expr: ast.Call, name: str, frame: Frame, *, role: str) -> None:
        self._handed.note(expr, frame)
        if is_silent(expr):
            return
        func = expr.func
        if (
            isinstance(func, ast.Attribute)
            and (func.attr in ("append", "insert", "extend", "add_message") or role_of_method(func.attr))
            and expr.args
        ):
            target = dotted(func.value)
            sought = expr.args[-1]
            if target and (
                role_of_method(func.attr)
                or self._messages.turn(sought, frame, [])
                or self._messages.turns(sought, frame, [])
            ):
                self._gathered.grow(target, frame)
                return
        if isinstance(func, ast.Attribute) and func.attr in FILLERS:
            made = self._held.filled(func.value, expr, frame, name)
            if made is not None:
                self._gathered.take(made)
                return
        if name and frame.scope.added.get(name) and self._list(expr, name, frame):
            return
        found = signatures.written(self._reader, expr, frame, name) or self._calls.read(expr, frame, name)
        if found is not None:
            self._gathered.take(found)
            listed = self._calls.group_of(expr)
            if isinstance(expr.func, ast.Attribute | ast.Name) and self._calls.is_template(expr) and name:
                self._held.hold(found, name, frame)
            if listed:
                self._gathered.send(listed, frame)
            for keyword in expr.keywords:
                if keyword.arg and keyword.arg not in TAKEN and names_prompt(keyword.arg):
                    self._given(keyword.value, keyword.arg, keyword.arg, frame)
            return
        if (spoken := self._messages.spoken(expr, frame, name)) is not None:
            self._gathered.take(spoken)
            return
        if isinstance(func, ast.Attribute | ast.Name) and self._text(expr, name, frame, role=role):
            return
        self._arguments += 1
        for one in expr.args:
            self._expression(one, name, frame)
        for keyword in expr.keywords:
            if keyword.arg not in ("description", "help", "title", "docstring", "doc", "desc"):
                self._given(keyword.value, keyword.arg or name, keyword.arg or "", frame)
        self._arguments -= 1
        if isinstance(func, ast.Attribute):
            self._expression(func.value, name, frame)

    def _text(self, expr: ast.expr, name: str, frame: Frame, *, role: str) -> bool:
        parts = self._reader.text(expr, frame)
        if parts is not None and not (_is_sum(expr) and names_prompt(name) and speech.is_blank(parts)):
            return self._offer(expr, name, parts, frame, within=self._reader.parsed.span(expr), role=role)
        if isinstance(expr, ast.BinOp) and _is_sum(expr) and names_prompt(name):
            return self._values(expr, name, parts, frame)
        if not isinstance(expr, ast.Call):
            for child in ast.iter_child_nodes(expr):
                if isinstance(child, ast.expr):
                    self._expression(child, name, frame, role=role)
        return False

    def _values(self, expr: ast.BinOp, name: str, parts: Parts | None, frame: Frame) -> bool:
        """A prompt of which no word stands here: a file's text and what is put behind it."""
        parts = parts or (*self._reader.pieces(expr.left, frame), *self._reader.pieces(expr.right, frame))
        start, end = self._reader.parsed.span(expr)
        self._gathered.take(Found(name, start, (start, end), [(role_of(name), parts)], frame.scope))
        return True

    def _offer(
        self,
        expr: ast.expr,
        name: str,
        parts: Parts | None,
        frame: Frame,
        *,
        within: tuple[int, int],
        role: str = "",
        slot: str = "",
    ) -> bool:
        """Take the text if it is a prompt. `slot` is the keyword or the key that it is handed over under."""
        if parts is None:
            return False
        said = "".join(p.text for p in parts if isinstance(p, Literal))
        if not (
            (bool(role) and speech.has_words(said))
            or reads_as_prompt(said, named=names_prompt(name) or names_prompt(slot))
            or (_in_prompt_maker(frame) and gives_orders(said))
            or speech.is_prompt(parts, name, slot=slot)
        ):
            return False
        start = self._reader.parsed.span(expr)[0]
        if within == (0, 0) and slot:
            start = min((p.start for p in parts), default=start)
        role_said = role or role_of(slot) or role_of(name)
        kept = self._arguments == 0 and self._kept.keeps(frame.scope, self._target)
        self._gathered.take(Found(name, start, within, [(role_said, parts)], frame.scope, kept=kept))
        return True


def _is_sum(expr: ast.expr) -> bool:
    return isinstance(expr, ast.BinOp) and isinstance(expr.op, ast.Add)


def _in_prompt_maker(frame: Frame) -> bool:
    function = frame.scope.function
    return function is not None and names_prompt(function.name)


def _target_name(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    if isinstance(target, ast.Attribute):
        return dotted(target) or target.attr
    return dotted(target)


def _is_docstring(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case _:
            return False
