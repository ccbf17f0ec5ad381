"""TOML as a tree. tomllib gives no offsets and takes long over long keys, so the little grammar is read here."""

from __future__ import annotations

import re

from agentops.injection.source import Source
from agentops.injection.syntax.tree import MAX_DEPTH, MAX_VALUES, Document, Items, Leaf, Node, Pairs, error

_BLANK = re.compile(r"(?:[ \t\n\ufeff]++|#[^\n]*+)++")
_SPACE = re.compile(r"[ \t]*+")
_KEY = re.compile(r"""[\w-]++|"(?:[^"\\\n]++|\\.)*+"|'[^'\n]*+'""")
_LINE_END = re.compile(r"[ \t]*+(?:#[^\n]*+)?(?:\n|\Z)")
_VALUE = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"{3,5}'
    r"|'''(?:[^']++|'(?!''))*+'{3,5}"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*+'"
    r"|[-+\w.:]++(?:[ ]\d\d:[\d:.+Z-]++)?+",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[ \t]*+\n[ \t\n]*+|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}
# Keys of more parts than this are an attack on whoever walks the tree.
_MAX_PARTS = 20


class _Table:
    """A table that is still being filled. `children` are its tables, of an array the newest, to be found at once."""

    __slots__ = ("arrays", "children", "entries", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.entries: list[tuple[str, Node | _Table | list[_Table]]] = []
        self.children: dict[str, _Table] = {}
        self.arrays: dict[str, list[_Table]] = {}


def read(source: Source) -> Document:
    """The one table of the file; a key that stands there twice is kept twice. Raises TemplateError."""
    try:
        return _Reader(source).run()
    except RecursionError:
        raise error(source, 0, f"nested deeper than {MAX_DEPTH} levels", hint="flatten the file") from None


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source, self.text = source, source.text
        self.at = 0
        self.values = 0

    def run(self) -> Document:
        root = _Table(0)
        here = root
        self._blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                here = self._header(root)
            else:
                self._pair(here)
            end = _LINE_END.match(self.text, self.at)
            if end is None:
                raise self._error("a line end is missing here")
            self.at = end.end()
            self._blank()
        return Document((self._done(root, len(self.text)),))

    def _header(self, root: _Table) -> _Table:
        start = self.at
        double = self.text.startswith("[[", start)
        self.at += 2 if double else 1
        keys = self._keys()
        close = "]]" if double else "]"
        if not self.text.startswith(close, self.at):
            raise self._error("the name of the table is not closed")
        self.at += len(close)
        table = root
        for key in keys[:-1]:
            table = self._child(table, key, start)
        if not double:
            return self._child(table, keys[-1], start)
        fresh = _Table(start)
        if (array := table.arrays.get(keys[-1])) is None:
            array = table.arrays[keys[-1]] = []
            table.entries.append((keys[-1], array))
        array.append(fresh)
        # Further headers of the same name go into the newest of the list.
        table.children[keys[-1]] = fresh
        return fresh

    def _child(self, table: _Table, key: str, start: int) -> _Table:
        if (found := table.children.get(key)) is None:
            found = table.children[key] = _Table(start)
            table.entries.append((key, found))
            self._count()
        return found

    def _pair(self, table: _Table) -> None:
        start = self.at
        keys = self._keys()
        if self.text[self.at : self.at + 1] != "=":
            raise self._error("the sign = is missing behind the key")
        self.at += 1
        self._spaces()
        for key in keys[:-1]:
            table = self._child(table, key, start)
        table.entries.append((keys[-1], self._value(0)))

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._spaces()
            found = _KEY.match(self.text, self.at)
            if found is None:
                raise self._error("a key is missing here")
            keys.append(self._unquoted(found[0]))
            if len(keys) > _MAX_PARTS:
                raise self._error(f"a key of more than {_MAX_PARTS} parts")
            self.at = found.end()
            self._spaces()
            if self.text[self.at : self.at + 1] != ".":
                return keys
            self.at += 1

    def _value(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels")
        self._count()
        start, mark = self.at, self.text[self.at : self.at + 1]
        if mark == "[":
            return self._array(depth)
        if mark == "{":
            return self._inline(depth)
        found = _VALUE.match(self.text, start)
        if found is None:
            raise self._error("a value is missing here, or its quotes are not closed")
        self.at = found.end()
        string = mark in ('"', "'")
        return Leaf(self._unquoted(found[0]) if string else found[0], start, self.at, string=string)

    def _array(self, depth: int) -> Node:
        start, items = self.at, []
        self.at += 1
        while not self._closed("]", start):
            items.append(self._value(depth + 1))
            self._comma("]")
        return Items(tuple(items), start, self.at)

    def _inline(self, depth: int) -> Node:
        start, table = self.at, _Table(self.at)
        self.at += 1
        while not self._closed("}", start):
            keys = self._keys()
            if self.text[self.at : self.at + 1] != "=":
                raise self._error("the sign = is missing behind the key")
            self.at += 1
            self._spaces()
            inner = table
            for key in keys[:-1]:
                inner = self._child(inner, key, start)
            inner.entries.append((keys[-1], self._value(depth + 1)))
            self._comma("}")
        return self._done(table, self.at)

    def _closed(self, mark: str, start: int) -> bool:
        self._blank()
        if self.at >= len(self.text):
            self.at = start
            raise self._error("a bracket is not closed")
        if self.text[self.at] != mark:
            return False
        self.at += 1
        return True

    def _comma(self, mark: str) -> None:
        self._blank()
        following = self.text[self.at : self.at + 1]
        if following == ",":
            self.at += 1
        elif following not in ("", mark):
            raise self._error("a comma is missing here")

    def _done(self, table: _Table, end: int) -> Pairs:
        pairs: list[tuple[str, Node]] = []
        for name, value in table.entries:
            if isinstance(value, _Table):
                pairs.append((name, self._done(value, end)))
            elif isinstance(value, list):
                pairs.append((name, Items(tuple(self._done(t, end) for t in value), value[0].start, end)))
            else:
                pairs.append((name, value))
        return Pairs(tuple(pairs), table.start, end)

    def _unquoted(self, text: str) -> str:
        if text[0] not in "\"'":
            return text
        wide = 3 if text.startswith(('"""', "'''")) and len(text) >= 6 else 1
        inner = text[wide:-wide]
        if wide == 3 and inner.startswith("\n"):
            inner = inner[1:]
        return _ESCAPE.sub(_unescape, inner) if text[0] == '"' and "\\" in inner else inner

    def _spaces(self) -> None:
        if (found := _SPACE.match(self.text, self.at)) is not None:
            self.at = found.end()

    def _blank(self) -> None:
        if (found := _BLANK.match(self.text, self.at)) is not None:
            self.at = found.end()

    def _count(self) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            raise self._error(f"more than {MAX_VALUES} values")

    def _error(self, problem: str) -> Exception:
        return error(self.source, self.at, f"not TOML: {problem}")


def _unescape(found: re.Match[str]) -> str:
    if code := found[1] or found[2]:
        number = int(code, 16)
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
    return _LETTERS.get(found[3], found[0]) if found[3] else ""
