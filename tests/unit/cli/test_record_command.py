"""agentops record, from a new key to an admission."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from agentops.cli import record
from agentops.cli.main import main
from agentops.drivers import git, registry
from agentops.errors import ExitCode
from agentops.gate import record_envelope

sys.path.append(str(Path(__file__).parents[1] / "gate"))
import record_maker as maker

PAGE = Path(__file__).parents[3] / "docs/records.md"


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> maker.Ground:
    monkeypatch.setattr(git, "state", lambda _root: git.GitState(commit=maker.COMMIT, dirty=False))
    monkeypatch.chdir(tmp_path)
    made = maker.made(tmp_path)
    (tmp_path / "release.key").write_bytes(made.key.private_bytes)
    (tmp_path / "release.key").chmod(0o600)
    return made


def a_folder(ground: maker.Ground, **changes: Any) -> str:
    ended = datetime.fromtimestamp(time.time() - 60, UTC).isoformat(timespec="seconds")
    run = maker.a_run(ground, **{"finished_at": ended, **changes})
    return str(maker.a_folder(ground, run, pushed=maker.MANIFEST))


def sign(folder: str, *more: str) -> int:
    return main(["record", "sign", folder, "--key", "release.key", "--records", "records", *more])


def test_from_a_run_to_an_admission(ground: maker.Ground, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_folder(ground)
    assert sign(folder) == ExitCode.PASS
    told = capsys.readouterr()
    assert told.err == ""
    assert "PASSED: bot sha256:abab" in told.out
    digest = re.search(r"sha256    ([0-9a-f]{64})", told.out)
    assert digest
    assert main(["record", "verify", maker.IMAGE, "--to", "lone"]) == ExitCode.PASS
    assert digest[1] in capsys.readouterr().out
    assert main(["record", "verify", maker.IMAGE]) == ExitCode.USAGE, "production requires staging"
    assert "has not passed staging" in capsys.readouterr().err
    assert main(["record", "revoke", digest[1], "--reason", "a key leaked"]) == ExitCode.PASS
    assert main(["record", "verify", maker.IMAGE, "--to", "lone"]) == ExitCode.USAGE
    assert "a key leaked" in capsys.readouterr().err


def test_a_tag_is_looked_up_once(
    ground: maker.Ground, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(a_folder(ground))
    asked: list[str] = []
    monkeypatch.setattr(registry, "resolve", lambda image: (asked.append(image), maker.MANIFEST)[1])
    assert main(["record", "verify", "127.0.0.1:5000/team/bot:r1", "--to", "lone"]) == ExitCode.PASS
    assert f"admitted: {maker.IMAGE}" in capsys.readouterr().out
    assert asked == ["127.0.0.1:5000/team/bot:r1"]


def test_the_key_comes_from_a_variable_that_is_gone_afterwards(
    ground: maker.Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORD_KEY", ground.key.private_bytes.decode())
    folder = a_folder(ground)
    import os

    assert main(["record", "sign", folder, "--key-env", "RECORD_KEY", "--records", "records"]) == ExitCode.PASS
    assert "RECORD_KEY" not in os.environ
    assert main(["record", "sign", folder, "--key-env", "RECORD_KEY"]) == ExitCode.USAGE


@pytest.mark.parametrize(
    "given", [[], ["--key", "release.key", "--key-env", "K"], ["--key", "none"], ["--key", "suite.yaml"]]
)
def test_a_key_that_is_none_is_refused(ground: maker.Ground, given: list[str]) -> None:
    assert main(["record", "sign", a_folder(ground), *given]) == ExitCode.USAGE
    assert not ground.records.exists()


def test_no_option_takes_a_key_itself() -> None:
    assert isinstance(record.command, click.Group)
    for command in record.command.commands.values():
        assert not [p.name for p in command.params if p.name in ("key", "pem", "private_key")]


def test_a_failure_is_refused_or_recorded_as_one(ground: maker.Ground, capsys: pytest.CaptureFixture[str]) -> None:
    folder = maker.a_folder(ground, maker.a_run(ground, failed=30), pushed=maker.MANIFEST)
    assert sign(str(folder)) == ExitCode.USAGE
    assert "the verdict is fail" in capsys.readouterr().err
    assert sign(str(folder), "--record-failure") == ExitCode.FAIL
    assert "FAILED: bot" in capsys.readouterr().out
    assert main(["record", "verify", maker.IMAGE, "--to", "lone"]) == ExitCode.USAGE


def test_new_keys_work_and_nothing_is_written_over(ground: maker.Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "new-key"]) == ExitCode.PASS
    private, public = Path("agentops-record.key"), Path("agentops-record.pub")
    assert private.stat().st_mode & 0o777 == 0o600
    key = record_envelope.signing_key(private.read_bytes(), shown="k")
    assert key.public_key.keyid == record_envelope.public_key(public.read_bytes(), shown="p").keyid
    out = capsys.readouterr().out
    assert key.public_key.keyid in out
    assert "PRIVATE" not in out
    before = private.read_bytes()
    assert main(["record", "new-key"]) == ExitCode.USAGE
    assert main(["record", "new-key", "--out", "x.key"]) == ExitCode.USAGE
    assert private.read_bytes() == before
    assert not Path("x.key").exists()


def test_show_prints_a_statement_and_says_whether_the_signature_was_checked(
    ground: maker.Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(a_folder(ground))
    (decision,) = ground.records.glob("*.decision.dsse.json")
    capsys.readouterr()
    assert main(["record", "show", str(decision), "--key", "keys/release.pub"]) == ExitCode.PASS
    told = capsys.readouterr()
    assert json.loads(told.out)["predicate"]["verificationResult"] == "PASSED"
    assert "# signed by" in told.err
    assert main(["record", "show", str(decision)]) == ExitCode.PASS
    assert "signature not checked" in capsys.readouterr().err
    other = record_envelope.new_key()
    Path("other.pub").write_bytes(record_envelope.public_pem(other.public_key))
    assert main(["record", "show", str(decision), "--key", "other.pub"]) == ExitCode.USAGE
    for content in (b"", b"[]", b'{"payload": 1}', b'{"payload": "AAAA"}', b"[" * 100_000):
        Path("x.json").write_bytes(content)
        assert main(["record", "show", "x.json"]) == ExitCode.USAGE


def test_without_a_rollout_a_key_is_named_by_hand(ground: maker.Ground, capsys: pytest.CaptureFixture[str]) -> None:
    config = ground.root / "agentops.yaml"
    config.write_text(config.read_text().split("rollout:")[0])
    ground.load()
    folder = a_folder(ground)
    assert sign(folder) == ExitCode.PASS
    asked = ["record", "verify", maker.IMAGE, "--records", "records"]
    assert main([*asked, "--key", "keys/release.pub"]) == ExitCode.PASS
    assert main(asked) == ExitCode.USAGE
    assert "no key is pinned" in capsys.readouterr().err
    assert main([*asked, "--key", "keys/release.pub", "-e", "ci"]) == ExitCode.USAGE
    assert main([*asked, "--to", "moon"]) == ExitCode.USAGE


@pytest.mark.parametrize("digest", ["", "latest", "sha256:12", "g" * 64])
def test_only_digests_are_revoked(ground: maker.Ground, digest: str) -> None:
    before = (ground.root / "revoked.txt").read_text()
    assert main(["record", "revoke", digest, "--reason", "x"]) == ExitCode.USAGE
    assert main(["record", "revoke", "0" * 64, "--reason", " "]) == ExitCode.USAGE
    assert (ground.root / "revoked.txt").read_text() == before


def test_the_page_shows_commands_and_options_that_there_are() -> None:
    shown = re.findall(r"^\$ agentops record ([a-z-]+)([^\n]*)", PAGE.read_text(), flags=re.M)
    assert isinstance(record.command, click.Group)
    assert {name for name, _ in shown} == set(record.command.commands)
    for name, words in shown:
        known = {o for p in record.command.commands[name].params for o in p.opts}
        for option in re.findall(r"(?<= )--?[a-z][a-z0-9-]*", words):
            assert option in known, f"agentops record {name} {option}"
