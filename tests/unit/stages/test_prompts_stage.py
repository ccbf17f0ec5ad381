"""The prompts stage: its plan, its checks, and that what was not measured is an error."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agentops.contracts import Bench, Stage
from agentops.errors import ConfigError, Interrupted
from agentops.model.events import Event, Progress
from agentops.model.outcome import Outcome
from agentops.model.run import StageResult
from agentops.model.settings import Prompts
from agentops.stages.prompts import PromptsStage


class NoJournal:
    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        raise AssertionError("this stage writes no journal")


def bench(root: Path, events: list[Event] | None = None) -> Bench:
    emit = events.append if events is not None else lambda event: None
    return Bench("run", root, root / "out", emit, threading.Event(), NoJournal())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    (folder / "deep").mkdir(parents=True)
    (folder / "good.txt").write_text("system:\nAnswer questions.\nuser:\n{question}\n")
    (folder / "bad.txt").write_text("Reply to it {user_input}")
    (folder / "deep" / "fixed.md").write_text("No hole.")
    return tmp_path


def stage(root: Path, **settings: Any) -> PromptsStage:
    return PromptsStage(Prompts(**{"paths": ("prompts/",), **settings}), root)


def run(root: Path, **settings: Any) -> StageResult:
    return stage(root, **settings).run(bench(root), {})


def test_it_is_a_stage_that_waits_for_nothing(root: Path) -> None:
    one: Stage = stage(root)
    assert (one.name, one.after) == ("prompts", ())


def test_the_plan_counts_templates(root: Path) -> None:
    assert stage(root).plan() == "3 templates in prompts/"
    assert stage(root, paths=("prompts/bad.txt",)).plan() == "1 template in prompts/bad.txt"
    assert stage(root, exclude=("*.md",)).plan() == "2 templates in prompts/"


def test_the_plan_refuses_what_cannot_be_meant(root: Path) -> None:
    (root / "empty").mkdir()
    with pytest.raises(ConfigError, match="no template at all in empty"):
        stage(root, paths=("empty",)).plan()
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        stage(root, paths=("nowhere",)).plan()
    with pytest.raises(ConfigError, match=r"prompts\.trust\.x"):
        stage(root, trust={"x": "trusted"}).plan()


def test_every_template_is_a_check_and_the_gate_judges(root: Path) -> None:
    result = run(root)
    assert result.outcome is Outcome.PASS
    assert [(c.group, c.name, c.outcome) for c in result.checks] == [
        ("prompts", "prompts/bad.txt", Outcome.FAIL),
        ("prompts/deep", "prompts/deep/fixed.md", Outcome.PASS),
        ("prompts", "prompts/good.txt", Outcome.PASS),
    ]
    bad, _, good = result.checks
    assert bad.message.startswith("risk 0.95 (above 0.80): {user_input} is untrusted (the user's text")
    assert str(bad.location) == "prompts/bad.txt:1:13"
    assert "source T 0.95" in bad.detail
    assert "sink K 1.00" in bad.detail
    assert good.message == "risk 0.14"
    assert result.values == {"prompt_risk": 0.95, "prompt_risk_high": 0.95}
    assert "PT002" in [f.rule for f in result.findings]
    assert (result.counts.planned, result.counts.measured, result.counts.unit) == (3, 3, "templates")
    assert not result.errors
    assert not result.notices


def test_the_threshold_is_the_configured_one_and_equal_does_not_fail(root: Path) -> None:
    outcomes = {limit: run(root, fail_at=limit).checks[0].outcome for limit in (0.94, 0.95)}
    assert outcomes == {0.94: Outcome.FAIL, 0.95: Outcome.PASS}


def test_a_file_that_cannot_be_measured_makes_the_stage_an_error(root: Path) -> None:
    (root / "prompts" / "code.bin").write_text("x = 1")
    (root / "prompts" / "torn.txt").write_text("Say {user_input")
    result = run(root)
    assert result.outcome is Outcome.ERROR
    assert (result.counts.planned, result.counts.measured) == (5, 3)
    assert [c.name for c in result.checks if c.outcome is Outcome.ERROR] == ["prompts/code.bin", "prompts/torn.txt"]
    assert [e.message.split(": ")[0] for e in result.errors] == ["prompts/code.bin", "prompts/torn.txt:1:5"]
    assert "prompts.exclude" in result.errors[0].hint
    assert not any(e.unavailable for e in result.errors)
    assert result.values["prompt_risk"] == 0.95


def test_nothing_measured_gives_no_number(root: Path) -> None:
    (root / "only.bin").write_text("x = 1")
    result = run(root, paths=("only.bin",))
    assert result.outcome is Outcome.ERROR
    assert result.values == {}


def test_excluded_files_are_counted_by_name(root: Path) -> None:
    result = run(root, exclude=("prompts/bad.txt",))
    assert result.counts.planned == 2
    assert result.counts.skipped == ("prompts/bad.txt: prompts.exclude",)
    assert result.values["prompt_risk"] < 0.2


def test_a_notice_says_where_the_answer_hangs_on_unknown_variables(root: Path) -> None:
    (root / "prompts" / "open.txt").write_text("Do it: {thing}")
    summary, notice = run(root).notices
    assert summary.startswith("the risk rests on 1 unknown hole in 1 template: 0.95 at the low end, 0.95 at")
    assert notice.startswith("prompts/open.txt: risk 0.20 to 0.95 because nothing tells where {thing} comes from")
    assert "prompts.trust" in notice
    assert run(root, trust={"thing": "constant"}).notices == ()


def test_progress_is_told_and_a_stop_is_obeyed(root: Path) -> None:
    events: list[Event] = []
    stage(root).run(bench(root, events), {})
    assert [(e.done, e.planned) for e in events if isinstance(e, Progress)] == [(1, 3), (2, 3), (3, 3)]
    stopped = bench(root)
    stopped.cancel.set()
    with pytest.raises(Interrupted):
        stage(root).run(stopped, {})


def test_hostile_names_are_made_safe(root: Path) -> None:
    (root / "prompts" / "a\x1b[31m\u202e.txt").write_text("{question}")
    (root / "prompts" / "b\x1b[31m.bin").write_text("x")
    result = run(root)
    shown = [c.name + c.message + c.detail for c in result.checks] + [e.message for e in result.errors]
    shown += [f.message for f in result.findings]
    assert not any("\x1b" in s or "\u202e" in s for s in shown)
