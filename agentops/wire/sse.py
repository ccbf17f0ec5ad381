"""Server-sent events, read as the bytes come in. After the HTML standard, section 9.2 (event stream interpretation)."""

from __future__ import annotations

import codecs
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type ("message" where the stream names none) and its data, lines joined."""

    kind: str
    data: str


class Events:
    """Feed it bytes, get events. Bytes may end anywhere: inside a character, inside a line end, inside a line."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._parts: list[str] = []
        self._after_return = False
        self._kind = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that these bytes complete."""
        return self._take(self._decoder.decode(chunk))

    def close(self) -> list[Event]:
        """The event that the end of the stream completes. The standard drops it; many servers forget the last blank
        line, and what they said would be lost."""
        events = self._take(self._decoder.decode(b"", final=True) + "\n")
        return events + self._take("\n")

    def _take(self, text: str) -> list[Event]:
        if not text:
            return []
        events = []
        if self._after_return:
            # The pair of \r\n was torn apart.
            text = text.removeprefix("\n")
        self._after_return = text.endswith("\r")
        *whole, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in whole:
            self._parts.append(line)
            event = self._line("".join(self._parts))
            self._parts.clear()
            if event is not None:
                events.append(event)
        if rest:
            self._parts.append(rest)
        return events

    def _line(self, line: str) -> Event | None:
        if not line:
            event = Event(self._kind or "message", "\n".join(self._data)) if self._data else None
            self._kind, self._data = "", []
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._kind = value
        return None
