"""What joins texts: str.join over lists, over what was appended to them, and over comprehensions."""

from __future__ import annotations

import ast
from dataclasses import replace

from agentops.pysource.parse import SourceError
from agentops.pysource.reading import Reading
from agentops.pysource.scopes import dotted
from agentops.pysource.texts import Frame, Literal, Part, Parts

# Far above what a program appends line by line.
_MAX_ITEMS = 5_000


def join(reader: Reading, separator: ast.expr, items: ast.expr, frame: Frame) -> Parts | None:
    """`separator.join(items)`. Raises SourceError for a list that grew without measure."""
    between = reader.text(separator, frame) or ()
    if isinstance(items, ast.GeneratorExp | ast.ListComp | ast.SetComp):
        parts = reader.pieces(items.elt, looped(frame, items.generators))
        return tuple(_in_loop(p) for p in (*parts, *between))
    elements = items.elts if isinstance(items, ast.List | ast.Tuple) else _listed(reader, items, frame)
    if elements is None:
        return None
    joined: list[Part] = []
    for number, (element, where, repeated) in enumerate(
        (e, frame, False) if isinstance(e, ast.expr) else e for e in elements
    ):
        if number:
            joined += between
        parts = reader.pieces(element, where)
        joined += (_in_loop(p) for p in parts) if repeated else parts
    return tuple(joined)


def looped(frame: Frame, generators: list[ast.comprehension]) -> Frame:
    """The frame within a comprehension."""
    loops = dict(frame.loops)
    for one in generators:
        targets = one.target.elts if isinstance(one.target, ast.Tuple | ast.List) else [one.target]
        whole = len(targets) == 1 and targets[0] is one.target
        for number, target in enumerate(targets):
            if isinstance(target, ast.Name):
                loops[target.id] = (one.iter, -1 if whole else number)
    return replace(frame, loops=loops)


def _listed(reader: Reading, items: ast.expr, frame: Frame) -> list[tuple[ast.expr, Frame, bool]] | None:
    """The elements of a list that a variable holds: as it was written down and what was appended, in order."""
    name = dotted(items)
    found = reader.bindings(name, frame) if name else None
    if found is None:
        return None
    owner, bindings = found
    lists = [b for b in bindings if isinstance(b.value, ast.List | ast.ListComp)]
    if not lists or name in owner.parameters:
        return None
    elements: list[tuple[tuple[int, int], ast.expr, Frame, bool]] = []
    for one in lists:
        where = replace(frame, scope=owner, at=one.at, branch=one.branch, depth=frame.depth + 1)
        if isinstance(one.value, ast.ListComp):
            elements.append((one.at, one.value.elt, looped(where, one.value.generators), True))
        elif isinstance(one.value, ast.List):
            elements += [(one.at, e, where, False) for e in one.value.elts]
    every = owner.added.get(name, [])
    if len(every) > _MAX_ITEMS:
        raise SourceError(
            f"a list of more than {_MAX_ITEMS} texts is joined", line=items.lineno, column=items.col_offset + 1
        )
    for added in every:
        if added.at >= frame.at and owner is frame.scope:
            continue
        where = replace(frame, scope=owner, at=added.at, branch=added.branch, depth=frame.depth + 1)
        values = added.value.elts if added.method == "extend" and isinstance(added.value, ast.List) else [added.value]
        elements += [(added.at, e, where, False) for e in values]
    elements.sort(key=lambda e: e[0])
    return [(e, where, repeated) for _, e, where, repeated in elements] or None


def _in_loop(part: Part) -> Part:
    return part if isinstance(part, Literal) else replace(part, in_loop=True)
