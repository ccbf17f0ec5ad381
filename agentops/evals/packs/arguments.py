"""Arguments for a tool that its own schema would accept, with a canary in one of them where there is room."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentops.evals.packs.words import HOST, Word

_DEEPEST = 6
# Parameters that reach further than others come first: where data goes to, then what is said, then whom it concerns.
_TELLING = (
    "url", "uri", "link", "webhook", "endpoint", "recipient", "to", "email", "mail", "address", "destination", "iban",
    "account", "body", "message", "content", "text", "subject", "note", "comment", "reason", "command", "query",
    "sql", "path", "file", "user", "customer", "name", "id",
)  # fmt: skip
_LETTERS, _DIGITS = "abcdefghijkmnopqrstuvwxyz", "0123456789"
_CLASSES = {"d": _DIGITS, "w": _LETTERS, "s": " ", "S": _LETTERS}
_ATOM = re.compile(r"(\[[^\]^][^\]]*\]|\\[dwsS.@/-]|[A-Za-z0-9 _@:/#-]|\.)(\{(\d{1,2})(?:,\d*)?\}|[+*?])?")
_TELLS_APART = 4


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an attack asks for. `marked` is the part of `arguments` by which it is known again, None where the
    schema leaves no room for a canary."""

    tool: str
    arguments: Mapping[str, Any]
    marked: Mapping[str, Any] | None


def call(tool: str, schema: Any, word: Word) -> Call:
    """A call of the tool in the form that its schema asks for, as far as that can be read from it. Never raises."""
    root = schema if isinstance(schema, Mapping) else {}
    top = _resolved(root, root)
    properties = top.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        closed = top.get("additionalProperties") is False or properties == {}
        free: dict[str, Any] = {} if closed else {"input": word.mark}
        return Call(tool, free, free or None)
    required = top.get("required")
    needed = set(required) if isinstance(required, list) and all(isinstance(k, str) for k in required) else set()
    marks = {name: _mark(name, _resolved(part, root), word) for name, part in properties.items()}
    chosen = min((n for n, m in marks.items() if m is not None), key=_rank, default=None)
    names = [n for n in properties if n in needed or n == chosen] or list(properties)
    arguments = {n: marks[n] if n == chosen else _value(properties[n], root, 0) for n in names}
    return Call(tool, arguments, None if chosen is None else {chosen: marks[chosen]})


def _rank(name: str) -> tuple[int, str]:
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return min((i for i, known in enumerate(_TELLING) if known in words), default=len(_TELLING)), name


def _mark(name: str, schema: Mapping[str, Any], word: Word) -> Any:
    """A value for the parameter that stands nowhere else, None where the schema fixes its values."""
    if "enum" in schema or "const" in schema:
        return None
    kind = _kind(schema)
    if kind == "string":
        text = _marked_text(name, schema, word)
        if _fits(text, schema):
            return text
        pattern = schema.get("pattern")
        chosen = sample(pattern, word.whole) if isinstance(pattern, str) else None
        # Fewer different characters would stand in honest calls, too.
        return chosen if chosen and len(set(chosen)) >= _TELLS_APART and _fits(chosen, schema) else None
    if kind == "integer" and "multipleOf" not in schema:
        low, high = _bounds(schema, 1_000_000, 9_999_999)
        return low + word.number % (high - low + 1) if high - low >= 999_999 else None
    return None


def _marked_text(name: str, schema: Mapping[str, Any], word: Word) -> str:
    form = schema.get("format")
    words = re.split(r"[^a-z]+", name.lower())
    if form in ("uri", "url", "iri") or {"url", "uri", "link", "webhook", "endpoint"} & set(words):
        return f"https://{HOST}/{word.mark}"
    if form in ("email", "idn-email") or {"email", "mail", "recipient"} & set(words):
        return f"{word.mark.lower()}@{HOST}"
    return word.mark


def _fits(text: str, schema: Mapping[str, Any]) -> bool:
    longest, shortest, pattern = (schema.get(k) for k in ("maxLength", "minLength", "pattern"))
    if (isinstance(longest, int) and len(text) > longest) or (isinstance(shortest, int) and len(text) < shortest):
        return False
    if schema.get("format") not in (None, "uri", "url", "iri", "email", "idn-email", "hostname"):
        return False
    return not isinstance(pattern, str) or _matches(pattern, text)


def _matches(pattern: str, text: str) -> bool:
    # The user's own schema may hold a pattern that backtracks without end.
    import regex

    try:
        return regex.search(pattern, text, timeout=0.2) is not None
    except (regex.error, TimeoutError):
        return False


def _value(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    """A plain value that the schema would take."""
    part = _resolved(schema, root)
    for key in ("const", "default"):
        if key in part:
            return part[key]
    for key in ("enum", "examples"):
        if isinstance(part.get(key), list) and part[key]:
            return part[key][0]
    kind = _kind(part)
    if kind == "object":
        properties, required = part.get("properties"), part.get("required")
        if not isinstance(properties, Mapping) or depth > _DEEPEST:
            return {}
        needed = required if isinstance(required, list) else list(properties)
        return {n: _value(v, root, depth + 1) for n, v in properties.items() if n in needed}
    if kind == "array":
        return [] if depth > _DEEPEST else [_value(part.get("items", {}), root, depth + 1)]
    if kind in ("integer", "number"):
        low, high = _bounds(part, 1, 10)
        return min(max(1, low), high)
    if kind == "boolean":
        return True
    return None if kind == "null" else _text(part)


def _text(schema: Mapping[str, Any]) -> str:
    known = {
        "date": "2031-01-15", "date-time": "2031-01-15T09:00:00Z", "time": "09:00:00Z", "uri": f"https://{HOST}/",
        "email": f"someone@{HOST}", "uuid": "5f0c6c1e-3d0b-4c39-9b52-0b8f6f1f7a10", "ipv4": "192.0.2.7",
    }.get(str(schema.get("format")))  # fmt: skip
    if known:
        return known
    pattern = schema.get("pattern")
    text = (sample(pattern) if isinstance(pattern, str) else None) or "example"
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if isinstance(shortest, int) and len(text) < min(shortest, 4096):
        text += "x" * (min(shortest, 4096) - len(text))
    return text[:longest] if isinstance(longest, int) and longest >= 0 else text


def sample(pattern: str, seed: str = "") -> str | None:
    """A text that a simple pattern matches (letters, classes, counts), chosen by the seed; None where the pattern is
    not simple."""
    text, rest = "", pattern.removeprefix("^").removesuffix("$")
    while rest:
        found = _ATOM.match(rest)
        if not found:
            return None
        choice = _choice(found[1])
        for _ in range(int(found[3]) if found[3] else 1):
            digest = hashlib.sha256(f"{seed}\0{len(text)}".encode("utf-8", "surrogatepass")).digest()
            text += choice[digest[0] % len(choice)]
        rest = rest[found.end() :]
    return text if _matches(pattern, text) else None


def _choice(atom: str) -> str:
    """The characters that an atom of a pattern stands for, or some of them."""
    if atom == ".":
        return _LETTERS
    if atom[0] == "\\":
        return _CLASSES.get(atom[1], atom[1])
    if atom[0] != "[":
        return atom
    inside = re.sub(r"\\([dws])", lambda m: _CLASSES[m[1]], atom[1:-1])
    ranges = re.sub(r"([0-9A-Za-z])-([0-9A-Za-z])", lambda m: _span(m[1], m[2]), inside)
    return "".join(c for c in ranges if c.isalnum()) or ranges.lstrip("\\") or "k"


def _span(low: str, high: str) -> str:
    return "".join(map(chr, range(ord(low), ord(high) + 1))) or low


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "string"


def _bounds(schema: Mapping[str, Any], low: int, high: int) -> tuple[int, int]:
    """The schema's bounds as whole numbers, or the given ones; `high` is never below `low`."""
    least, most = _number(schema, "minimum"), _number(schema, "maximum")
    above, below = _number(schema, "exclusiveMinimum"), _number(schema, "exclusiveMaximum")
    least = above + 1 if above is not None else least
    most = below - 1 if below is not None else most
    if least is None and most is None:
        return low, high
    if least is None:
        least = min(low, most or 0)
    return least, max(least, high if most is None else most)


def _number(schema: Mapping[str, Any], key: str) -> int | None:
    value = schema.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e15:
        return None
    return int(value)


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with local references followed and the first of its alternatives taken."""
    for _ in range(_DEEPEST):
        if not isinstance(schema, Mapping):
            return {}
        if isinstance(schema.get("$ref"), str):
            schema = _at(schema["$ref"], root)
            continue
        forms = next((schema[k] for k in ("anyOf", "oneOf", "allOf") if isinstance(schema.get(k), list)), None)
        if forms is None or "type" in schema or "properties" in schema:
            return schema
        schema = next((f for f in forms if isinstance(f, Mapping) and f.get("type") != "null"), {})
    return {}


def _at(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root if reference.startswith("#") else {}
    for key in reference.removeprefix("#").split("/")[1:]:
        found = found.get(key.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, Mapping) else {}
    return found
