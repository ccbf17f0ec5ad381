"""Baselines: found by name or path, counted over whole rounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentops.errors import ConfigError
from agentops.gate import baseline
from agentops.model.case import Attempt, CaseResult
from agentops.model.codec import encode
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult, Scope, StageResult, Subject
from agentops.model.verdict import Criterion

P, F, E = Outcome.PASS, Outcome.FAIL, Outcome.ERROR


def written(path: Path, *stages: StageResult) -> None:
    run = RunResult("id", "a", "t", "t", "ci", True, Subject(), Scope(("evals",), True), stages)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(encode(run)))


def case(name: str, *outcomes: Outcome) -> CaseResult:
    attempts = tuple(Attempt(name, i, i, o) for i, o in enumerate(outcomes, 1))
    return CaseResult(name, "s", (), len(outcomes), 1, P, attempts)


def load(root: Path, name: str) -> dict[str, tuple[int, int]]:
    asked = Criterion("regression", at_most=0.03, against=name, origin="agentops.yaml:9")
    return dict(baseline.load((asked,), folder=Path("kept"), root=root)[name])


@pytest.mark.parametrize(
    ("place", "name"), [("kept/main.json", "main"), ("x/run.json", "x/run.json"), ("x/run.json", "x")]
)
def test_whole_rounds_are_counted(tmp_path: Path, place: str, name: str) -> None:
    # c1 was run once more before the run stopped: that run stopped because of what it showed.
    written(tmp_path / place, StageResult("evals", P, cases=(case("c0", P, F, E), case("c1", P, P, P, F))))
    assert load(tmp_path, name) == {"c0": (1, 1), "c1": (3, 0)}


def test_what_is_no_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"agentops\.yaml:9: there is no baseline 'main'") as caught:
        load(tmp_path, "main")
    assert "--save-baseline main" in caught.value.hint
    written(tmp_path / "kept/main.json", StageResult("code", P))
    with pytest.raises(ConfigError, match="a run without evals"):
        load(tmp_path, "main")
    for text in ("{", "[]", '{"id": 3}', "null"):
        (tmp_path / "kept/main.json").write_text(text)
        with pytest.raises(ConfigError, match="is no run"):
            load(tmp_path, "main")


def test_criteria_without_a_baseline_need_none(tmp_path: Path) -> None:
    assert baseline.load((Criterion("pass_rate", at_least=0.8),), folder=Path("kept"), root=tmp_path) == {}
