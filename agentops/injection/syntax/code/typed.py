"""Declared types, as far as they tell that a value holds no free text."""

from __future__ import annotations

from agentops.injection.syntax.code.tree import Nodes, is_op

_NUMBER = frozenset((
    "number", "int", "integer", "int8", "int16", "int32", "int64", "uint", "uint8", "uint32", "uint64", "float32",
    "float64", "float", "double", "long", "short", "byte", "bigint", "bigdecimal", "biginteger",
))  # fmt: skip
_DATE = frozenset((
    "date", "localdate", "localdatetime", "instant", "zoneddatetime", "offsetdatetime", "duration", "time.time",
    "time.duration", "year",
))  # fmt: skip


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
