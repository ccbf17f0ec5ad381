"""OpenAI chat completions: the request for one user turn, and what an agent's answer holds.

An agent behind this protocol usually hides the model calls it makes. Ours reads two places for its tool calls: the
standard `choices[0].message.tool_calls`, and a top-level object `trace` with a list `tool_calls` of objects with
`name`, `arguments` (an object or JSON text) and `status` ("ok" or "error"). Where it carries both, both count. Without
either the tool calls are unknown, which is not the same as none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

from agentops.model.case import Answer, ToolCall, Usage

# Longer names are no names.
_NAME = 200


class ShapeError(ValueError):
    """The body is no chat completion; the message says what is wrong where."""


def request(text: str, *, session: str, model: str) -> dict[str, Any]:
    """The body that asks for one user turn. `session` goes into the standard field `user`."""
    return {"model": model, "user": session, "messages": [{"role": "user", "content": text}]}


def parse(body: bytes) -> Answer:
    """The answer in the body of a 200 response. Raises ShapeError."""
    data = _json(body)
    message = _message(data)
    text = message.get("content")
    if text is None:
        text = message.get("refusal")
    if isinstance(text, list):
        text = "".join(str(p.get("text", "")) for p in text if isinstance(p, dict))
    if text is None and isinstance(message.get("tool_calls"), list):
        text = ""
    if not isinstance(text, str):
        raise ShapeError("choices[0].message has neither content nor refusal nor tool calls")
    model = data.get("model")
    return Answer(
        text=text,
        tool_calls=_tool_calls(data, message),
        usage=_usage(data.get("usage")),
        model=model[:_NAME] if isinstance(model, str) else None,
    )


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ShapeError(f"the body is not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError):
        looks = "HTML" if body.lstrip()[:1] == b"<" else "no JSON"
        raise ShapeError(f"the body is {looks}: {body[:80].decode('utf-8', 'replace')!r}") from None
    if not isinstance(data, dict):
        raise ShapeError("the body is no JSON object")
    return data


def _message(data: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ShapeError("the body holds no choices")
    message = choices[0].get("message") if isinstance(choices[0], dict) else None
    if not isinstance(message, dict):
        raise ShapeError("choices[0] holds no message")
    return message


def _tool_calls(data: Mapping[str, Any], message: Mapping[str, Any]) -> tuple[ToolCall, ...] | None:
    trace, asked = data.get("trace"), message.get("tool_calls")
    traced = trace.get("tool_calls") if isinstance(trace, dict) else None
    if not isinstance(traced, list) and not isinstance(asked, list):
        return None
    standard = [call.get("function") if isinstance(call, dict) else None for call in asked or ()]
    return tuple(_tool_call(call) for call in (*(traced or ()), *standard))


def _tool_call(call: Any) -> ToolCall:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ShapeError("a tool call of the trace has no name")
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            arguments = {"": arguments}
    if not isinstance(arguments, dict):
        arguments = {"": arguments}
    return ToolCall(call["name"][:_NAME], arguments, "error" if call.get("status") == "error" else "ok")


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Usage(prompt, completion) if _is_count(prompt) and _is_count(completion) else None


def _is_count(value: Any) -> TypeGuard[int]:
    """Whether it is a number of tokens that can be meant."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40
