"""Metrics of the user's: loaded from files and entry points, or refused with file, line and cause."""

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Judgement, MetricKind
from agentops.errors import ConfigError
from agentops.evals import scoring
from agentops.evals.metrics import custom
from agentops.model.case import Answer, Assertion, Turn
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen

GOOD = """
from __future__ import annotations
from dataclasses import dataclass
from agentops.contracts import Judgement, MetricKind, Unjudgeable

@dataclass
class Limit:
    most: int = 3

def short(params, seen):
    return len(seen.text.split()) <= params.get("most", Limit().most)

def polite(params, seen):
    return "please" in seen.text, "looked for please"

def graded(params, seen):
    if not seen.text:
        raise Unjudgeable("nothing to grade")
    return Judgement(True, "graded", 0.5)

METRICS = {"short": short, "polite": polite, "graded": graded, "kind": MetricKind(graded, reads_text=False),
           "odd": lambda params, seen: "yes", "breaks": lambda params, seen: 1 / 0}
"""


def loaded(tmp_path: Path, text: str, *more: str) -> Any:
    (tmp_path / "mine.py").write_text(text)
    return custom.load(["mine.py", *more], [], tmp_path)


def hold(metrics: Any, name: str, text: str, **params: Any) -> Any:
    seen = Seen((Turn("?"),), (Answer(text),))
    return scoring.hold(Assertion("custom", {"metric": name, **params}), seen, custom_metrics=metrics)


def test_functions_of_a_file_judge(tmp_path: Path) -> None:
    metrics = loaded(tmp_path, GOOD)
    assert hold(metrics, "short", "a b c").outcome is Outcome.PASS
    assert hold(metrics, "short", "a b c", most=2).outcome is Outcome.FAIL
    assert hold(metrics, "polite", "go").reason == "looked for please"
    assert hold(metrics, "graded", "x").value == 0.5
    assert hold(metrics, "graded", "").reason == "nothing to grade"
    assert hold(metrics, "kind", "x").outcome is Outcome.PASS
    assert hold(metrics, "breaks", "x").outcome is Outcome.ERROR
    odd = hold(metrics, "odd", "x")
    assert odd.outcome is Outcome.ERROR
    assert "no bool" in odd.reason
    custom.check({"metric": "short", "most": 2}, metrics)
    with pytest.raises(ConfigError, match="unknown custom metric 'shot'; known: breaks, graded"):
        custom.check({"metric": "shot"}, metrics)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nraise ValueError('no')", r"mine.py:2: cannot be loaded: ValueError: no"),
        ("import sys\nsys.exit(3)", r"mine.py:2: cannot be loaded: SystemExit"),
        ("def f(:", r"mine.py:1: cannot be loaded: SyntaxError"),
        ("import no_such_module_here", r"mine.py:1: cannot be loaded: ModuleNotFoundError"),
        ("x = 1", r"mine.py: holds no METRICS"),
        ("METRICS = {}", r"mine.py: holds no METRICS"),
        ("METRICS = {'a': 1}", r"mine.py: METRICS\['a'\] is no function"),
        ("METRICS = {'a b': print}", r"mine.py: \"'a b'\" is no name|mine.py: 'a b' is no name"),
        ("METRICS = {3: print}", r"mine.py: 3 is no name"),
        ("METRICS = {'contains': print}", r"mine.py: the name 'contains' is taken"),
        ("METRICS = {'judge': print}", r"mine.py: the name 'judge' is taken"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, text)


def test_a_missing_file_and_a_name_taken_by_another_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.py: no such file"):
        loaded(tmp_path, GOOD, "gone.py")
    (tmp_path / "other.py").write_text("METRICS = {'short': print}")
    with pytest.raises(ConfigError, match=r"other\.py: the name 'short' is taken by mine\.py"):
        loaded(tmp_path, GOOD, "other.py")


def test_a_file_does_not_stand_in_for_a_library(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("METRICS = {'a': print}")
    custom.load(["json.py"], [], tmp_path)
    import json

    assert hasattr(json, "dumps")


def test_an_entry_point_counts_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    class Point:
        def load(self) -> Any:
            asked.append(1)
            return {"acme": lambda params, seen: True, "kind": MetricKind(lambda p, s: Judgement(True, ""))}

    class Broken:
        def load(self) -> Any:
            raise ImportError("no acme")

    points: dict[str, tuple[Any, ...]] = {"acme": (Point(),), "broken": (Broken(),), "twice": (Point(), Point())}
    monkeypatch.setattr(
        metadata, "entry_points", lambda group, name: points.get(name, ()) if group == custom.GROUP else ()
    )
    assert custom.load([], [], tmp_path) == {}
    assert not asked
    assert set(custom.load([], ["acme"], tmp_path)) == {"acme", "kind"}
    for name, message in (("broken", "ImportError: no acme"), ("gone", "none of this name"), ("twice", "2 packages")):
        with pytest.raises(ConfigError, match=message) as caught:
            custom.load([], [name], tmp_path)
        assert f"entry point {name}" in caught.value.message
