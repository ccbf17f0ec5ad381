"""Chat messages in Python source: dicts with a role, message classes, tuples of role and text, and lists of them."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from dataclasses import replace

from agentops.injection.source import Source
from agentops.injection.syntax.python import contents, speakers
from agentops.injection.syntax.python.found import MAX_PARTS, Found, Turn
from agentops.injection.syntax.python.words import ROLES
from agentops.injection.template import Note, NoteKind
from agentops.model.finding import Location
from agentops.pysource.joining import looped
from agentops.pysource.parts import Reader, begins
from agentops.pysource.scopes import Added, Scope, dotted
from agentops.pysource.texts import Frame, Literal, Parts, Value

_CLASS = re.compile(
    r"^(?:Chat)?(?:Completion)?(?:Message)?(System|Developer|Human|User|AI|Assistant|Tool|Function)(?:Chat)?"
    r"(?:Message|Prompt|Msg)?(?:Message|Part|Param|Template|Prompt|Chunk)*(?:V\d)?$"
)
_ANY_ROLE = frozenset((
    "ChatMessage", "Message", "Content", "ChatMessagePromptTemplate", "PromptMessage", "TextMessage", "Msg",
    "LLMMessage", "MessageParam", "InputMessage", "ModelMessage", "EasyInputMessageParam",
))  # fmt: skip
_CONTENT = ("content", "contents", "text", "value", "parts", "message", "prompt", "template")
_DEPTH = 12
_ARMS = 3
_MOST_GIVEN = 40


class Messages:
    """Reads the messages of one file."""

    def __init__(self, reader: Reader, source: Source) -> None:
        self._reader, self.source = reader, source
        self._known: dict[int, tuple[list[Turn], list[Note]]] = {}

    def turn(self, expr: ast.expr, frame: Frame, notes: list[Note], *, pairs: bool = False) -> Turn | None:
        """The message that the expression is, None where it is none. `pairs`: a tuple may be a role and a text."""
        match expr:
            case ast.Dict():
                return self._dict(expr, frame, notes)
            case ast.Call():
                return self._class(expr, frame, notes)
            case ast.Tuple(elts=[ast.Constant(value=str() as role), content]) if pairs and role.lower() in _PAIR_ROLES:
                if role.lower() in ("placeholder", "messages_placeholder"):
                    return "user", self.content(content, frame)
                return ROLES[role.lower()], self.content(content, frame)
            case ast.Name() if (value := self._only(expr, frame)) is not None:
                inner, where = value
                return self.turn(inner, where, notes, pairs=pairs) if isinstance(inner, ast.Dict | ast.Call) else None
            case ast.Await() | ast.NamedExpr():
                return self.turn(expr.value, frame, notes, pairs=pairs)
            case _:
                return None

    def turns(
        self, expr: ast.expr, frame: Frame, notes: list[Note], *, pairs: bool = False, depth: int = 0
    ) -> list[Turn] | None:
        """The messages of a list, None where no element is seen to be one."""
        if depth > _DEPTH:
            return None
        match expr:
            case ast.List() | ast.Tuple():
                return self._elements(expr.elts, frame, notes, pairs=pairs, depth=depth)
            case ast.ListComp() | ast.GeneratorExp():
                one = self.turn(expr.elt, looped(frame, expr.generators), notes, pairs=pairs)
                return None if one is None else [(one[0], _looping(one[1]))]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                both = [self.turns(e, frame, notes, pairs=pairs, depth=depth + 1) for e in (left, right)]
                if both == [None, None]:
                    return None
                first, second = (
                    t if t is not None else [self._history(e, frame)] for t, e in zip(both, (left, right), strict=True)
                )
                return first + second
            case ast.IfExp():
                found = [
                    self.turns(e, frame, notes, pairs=pairs, depth=depth + 1) or [] for e in (expr.body, expr.orelse)
                ]
                return found[0] + found[1] or None
            case ast.Name() | ast.Attribute():
                return self._variable(expr, frame, notes, pairs=pairs, depth=depth)
            case ast.Call(func=func) if contents.called(func) in ("ChatHistory", "ChatMessageHistory"):
                said = contents.keyword(expr, ("system_message",))
                listed = contents.keyword(expr, ("messages",))
                opening: list[Turn] = [] if said is None else [("system", self.content(said, frame))]
                rest = self.turns(listed, frame, notes, depth=depth + 1) if listed is not None else None
                return [*opening, *(rest or [])] or None
            case ast.Starred():
                return self.turns(expr.value, frame, notes, pairs=pairs, depth=depth + 1)
            case _:
                return None

    def content(self, expr: ast.expr, frame: Frame) -> Parts:
        """The parts of a message's content: a text, a value, or a list of text blocks."""
        return contents.content(self._reader, expr, frame)

    def group(self, name: str, frame: Frame, notes: list[Note]) -> list[Turn]:
        """The messages of the list variable: as written down, and as appended, in order."""
        owner = frame.scope.owner(name) or frame.scope
        places: list[tuple[tuple[int, int], list[Turn]]] = []
        for one in owner.bindings.get(name, []):
            where = Frame(owner, one.at, one.branch)
            for value in _without(one.value, name):
                places.append((one.at, self.turns(value, where, notes, depth=1) or []))
        for added in frame.scope.added.get(name, []):
            places.append((added.at, self._added(added, frame.scope, notes)))
        places.sort(key=lambda p: p[0])
        return [t for _, turns in places for t in turns]

    def _added(self, added: Added, scope: Scope, notes: list[Note]) -> list[Turn]:
        """What one call put into a list; read once, however many calls send the list."""
        if id(added) not in self._known:
            where = Frame(scope, added.at, added.branch)
            said: list[Note] = []
            if added.method == "extend":
                found = self.turns(added.value, where, said, depth=1) or []
            elif (role := role_of_method(added.method)) and not isinstance(added.value, ast.Call):
                found = [(role, self.content(added.value, where))]
            else:
                one = self.turn(added.value, where, said)
                found = [] if one is None else [one]
            self._known[id(added)] = (found, said)
        turns, said = self._known[id(added)]
        notes += said
        return turns

    def _elements(
        self, elements: list[ast.expr], frame: Frame, notes: list[Note], *, pairs: bool, depth: int
    ) -> list[Turn] | None:
        turns: list[Turn | ast.expr] = []
        seen = False
        for element in elements:
            one = self.turn(element, frame, notes, pairs=pairs)
            if one is not None:
                seen = True
                turns.append(one)
                continue
            inner = isinstance(element, ast.Starred) and self.turns(
                element.value, frame, notes, pairs=pairs, depth=depth + 1
            )
            if inner:
                seen = True
                turns += inner
            elif (helped := self._helped(element, frame)) is not None:
                turns.append(helped)
            elif isinstance(element, ast.Call) and contents.called(element.func) == "MessagesPlaceholder":
                seen = True
                turns.append(self._placeholder(element, frame))
            elif pairs and (text := self._reader.text(element, frame)) is not None:
                seen = True
                turns.append(("user", text))
            elif isinstance(element, ast.Starred | ast.Name | ast.Attribute | ast.Call | ast.Subscript):
                turns.append(element)
        return [self._history(t, frame) if isinstance(t, ast.expr) else t for t in turns] if seen else None

    def _dict(self, expr: ast.Dict, frame: Frame, notes: list[Note]) -> Turn | None:
        entries = {k.value: v for k, v in zip(expr.keys, expr.values, strict=True) if isinstance(k, ast.Constant)}
        role = entries.get("role", entries.get("from"))
        content = next((entries[c] for c in _CONTENT if c in entries), None)
        if role is None or content is None or ("role" not in entries and "value" not in entries):
            return None
        named = self._role(role, frame, notes)
        if named == "":
            return None
        return named, self.content(content, frame)

    def _role(self, expr: ast.expr, frame: Frame, notes: list[Note]) -> str:
        """The role, "" for a word that is none; a value is noted and counts as the user."""
        for _ in range(3):
            if isinstance(expr, ast.Name) and (bound := self._only(expr, frame)) is not None:
                expr, frame = bound
        match expr:
            case ast.Constant(value=str() as word):
                return ROLES.get(word.lower(), "")
            case ast.Attribute(attr=word) if word.lower() in ROLES:
                return ROLES[word.lower()]
            case ast.IfExp(body=ast.Constant(value=str() as one), orelse=ast.Constant(value=str() as other)):
                return (
                    "user"
                    if "user" in (ROLES.get(one.lower()), ROLES.get(other.lower()))
                    else ROLES.get(one.lower(), "")
                )
        start, _ = self._reader.parsed.span(expr)
        line, column = self.source.lines.place(start)
        said = self._reader.parsed.segment(expr, 80)
        notes.append(Note(NoteKind.DYNAMIC_ROLE, said, Location(self.source.path, line, column)))
        return "user"

    def _class(self, expr: ast.Call, frame: Frame, notes: list[Note]) -> Turn | None:
        name = contents.called(expr.func)
        owner = contents.called(expr.func.value) if isinstance(expr.func, ast.Attribute) and expr.args else ""
        if role_said := speakers.role_of_speaker(owner, name):
            return role_said, self.content(expr.args[0], frame)
        if name in ("from_template", "from_text", "from_str") and isinstance(expr.func, ast.Attribute):
            name = contents.called(expr.func.value)
        matched = _CLASS.match(name)
        if matched and ("Message" in name or "Prompt" in name or "Msg" in name):
            value = contents.keyword(expr, _CONTENT) or (expr.args[0] if expr.args else None)
            return None if value is None else (ROLES[matched[1].lower()], self.content(value, frame))
        if (helped := self._helped(expr, frame)) is not None:
            sure = speakers.is_plain(name) or any(isinstance(p, Literal) for p in helped[1])
            return helped if sure else None
        own = name not in _ANY_ROLE
        if own and not speakers.takes_role(name):
            return None
        role = contents.keyword(expr, ("role",))
        value = contents.keyword(expr, _CONTENT)
        positional = list(expr.args)
        if role is None and positional and isinstance(positional[0], ast.Constant | ast.Attribute):
            role = positional.pop(0)
        if value is None and positional:
            value = positional[-1]
        if role is None or value is None or (own and not isinstance(role, ast.Constant)):
            return None
        named = self._role(role, frame, notes)
        return (named, self.content(value, frame)) if named else None

    def _helped(self, expr: ast.expr, frame: Frame) -> Turn | None:
        """What a function of the program's own makes, by the role in its name."""
        role = speakers.role_of_helper(contents.called(expr.func)) if isinstance(expr, ast.Call) else ""
        if not role or not isinstance(expr, ast.Call):
            return None
        value = contents.keyword(expr, _CONTENT) or (expr.args[0] if expr.args else None)
        return None if value is None else (role, self.content(value, frame))

    def spoken(self, call: ast.Call, frame: Frame, name: str) -> Found | None:
        """The messages that the call is given one by one: `chat(system_message("..."), user_message(question))`."""
        notes: list[Note] = []
        given = [a for a in call.args if isinstance(a, ast.Call)][:_MOST_GIVEN]
        turns = [t for a in given if (t := self.turn(a, frame, notes) or self._helped(a, frame)) is not None]
        parts = [p for _, said in turns for p in said]
        if not any(isinstance(p, Literal) for p in parts) or not (len(turns) > 1 or len(parts) > 1):
            return None
        span = self._reader.parsed.span(call)
        return Found(name, span[0], span, turns, frame.scope, placed=True, notes=notes)

    def _placeholder(self, call: ast.Call, frame: Frame) -> Turn:
        value = contents.keyword(call, ("variable_name",)) or (call.args[0] if call.args else None)
        name = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else "messages"
        start, end = self._reader.parsed.span(call)
        return "user", (Value(None, start, end, frame, name=f"{name[:200]}[].content", in_loop=True),)

    def _history(self, expr: ast.expr, frame: Frame) -> Turn:
        """Messages that are put in whole: turns of their own."""
        inner = expr.value if isinstance(expr, ast.Starred) else expr
        every = ast.copy_location(ast.Subscript(inner, ast.Name("each", ast.Load()), ast.Load()), inner)
        content = ast.copy_location(ast.Attribute(every, "content", ast.Load()), inner)
        start, end = self._reader.parsed.span(expr)
        return "user", (Value(content, start, end, frame, in_loop=True),)

    def _variable(
        self, expr: ast.expr, frame: Frame, notes: list[Note], *, pairs: bool, depth: int
    ) -> list[Turn] | None:
        name = dotted(expr)
        found = self._reader.bindings(name, frame) if name else None
        if found is None:
            return None
        owner, bindings = found
        lists = [b for b in bindings if isinstance(b.value, ast.List | ast.ListComp | ast.BinOp | ast.Name | ast.Call)]
        sure = next((n for n in range(len(lists) - 1, -1, -1) if begins(lists[n].branch, frame, owner)), None)
        turns: list[Turn] = []
        for one in lists[-_ARMS:] if sure is None else lists[sure:]:
            if one.value is not None:
                where = Frame(owner, one.at, one.branch, depth=frame.depth + 1)
                turns += self.turns(one.value, where, notes, pairs=pairs, depth=depth + 1) or []
        every = owner.added.get(name, [])
        # What was put in before the list was made anew is gone, or in what it was made of.
        first = 0 if sure is None else bisect_left(every, lists[sure].at, key=lambda a: a.at)
        end = bisect_left(every, frame.at, key=lambda a: a.at) if owner is frame.scope else len(every)
        for added in every[first:end]:
            turns += self._added(added, owner, notes)
            if len(turns) > MAX_PARTS:
                break  # more than a file may have: refused where it is taken
        return turns or None

    def _only(self, expr: ast.Name, frame: Frame) -> tuple[ast.expr, Frame] | None:
        """What the name is bound to, where that is one thing."""
        found = self._reader.bindings(expr.id, frame)
        if found is None or expr.id in found[0].parameters or len(found[1]) != 1 or found[1][0].value is None:
            return None
        one = found[1][0]
        if frame.depth > _DEPTH or one.element >= 0:
            return None
        return found[1][0].value, Frame(found[0], one.at, one.branch, depth=frame.depth + 1)


_PAIR_ROLES = frozenset(ROLES) | {"placeholder", "messages_placeholder"}


def role_of_method(method: str) -> str:
    """The role of `add_user_message`, else ""."""
    return ROLES.get(method.removeprefix("add_").removesuffix("_message"), "") if method.startswith("add_") else ""


def _without(expr: ast.expr | None, name: str) -> list[ast.expr]:
    """What a list is made of besides its own earlier self: `[x]` of `name + [x]`."""
    found: list[ast.expr] = []
    while isinstance(expr, ast.BinOp) and isinstance(expr.op, ast.Add):
        found.append(expr.right)
        expr = expr.left
    return [e for e in (*([] if expr is None else [expr]), *found[::-1]) if dotted(e) != name]


def _looping(parts: Parts) -> Parts:
    return tuple(replace(p, in_loop=True) if isinstance(p, Value) else p for p in parts)
