"""The estimate before a run: what the last one told, times what is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentops.model.case import Attempt
from agentops.model.outcome import Outcome
from agentops.model.settings import Budget
from agentops.stages import evals_cost


def made(**told: Any) -> Attempt:
    return Attempt(case_id="c", run=1, seq=1, outcome=Outcome.PASS, **{"latency_s": 0.1, **told})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".agentops").mkdir()
    return tmp_path


def test_the_mean_of_the_last_run_times_what_is_planned(root: Path) -> None:
    attempts = [
        made(input_tokens=90, output_tokens=10, cost_usd=0.001),
        made(input_tokens=280, output_tokens=20, cost_usd=0.003),
    ]
    evals_cost.keep(root, attempts, run_id="r1")
    told = evals_cost.estimate(root, Budget(), fewest=10, utmost=50)
    assert told == "about 2,000 to 10,000 tokens, 0.02 to 0.1 USD, going by run r1"


def test_attempts_of_other_runs_and_those_without_an_answer_do_not_count(root: Path) -> None:
    attempts = [
        made(input_tokens=100, output_tokens=0),
        made(input_tokens=900, output_tokens=0, earlier=True),
        made(input_tokens=900, output_tokens=0, latency_s=None),
        made(),
    ]
    evals_cost.keep(root, attempts, run_id="r1")
    assert evals_cost.estimate(root, Budget(), fewest=5, utmost=5) == "about 500 tokens, going by run r1"


def test_an_agent_that_tells_nothing_leaves_what_an_earlier_run_told(root: Path) -> None:
    evals_cost.keep(root, [made(input_tokens=1, output_tokens=1)], run_id="r1")
    evals_cost.keep(root, [made()], run_id="r2")
    assert "run r1" in evals_cost.estimate(root, Budget(), fewest=1, utmost=1)


def test_a_limit_that_nobody_can_foresee_is_named(root: Path) -> None:
    told = evals_cost.estimate(root, Budget(usd=2.0), fewest=1, utmost=1)
    assert told == "how many USD is not known before a run has told"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tokens": "many", "usd": null}', '{"tokens": NaN, "usd": 1}', "\0"])
def test_a_file_that_makes_no_sense_tells_nothing(root: Path, text: str) -> None:
    (root / ".agentops" / "spent.json").write_text(text)
    assert evals_cost.estimate(root, Budget(), fewest=1, utmost=9) == ""


def test_nothing_is_made_where_no_runs_are_kept(tmp_path: Path) -> None:
    evals_cost.keep(tmp_path, [made(input_tokens=1, output_tokens=1)], run_id="r1")
    assert not list(tmp_path.iterdir())
