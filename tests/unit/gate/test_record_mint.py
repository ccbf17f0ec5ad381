"""From a run's folder to a record: nothing that is less than a whole, unchanged pass becomes PASSED."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from record_maker import (
    IMAGE,
    IMAGE_ID,
    INDEX,
    MANIFEST,
    NOW,
    OTHER,
    Ground,
    a_folder,
    a_run,
    edited,
    ground,
    nobody,
    signed,
    single,
)

from agentops.drivers import git
from agentops.drivers.registry import Identity, Platform
from agentops.errors import UsageError
from agentops.gate import record_mint
from agentops.gate.record_mint import NotRecordable
from agentops.gate.record_policy import file_sha256
from agentops.model.outcome import Outcome
from agentops.model.run import Scope, StageError

__all__ = ["ground"]


def check(ground: Ground, folder: Path, **more: Any) -> record_mint.Measured:
    return record_mint.check_run(folder, settings=ground.settings, now=NOW, **more)


def sign(ground: Ground, folder: Path, *, failure_too: bool = False, **more: Any) -> record_mint.Signed:
    measured = check(ground, folder, **more)
    subject = record_mint.subjects(measured, look=nobody)
    return record_mint.sign(
        measured, subject, key=ground.key, settings=ground.settings, records=ground.records, failure_too=failure_too
    )


def test_the_same_run_gives_the_same_record(ground: Ground) -> None:
    folder = a_folder(ground, a_run(ground), pushed=MANIFEST)
    first = sign(ground, folder)
    assert first.passed
    assert sign(ground, folder) == first
    assert len(list(ground.records.iterdir())) == 2


LESS: dict[str, Callable[[Any], Any]] = {
    "a part": lambda run: replace(run, scope=replace(run.scope, full=False)),
    "some stages": lambda run: replace(
        run,
        scope=Scope(("build", "evals"), full=False),
        stages=tuple(s for s in run.stages if s.name != "prompts"),
        subject=replace(run.subject, hashes={k: v for k, v in run.subject.hashes.items() if k != "prompts"}),
    ),
    "a local process": lambda run: replace(run, containerised=False),
    "nobody knows where": lambda run: replace(run, containerised=None),
    "a dirty tree": lambda run: replace(run, subject=replace(run.subject, dirty=True)),
    "a stage less": lambda run: replace(
        run, scope=Scope(("build", "evals"), full=True), stages=tuple(s for s in run.stages if s.name != "prompts")
    ),
    "a stage that broke": lambda run: replace(
        run,
        stages=tuple(
            replace(s, outcome=Outcome.ERROR, errors=(StageError("gone"),)) if s.name == "prompts" else s
            for s in run.stages
        ),
    ),
}


@pytest.mark.parametrize("what", [*LESS, "a failure", "inconclusive"])
def test_less_than_a_whole_pass_is_refused_and_recorded_as_failed_on_demand(ground: Ground, what: str) -> None:
    failed = {"a failure": 30, "inconclusive": 7}.get(what, 0)
    run = LESS.get(what, lambda same: same)(a_run(ground, failed=failed))
    folder = a_folder(ground, run)
    with pytest.raises(NotRecordable, match="no record is made"):
        sign(ground, folder)
    assert not ground.records.exists()
    assert not sign(ground, folder, failure_too=True).passed


@pytest.mark.parametrize("what", ["image_id", "commit"])
def test_a_run_of_no_image_or_commit_is_refused_even_as_a_failure(ground: Ground, what: str) -> None:
    run = a_run(ground)
    folder = a_folder(ground, replace(run, subject=replace(run.subject, **{what: None})))
    with pytest.raises(NotRecordable):
        sign(ground, folder, failure_too=True)


def test_a_pass_under_a_warning_is_no_record(ground: Ground) -> None:
    config = ground.root / "agentops.yaml"
    config.write_text(config.read_text() + "environments: {release: {inconclusive: warn, unmeasured: warn}}\n")
    ground.load()
    folder = a_folder(ground, a_run(ground, failed=7))
    with pytest.raises(NotRecordable, match="as a warning"):
        sign(ground, folder)


@pytest.mark.parametrize("name", ["journal.jsonl", "run.json", "verdict.json"])
def test_a_file_that_was_changed_is_noticed(ground: Ground, name: str) -> None:
    """A run that failed, painted over in one of its files."""
    folder = a_folder(ground, a_run(ground, failed=30))
    path = folder / name
    text = path.read_text()
    for old, new in (('"outcome":"fail"', '"outcome":"pass"'), ('"outcome": "fail"', '"outcome": "pass"')):
        text = text.replace(old, new)
    assert text != path.read_text(), "the premise"
    path.write_text(text)
    with pytest.raises(NotRecordable):
        sign(ground, folder, failure_too=True)


@pytest.mark.parametrize("name", ["journal.jsonl", "run.json", "verdict.json"])
def test_a_file_that_is_gone_or_broken_is_noticed(ground: Ground, name: str) -> None:
    folder = a_folder(ground, a_run(ground))
    for content in (b"", b"{", b"[" * 100_000, b'{"kind":"finished"}\n', b"null", b"\xff", b'"x"\n'):
        (folder / name).write_bytes(content)
        with pytest.raises(NotRecordable):
            sign(ground, folder)
    (folder / name).unlink()
    with pytest.raises(NotRecordable, match="cannot be read"):
        sign(ground, folder)


def test_what_was_written_behind_the_end_is_noticed(ground: Ground) -> None:
    folder = a_folder(ground, a_run(ground))
    journal = folder / "journal.jsonl"
    before = journal.read_bytes()
    last = before.splitlines()[-1]
    stage = next(line for line in before.splitlines() if b'"kind":"stage"' in line)
    for more in (last, stage, b'{"kind":"asked","case_id":"c1","run":1}'):
        journal.write_bytes(before + more + b"\n")
        with pytest.raises(NotRecordable):
            sign(ground, folder)


def test_the_journal_may_be_held_against_what_the_measuring_job_said(ground: Ground) -> None:
    folder = a_folder(ground, a_run(ground))
    digest = check(ground, folder).files["journal.jsonl"]
    assert check(ground, folder, expected=f"sha256:{digest}")
    with pytest.raises(NotRecordable, match="was expected"):
        check(ground, folder, expected="0" * 64)


@pytest.mark.parametrize("name", ["agentops.yaml", "suite.yaml", "prompts/system.txt"])
def test_another_checkout_is_refused(ground: Ground, name: str) -> None:
    folder = a_folder(ground, a_run(ground))
    with edited(ground.root / name, "bot" if name != "suite.yaml" else "hello", "cat"):
        ground.load()
        with pytest.raises(UsageError):
            check(ground, folder)
    ground.load()
    check(ground, folder)


def test_a_lock_file_that_changed_is_noticed(ground: Ground) -> None:
    config = ground.root / "agentops.yaml"
    config.write_text(config.read_text() + "dependencies: {files: [lock.txt]}\n")
    (ground.root / "lock.txt").write_text("a==1\n")
    ground.load()
    run = a_run(ground)
    hashes = {**run.subject.hashes, "lock.txt": file_sha256(ground.root, "lock.txt")}
    folder = a_folder(ground, replace(run, subject=replace(run.subject, hashes=hashes)))
    assert "the run did not measure dependencies" in check(ground, folder).because
    (ground.root / "lock.txt").write_text("a==2\n")
    with pytest.raises(NotRecordable, match=r"lock\.txt is not as it was measured"):
        check(ground, folder)


def test_another_commit_and_a_time_to_come_are_refused(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_folder(ground, a_run(ground))
    with pytest.raises(NotRecordable, match="future"):
        record_mint.check_run(folder, settings=ground.settings, now=NOW - 7200)
    monkeypatch.setattr(git, "state", lambda _root: git.GitState(commit="d" * 40, dirty=False))
    with pytest.raises(NotRecordable, match="this checkout is of dddddddddddd"):
        check(ground, folder)


def test_a_run_can_be_judged_in_another_environment(ground: Ground) -> None:
    folder = a_folder(ground, a_run(ground, environment="ci"), pushed=MANIFEST)
    assert sign(ground, folder).level == "AGENTOPS_GATE_CI"
    assert sign(ground, folder, environment="release").level == "AGENTOPS_GATE_RELEASE"
    assert len(list(ground.records.iterdir())) == 4


@pytest.mark.parametrize(
    ("identity", "kinds"),
    [
        (single(MANIFEST, IMAGE_ID), {"manifest": MANIFEST}),
        (Identity(INDEX, True, (Platform("linux/amd64", MANIFEST, IMAGE_ID),)), {"manifest": MANIFEST, "index": INDEX}),
    ],
    ids=["manifest", "index"],
)
def test_a_registry_that_has_just_what_was_measured_is_named(
    ground: Ground, identity: Identity, kinds: dict[str, str]
) -> None:
    measured = check(ground, a_folder(ground, a_run(ground)))
    subject = record_mint.subjects(measured, IMAGE, look=lambda _image: identity)
    assert {k: getattr(subject, k) for k in kinds} == kinds
    assert subject.repository == "127.0.0.1:5000/team/bot"


@pytest.mark.parametrize(
    "identity",
    [
        single(MANIFEST, OTHER),
        Identity(INDEX, True, ()),
        Identity(INDEX, True, (Platform("a", MANIFEST, IMAGE_ID), Platform("b", OTHER, OTHER))),
    ],
    ids=["another image", "nothing", "one more platform"],
)
def test_a_registry_that_has_something_else_is_refused(ground: Ground, identity: Identity) -> None:
    measured = check(ground, a_folder(ground, a_run(ground)))
    with pytest.raises(NotRecordable, match="is not what was measured"):
        record_mint.subjects(measured, IMAGE, look=lambda _image: identity)


def test_a_digest_that_was_only_pulled_is_not_vouched_for(ground: Ground) -> None:
    """An index that was pulled holds platforms that did not run."""
    run = a_run(ground)
    folder = a_folder(ground, replace(run, subject=replace(run.subject, image="bot:r1", digest=INDEX)))
    subject = record_mint.subjects(check(ground, folder), look=nobody)
    assert (subject.manifest, subject.index) == ("", "")


def test_records_are_made_once_each(ground: Ground) -> None:
    first = signed(ground)
    second = signed(ground, a_run(ground, finished_at="2026-03-04T11:30:00+00:00"))
    assert first.decision != second.decision
    assert json.loads(first.decision.read_text())["payloadType"] == "application/vnd.in-toto+json"
