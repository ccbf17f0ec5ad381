"""What --fix and --diff do."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentops.cli.fix import carry_out
from agentops.errors import ConfigError, ExitCode

TEXT = "Summarise the text below in two lines.\n\n{document}\n"


def test_a_diff_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    assert carry_out([tmp_path], write=False, root=tmp_path) is ExitCode.PASS
    said = capsys.readouterr()
    assert said.out.splitlines()[:2] == ["--- a/a.txt", "+++ b/a.txt"]
    assert [line for line in said.out.splitlines() if line.startswith("+")][2:] == ["+<document>", "+</document>"]
    assert said.err == "1 file to mend, 0 above 0.8, 0 not measured\n"
    assert (tmp_path / "a.txt").read_text() == TEXT


def test_a_fix_writes_and_a_second_one_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    assert carry_out([tmp_path], write=True, root=tmp_path) is ExitCode.PASS
    said = capsys.readouterr()
    assert said.out == "mended a.txt:1: marks <document> and the declaration; risk 1.00 -> 0.49\n"
    once = (tmp_path / "a.txt").read_text()
    assert "<document>\n{document}\n</document>" in once
    assert carry_out([tmp_path], write=True, root=tmp_path) is ExitCode.PASS
    assert capsys.readouterr().out == ""
    assert (tmp_path / "a.txt").read_text() == once


def test_what_is_left_fails_as_a_check_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text('{"prompt": "Summarise the text below in two lines. {document}"}')
    assert carry_out([tmp_path], write=True, root=tmp_path) is ExitCode.FAIL
    said = capsys.readouterr().err
    assert "left a.json" in said
    assert "mended by hand" in said
    assert "above 0.8: a.json:1 risk 1.00" in said


def test_a_low_threshold_is_said_not_to_be_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    assert carry_out([tmp_path], write=True, root=tmp_path, fail_at=0.3) is ExitCode.FAIL
    assert "the risk is 0.49 and wording brings it no lower" in capsys.readouterr().err


def test_a_file_that_was_not_measured_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.j2").write_text("{{ document")
    assert carry_out([tmp_path], write=True, root=tmp_path) is ExitCode.ERROR
    assert "error: a.j2:1" in capsys.readouterr().err


def test_no_template_at_all_is_no_pass(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no template at all"):
        carry_out([tmp_path], write=True, root=tmp_path)


def test_hostile_text_does_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("Summarise the text.\x1b[2J ::warning::x\n##[error]x\n\n{document}\n")
    carry_out([tmp_path], write=False, root=tmp_path)
    said = capsys.readouterr().out
    assert "<document>" in said
    assert "\x1b" not in said
    assert "##[" not in said
