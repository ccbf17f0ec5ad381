"""What fills a text's fields: format, %, string.Template, replace."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable
from dataclasses import replace

from agentops.pysource.reading import Reading
from agentops.pysource.scopes import How, dotted
from agentops.pysource.texts import Frame, Literal, Part, Parts, Value

# The library reference, "printf-style String Formatting" and string.Template.
_PERCENT = re.compile(r"%(?:\((\w{1,200})\))?[-+ #0]{0,5}(?:\d{1,9}|\*)?(?:\.(?:\d{1,9}|\*))?([diouxXeEfFgGcrsa%])")
_DOLLAR = re.compile(r"\$(?:(\$)|([_A-Za-z][_A-Za-z0-9]{0,199})|\{([_A-Za-z][_A-Za-z0-9]{0,199})\})")
_WORD = re.compile(r"\w+")
_MARKER = re.compile(r"[^\W\d_]{2}|[{}<>$@#%\[\]]")
_ROOT = re.compile(r"[^.\[]*")
# Entries of a dict that a variable holds: far more than a text has fields.
_MAX_ENTRIES = 64
_NUMBERS = "diouxXeEfFgG"

Fields = tuple[list[ast.expr], dict[str, ast.expr]]


def _format(reader: Reading, base: Parts, call: ast.Call, frame: Frame) -> Parts:
    return _filled(reader, base, (call.args, _keywords(reader, call, frame)), frame)


def _format_map(reader: Reading, base: Parts, call: ast.Call, frame: Frame) -> Parts:
    named = _entries(reader, call.args[0], frame) if call.args else {}
    return _filled(reader, base, ([], named), frame)


def _substitute(reader: Reading, base: Parts, call: ast.Call, frame: Frame) -> Parts:
    named = handed(reader, call, frame)
    parts: list[Part] = []
    for part in base:
        parts += _cut(reader, part, _dollars, ([], named), frame) if isinstance(part, Literal) else (part,)
    return tuple(parts)


def _render(reader: Reading, base: Parts, call: ast.Call, frame: Frame) -> Parts:
    named = handed(reader, call, frame)
    # A large dict is handed over whole, and a text names few of its keys.
    said = dict.fromkeys(w for p in base if isinstance(p, Literal) for w in _WORD.findall(p.text))
    given = {name: (named[name], frame) for name in said if name in named}
    marked = for_engine(base, "jinja2") or ()
    return tuple(replace(p, given=given) if isinstance(p, Literal) and not p.settled else p for p in marked)


def _replace(reader: Reading, base: Parts, call: ast.Call, frame: Frame) -> Parts:
    if len(call.args) < 2:
        return base
    marker, value = call.args[0], call.args[1]
    if not (isinstance(marker, ast.Constant) and isinstance(marker.value, str) and _MARKER.search(marker.value)):
        return base
    if isinstance(value, ast.Constant):
        return base
    sought = marker.value
    parts: list[Part] = []
    found = False
    for part in base:
        if not isinstance(part, Literal) or sought not in part.text:
            parts.append(part)
            continue
        found = True
        pieces = part.text.split(sought)
        at = part.start
        for number, piece in enumerate(pieces):
            if number:
                here, at = _seek(reader, sought, at, part.end)
                parts += reader.fill(value, frame, here, name=_bare(sought), hidden=part.settled)
            if piece:
                parts.append(replace(part, text=piece, start=at))
    if not found:
        # The text to be filled is not here, but the value goes into it.
        parts += reader.pieces(value, frame)
    return tuple(parts)


METHODS: dict[str, Callable[[Reading, Parts, ast.Call, Frame], Parts]] = {
    "format": _format,
    "format_map": _format_map,
    "substitute": _substitute,
    "safe_substitute": _substitute,
    "render": _render,
    "render_async": _render,
    "replace": _replace,
}
"""The methods of a text that put values into it."""


def percent(reader: Reading, base: Parts, right: ast.expr, frame: Frame) -> Parts:
    """`text % right`."""
    named = _entries(reader, right, frame)
    values = list(right.elts) if isinstance(right, ast.Tuple) else [right]
    counter = iter(values)
    parts: list[Part] = []
    for part in base:
        if not isinstance(part, Literal):
            parts.append(part)
            continue
        cuts: list[tuple[int, int, str, str, ast.expr | None]] = []
        for found in _PERCENT.finditer(part.text):
            if found[2] == "%":
                cuts.append((found.start(), found.end(), "%", "", None))
                continue
            value = named.get(found[1]) if found[1] else next(counter, None)
            spec = found[2] if found[2] in _NUMBERS else ""
            cuts.append((found.start(), found.end(), found[1] or found[0], spec, value))
        parts += _pieces(reader, part, cuts, frame)
    return tuple(parts)


def for_engine(parts: Parts | None, engine: str) -> Parts | None:
    """The parts with their text marked for the engine that will fill it."""
    if parts is None:
        return None
    return tuple(replace(p, engine=engine) if isinstance(p, Literal) and not p.settled else p for p in parts)


def handed(reader: Reading, call: ast.Call, frame: Frame) -> dict[str, ast.expr]:
    """What the call hands over by name: its keywords, and the entries of a dict that it is given, written there or
    held by a variable."""
    named = _keywords(reader, call, frame)
    return {**_entries(reader, call.args[0], frame), **named} if call.args else named


def _filled(reader: Reading, base: Parts, values: Fields, frame: Frame) -> Parts:
    parts: list[Part] = []
    counter = [0]
    for part in base:
        if not isinstance(part, Literal) or part.engine:
            parts.append(part)
            continue

        def braces(text: str) -> list[tuple[str, str, str]]:
            return _braces(text, counter)

        parts += _cut(reader, part, braces, values, frame)
    return tuple(parts)


def _braces(text: str, counter: list[int]) -> list[tuple[str, str, str]]:
    """Text before, field, and what is written, for each field; the last one has no field. Empty for a text that
    str.format refuses, which is then no format string."""
    found = []
    try:
        for before, name, spec, conversion in string.Formatter().parse(text):
            if name is None:
                found.append((before, "", ""))
                continue
            written = "{" + name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
            if not _ROOT.match(name)[0]:  # type: ignore[index]
                name, counter[0] = f"{counter[0]}{name}", counter[0] + 1
            found.append((before, f"{name}\x00{spec}", written))
    except ValueError:
        return []
    return found


def _dollars(text: str) -> list[tuple[str, str, str]]:
    found, at = [], 0
    pending = ""
    for one in _DOLLAR.finditer(text):
        pending += text[at : one.start()]
        at = one.end()
        if one[1]:
            pending += "$"
            continue
        found.append((pending, f"{one[2] or one[3]}\x00", one[0]))
        pending = ""
    return [*found, (pending + text[at:], "", "")]


def _cut(
    reader: Reading,
    part: Literal,
    split: Callable[[str], list[tuple[str, str, str]]],
    values: Fields,
    frame: Frame,
) -> Parts:
    pieces = split(part.text)
    if not any(field for _, field, _ in pieces):
        plain = "".join(before for before, _, _ in pieces)
        return (replace(part, text=plain, settled=True),) if pieces else (part,)
    positional, named = _certain(values[0]), values[1]
    parts: list[Part] = []
    at = part.start
    for before, field, written in pieces:
        if before:
            parts.append(replace(part, text=before, start=at, settled=True))
        if not field:
            continue
        here, at = _seek(reader, written, at, part.end)
        name, _, spec = field.partition("\x00")
        root = _ROOT.match(name)[0]  # type: ignore[index]
        value = _at(positional, root) if root.isdigit() else named.get(root)
        rest = name[len(root) :]
        if value is None or rest:
            value = _access(value, rest) if value is not None else None
        if value is None:
            parts.append(_open(here, frame, name=name, spec=spec, hidden=part.settled))
        else:
            parts += reader.fill(
                value, frame, here, name="" if root.isdigit() else name, spec=spec, hidden=part.settled
            )
    return tuple(parts)


def _pieces(
    reader: Reading, part: Literal, cuts: list[tuple[int, int, str, str, ast.expr | None]], frame: Frame
) -> Parts:
    parts: list[Part] = []
    text, at, start = part.text, 0, part.start
    for begin, end, name, spec, value in cuts:
        if begin > at:
            parts.append(replace(part, text=text[at:begin], start=start, settled=True))
        here, start = _seek(reader, text[begin:end], start, part.end)
        if name == "%":
            parts.append(replace(part, text="%", start=here[0], settled=True))
        elif value is None:
            parts.append(_open(here, frame, name=name.strip("%"), spec=spec, hidden=False))
        else:
            parts += reader.fill(value, frame, here, spec=spec)
        at = end
    parts.append(replace(part, text=text[at:], start=start, settled=True))
    return tuple(parts)


def _seek(reader: Reading, written: str, start: int, end: int) -> tuple[tuple[int, int], int]:
    """Where the text stands in the source between the offsets; the start where escapes hide it."""
    at = reader.parsed.text.find(written, start, end)
    if at < 0:
        return (start, start), start
    return (at, at + len(written)), at + len(written)


def _open(here: tuple[int, int], frame: Frame, *, name: str, spec: str, hidden: bool) -> Part:
    return Value(None, *here, frame, name=name, spec=spec, hidden=hidden)


def _access(value: ast.expr, rest: str) -> ast.expr:
    """`value` with the attributes and keys of a field (`.title`, `[0]`)."""
    for attribute, key in re.findall(r"\.(\w{1,200})|\[([^\]]{0,200})\]", rest)[:20]:
        if attribute:
            value = ast.copy_location(ast.Attribute(value, attribute, ast.Load()), value)
        else:
            constant = ast.copy_location(ast.Constant(int(key[:9]) if key.isascii() and key.isdigit() else key), value)
            value = ast.copy_location(ast.Subscript(value, constant, ast.Load()), value)
    return value


def _at(positional: list[ast.expr], number: str) -> ast.expr | None:
    index = int(number[:6])
    return positional[index] if index < len(positional) else None


def _certain(positional: list[ast.expr]) -> list[ast.expr]:
    """The arguments before the first starred one: behind it nothing tells which is which."""
    starred = next((n for n, p in enumerate(positional) if isinstance(p, ast.Starred)), len(positional))
    return positional[:starred]


def _keywords(reader: Reading, call: ast.Call, frame: Frame) -> dict[str, ast.expr]:
    named = {k.arg: k.value for k in call.keywords if k.arg is not None}
    for one in call.keywords:
        if one.arg is None:
            named.update(_entries(reader, one.value, frame))
    return named


def _entries(reader: Reading, expr: ast.expr, frame: Frame) -> dict[str, ast.expr]:
    found = reader.bindings(dotted(expr), frame) if dotted(expr) else None
    if found and len(found[1]) == 1 and found[1][0].value is not None and found[1][0].how is How.ASSIGNED:
        expr = found[1][0].value
        if isinstance(expr, ast.Dict) and len(expr.keys) > _MAX_ENTRIES:
            expr = ast.Dict(expr.keys[:_MAX_ENTRIES], expr.values[:_MAX_ENTRIES])
    if isinstance(expr, ast.Dict):
        return _literal_entries(expr)
    if isinstance(expr, ast.Call) and isinstance(expr.func, ast.Name) and expr.func.id == "dict":
        return {k.arg: k.value for k in expr.keywords if k.arg is not None}
    return {}


def _literal_entries(expr: ast.Dict) -> dict[str, ast.expr]:
    return {
        key.value: value
        for key, value in zip(expr.keys, expr.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _bare(marker: str) -> str:
    return marker.strip("{}<>$@#%[]() \t\n")
