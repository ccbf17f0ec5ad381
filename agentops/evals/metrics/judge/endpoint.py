"""Where a judge model is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JudgeEndpoint:
    """The judge model: `POST {base_url}/chat/completions`, at most `timeout_s` seconds a call.

    `identity` stands for the address where answers are kept between runs, and is needed where the address says nothing
    of who answers there: the digest of a script, for one.
    """

    model: str
    base_url: str
    api_key: str
    timeout_s: float
    identity: str = ""
