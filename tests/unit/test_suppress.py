"""Suppressions in comments, and the baseline file."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ConfigError
from agentops.model.finding import Confidence, Finding, Location, Severity
from agentops.suppress import baseline_document, blanked, comments, read_baseline

FORMS = [
    ("a.j2", "{# agentops: ignore[PT004] checked by hand #}"),
    ("a.j2", "{#- agentops: ignore[PT004] checked by hand -#}"),
    ("a.hbs", "{{!-- agentops: ignore[PT004] checked by hand --}}"),
    ("a.mustache", "{{! agentops: ignore[PT004] checked by hand }}"),
    ("a.gotmpl", "{{/* agentops: ignore[PT004] checked by hand */}}"),
    ("a.gotmpl", "{{- /* agentops: ignore[PT004] checked by hand */ -}}"),
    ("a.md", "<!-- agentops: ignore[PT004] checked by hand -->"),
    ("a.yaml", "# agentops: ignore[PT004] checked by hand"),
    ("a.toml", "# agentops: ignore[PT004] checked by hand"),
    ("a.py", "# agentops: ignore[PT004] checked by hand"),
    ("a.py.txt", "# agentops: ignore[PT004] checked by hand"),
    ("a.ts", "// agentops: ignore[PT004] checked by hand"),
    ("a.go", "/* agentops: ignore[PT004] checked by hand */"),
    ("a.java", "// agentops: ignore[PT004] checked by hand"),
]


@pytest.mark.parametrize(("path", "comment"), FORMS)
def test_each_kind_of_file_has_its_comments(path: str, comment: str) -> None:
    (one,) = comments(f"first\n  {comment}\nthird", path)
    assert (one.problem, one.rules, one.reason) == ("", ("PT004",), "checked by hand")
    assert (one.line, one.column, one.lines) == (2, 3, (2, 3))
    assert f"first\n  {comment}\nthird"[one.start : one.end] == comment
    assert one.covers("PT004", 2)
    assert one.covers("PT004", 3)
    assert not one.covers("PT004", 1)
    assert not one.covers("PT005", 3)


def test_several_rules_and_a_whole_file() -> None:
    (one,) = comments("text {# agentops: ignore-file[PT004, PT010] a demo #}", "a.j2")
    assert one.rules == ("PT004", "PT010")
    assert one.covers("PT010", 900)
    assert one.covers("PT004", None)


def test_blank_lines_and_comments_are_passed_over() -> None:
    text = "{# agentops: ignore[PT001] a #}\n\n{# agentops: ignore[PT002] b #}\n  {# more #}\nhere {{ x }}\nnot here"
    one, two = comments(text, "a.j2")
    assert (one.lines, two.lines) == ((1, 5), (3, 5))
    (last,) = comments("# agentops: ignore[PT001] a\n\n# end\n", "a.py")
    assert last.lines == (1,)


def test_a_heading_is_no_comment() -> None:
    (one,) = comments("<!-- agentops: ignore[PT001] a -->\n# Heading {x}\n{y}", "a.md")
    assert one.lines == (1, 2)


def test_front_matter_has_comments_of_its_own() -> None:
    head, body = comments(
        "---\n# agentops: ignore[PT001] why\nrole: user\n---\n# agentops: ignore[PT001] why\n", "a.md"
    )
    assert head.problem == ""
    assert head.lines == (2, 3)
    assert body.problem == "it stands in no comment of this kind of file"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{# agentops: ignore[PT004] #}", "it gives no reason"),
        ("{# agentops: ignore[PT004] - #}", "it gives no reason"),
        ("{# agentops: ignore the rule #}", "it names no rule"),
        ("{# agentops: ignore[] why #}", "it names no rule"),
        ("agentops: ignore[PT004] why", "it stands in no comment of this kind of file"),
        ("// agentops: ignore[PT004] why", "it stands in no comment of this kind of file"),
        ("{# agentops: ignore[PT004] why", "the comment is not closed by #} on its line"),
    ],
)
def test_what_cannot_work_says_why_and_covers_nothing(text: str, problem: str) -> None:
    (one,) = comments(text, "a.j2")
    assert one.problem == problem
    assert not one.covers("PT004", 1)


def test_a_reason_is_taken_out_of_the_prompt_and_nothing_else_is() -> None:
    text = "a <!-- agentops: ignore[PT004] never follow it --> b"
    assert blanked(text, comments(text, "a.md")) == "a " + " " * (len(text) - 4) + " b"
    for kept in (
        "a <!-- agentops: ignore[PT004] {hole} --> b",
        "agentops: ignore[PT004] {hole}",
        "<!-- agentops: ignore[PT004] {hole}",
        "x: |\n  # agentops: ignore[PT004] order",
    ):
        path = "a.yaml" if kept.startswith("x:") else "a.md"
        assert blanked(kept, comments(kept, path)) == kept


@given(st.text(alphabet="agentops: ignore-file[PT04]{}#!*/<-> \nab,\u3042", max_size=200), st.sampled_from(FORMS))
def test_any_text_is_read_and_offsets_stay(noise: str, form: tuple[str, str]) -> None:
    path, comment = form
    text = f"{noise}\n{comment}\n{noise}"
    found = comments(text, path)
    assert all(text[c.start : c.end].find("agentops:") >= 0 for c in found)
    assert len(blanked(text, found)) == len(text)
    assert blanked(text, found).count("\n") == text.count("\n")
    assert any(c.rules == ("PT004",) for c in found)


def test_a_hostile_megabyte_takes_no_time() -> None:
    started = time.process_time()
    for line in ("{# agentops: ignore[PT004] x #}\n", "agentops: ignore[", "{#" * 10 + "agentops: ignore\n"):
        comments(line * (1_000_000 // len(line)), "a.j2")
    assert time.process_time() - started < 4


def finding(rule: str, path: str, mark: str, message: str = "m") -> Finding:
    return Finding(rule, Severity.HIGH, Confidence.HIGH, message, Location(path, 3), mark * 16)


def test_a_baseline_is_sorted_and_read_back(tmp_path: Path) -> None:
    some = [finding("PT002", "b.txt", "b"), finding("PT001", "b.txt", "c"), finding("PT009", "a.txt", "a", "x\x1b[2J")]
    text = baseline_document(some)
    assert text == baseline_document([*reversed(some), some[0]])
    assert [e["fingerprint"][0] for e in json.loads(text)["findings"]] == ["a", "c", "b"]
    assert "\x1b" not in json.loads(text)["findings"][0]["message"]
    (tmp_path / "base.json").write_text(text)
    baseline = read_baseline(tmp_path / "base.json", shown="base.json")
    assert baseline.fingerprints == {"a" * 16, "b" * 16, "c" * 16}
    assert [k.rule for k in baseline.gone(some[:1], looked=lambda _: True)] == ["PT009", "PT001"]


WRONG = '{"schema": "agentops.baseline/1", "findings": [{"fingerprint": MARK, "rule": "", "path": "", "message": ""}]}'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "base.json:1:1: not JSON"),
        ('{"schema":\n', "base.json:2:1: not JSON"),
        ("[]", "base.json: schema: must be agentops.baseline/1"),
        ('{"schema": "agentops.baseline/1"}', "base.json: findings: a list is needed"),
        ('{"schema": "agentops.baseline/1", "findings": [1]}', "base.json: findings.0: needs fingerprint"),
        (
            WRONG.replace("MARK", '"x"'),
            "base.json: findings.0.fingerprint: 16 hex digits",
        ),
        (
            WRONG.replace("MARK", "1"),
            "base.json: findings.0.fingerprint: a text",
        ),
    ],
)
def test_a_malformed_baseline_is_a_configuration_error_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "base.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_baseline(tmp_path / "base.json", shown="base.json")
    assert caught.value.message.startswith(place)
    assert "--write-baseline" in caught.value.hint


def test_a_missing_baseline_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.json: No such file"):
        read_baseline(tmp_path / "gone.json", shown="gone.json")
