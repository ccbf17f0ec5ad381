"""Reading pinned requirement files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ConfigError
from agentops.model.finding import Location
from agentops.scans.requirements import Loose, Pin, logical_lines, parse, read

HERE = Location("r.txt", 1)


@pytest.mark.parametrize(
    ("line", "name", "version"),
    [
        ("requests==2.19.0", "requests", "2.19.0"),
        ("Zope.Interface == 5.0", "zope-interface", "5.0"),
        ("uvicorn[standard]==0.30.1", "uvicorn", "0.30.1"),
        ("numpy==1.24.4 ; python_version < '3.9'", "numpy", "1.24.4"),
        ("pywin32==306; sys_platform == 'win32'", "pywin32", "306"),
        ("a==1.0 --hash=sha256:abc --hash sha256:def", "a", "1.0"),
        ("torch==2.1.0+cu118", "torch", "2.1.0"),
        ("a===1.0", "a", "1.0"),
        ("a==1.0,>=0.5", "a", "1.0"),
        ("a==1.0rc1", "a", "1.0rc1"),
    ],
)
def test_pins(line: str, name: str, version: str) -> None:
    assert parse(line, HERE) == Pin(name, version, HERE)


@pytest.mark.parametrize(
    "line",
    [
        "flask",
        "flask>=2",
        "flask~=2.0",
        "flask==2.*",
        "flask==2.0,!=2.0",
        "flask===anything",
        "flask==${VERSION}",
        "flask @ https://example.com/flask.zip",
        "https://example.com/flask-1.0.tar.gz",
        "git+https://example.com/flask.git@v1#egg=flask",
        "git+ssh://git@example.com/flask.git",
        "./local",
        "../wheels/a-1.0-py3-none-any.whl",
        "a-1.0.tar.gz",
        ".",
        "-e .",
        "--editable=git+https://example.com/x.git",
        "-e./local",
    ],
)
def test_lines_that_pin_nothing(line: str) -> None:
    assert isinstance(parse(line, HERE), Loose)


def test_a_password_in_a_url_is_not_shown() -> None:
    for line in ("git+https://user:hunter22@example.com/x.git", "-e git+https://user:hunter22@example.com/x.git"):
        loose = parse(line, HERE)
        assert isinstance(loose, Loose)
        assert "hunter22" not in loose.line


@pytest.mark.parametrize(
    "line", ["--require-hashes", "-i https://u:p@example.com", "--index-url=https://example.com", "--pre", "-fwheels"]
)
def test_options_that_an_audit_need_not_know(line: str) -> None:
    assert parse(line, HERE) is None


@pytest.mark.parametrize("line", ["-r other.txt", "-rother.txt", "--requirement=x", "-c c.txt", "--constraint c.txt"])
def test_includes_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match="includes another file"):
        parse(line, HERE)


@pytest.mark.parametrize("line", ["flask==", "fla sk==1.0", "==1.0", "--nonsense", "{% if x %}", "<<<<<<< HEAD"])
def test_lines_that_are_no_requirement_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"is (no requirement|not known)"):
        parse(line, HERE)


def test_continuations_comments_and_line_numbers() -> None:
    content = "# head\r\na==1.0 \\\r\n    --hash=sha256:x \\\r\n    # via b\r\n\r\n"
    content += "b==2.0  # why\nc==3.0#not-a-comment\nd==4.0 \\"
    assert list(logical_lines(content)) == [
        (2, "a==1.0     --hash=sha256:x"),
        (6, "b==2.0"),
        (7, "c==3.0#not-a-comment"),
        (8, "d==4.0"),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.sampled_from(["", " \\\n --hash=sha256:aa", " # note", "\n\n"])), min_size=1
    )
)
def test_every_pin_is_found_on_its_line(pins: list[tuple[int, str]]) -> None:
    content, expected, line = "", [], 1
    for number, after in pins:
        entry = f"p{number}=={number}.1{after}\n"
        expected.append((line, f"p{number}", f"{number}.1"))
        content += entry
        line += entry.count("\n")
    found = [(at, parse(text, Location("r.txt", at))) for at, text in logical_lines(content)]
    assert [(at, pin.name, pin.version) for at, pin in found if isinstance(pin, Pin)] == expected


@given(st.text())
def test_no_line_makes_it_fall_over(line: str) -> None:
    for _, logical in logical_lines(line):
        try:
            result = parse(logical, HERE)
        except ValueError:
            continue
        assert result is None or isinstance(result, (Pin, Loose))


def test_files_are_read_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfx==1\n\nflask\n")
    (tmp_path / "b.txt").write_text("X==1\n")
    found = read(tmp_path, ["a.txt", "b.txt", "a.txt"])
    assert [(p.name, str(p.location)) for p in found.pins] == [("x", "a.txt:1"), ("x", "b.txt:1")]
    assert [str(line.location) for line in found.loose] == ["a.txt:3"]
    assert found.files == ("a.txt", "b.txt")


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x==1\n-r b.txt\nfla sk\n")
    (tmp_path / "empty.txt").write_text("# nothing\n--require-hashes\n")
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, ["a.txt", "empty.txt", "latin.txt", "nowhere.txt"])
    assert [p.split(": ")[0] for p in caught.value.problems] == [
        "a.txt:2",
        "a.txt:3",
        "empty.txt",
        "latin.txt",
        "nowhere.txt",
    ]
    assert caught.value.hint


def test_no_file_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        read(tmp_path, [])
