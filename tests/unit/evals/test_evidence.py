"""Evidence of earlier runs: kept as it comes, found again, and set aside where it does not count."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentops.errors import MeasurementError
from agentops.evals import evidence
from agentops.model.case import Answer, Attempt, Score
from agentops.model.outcome import Outcome
from agentops.model.settings import Runs

Open = Callable[..., evidence.Store]


def attempt(position: int, outcome: Outcome = Outcome.PASS, model: str | None = "m", **more: object) -> Attempt:
    scores = (Score("contains", outcome, "what the agent said"),)
    made = Attempt(
        f"c{position % 3}", position, position, outcome, 0.1, (Answer("secret words"),), scores=scores,
        position=position, model=model,
    )  # fmt: skip
    return Attempt(**{**{f: getattr(made, f) for f in made.__slots__}, **more})  # type: ignore[arg-type]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the store as a job does, one after the other."""
    jobs: list[evidence.Store] = []

    def open_one(secret: str = "") -> evidence.Store:
        while jobs:
            jobs.pop().close()
        jobs.append(evidence.Store(tmp_path, "key", max_age_days=7, secret=secret))
        return jobs[-1]

    yield open_one
    while jobs:
        jobs.pop().close()


def fill(store: evidence.Store, *positions: int, job: str = "j1") -> None:
    store.begin(seed=5, runs=Runs(1, 5))
    for position in positions:
        store.asked({"position": position, "case_id": f"c{position % 3}", "run": position})
        store.add(attempt(position), job=job)


def test_what_was_kept_is_found_in_the_order_of_the_schedule(opened: Open) -> None:
    fill(opened(), 2, 1)
    fill(opened(), 4, 3, job="j2")
    found = opened().find()
    assert [a.position for a in found.attempts] == [1, 2, 3, 4]
    assert all(a.earlier for a in found.attempts)
    assert (found.jobs, found.models, found.lost) == (2, {"m"}, {})


def test_nothing_that_was_said_is_kept(opened: Open, tmp_path: Path) -> None:
    fill(opened(), 1)
    text = (tmp_path / "key.jsonl").read_text()
    assert "secret words" not in text
    assert "what the agent said" not in text


def test_the_schedule_that_was_begun_is_gone_on_with(opened: Open) -> None:
    fill(opened(), 1)
    store = opened()
    store.begin(seed=9, runs=Runs(1, 50))
    fill(store, 2)
    found = opened().find()
    assert (found.seed, found.runs) == (5, Runs(1, 5)), "neither another seed nor other runs throw the dice anew"


def test_files_that_were_put_together_are_no_choice(opened: Open) -> None:
    store = opened()
    fill(store)
    store.add(attempt(1, Outcome.PASS), job="j1")
    store.add(attempt(1, Outcome.FAIL), job="j2")
    store.add(attempt(2, Outcome.FAIL), job="j1")
    store.add(attempt(2, Outcome.PASS), job="j2")
    assert [a.outcome for a in opened().find().attempts] == [Outcome.FAIL, Outcome.FAIL]


def test_two_jobs_at_once_are_refused(opened: Open, tmp_path: Path) -> None:
    opened()
    with pytest.raises(MeasurementError, match="another job is measuring the same inputs"):
        evidence.Store(tmp_path, "key", max_age_days=7)
    evidence.Store(tmp_path, "other", max_age_days=7).close()


def test_what_was_asked_and_did_not_end_is_remembered(opened: Open) -> None:
    place = {"position": 7, "case_id": "c1", "run": 7}
    for times in (1, 2):
        store = opened()
        store.begin(seed=5, runs=Runs(1, 5))
        store.asked(place)
        assert opened().find().lost == {("c1", 7): times}
    opened().add(attempt(7), job="j3")
    assert opened().find().lost == {}


def test_trouble_of_a_job_and_runs_outside_of_the_schedule_are_not_kept(opened: Open) -> None:
    store = opened()
    fill(store)
    store.add(attempt(1, Outcome.ERROR, latency_s=None), job="j1")
    store.add(attempt(0), job="j1")
    store.asked({"position": 0, "case_id": "c", "run": 9})
    found = opened().find()
    assert (found.attempts, found.lost) == ((), {})


def test_a_torn_line_is_left_out_and_cut_off_by_the_next(opened: Open, tmp_path: Path) -> None:
    fill(opened(), 1, 2)
    path = tmp_path / "key.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert [a.position for a in opened().find().attempts] == [1]
    fill(opened(), 2)
    assert [a.position for a in opened().find().attempts] == [1, 2]


@pytest.mark.parametrize(("days", "told"), [(8, "older than 7 days"), (-1, "a line is of the future")])
def test_evidence_of_another_time_does_not_count(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, told: str
) -> None:
    fill(opened(), 1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + days * 86_400)
    found = opened().find()
    assert found.attempts == ()
    assert told in found.refused
    assert (tmp_path / "key.old-1").is_file(), "it is set aside, not lost"
    assert opened().find() == evidence.Found()


@pytest.mark.parametrize(
    "line", ["{}", "not json", '{"kind": "attempt", "attempt": {"case_id": 3}, "job": "r", "at": 1}', "[]", "[" * 9999]
)
def test_damaged_evidence_does_not_count(opened: Open, tmp_path: Path, line: str) -> None:
    fill(opened(), 1)
    with (tmp_path / "key.jsonl").open("a") as sink:
        sink.write(line + "\n")
    found = opened().find()
    assert found.attempts == ()
    assert "damaged" in found.refused


def test_what_is_set_aside_is_counted(opened: Open, tmp_path: Path) -> None:
    for number, told in ((1, "of a; now b"), (2, "(the 2. time for these inputs)")):
        store = opened()
        fill(store, 1)
        assert told in store.drop("it is of a; now b")
        assert len(list(tmp_path.glob("key.old-*"))) == number


def test_signed_evidence_cannot_be_written_by_others(opened: Open, tmp_path: Path) -> None:
    store = opened("k1")
    fill(store, 2)
    store.add(attempt(1, Outcome.FAIL), job="j1")
    assert len(opened("k1").find().attempts) == 2
    path = tmp_path / "key.jsonl"
    kept = path.read_text()
    changes = (('"outcome":"fail"', '"outcome":"pass"'), ('"position":2', '"position":3'), ('"most":5', '"most":9'))
    for before, after in changes:
        assert before in kept
        path.write_text(kept.replace(before, after))
        assert "not signed with this key" in opened("k1").find().refused
    path.write_text(kept)
    assert "not signed with this key" in opened("k2").find().refused
    fill(opened(), 1)
    assert "not signed with this key" in opened("k1").find().refused, "unsigned lines count for nobody with a key"


def test_evidence_that_a_repository_holds_does_not_count(opened: Open, tmp_path: Path) -> None:
    fill(opened(), 1)
    for words in (["init", "-q"], ["add", "-f", "key.jsonl"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    found = opened().find()
    assert found.attempts == ()
    assert "the repository holds it" in found.refused


def test_the_key_is_over_what_it_is_given_in_any_order() -> None:
    assert evidence.key({"a": 1, "b": [1, 2]}) == evidence.key({"b": [1, 2], "a": 1})
    assert evidence.key({"a": 1}) != evidence.key({"a": 2})


def test_the_file_is_plain_lines(opened: Open, tmp_path: Path) -> None:
    fill(opened(), 1, 2)
    records = [json.loads(line) for line in (tmp_path / "key.jsonl").read_text().splitlines()]
    assert [r["kind"] for r in records] == ["begun", "asked", "attempt", "asked", "attempt"]
