"""Prometheus' text format from a hostile pod."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.rollout.sources import counters, exposition
from agentops.rollout.sources.exposition import ExpositionError, Series, parse

NAMES = ("a", "b")


def one(line: str) -> Series:
    (found,) = parse(line.encode(), names=NAMES)
    return found


@pytest.mark.parametrize(
    ("line", "labels", "value"),
    [
        ("a 1", {}, 1.0),
        ("a{} 1", {}, 1.0),
        ("a{}1", {}, 1.0),
        ('a{x="1"} 2.5e3', {"x": "1"}, 2500.0),
        ('a { x = "1" , y="2", } 1 1700000000000', {"x": "1", "y": "2"}, 1.0),
        (r'a{x="q\"\\\n}"} +Inf', {"x": 'q"\\\n}'}, math.inf),
        ("\ta\t7\t\r", {}, 7.0),
        ("a .5", {}, 0.5),
    ],
)
def test_lines(line: str, labels: dict[str, str], value: float) -> None:
    found = one(line)
    assert (dict(found.labels), found.value) == (labels, value)
    assert found.label("x") == labels.get("x", "")


def test_comments_blank_lines_and_other_metrics_are_passed_over() -> None:
    body = b'# HELP a x{\n# TYPE a counter\n\n other_total{z="1"} 5\nb 2\n# EOF\n'
    assert parse(body, names=NAMES) == (Series("b", (), 2.0),)
    assert math.isnan(one("a NaN").value)


@pytest.mark.parametrize(
    "line",
    [
        "a", "a{", "a 1 2 3", "a x", "a 1_000", "a 0x10", "a infinity_", "1a 1", "a{x} 1",
        'a{x="1} 1', 'a{x="1"y="2"} 1',
        'a{x="1",x="2"} 1', r'a{x="\q"} 1', "a 1 1.5", 'other{x="1" 1', "a{} ", '{x="1"} 1', "a 1\na 2",
        'a{x="1",y="2"} 1\na{y="2",x="1"} 1', "<html>", "a ١", "a 1e99999",
    ],
)  # fmt: skip
def test_what_is_refused(line: str) -> None:
    with pytest.raises(ExpositionError):
        parse(line.encode(), names=NAMES)


def test_bounds() -> None:
    for body in (
        b"a 1\n" * (exposition.MOST_BYTES // 4 + 1),
        b"".join(b'a{x="%d"} 1\n' % i for i in range(exposition.MOST_SERIES + 1)),
        b'a{x="' + b"y" * 1001 + b'"} 1',
        b"a{" + b"".join(b'l%d="",' % i for i in range(50)) + b"} 1",
        b"a\xff 1",
    ):
        with pytest.raises(ExpositionError):
            parse(body, names=NAMES)


def test_messages_are_safe() -> None:
    with pytest.raises(ExpositionError) as caught:
        parse(b"\x1b[2J##[error]boom", names=NAMES)
    assert "\x1b" not in str(caught.value)
    assert "##[" not in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse(body, names=NAMES)
    except ExpositionError as error:
        assert str(error).isprintable()


labels = st.dictionaries(st.from_regex(r"\A[a-z_][a-z0-9_]{0,5}\Z"), st.text(max_size=20), max_size=4)


@given(labels, st.floats(allow_nan=False))
def test_what_was_written_is_read(given_labels: dict[str, str], value: float) -> None:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    inside = ",".join(f'{k}="{escaped(v)}"' for k, v in given_labels.items())
    line = f"a{{{inside}}} {value!r}"
    if any("\ud800" <= c <= "\udfff" for c in line):
        return
    found = one(line)
    assert (dict(found.labels), found.value) == (given_labels, value)


@pytest.mark.parametrize(
    "series",
    [
        Series(counters.REQUESTS, (), -1.0), Series(counters.COST, (), math.nan), Series(counters.BUCKET, (), 1.0),
        Series(counters.BUCKET, (("le", "NaN"),), 1.0), Series(counters.TOKENS, (), math.inf),
    ],
)  # fmt: skip
def test_counters_that_cannot_be_are_refused(series: Series) -> None:
    with pytest.raises(ExpositionError):
        counters.reading([series])


def test_floods_of_labels_are_refused_and_others_added_up() -> None:
    many = [Series(counters.REQUESTS, (("code", str(i)),), 1.0) for i in range(500)]
    with pytest.raises(ExpositionError, match="more than 400"):
        counters.reading(many)
    two = [Series(counters.REQUESTS, (("code", "200"), ("path", p)), 2.0) for p in "xy"]
    assert counters.reading(two) == {(counters.REQUESTS, "200", ""): 4.0}
