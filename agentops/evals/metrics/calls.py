"""Tool calls as whoever forbids them has to read them: a name or an argument in disguise is the same one.

Only what forbids reads so. What demands or allows a call compares exactly: a near name is not the one that was meant.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.contracts import Unjudgeable
from agentops.evals.metrics.letters import plain
from agentops.model.case import ToolCall

# Each level of JSON within a text of JSON about doubles its quotes: more than these is no accident.
_LEVELS = 6
_SEPARATED = re.compile(r"[./:]|__")
_HOLDS_MORE = ("{", "[", '"')
# Dashes, underscores, white space and control characters: `delete_user`, `delete-user` and `deleteUser` are one.
_JOINERS = ("Pd", "Pc", "Zs", "Zl", "Zp", "Cc", "Cf")


@dataclass(frozen=True, slots=True)
class Piece:
    """A text of a call's arguments; `is_name` where it is the name of an argument."""

    text: str
    is_name: bool


def folded(name: str) -> str:
    """The name without what hides it: plain letters in one case, no dashes, spaces or invisible characters."""
    low = plain(name).casefold()
    return "".join(c for c in low if unicodedata.category(c) not in _JOINERS) or low.strip()


def is_called(forbidden: str, name: str) -> bool:
    """Whether a call of this name may be one of the forbidden tool, in whatever writing and behind whatever namespace
    (`functions.refund`, `shop/refund`, `mcp__shop__refund`)."""
    wanted = folded(re.sub(r"(?i)^\s*functions\.", "", forbidden))
    said = plain(name)
    starts = [0, *(found.end() for found in _SEPARATED.finditer(said))]
    return any(folded(said[start:]) == wanted for start in starts)


def unread(call: ToolCall) -> bool:
    """Whether arguments came that are no object, so that they stand as they came under the empty name."""
    value = call.arguments.get("")
    return bool(value.strip()) if isinstance(value, str) else "" in call.arguments


def pieces(arguments: Any) -> Iterator[Piece]:
    """Every name and value of the arguments as text, those in texts that are JSON themselves too. Not recursive: the
    depth is the agent's choice. Raises Unjudgeable where JSON within JSON never ends."""
    stack: list[tuple[Any, int]] = [(arguments, 0)]
    while stack:
        value, level = stack.pop()
        if isinstance(value, Mapping):
            for key, item in value.items():
                yield Piece(str(key), is_name=True)
                stack += [(item, level), *_within(str(key), level)]
        elif isinstance(value, (list, tuple)):
            stack.extend((item, level) for item in value)
        elif value is not None and not isinstance(value, bool):
            yield Piece(str(value), is_name=False)
            if isinstance(value, str):
                stack += _within(value, level)


def may_hold(arguments: Any, wanted: Any) -> bool:
    """Whether the arguments may be said to hold everything that is wanted: names in whatever writing, texts without
    what does not show, and where a text of JSON stands in place of a value, what it holds."""
    if isinstance(arguments, str) and not isinstance(wanted, str):
        arguments = _value(arguments)
    if isinstance(wanted, Mapping):
        if not isinstance(arguments, Mapping):
            return False
        known = {folded(str(key)): value for key, value in arguments.items()}
        return all(folded(k) in known and may_hold(known[folded(k)], value) for k, value in wanted.items())
    if isinstance(wanted, list):
        same_size = isinstance(arguments, (list, tuple)) and len(arguments) == len(wanted)
        return same_size and all(map(may_hold, arguments, wanted))
    if isinstance(arguments, str) and isinstance(wanted, str):
        forms = (form for form in (arguments, _value(arguments)) if isinstance(form, str))
        return any(plain(form).strip() == plain(wanted).strip() for form in forms)
    return isinstance(arguments, bool) is isinstance(wanted, bool) and bool(arguments == wanted)


def _within(text: str, level: int) -> list[tuple[Any, int]]:
    held = _read(text)
    if held is None:
        return []
    if level == _LEVELS:
        raise Unjudgeable(f"the arguments hold JSON within JSON, more than {_LEVELS} times")
    return [(held, level + 1)]


def _value(value: Any) -> Any:
    for _ in range(_LEVELS):
        held = _read(value) if isinstance(value, str) else None
        if held is None:
            return value
        value = held
    raise Unjudgeable(f"the arguments hold JSON within JSON, more than {_LEVELS} times")


def _read(text: str) -> Any:
    """What a text holds that is a JSON object, list or text; None where it is none."""
    if not text.strip().startswith(_HOLDS_MORE):
        return None
    try:
        return json.loads(text, object_pairs_hook=_every, parse_int=_whole)
    except ValueError:
        return None
    except RecursionError:
        raise Unjudgeable("the arguments hold JSON that is nested too deeply") from None


def _whole(digits: str) -> int | str:
    # Python refuses to read longer ones, and with them the whole text.
    return int(digits) if len(digits) < 1000 else digits


def _every(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """All values of a name that is given twice: which of them counts is the tool's choice."""
    held = dict(pairs)
    if len(held) == len(pairs):
        return held
    return {name: [value for other, value in pairs if other == name] for name in held}
