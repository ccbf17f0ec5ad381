"""Everything that an agent said in a conversation, for the metrics that ask what may not be said anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentops.evals.metrics.text import Params
from agentops.evals.metrics.tools import trace
from agentops.model.seen import Seen


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text of the agent's. `where` names it for people."""

    where: str
    text: str


def spoken(params: Params, seen: Seen) -> list[Spoken]:
    """The answers of all turns; with `arguments: true` the arguments of all tool calls too, each call as one text.

    Raises Unjudgeable where arguments are asked for and a turn carries no trace.
    """
    many = len(seen.answers) > 1
    places = [Spoken(f"answer {i}" if many else "the answer", a.text) for i, a in enumerate(seen.answers, 1)]
    if params.get("arguments", False):
        for i, call in enumerate(trace(seen), 1):
            places.append(Spoken(f"call {i} ({call.name[:60]})", "\n".join(texts_of(call.arguments))))
    return places


def texts_of(data: Any) -> Iterator[str]:
    """Every key and every value of nested data as text, in order. Not recursive: the depth is an agent's choice."""
    stack = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend(item for pair in reversed(list(value.items())) for item in (pair[1], pair[0]))
        elif isinstance(value, (list, tuple)):
            stack.extend(reversed(value))
        elif value is not None and not isinstance(value, bool):
            yield value if isinstance(value, str) else str(value)
