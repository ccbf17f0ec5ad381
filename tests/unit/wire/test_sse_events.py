"""Server-sent events, however the bytes are torn apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.wire.sse import Event, Events


def read(raw: bytes, cuts: list[int]) -> list[Event]:
    reader, found, last = Events(), [], 0
    for cut in [*sorted(min(c, len(raw)) for c in cuts), len(raw)]:
        found += reader.feed(raw[last:cut])
        last = cut
    return found + reader.close()


STREAM = "\ufeffevent: a\n: hello\ndata: grüße 🙂\ndata:\u2028zwei\n\ndata\n\nid: 4\nretry: 3\nnonsense\ndata:x:y\n\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_every_cut(end: str) -> None:
    raw = STREAM.replace("\n", end).encode()
    whole = [Event("a", "grüße 🙂\n\u2028zwei"), Event("message", ""), Event("message", "x:y")]
    assert read(raw, []) == whole
    for cut in range(len(raw)):
        assert read(raw, [cut]) == whole, cut
    assert read(raw, list(range(len(raw)))) == whole


def test_the_last_event_counts_without_its_blank_line() -> None:
    assert read(b"data: 1\n\ndata: 2", []) == [Event("message", "1"), Event("message", "2")]
    assert read(b"data: 1\r", []) == [Event("message", "1")]
    assert read(b"event: x\n\n", []) == []


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_any_bytes_and_any_cuts_give_the_same(raw: bytes, cuts: list[int]) -> None:
    assert read(raw, cuts) == read(raw, [])
