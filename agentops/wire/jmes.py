"""Reads answers of any form by JMESPath expressions, as the configuration gives them under agent.http."""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath import exceptions

from agentops.errors import ConfigError, TargetError
from agentops.model.case import Answer
from agentops.model.settings import Http
from agentops.wire import shape
from agentops.wire.shape import NotJson, ShapeError

KEYS = ("answer", "delta", "session", "tool_calls", "input_tokens", "output_tokens", "cost_usd", "model", "error")
_NEVER_RIGHT = (exceptions.UnknownFunctionError, exceptions.ArityError, exceptions.VariadictArityError)
# What jmespath raises for values that an expression was not made for; some of it is plain Python.
_OF_VALUES = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class Reader:
    """The expressions of a configuration, compiled. Raises ConfigError that names the key of one that is none."""

    def __init__(self, http: Http) -> None:
        self._paths = {key: _compiled(key, getattr(http, key)) for key in KEYS if getattr(http, key)}

    def find(self, key: str, data: Any) -> Any:
        """What the expression of a key finds, None where there is no such expression. Raises ShapeError."""
        if key not in self._paths:
            return None
        try:
            found = self._paths[key].search(data)
        except _OF_VALUES as error:
            words = f"agent.http.{key} cannot be applied: {shape.told(str(error))}"
            raise ShapeError(words) from None
        # An expression can make what no answer holds: to_number('NaN'), sums beyond all bounds.
        return shape.sound(found, f"what agent.http.{key} finds")

    def session(self, data: Any) -> str | None:
        """The session id that an answer gives. Raises ShapeError where it is neither text nor number."""
        found = self.find("session", data)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise ShapeError("agent.http.session finds neither a text nor a number")
        return shape.identifier(str(found), "the session id that agent.http.session finds")

    def check(self, data: Any) -> None:
        """Raises TargetError where an answer reports an error."""
        found = self.find("error", data)
        if found:
            raise TargetError(f"the agent reports an error: {shape.told(found)}")

    def parse(self, body: bytes) -> tuple[Answer, str | None]:
        """The answer in a body of JSON, and the session id it gives. Raises ShapeError, TargetError."""
        data = shape.load(body)
        self.check(data)
        text = self.find("answer", data)
        if text is None:
            raise ShapeError("agent.http.answer finds nothing")
        return self.answer(_words(text), [data]), self.session(data)

    def answer(self, text: str, data: list[Any]) -> Answer:
        """The answer; whatever else is told is taken from the last piece of data that tells it."""
        calls = self.last("tool_calls", data)
        return Answer(
            text=text,
            tool_calls=None if calls is None else shape.listed_calls(calls),
            usage=shape.usage(self.last("input_tokens", data), self.last("output_tokens", data)),
            model=shape.name(self.last("model", data)),
            cost_usd=shape.money(self.last("cost_usd", data)),
        )

    def last(self, key: str, data: list[Any]) -> Any:
        """What the expression finds in the last piece of data in which it finds anything. Raises ShapeError."""
        found = (self.find(key, piece) for piece in reversed(data))
        return next((value for value in found if value is not None), None)


class Stream:
    """Reads a stream of events: `delta` is a piece of text in each; every other expression is tried on all of them.

    Data that is no JSON is a text. Pieces make the answer; without any, the last that `answer` finds is it.
    """

    def __init__(self, reader: Reader) -> None:
        self.done = False
        self._reader = reader
        self._pieces: list[str] = []
        self._data: list[Any] = []

    def add(self, data: str) -> bool:
        """Take in the data of one event; whether it held a piece of text. Raises ShapeError, TargetError."""
        if data.strip() == "[DONE]":
            self.done = True
            return False
        try:
            event = shape.load(data)
        except NotJson:
            event = data
        self._reader.check(event)
        self._data.append(event)
        piece = self._reader.find("delta", event)
        if isinstance(piece, str):
            self._pieces.append(piece)
        return isinstance(piece, str) and piece != ""

    def answer(self) -> tuple[Answer, str | None]:
        """The whole answer, and the session id it gives. Raises ShapeError."""
        whole = self._reader.last("answer", self._data)
        if not self._pieces and whole is None:
            raise ShapeError("neither agent.http.delta nor agent.http.answer finds anything in the stream")
        text = "".join(self._pieces) if self._pieces else _words(whole)
        sessions = [found for found in map(self._reader.session, self._data) if found is not None]
        return self._reader.answer(text, self._data), sessions[-1] if sessions else None


def _compiled(key: str, expression: str) -> Any:
    try:
        path = jmespath.compile(expression)
        path.search({})
    except (exceptions.ParseError, exceptions.LexerError, exceptions.EmptyExpressionError, *_NEVER_RIGHT) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"agent.http.{key}: {expression!r} is no JMESPath expression: {first}",
            hint="see https://jmespath.org for the language",
        ) from None
    except _OF_VALUES:
        pass  # it wants something that an empty object has not
    return path


def _words(found: Any) -> str:
    """What was found as text: texts as they are, lists of texts joined, everything else as JSON."""
    if isinstance(found, list) and found and all(isinstance(item, str) for item in found):
        return "".join(found)
    return shape.as_text(found)
