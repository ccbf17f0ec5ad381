"""LangGraph's server: the request for a turn, and the state or the events that it answers with.

The answer's text is that of the last message of an AI in this turn. Where the graph interrupts itself to ask the user,
the question is the answer, and the next turn resumes it. Tokens are told where every AI message of the turn tells them.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentops.errors import TargetError
from agentops.model.case import Answer, ToolCall, Turn, Usage
from agentops.wire import files, shape
from agentops.wire.shape import ShapeError

THREADS_PATH = "/threads"
ASSISTANTS_PATH = "/assistants/search"

_OF_AI = frozenset({"ai", "AIMessage", "AIMessageChunk", "assistant"})
_OF_USER = frozenset({"human", "HumanMessage", "HumanMessageChunk", "user"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, the ids of all messages on the thread, and whether the graph waits to be resumed."""

    answer: Answer
    seen: frozenset[str]
    interrupted: bool = False


def run_path(thread: str, *, stream: bool) -> str:
    """Where a run is started and waited for."""
    return f"/threads/{urllib.parse.quote(thread, safe='', errors='replace')}/runs/{'stream' if stream else 'wait'}"


def thread_id(body: bytes) -> str:
    """The id of the thread that was created. Raises ShapeError."""
    return shape.identifier(shape.mapping(body).get("thread_id"), "thread_id")


def assistants(body: bytes) -> tuple[frozenset[str], tuple[str, ...]]:
    """Every name by which an assistant can be asked, and the graphs' names for people. Raises ShapeError."""
    data = shape.load(body)
    if not isinstance(data, list):
        raise ShapeError("the list of assistants is no list")
    found = [shape.fields(item) for item in data]
    known = [item.get(key) for item in found for key in ("assistant_id", "graph_id")]
    graphs = sorted({item["graph_id"] for item in found if shape.name(item.get("graph_id"))})
    return frozenset(name for name in known if isinstance(name, str)), tuple(graphs)


def request(turn: Turn, *, assistant: str, user: str, resume: bool = False, stream: bool = False) -> dict[str, Any]:
    """The body that asks for the next turn: a message, or with `resume` the answer to what the graph asked. The graph
    finds the user as `user_id` in what it may configure."""
    body: dict[str, Any] = {"assistant_id": assistant, "config": {"configurable": {"user_id": user}}}
    if resume:
        body["command"] = {"resume": turn.text}
    else:
        body["input"] = {"messages": [{"role": "user", "content": _content(turn)}]}
    return body | {"stream_mode": ["values", "messages-tuple"]} if stream else body


def parse(body: bytes, *, seen: frozenset[str] = frozenset()) -> Reply:
    """The answer in the state that a run ended with; `seen` are the messages of earlier turns. Raises ShapeError,
    TargetError where the run failed."""
    return read(shape.mapping(body), seen=seen)


def read(state: Mapping[str, Any], *, seen: frozenset[str] = frozenset()) -> Reply:
    """The answer in a state. Raises ShapeError, TargetError."""
    if state.get("__error__"):
        raise TargetError(f"the run failed: {shape.told(state['__error__'])}")
    if not isinstance(state.get("messages"), list) and "__interrupt__" not in state:
        raise ShapeError("the graph's state holds no list messages")
    messages = [shape.fields(message) for message in shape.items(state.get("messages"))]
    turn = _of_turn(messages, seen)
    spoken = [message for message in turn if _kind(message) in _OF_AI]
    question = _question(state.get("__interrupt__"))
    if question is None and not spoken:
        raise ShapeError("the graph's state holds no message of an AI in this turn")
    text = question if question is not None else _text(spoken[-1])
    models = [_model(message) for message in spoken]
    answer = Answer(
        text=text,
        tool_calls=_tool_calls(turn, spoken),
        usage=_usage(spoken),
        model=next((model for model in reversed(models) if model), None),
    )
    ids = frozenset(message["id"] for message in messages if isinstance(message.get("id"), str))
    return Reply(answer, ids | seen, question is not None)


class Stream:
    """Follows a streamed run: pieces of messages for the time of the first, states for the answer."""

    def __init__(self, seen: frozenset[str]) -> None:
        self.done = False
        self._seen = seen
        self._state: Mapping[str, Any] | None = None

    def add(self, kind: str, data: str) -> bool:
        """Take in one event; whether it held a piece of text. Raises ShapeError, TargetError."""
        if kind == "error":
            raise TargetError(f"the run failed: {shape.told(shape.load(data))}")
        if kind == "end":
            self.done = True
        elif kind == "values":
            # An interrupt stands in the last state alone, on some servers in an event of its own before it.
            self._state = shape.mapping(data)
        elif kind == "messages":
            piece = shape.fields(next(iter(shape.items(shape.load(data))), None))
            return _kind(piece) in _OF_AI and bool(shape.text_of(piece.get("content")))
        return False

    def reply(self) -> Reply:
        """The whole answer. Raises ShapeError where no state came, TargetError."""
        if self._state is None:
            raise ShapeError("the stream ended without a state of the graph")
        return read(self._state, seen=self._seen)


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    if not turn.files:
        return turn.text
    parts: list[dict[str, Any]] = [{"type": "text", "text": turn.text}]
    for file in turn.files:
        text = files.inlined(file)
        if files.is_image(file):
            parts.append({"type": "image_url", "image_url": {"url": files.data_url(file)}})
        elif text is not None:
            parts.append({"type": "text", "text": text})
        else:
            data = {"source_type": "base64", "mime_type": file.media_type, "data": files.encoded(file)}
            parts.append({"type": "file", **data, "metadata": {"filename": file.name}})
    return parts


def _kind(message: Mapping[str, Any]) -> str:
    kind = message.get("type") or message.get("role")
    return kind if isinstance(kind, str) else ""


def _of_turn(messages: Sequence[Mapping[str, Any]], seen: frozenset[str]) -> list[Mapping[str, Any]]:
    """The messages that this turn added: those with new ids, else those after the user's last."""
    if messages and all(isinstance(message.get("id"), str) for message in messages):
        return [message for message in messages if message["id"] not in seen]
    users = [i for i, message in enumerate(messages) if _kind(message) in _OF_USER]
    return list(messages[users[-1] + 1 :] if users else messages)


def _text(message: Mapping[str, Any]) -> str:
    text = shape.text_of(message.get("content"))
    if text is None:
        raise ShapeError("the last message of an AI has no content")
    return text


def _question(interrupts: Any) -> str | None:
    """What the graph asks where it interrupted itself."""
    values = [shape.fields(item).get("value") for item in shape.items(interrupts)]
    return "\n".join(shape.as_text(value) for value in values) if values else None


def _model(message: Mapping[str, Any]) -> str | None:
    told = shape.fields(message.get("response_metadata"))
    return shape.name(told.get("model_name") or told.get("model"))


def _tool_calls(turn: Sequence[Mapping[str, Any]], spoken: Sequence[Mapping[str, Any]]) -> tuple[ToolCall, ...] | None:
    # A turn in which no AI spoke, because the graph asks the user, called nothing.
    if spoken and not any(isinstance(message.get("tool_calls"), list) for message in spoken):
        return None
    failed = {
        message["tool_call_id"]
        for message in turn
        if message.get("status") == "error" and isinstance(message.get("tool_call_id"), str)
    }
    calls = []
    for message in spoken:
        # Calls whose arguments were no JSON stand apart; the model made them all the same.
        for call in (*shape.items(message.get("tool_calls")), *shape.items(message.get("invalid_tool_calls"))):
            told = shape.fields(call)
            is_failed = isinstance(told.get("id"), str) and told["id"] in failed
            calls.append(shape.tool_call(told.get("name"), told.get("args"), status="error" if is_failed else "ok"))
    return tuple(calls)


def _usage(spoken: Sequence[Mapping[str, Any]]) -> Usage | None:
    told = [shape.fields(message.get("usage_metadata")) for message in spoken]
    counts = [shape.usage(item.get("input_tokens"), item.get("output_tokens")) for item in told]
    known = [count for count in counts if count is not None]
    if not known or len(known) < len(counts):
        return None
    return Usage(sum(c.input_tokens for c in known), sum(c.output_tokens for c in known))
