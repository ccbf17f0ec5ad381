"""OpenAI responses: the request for a turn, and what an agent's answer holds, whole or streamed.

Tool calls are the items of `output` that are neither message nor reasoning: function calls by their name, calls of
built-in tools by their type ("web_search"), MCP calls by the tool's name. An output without such an item says "none"
only where the answer also carries the standard's field `tools`, or a `trace` as chat completions may: an agent that
wraps another one in this form and leaves its tools out would otherwise pass every test that forbids a tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentops.errors import TargetError
from agentops.model.case import Answer, ToolCall, Turn
from agentops.wire import files, shape
from agentops.wire.shape import ShapeError

PATH = "/v1/responses"

# Items that are no call of a tool: what was said, thought or listed, and what came back.
_NO_CALLS = frozenset(
    {"message", "reasoning", "mcp_list_tools", "mcp_approval_request", "compaction", "item_reference"}
)
_FAILED = frozenset({"failed", "incomplete", "error"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the id under which the server keeps it, "" where it does not say that it does."""

    answer: Answer
    kept_as: str = ""


def user_message(turn: Turn) -> dict[str, Any]:
    """The user's message. Images go as `input_image`, text files as text, other files as `input_file`."""
    if not turn.files:
        return {"role": "user", "content": turn.text}
    parts: list[dict[str, Any]] = [{"type": "input_text", "text": turn.text}]
    for file in turn.files:
        text = files.inlined(file)
        if files.is_image(file):
            parts.append({"type": "input_image", "image_url": files.data_url(file)})
        elif text is not None:
            parts.append({"type": "input_text", "text": text})
        else:
            parts.append({"type": "input_file", "filename": file.name, "file_data": files.data_url(file)})
    return {"role": "user", "content": parts}


def request(
    messages: Sequence[Mapping[str, Any]], *, session: str, model: str, after: str = "", stream: bool = False
) -> dict[str, Any]:
    """The body that asks for the next turn; `after` is the id of the answer before, where the server keeps it."""
    body: dict[str, Any] = {"model": model, "user": session, "input": list(messages)}
    if after:
        body["previous_response_id"] = after
    return body | {"stream": True} if stream else body


def parse(body: bytes) -> Reply:
    """The answer in the body of a 200 response. Raises ShapeError, TargetError where it reports an error instead."""
    return read(shape.mapping(body))


def read(data: Mapping[str, Any]) -> Reply:
    """The answer in a response object. Raises ShapeError, TargetError."""
    if data.get("error") or data.get("status") in ("failed", "cancelled"):
        said = shape.told(data["error"]) if data.get("error") else f"status {data.get('status')}"
        raise TargetError(f"the agent reports an error: {said}")
    if not isinstance(data.get("output"), list):
        raise ShapeError("the body holds no list output")
    output = [shape.fields(item) for item in data["output"]]
    usage = shape.fields(data.get("usage"))
    answer = Answer(
        text=_text(output),
        tool_calls=_tool_calls(data, output),
        usage=shape.usage(usage.get("input_tokens"), usage.get("output_tokens")),
        model=shape.name(data.get("model")),
        cost_usd=shape.money(usage.get("cost")),
    )
    kept = data.get("store") is True and isinstance(data.get("id"), str) and len(data["id"]) <= 1024
    return Reply(answer, data["id"] if kept else "")


class Stream:
    """Waits in a streamed response for the event that carries the whole of it."""

    def __init__(self) -> None:
        self.done = False
        self._whole: Mapping[str, Any] | None = None

    def add(self, data: str) -> bool:
        """Take in the data of one event; whether it held a piece of text. Raises ShapeError, TargetError."""
        if data.strip() == "[DONE]":
            self.done = True
            return False
        event = shape.mapping(data)
        kind = event.get("type")
        if kind == "error":
            raise TargetError(f"the agent reports an error in the stream: {shape.told(event.get('error', event))}")
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self._whole = shape.fields(event.get("response"))
            self.done = True
        return kind in ("response.output_text.delta", "response.refusal.delta") and bool(event.get("delta"))

    def reply(self) -> Reply:
        """The whole answer. Raises ShapeError where the stream broke off, TargetError."""
        if self._whole is None:
            raise ShapeError("the stream ended without response.completed")
        return read(self._whole)


def _text(output: Sequence[Mapping[str, Any]]) -> str:
    messages = [item for item in output if item.get("type", "message") == "message" and "content" in item]
    texts = []
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            texts.append(content)
            continue
        for part in map(shape.fields, shape.items(content)):
            said = part.get("refusal") if part.get("type") == "refusal" else part.get("text")
            texts += [said] if isinstance(said, str) else []
    if not texts and not any(_is_call(item) for item in output):
        raise ShapeError("output holds neither text nor refusal nor tool calls")
    return "".join(texts)


def _is_call(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    return isinstance(kind, str) and kind not in _NO_CALLS and not kind.endswith("_output")


def _tool_calls(data: Mapping[str, Any], output: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...] | None:
    calls = tuple(_call(item) for item in output if _is_call(item))
    traced = shape.traced(data)
    if traced is not None:
        return (*shape.listed_calls(traced), *calls)
    return calls if calls or isinstance(data.get("tools"), list) else None


def _call(item: Mapping[str, Any]) -> ToolCall:
    failed = item.get("status") in _FAILED or bool(item.get("error"))
    called = item.get("name") or str(item["type"]).removesuffix("_call")
    given = shape.first(item, ("arguments", "input", "action"))
    if given is None:
        given = {key: item[key] for key in ("queries", "code", "prompt") if item.get(key) is not None}
    return shape.tool_call(called, given, status="error" if failed else "ok")
