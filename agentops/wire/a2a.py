"""A2A messages and tasks, versions 1.0 and 0.3, over JSON-RPC and HTTP+JSON (a2a.proto; a2a.json of 0.3.0).

What a task comes to is told by its state:

- `completed`: its artifacts' texts are the answer; without any, the status' message, else the last of its history.
- `input-required`: what the agent asks is the answer of the turn, and the next turn goes to the same task.
- `rejected`: the agent decided not to do it. That is behaviour, and what it says is the answer, though it be empty.
- `failed`, `canceled`, `auth-required`: nothing was measured; a TargetError with the agent's words.

A2A says nothing of tools, tokens and models: they are unknown.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentops.errors import TargetError
from agentops.model.case import Attachment, Turn
from agentops.wire import files, shape
from agentops.wire.a2a_card import HTTP_JSON, Interface
from agentops.wire.shape import ShapeError

METHODS = {
    "1.0": {"send": "SendMessage", "stream": "SendStreamingMessage", "get": "GetTask"},
    "0.3": {"send": "message/send", "stream": "message/stream", "get": "tasks/get"},
}
METHOD_NOT_FOUND = -32601
VERSION_NOT_SUPPORTED = -32009

_OPEN = frozenset({"submitted", "working"})
_ANSWERED = frozenset({"completed", "input-required", "rejected"})
_MOST_ARTIFACTS = 10_000


class WrongVersion(TargetError):
    """The server does not know the method by this name, or refuses the version: another one may be meant."""


@dataclass(slots=True)
class Task:
    """What is known of a task, or of the message that came instead of one: `state` is then "completed"."""

    id: str = ""
    context: str = ""
    state: str = ""
    status: str = ""
    artifacts: dict[str, str] = field(default_factory=dict)
    last: str = ""

    @property
    def open(self) -> bool:
        """Whether the agent still works on it."""
        return self.state in _OPEN

    @property
    def waiting(self) -> bool:
        """Whether the next turn belongs to it."""
        return self.state == "input-required"

    def text(self) -> str:
        """The answer that it came to. Raises TargetError where it came to none."""
        if self.state not in _ANSWERED:
            words = self.status or "it does not say why"
            hint = {"auth-required": "set agent.auth_env or agent.headers"}.get(self.state, "see the agent's log")
            raise TargetError(f"the task ended as {self.state}: {words[: shape.MAX_SAID]}", hint=hint)
        made = "\n\n".join(text for text in self.artifacts.values() if text)
        return made or self.status or self.last if self.state == "completed" else self.status or made or self.last


def message(turn: Turn, *, id: str, interface: Interface, context: str = "", task: str = "") -> dict[str, Any]:
    """The user's message. Files go as raw bytes in base64."""
    if interface.version == "1.0":
        made: dict[str, Any] = {"messageId": id, "role": "ROLE_USER"}
        made["parts"] = [{"text": turn.text}, *map(_raw_part, turn.files)]
    elif interface.binding == HTTP_JSON:
        # In 0.3 this binding is the protobuf's JSON, whose parts stand under `content`.
        made = {"messageId": id, "role": "ROLE_USER"}
        made["content"] = [{"text": turn.text}, *map(_bytes_part, turn.files)]
    else:
        made = {"kind": "message", "messageId": id, "role": "user"}
        made["parts"] = [{"kind": "text", "text": turn.text}, *map(_file_part, turn.files)]
    return made | ({"contextId": context} if context else {}) | ({"taskId": task} if task else {})


def params(sent: Mapping[str, Any], interface: Interface) -> dict[str, Any]:
    """What goes with a message: in 1.0 waiting is the rule, in 0.3 it is asked for."""
    made: dict[str, Any] = {"message": sent}
    if interface.version == "0.3":
        made["configuration"] = {"blocking": True}
    elif interface.tenant and interface.binding != HTTP_JSON:
        made["tenant"] = interface.tenant
    return made


def envelope(action: str, given: Mapping[str, Any], *, id: str, interface: Interface) -> dict[str, Any]:
    """The JSON-RPC request for an action: send, stream or get."""
    return {"jsonrpc": "2.0", "id": id, "method": METHODS[interface.version][action], "params": given}


def rest_path(action: str, interface: Interface, *, task: str = "") -> str:
    """The path of an action in the HTTP+JSON binding, below the interface's own."""
    tail = {"send": "/message:send", "stream": "/message:stream"}.get(action) or f"/tasks/{_quoted(task)}"
    if interface.version == "0.3":
        return f"/v1{tail}"
    return f"/{_quoted(interface.tenant)}{tail}" if interface.tenant else tail


def parse(body: bytes, interface: Interface) -> Task:
    """The task or message in the body of a 200 response. Raises ShapeError, TargetError."""
    task = Task()
    take(task, unwrapped(shape.mapping(body), interface))
    return task


def unwrapped(data: Mapping[str, Any], interface: Interface) -> Mapping[str, Any]:
    """What is inside the envelope of the binding. Raises TargetError for the error of a call, ShapeError."""
    error = data.get("error")
    if error:
        code = shape.fields(error).get("code")
        words = shape.told(error)
        if code in (METHOD_NOT_FOUND, VERSION_NOT_SUPPORTED):
            raise WrongVersion(f"the agent does not know the method of A2A {interface.version}: {words}")
        raise TargetError(f"the agent answered with error {shape.told(code)}: {words}" if code else words)
    if interface.binding == HTTP_JSON:
        return data
    result = data.get("result")
    if not isinstance(result, dict):
        raise ShapeError("the JSON-RPC answer holds neither result nor error")
    return result


def take(task: Task, data: Mapping[str, Any]) -> bool:
    """Put what came into the task: a task, a message, or an update of either; whether it held text of the answer.
    Raises ShapeError."""
    kind = data.get("kind")
    for key, read in _READERS.items():
        inner = data.get(key)
        if isinstance(inner, dict):
            return read(task, inner)
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind](task, data)
    if "status" in data and "id" in data:
        return _take_task(task, data)
    if isinstance(data.get("parts"), list) and "messageId" in data:
        return _take_message(task, data)
    raise ShapeError("the answer is neither a task nor a message")


class Stream:
    """Follows the events of a streamed call until the task is no longer worked on."""

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
        self.task = Task()

    @property
    def done(self) -> bool:
        """Whether the answer is whole."""
        return bool(self.task.state) and not self.task.open

    def add(self, data: str) -> bool:
        """Take in the data of one event; whether it held a piece of text. Raises ShapeError, TargetError."""
        return take(self.task, unwrapped(shape.mapping(data), self._interface))


def _take_task(task: Task, data: Mapping[str, Any]) -> bool:
    task.id = shape.identifier(data.get("id"), "the task's id")
    _take_context(task, data)
    _take_status(task, data.get("status"))
    artifacts = [shape.fields(artifact) for artifact in shape.items(data.get("artifacts"))]
    if artifacts:
        named = ((shape.name(artifact.get("artifactId")) or str(i), artifact) for i, artifact in enumerate(artifacts))
        task.artifacts = {key: _text(artifact) for key, artifact in named}
    spoken = [
        m for m in map(shape.fields, shape.items(data.get("history"))) if m.get("role") in ("agent", "ROLE_AGENT")
    ]
    task.last = _text(spoken[-1]) if spoken else task.last
    return any(task.artifacts.values())


def _take_message(task: Task, data: Mapping[str, Any]) -> bool:
    _take_context(task, data)
    task.state, task.last = "completed", _text(data)
    return bool(task.last)


def _take_update(task: Task, data: Mapping[str, Any]) -> bool:
    _take_ids(task, data)
    _take_status(task, data.get("status"))
    return not task.open and bool(task.status)


def _take_artifact(task: Task, data: Mapping[str, Any]) -> bool:
    _take_ids(task, data)
    artifact = shape.fields(data.get("artifact"))
    key = artifact.get("artifactId", artifact.get("artifact_id"))
    if not isinstance(key, str) or len(task.artifacts) > _MOST_ARTIFACTS:
        raise ShapeError("an artifact has no artifactId")
    piece = _text(artifact)
    task.artifacts[key] = task.artifacts.get(key, "") + piece if data.get("append") is True else piece
    task.state = task.state or "working"
    return bool(piece)


def _take_ids(task: Task, data: Mapping[str, Any]) -> None:
    found = data.get("taskId")
    task.id = shape.identifier(found, "taskId") if found else task.id
    _take_context(task, data)


def _take_context(task: Task, data: Mapping[str, Any]) -> None:
    found = data.get("contextId", data.get("context_id"))
    task.context = found if isinstance(found, str) and len(found) <= 1024 else task.context


def _take_status(task: Task, status: Any) -> None:
    told = shape.fields(status)
    state = told.get("state")
    if not isinstance(state, str):
        raise ShapeError("the task's status has no state")
    plain = state.removeprefix("TASK_STATE_").lower().replace("_", "-")
    task.state = {"cancelled": "canceled"}.get(plain, plain)
    if task.state not in _OPEN | _ANSWERED | {"failed", "canceled", "auth-required"}:
        raise ShapeError("the task's state is none that A2A knows")
    # In 0.3's protobuf form the message of a status stands under `update`.
    said = told.get("message", told.get("update"))
    task.status = _text(shape.fields(said)) if said else ""


def _text(holder: Mapping[str, Any]) -> str:
    """The parts of a message or an artifact as text: pieces of one stream are parts too, so nothing comes between."""
    parts = holder.get("parts", holder.get("content"))
    return "".join(_part_text(shape.fields(part)) for part in shape.items(parts))


def _part_text(part: Mapping[str, Any]) -> str:
    if isinstance(part.get("text"), str):
        return str(part["text"])
    if part.get("data") is None:
        return ""
    # The protobuf's JSON of 0.3 wraps the value once more.
    wrapped = isinstance(part["data"], dict) and set(part["data"]) == {"data"} and "kind" not in part
    return shape.as_text(part["data"]["data"] if wrapped else part["data"])


def _raw_part(file: Attachment) -> dict[str, Any]:
    return {"raw": files.encoded(file), "filename": file.name, "mediaType": file.media_type}


def _file_part(file: Attachment) -> dict[str, Any]:
    about = {"name": file.name, "mimeType": file.media_type, "bytes": files.encoded(file)}
    return {"kind": "file", "file": about}


def _bytes_part(file: Attachment) -> dict[str, Any]:
    return {"file": {"name": file.name, "mimeType": file.media_type, "fileWithBytes": files.encoded(file)}}


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="", errors="replace")


_READERS = {
    "task": _take_task,
    "message": _take_message,
    "msg": _take_message,
    "statusUpdate": _take_update,
    "artifactUpdate": _take_artifact,
}
_KINDS = {
    "task": _take_task,
    "message": _take_message,
    "status-update": _take_update,
    "artifact-update": _take_artifact,
}
