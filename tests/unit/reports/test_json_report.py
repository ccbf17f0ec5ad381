"""The JSON documents: stable, pure ASCII, read back as they were, and anything else refused with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from rich_run import rich_run, rich_verdict
from unsafe_run import run_saying, texts

from agentops.errors import ConfigError, ReportError
from agentops.model.codec import decode
from agentops.model.verdict import Verdict
from agentops.reports.json import read_run, run_document, verdict_document


def test_golden_run(golden: Callable[[str, str], None]) -> None:
    golden("run.json", run_document(rich_run()))


def test_golden_verdict(golden: Callable[[str, str], None]) -> None:
    golden("verdict.json", verdict_document(rich_verdict()))


@settings(max_examples=40, deadline=None)
@given(texts)
def test_any_run_reads_back_as_it_was(value: str) -> None:
    run = run_saying(value)
    document = run_document(run)
    assert document.isascii()
    assert document.endswith("}\n")
    assert read_run(document) == run


def test_a_lone_surrogate_survives_as_an_escape() -> None:
    run = replace(rich_run(), agent="a\ud800b")
    assert '"a\\ud800b"' in run_document(run)
    assert read_run(run_document(run)).agent == "a\ud800b"


def test_a_verdict_reads_back_as_it_was() -> None:
    assert decode(Verdict, json.loads(verdict_document(rich_verdict()))) == rich_verdict()


def test_a_number_that_json_cannot_hold_is_named() -> None:
    first = replace(rich_run().stages[0], values={"rate": float("nan")})
    with pytest.raises(ReportError, match=r"run\.json: \$\.stages\[0\]\.values\.rate"):
        run_document(replace(rich_run(), stages=(first,)))


def _changed(**changes: object) -> str:
    return json.dumps(json.loads(run_document(rich_run())) | changes)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1, column 1"),
        ('{"schema": "agentops.run/1",', "line 1, column 29"),
        ("[]", r"\$: an object"),
        ("{}", r"\$\.schema is missing"),
        (_changed(schema="agentops.run/2"), r"\$\.schema is agentops\.run/2"),
        (_changed(schema=["x"]), r"\$\.schema is"),
        (_changed(agent=7), r"\$\.agent: str needed"),
        (_changed(stages={}), r"\$\.stages: a list"),
        (_changed(stages=[{"name": "x", "outcome": "green"}]), r"\$\.stages\[0\]\.outcome"),
        (_changed(novel=1), r"\$\.novel: unknown field"),
        ('{"schema": "agentops.run/1"}', r"\$: .*missing"),
        (_changed(stages=[{"name": "x", "outcome": "pass", "duration_s": 10**400}]), "."),
        ('{"schema": NaN}', "NaN"),
        ('{"schema": 1e999}', "1e999"),
        ("[" * 100_000, "."),
        ("9" * 5_000, "."),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ConfigError, match=place) as caught:
        read_run(text)
    assert caught.value.hint
    assert "\n" not in caught.value.message
