"""How the agent under test may be called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_ANSWER_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Access:
    """How the agent may be called: how many calls at once, with which headers, and with which bearer token. Neither
    `token` nor `secrets` nor a header's value ever stands in a message."""

    connections: int
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    secrets: tuple[str, ...] = ()
