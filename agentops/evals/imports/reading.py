"""Files of what was seen in production, in the formats that are told apart by what stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from agentops.errors import ConfigError, UsageError
from agentops.evals.imports import chats, traces
from agentops.evals.imports.session import Read
from agentops.evals.imports.spans import Span, spans
from agentops.text import one_line

MAX_BYTES = 512 * 1024 * 1024
_FORMATS = (
    "OTLP traces as JSON lines (resourceSpans), pairs of request and response of OpenAI chats, and conversations "
    '{"messages": [...]} are read'
)


def read(path: Path) -> Read:
    """The sessions of a file: one JSON value a line, or one JSON document.

    `broken` names every line that could not be read; the origin of a session begins with the file's name. Raises
    UsageError for a file that cannot be opened or is too large, ConfigError where nothing in it is a session.
    """
    shown = str(path)
    found = Read()
    seen: list[Span] = []
    talks: list[chats.Chat] = []
    for line, record in _records(_text(path), shown, found.broken):
        try:
            if isinstance(record, Mapping) and "resourceSpans" in record:
                seen += spans(record)
            elif isinstance(record, Mapping) and ("resourceLogs" in record or "resourceMetrics" in record):
                raise ValueError("logs or metrics of OTLP, and only traces are read")
            else:
                talks.append(chats.chat(record, line))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            found.broken.append(f"{shown}:{line}: {one_line(str(error), 160)}")
    sessions = [*traces.sessions(seen), *chats.sessions(talks)]
    found.sessions += [replace(s, origin=f"{path.name} {s.origin}") for s in sessions]
    if not found.sessions:
        if seen and not found.broken:
            raise ConfigError(
                f"{shown}: {len(seen)} spans, and none holds what a user said",
                hint="let the instrumentation record message contents, which most do not unless they are told to",
            )
        raise ConfigError(
            f"{shown}: nothing in it is a session", hint=_FORMATS, problems=tuple(_first(found.broken)) or ()
        )
    return found


def told(broken: list[str]) -> ConfigError:
    """What to raise for lines that cannot be read."""
    first = tuple(_first(broken))
    return ConfigError(first[0], problems=first, hint="mend the lines, or leave them out with --skip-broken")


def _first(broken: list[str], most: int = 12) -> Iterator[str]:
    yield from broken[:most]
    if len(broken) > most:
        yield f"and {len(broken) - most} more lines"


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: larger than {MAX_BYTES // 2**20} MiB", hint="split the file")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint="correct the path") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}", hint="save the file as UTF-8") from None


def _records(text: str, shown: str, broken: list[str]) -> Iterator[tuple[int, Any]]:
    whole = _whole(text)
    if whole is not None:
        # A list of messages is one conversation, any other list one of records.
        many = isinstance(whole, list) and not all(isinstance(m, Mapping) and "role" in m for m in whole)
        yield from enumerate(whole, 1) if many else [(1, whole)]
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else str(error) or "nested too deeply"
            broken.append(f"{shown}:{number}: not JSON: {one_line(why, 120)}")


def _whole(text: str) -> Any:
    """The text as one JSON document; None where it is none, or but one line of several."""
    start = text.lstrip()
    first, _, rest = start.partition("\n")
    if not start.startswith(("{", "[")) or (not rest.strip() and start[0] == "{"):
        return None
    if rest.strip() and _parsed(first) is not None:
        return None
    return _parsed(text)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
