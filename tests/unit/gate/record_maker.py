"""A checkout with its configuration, and runs as a check leaves them, for tests of records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentops.config import load
from agentops.drivers import git
from agentops.drivers.journal import FileJournal
from agentops.drivers.registry import Identity, Platform
from agentops.gate import policy, record_envelope, record_mint
from agentops.gate.decide import decide
from agentops.gate.record_policy import input_hashes
from agentops.model import records
from agentops.model.case import Answer, Attempt, CaseResult
from agentops.model.outcome import Outcome
from agentops.model.run import Check, Counts, RunResult, Scope, StageResult, Subject
from agentops.model.settings import Settings
from agentops.reports import json as documents

P, F = Outcome.PASS, Outcome.FAIL
IMAGE_ID = "sha256:" + "ab" * 32
MANIFEST = "sha256:" + "cd" * 32
INDEX = "sha256:" + "ef" * 32
OTHER = "sha256:" + "12" * 32
COMMIT = "c" * 40
IMAGE = f"127.0.0.1:5000/team/bot@{MANIFEST}"
NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC).timestamp()
ENDED = "2026-03-04T11:00:00+00:00"
CASES = 60

CONFIG = """\
version: 1
agent:
  name: bot
  build: {context: .}
prompts: {paths: [prompts/]}
evals: {suites: [suite.yaml]}
gate:
  - {metric: pass_rate, at_least: 0.85, confidence: 0.95}
rollout:
  deployment: bot
  admission: {keys: [keys/release.pub], records: records, revoked: revoked.txt}
  environments:
    staging: {}
    production: {admission: {requires: [staging]}}
    lone: {}
"""


@dataclass
class Ground:
    """A checkout. `key` signs, its public half is pinned in the configuration."""

    root: Path
    settings: Settings
    key: Any

    @property
    def records(self) -> Path:
        return self.root / "records"

    def load(self) -> Settings:
        self.settings, _ = load.load(self.root / "agentops.yaml")
        return self.settings


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    monkeypatch.setattr(git, "state", lambda _root: git.GitState(commit=COMMIT, dirty=False))
    return made(tmp_path)


def made(root: Path, *, key: Any = None) -> Ground:
    """The checkout below the folder."""
    (root / "prompts").mkdir()
    (root / "prompts/system.txt").write_text("You are a bot.\n")
    (root / "Dockerfile").write_text("FROM scratch\n")
    cases = "".join(f"  - {{id: c{i}, input: hi {i}, expect: [{{contains: hello}}]}}\n" for i in range(CASES))
    (root / "suite.yaml").write_text(f"version: 1\nname: s\ncases:\n{cases}")
    (root / "agentops.yaml").write_text(CONFIG)
    (root / "revoked.txt").write_text("# nothing yet\n")
    (root / "keys").mkdir()
    key = key or record_envelope.new_key()
    (root / "keys/release.pub").write_bytes(record_envelope.public_pem(key.public_key))
    settings, _ = load.load(root / "agentops.yaml")
    return Ground(root, settings, key)


def a_run(ground: Ground, *, failed: int = 0, **changes: Any) -> RunResult:
    """A run of the whole checkout in a container; `changes` are fields of it."""
    outcomes = [F] * failed + [P] * (CASES - failed)
    cases = tuple(
        CaseResult(f"c{i}", "s", (), 1, 1, o, (Attempt(f"c{i}", 1, i + 1, o, 0.1, (Answer("x"),), model="gpt-x"),))
        for i, o in enumerate(outcomes)
    )
    hashes = {"config": ground.settings.source_sha256, "inputs": "9" * 64, **input_hashes(ground.settings)}
    stages = (
        StageResult("build", P, Counts(1, 1, unit="images")),
        StageResult(
            "prompts", P, Counts(1, 1), checks=(Check("system.txt", P),), values={"prompt_risk": 0.1, "findings": 0.0}
        ),
        StageResult("evals", P, Counts(CASES, CASES, unit="attempts"), cases=cases, containerised=True),
    )
    run = RunResult(
        id="20260304-110000-abcdef",
        agent="bot",
        started_at="2026-03-04T10:50:00+00:00",
        finished_at=ENDED,
        environment="release",
        containerised=True,
        subject=Subject("agentops/bot:r1", IMAGE_ID, None, COMMIT, False, hashes),
        scope=Scope(tuple(s.name for s in stages), full=True),
        stages=stages,
        agentops_version="0.1.0",
    )
    return replace(run, **changes)


def a_folder(ground: Ground, run: RunResult, *, pushed: str = "", name: str = "run") -> Path:
    """The folder as a check leaves it; `pushed` is the digest that a registry gave."""
    out = ground.root / name
    out.mkdir()
    log = FileJournal(out / "journal.jsonl")
    log.append("run", {"id": run.id, "agent": run.agent})
    for stage in run.stages:
        for case in stage.cases:
            for attempt in case.attempts:
                log.append("attempt", documents.encode(attempt))
        log.append("stage", records.of_stage(stage))
    log.append("finished", records.of_run(run))
    if pushed:
        log.append("pushed", {"image": "127.0.0.1:5000/team/bot:r1", "digest": pushed})
    log.close()
    from agentops.drivers import journal

    kept = records.rebuild(journal.read(out / "journal.jsonl"))
    rules = policy.build(ground.settings, run.environment)
    (out / "run.json").write_text(documents.run_document(kept))
    (out / "verdict.json").write_text(documents.verdict_document(decide(kept, rules)))
    return out


def signed(ground: Ground, run: RunResult | None = None, *, pushed: str = MANIFEST, **more: Any) -> record_mint.Signed:
    """A record of the run (of one that passes, unless given) among the ground's records."""
    given = run or a_run(ground)
    folder = a_folder(ground, given, pushed=pushed, name=f"run{len(list(ground.root.glob('run*')))}")
    measured = record_mint.check_run(folder, settings=ground.settings, now=NOW)
    return record_mint.sign(
        measured,
        record_mint.subjects(measured, look=nobody),
        key=ground.key,
        settings=ground.settings,
        records=ground.records,
        **more,
    )


def nobody(image: str) -> Identity:
    """A registry that must not be asked."""
    raise AssertionError(f"the registry was asked for {image}")


def single(digest: str, config: str) -> Identity:
    return Identity(digest, False, (Platform("", digest, config),))


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    before = path.read_text()
    assert old in before, "the premise"
    path.write_text(before.replace(old, new))
    yield
    path.write_text(before)
