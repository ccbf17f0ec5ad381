"""Evidence of earlier runs: kept as it comes, found again, and set aside where it does not count."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from agentops.evals import evidence
from agentops.model.case import Answer, Attempt, Score
from agentops.model.outcome import Outcome


def attempt(position: int, outcome: Outcome = Outcome.PASS, model: str = "m") -> Attempt:
    scores = (Score("contains", outcome, "what the agent said"),)
    return Attempt(
        f"c{position % 3}", position, position, outcome, 0.1, (Answer("secret words"),), scores=scores,
        position=position, model=model,
    )  # fmt: skip


def store(folder: Path, days: float = 7) -> evidence.Store:
    return evidence.Store(folder, "key", max_age_days=days)


def filled(folder: Path, *positions: int, run: str = "r1") -> evidence.Store:
    made = store(folder)
    for position in positions:
        made.add(attempt(position), run_id=run, seed=5)
    made.close()
    return made


def test_what_was_kept_is_found_in_the_order_of_the_schedule(tmp_path: Path) -> None:
    filled(tmp_path, 2, 1)
    filled(tmp_path, 4, 3, run="r2")
    found = store(tmp_path).find()
    assert [a.position for a in found.attempts] == [1, 2, 3, 4]
    assert all(a.earlier for a in found.attempts)
    assert found.runs == 2
    assert found.models == {"m"}


def test_nothing_that_was_said_is_kept(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    text = (tmp_path / "key.jsonl").read_text()
    assert "secret words" not in text
    assert "what the agent said" not in text


def test_the_first_of_two_attempts_at_a_place_counts(tmp_path: Path) -> None:
    made = store(tmp_path)
    made.add(attempt(1, Outcome.FAIL), run_id="r1", seed=5)
    made.add(attempt(1, Outcome.PASS), run_id="r2", seed=5)
    made.close()
    assert [a.outcome for a in store(tmp_path).find().attempts] == [Outcome.FAIL]


def test_another_seed_does_not_throw_the_dice_anew(tmp_path: Path) -> None:
    filled(tmp_path, 1, 2)
    made = store(tmp_path)
    made.add(attempt(3), run_id="r2", seed=6)
    made.close()
    found = store(tmp_path).find()
    assert found.seed == 5, "the schedule that was begun is gone on with"
    assert [a.position for a in found.attempts] == [1, 2]


def test_runs_outside_of_the_schedule_are_not_kept(tmp_path: Path) -> None:
    filled(tmp_path, 0)
    assert store(tmp_path).find().attempts == ()


def test_a_torn_line_is_left_out_and_cut_off_by_the_next(tmp_path: Path) -> None:
    filled(tmp_path, 1, 2)
    path = tmp_path / "key.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert [a.position for a in store(tmp_path).find().attempts] == [1]
    filled(tmp_path, 2)
    assert [a.position for a in store(tmp_path).find().attempts] == [1, 2]


def test_old_evidence_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, 1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 8 * 86_400)
    found = store(tmp_path).find()
    assert found.attempts == ()
    assert "older than 7 days" in found.refused
    assert (tmp_path / "key.old-1").is_file(), "it is set aside, not lost"
    assert store(tmp_path).find() == evidence.Found()


@pytest.mark.parametrize(
    "line", ["{}", "not json", '{"attempt": {"case_id": 3}, "run": "r", "seed": 1, "at": 1}', "[]"]
)
def test_damaged_evidence_does_not_count(tmp_path: Path, line: str) -> None:
    filled(tmp_path, 1)
    with (tmp_path / "key.jsonl").open("a") as sink:
        sink.write(line + "\n")
    found = store(tmp_path).find()
    assert found.attempts == ()
    assert "damaged" in found.refused


def test_what_is_set_aside_is_counted(tmp_path: Path) -> None:
    for number, told in ((1, "of a; now b"), (2, "(the 2. time for these inputs)")):
        made = filled(tmp_path, 1)
        assert told in made.drop("it is of a; now b")
        assert len(list(tmp_path.glob("key.old-*"))) == number


def test_signed_evidence_cannot_be_written_by_others(tmp_path: Path) -> None:
    def signed(secret: str) -> evidence.Store:
        return evidence.Store(tmp_path, "key", max_age_days=7, secret=secret)

    made = signed("k1")
    for position, outcome in ((1, Outcome.FAIL), (2, Outcome.PASS)):
        made.add(attempt(position, outcome), run_id="r1", seed=5)
    made.close()
    assert len(signed("k1").find().attempts) == 2
    path = tmp_path / "key.jsonl"
    kept = path.read_text()
    for forged in (kept.replace('"outcome":"fail"', '"outcome":"pass"'), kept.replace('"position":2', '"position":3')):
        path.write_text(forged)
        assert "not signed with this key" in signed("k1").find().refused
    path.write_text(kept)
    assert "not signed with this key" in signed("k2").find().refused
    filled(tmp_path, 1)
    assert "not signed with this key" in signed("k1").find().refused, "unsigned lines count for nobody with a key"


def test_evidence_that_a_repository_holds_does_not_count(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    for words in (["init", "-q"], ["add", "-f", "key.jsonl"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    found = store(tmp_path).find()
    assert found.attempts == ()
    assert "the repository holds it" in found.refused


def test_the_key_is_over_what_it_is_given_in_any_order() -> None:
    assert evidence.key({"a": 1, "b": [1, 2]}) == evidence.key({"b": [1, 2], "a": 1})
    assert evidence.key({"a": 1}) != evidence.key({"a": 2})


def test_the_file_is_plain_lines(tmp_path: Path) -> None:
    filled(tmp_path, 1, 2)
    records = [json.loads(line) for line in (tmp_path / "key.jsonl").read_text().splitlines()]
    assert [r["attempt"]["position"] for r in records] == [1, 2]
    assert {r["run"] for r in records} == {"r1"}
