"""What an agent that is a command prints: its answer as text, or a JSON object that tells more.

An object counts as the second only where it has `answer` or `text` as a text; agents may answer in JSON themselves.
Beside it may stand `tool_calls`, `usage` with `input_tokens` and `output_tokens`, `model`, `cost_usd` and `error`.
"""

from __future__ import annotations

from agentops.errors import TargetError
from agentops.model.case import Answer
from agentops.wire import shape
from agentops.wire.shape import NotJson, ShapeError


def parse(printed: str) -> Answer:
    """The answer in what was printed; line ends after it are not part of it. Raises ShapeError where nothing was,
    or JSON that is refused (see shape.load), TargetError where an error is reported instead."""
    plain = printed.rstrip("\r\n")
    if not plain.strip():
        raise ShapeError("nothing was printed")
    try:
        data = shape.load(plain) if plain.lstrip().startswith("{") else None
    except NotJson:
        data = None
    told = shape.fields(data)
    text = shape.first(told, ("answer", "text"))
    if isinstance(text, str):
        usage = shape.fields(told.get("usage"))
        calls = told.get("tool_calls", shape.traced(told))
        return Answer(
            text=text,
            tool_calls=None if calls is None else shape.listed_calls(calls),
            usage=shape.usage(usage.get("input_tokens"), usage.get("output_tokens")),
            model=shape.name(told.get("model")),
            cost_usd=shape.money(told.get("cost_usd")),
        )
    if told.get("error") and len(told) == 1:
        raise TargetError(f"the command reports an error: {shape.told(told['error'])}")
    return Answer(plain)
