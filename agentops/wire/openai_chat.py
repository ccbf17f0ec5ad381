"""OpenAI chat completions: the request for a turn, and what an agent's answer holds, whole or streamed.

An agent behind this protocol usually hides the model calls it makes. Ours reads two places for its tool calls: the
standard `choices[0].message.tool_calls`, and a top-level object `trace` with a list `tool_calls` of objects with
`name`, `arguments` (an object or JSON text) and `status` ("ok" or "error"). Where it carries both, both count. Without
either the tool calls are unknown, which is not the same as none. `usage.cost` is read as US dollars, as OpenRouter
and LiteLLM give it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentops.errors import TargetError
from agentops.model.case import Answer, ToolCall, Turn
from agentops.wire import files, shape
from agentops.wire.shape import ShapeError

__all__ = ["PATH", "ShapeError", "Stream", "parse", "request", "user_message"]

PATH = "/v1/chat/completions"
# More calls in one answer are no answer.
_MOST_CALLS = 1000


def user_message(turn: Turn) -> dict[str, Any]:
    """The user's message. Images go as `image_url`, text files as text, other files as `file` parts with base64."""
    if not turn.files:
        return {"role": "user", "content": turn.text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": turn.text}]
    for file in turn.files:
        text = files.inlined(file)
        if files.is_image(file):
            parts.append({"type": "image_url", "image_url": {"url": files.data_url(file)}})
        elif text is not None:
            parts.append({"type": "text", "text": text})
        else:
            parts.append({"type": "file", "file": {"filename": file.name, "file_data": files.data_url(file)}})
    return {"role": "user", "content": parts}


def request(messages: Sequence[Mapping[str, Any]], *, session: str, model: str, stream: bool = False) -> dict[str, Any]:
    """The body that asks for the next turn. `session` goes into the standard field `user`."""
    body: dict[str, Any] = {"model": model, "user": session, "messages": list(messages)}
    return body | {"stream": True, "stream_options": {"include_usage": True}} if stream else body


def parse(body: bytes) -> Answer:
    """The answer in the body of a 200 response. Raises ShapeError, TargetError where it reports an error instead."""
    data = shape.mapping(body)
    if data.get("error") and not data.get("choices"):
        raise TargetError(f"the agent reports an error: {shape.told(data['error'])}")
    message = _message(data)
    text = message.get("content")
    if text is None:
        text = message.get("refusal")
    if isinstance(text, list):
        text = shape.text_of(text)
    if text is None and isinstance(message.get("tool_calls"), list):
        text = ""
    if not isinstance(text, str):
        raise ShapeError("choices[0].message has neither content nor refusal nor tool calls")
    usage = shape.fields(data.get("usage"))
    return Answer(
        text=text,
        tool_calls=_tool_calls(data, message.get("tool_calls")),
        usage=shape.usage(usage.get("prompt_tokens"), usage.get("completion_tokens")),
        model=shape.name(data.get("model")),
        cost_usd=shape.money(usage.get("cost")),
    )


class Stream:
    """Puts the chunks of a streamed completion together."""

    def __init__(self) -> None:
        self.done = False
        self._finished = False
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, dict[str, str]] | None = None
        self._rest: dict[str, Any] = {}

    def add(self, data: str) -> bool:
        """Take in the data of one event; whether it held a piece of text. Raises ShapeError, TargetError."""
        if data.strip() == "[DONE]":
            self.done = True
            return False
        chunk = shape.mapping(data)
        if chunk.get("error"):
            raise TargetError(f"the agent reports an error in the stream: {shape.told(chunk['error'])}")
        self._rest |= {key: chunk[key] for key in ("model", "usage", "trace") if chunk.get(key) is not None}
        choice = shape.fields(next(iter(shape.items(chunk.get("choices"))), None))
        self._finished = self._finished or isinstance(choice.get("finish_reason"), str)
        delta = shape.fields(choice.get("delta"))
        if isinstance(delta.get("tool_calls"), list):
            self._take_calls(delta["tool_calls"])
        content = shape.text_of(delta.get("content"))
        if content:
            self._text.append(content)
        elif isinstance(delta.get("refusal"), str):
            self._refusal.append(delta["refusal"])
        return bool(content)

    def answer(self) -> Answer:
        """The whole answer. Raises ShapeError where the stream broke off."""
        if not self.done and not self._finished:
            raise ShapeError("the stream ended without a finish_reason and without [DONE]")
        if not self._text and not self._refusal and self._calls is None:
            raise ShapeError("the stream held neither content nor refusal nor tool calls")
        usage = shape.fields(self._rest.get("usage"))
        calls = None if self._calls is None else [{"function": self._calls[i]} for i in sorted(self._calls)]
        return Answer(
            text="".join(self._text or self._refusal),
            tool_calls=_tool_calls(self._rest, calls),
            usage=shape.usage(usage.get("prompt_tokens"), usage.get("completion_tokens")),
            model=shape.name(self._rest.get("model")),
            cost_usd=shape.money(usage.get("cost")),
        )

    def _take_calls(self, pieces: list[Any]) -> None:
        calls = self._calls = {} if self._calls is None else self._calls
        for piece in map(shape.fields, pieces):
            index = piece.get("index", 0)
            if not shape.is_count(index) or len(calls) > _MOST_CALLS:
                raise ShapeError("a tool call of the stream has no index that can be meant")
            call = calls.setdefault(index, {"name": "", "arguments": ""})
            function = shape.fields(piece.get("function"))
            for key in call:
                if isinstance(function.get(key), str):
                    call[key] += function[key]


def _message(data: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ShapeError("the body holds no choices")
    message = choices[0].get("message") if isinstance(choices[0], dict) else None
    if not isinstance(message, dict):
        raise ShapeError("choices[0] holds no message")
    return message


def _tool_calls(data: Mapping[str, Any], asked: Any) -> tuple[ToolCall, ...] | None:
    traced = shape.traced(data)
    if traced is None and not isinstance(asked, list):
        return None
    return (*shape.listed_calls(traced or []), *(_standard(call) for call in shape.items(asked)))


def _standard(call: Any) -> ToolCall:
    function = shape.fields(shape.fields(call).get("function") or shape.fields(call).get("custom"))
    return shape.tool_call(function.get("name"), function.get("arguments", function.get("input")))
