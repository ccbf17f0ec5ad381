"""Shadow mode: which tools act on the world, and the bounded record by which shadow and live answers are compared.

A record is one JSON object: request id, number and digest of what was said before, tool calls, answer, usage. It holds
what customers wrote, so it is kept in memory alone and told only to whoever asks from inside of the pod (as
`kubectl port-forward` does).
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

LIVE, SHADOW = "live", "shadow"
# Tools that only look. Whatever is not named here acts, an unknown tool too: in shadow mode it is recorded, not run.
READS = frozenset({"lookup_order", "search_knowledge_base"})
_KEPT = 500
_ANSWER_CHARS = 4000
_LOCAL = ("127.0.0.1", "::1")


def acts(tool: str) -> bool:
    """Whether a tool may change something outside of the conversation."""
    return tool not in READS


class Records:
    """The last turns, each with a number that grows by one."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._next = 1

    def add(self, request_id: str, record: Mapping[str, Any]) -> None:
        """Keep one turn, dropping the oldest beyond the bound."""
        self._kept.append({"seq": self._next, "request_id": request_id, **record})
        self._next += 1

    def after(self, seq: int) -> Iterator[str]:
        """The turns behind that number, one JSON object a line; all of them where the number was never given out: the
        process is a new one. A gap in the numbers shows what was dropped."""
        seq = seq if seq < self._next else 0
        for record in self._kept:
            if record["seq"] > seq:
                yield json.dumps(record, ensure_ascii=False) + "\n"


def answered(
    history: list[dict[str, str]], *, answer: str, calls: list[dict[str, Any]], usage: Mapping[str, Any], model: str
) -> dict[str, Any]:
    """The record of a turn that was answered. `history` is what was said before it."""
    before = json.dumps(history, sort_keys=True)
    return {
        "status": 200,
        "turn": len(history) // 2 + 1,
        "history_sha256": hashlib.sha256(before.encode("utf-8", "replace")).hexdigest(),
        "tool_calls": calls,
        "answer": answer[:_ANSWER_CHARS],
        "answer_sha256": hashlib.sha256(answer.encode("utf-8", "replace")).hexdigest(),
        "usage": dict(usage),
        "model": model,
    }


def is_local(remote: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request came from inside of the pod and through no proxy."""
    return remote in _LOCAL and not any(name.lower().startswith(("x-forwarded", "x-envoy", "via")) for name in headers)
