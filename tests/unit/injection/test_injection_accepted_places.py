"""What is accepted is accepted where it stands: fingerprints, suppressed places, and what a mend leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentops.injection import engine
from agentops.injection.accepted import gate_risk
from agentops.injection.analysis import TemplateResult
from agentops.injection.kept import cached
from agentops.injection.mend import mend, mend_files
from agentops.injection.source import Source
from agentops.injection.trust import Judge

COMMENT = "<!-- agentops: ignore[PT002, PT004, PT010] notes only -->\n"


def marks(text: str, path: str = "a.txt", number: int = 0) -> dict[str, str]:
    return {f.rule: f.fingerprint for f in engine.analyse_text(text, path=path)[number].findings}


def lines(*texts: str) -> str:
    return "".join(json.dumps({"messages": [{"role": "system", "content": text}]}) + "\n" for text in texts)


def test_another_template_of_a_file_has_other_fingerprints() -> None:
    one, two = "Help with {document} now.", "Delete what {document} says to delete, run commands. {document}"
    first = marks(lines(one), "a.jsonl")
    assert marks(lines(one, two), "a.jsonl") == first, "what was there stays what it was"
    assert marks(lines(two, one), "a.jsonl", 1) == first, "wherever it stands"
    later = marks(lines(one, two), "a.jsonl", 1)
    assert not set(first.values()) & set(later.values())
    assert not set(marks(lines(two), "a.jsonl").values()) & set(first.values())


def test_templates_that_differ_far_from_the_hole_are_told_apart() -> None:
    same = "x " * 100 + "Sum up {document} now." + " y" * 100
    found = engine.analyse_text(lines("Be kind. " + same, "Be cruel. " + same), path="a.jsonl")
    one, two = ({f.fingerprint for f in r.findings if f.rule == "PT001"} for r in found)
    assert not one & two


def test_a_fingerprint_outlives_edits_elsewhere() -> None:
    far = "Some words of no weight. " * 8
    text = f"{far}\nSum up what {{document}} says now.\n{far}"
    first = marks(text)["PT002"]
    assert marks("A new first sentence.\n\n" + text + "\nAnd a last one.")["PT002"] == first
    assert marks(text.replace("says now", "says   now"))["PT002"] == first
    assert marks(text.replace("Sum up what", "Obey what"))["PT002"] != first
    assert marks(text + "\nObey {document} too.")["PT002"] != first, "one more place"
    assert marks(text.replace("{document}", "{email}"))["PT002"] != first


def test_hits_on_the_text_itself_are_told_apart_too() -> None:
    def found(text: str) -> set[str]:
        return {f.fingerprint for r in engine.analyse_text(text, path="a.md") for f in r.findings if f.rule == "PT026"}

    hidden = "Answer the\u200b\u200b\u200b\u200b question"
    one, two = f"{hidden} kindly.\n", f"{hidden} and run commands.\n"
    assert found(one)
    assert not found(one) & found(two)
    assert found("# Title\n" + one) == found(one)


def only(text: str) -> TemplateResult:
    (result,) = engine.analyse_text(text, path="a.txt")
    return result


def test_one_accepted_place_does_not_accept_a_later_one() -> None:
    result = only(f"Sum up.\n{COMMENT}{{document}}\n\n\nand then\nobey {{document}} well.")
    risk = gate_risk(result)
    assert [h.hole.line for h in risk.holes] == [7]
    assert risk.low == result.total
    told = [(f.location.line, f.waiver is None) for f in result.findings if f.rule == "PT002"]
    assert told == [(3, False), (7, True)], "the later place keeps a finding of its own"
    assert len({f.fingerprint for f in result.findings}) == len(result.findings)


def test_a_comment_for_the_file_accepts_every_place() -> None:
    comment = COMMENT.replace("ignore", "ignore-file", 1)
    result = only(f"Sum up.\n{comment}{{document}}\n\n\nand then\nobey {{document}} well.")
    assert gate_risk(result).low == 0
    assert [f.rule for f in result.findings if f.rule == "PT002"] == ["PT002"], "one finding for a variable"


def test_suppressed_and_open_places_with_the_same_words_around_are_two_findings() -> None:
    part = "Sum up the text of {document} in one short sentence.\n" + "z " * 90 + "\n"
    result = only(f"{COMMENT}{part}{part}")
    told = {f.fingerprint: f.waiver for f in result.findings if f.rule == "PT002"}
    assert len(told) == 2
    assert sum(w is None for w in told.values()) == 1
    assert [h.hole.line for h in gate_risk(result).holes] == [4]


def test_a_mend_leaves_what_was_accepted(tmp_path: Path) -> None:
    text = f"Summarise the text below.\n{COMMENT}{{document}}\n\nAnswer the mail of the customer:\n{{email}}\n"
    made = mend(Source("a.txt", text), Judge({}))
    assert "<email>" in made.text
    assert "<document>" not in made.text
    assert COMMENT + "{document}\n" in made.text
    (tmp_path / "a.txt").write_text(f"Summarise the text below.\n{COMMENT}{{document}}\n")
    done = mend_files([tmp_path], root=tmp_path)
    assert not [f for f in done.files if f.changed]
    assert gate_risk(done.templates[0]).low == 0


@pytest.mark.parametrize(("gap", "together"), [(".\n", False), (", ", False), ("\n", True), (" ", True)])
def test_one_tag_holds_two_variables_only_with_nothing_between(gap: str, together: bool) -> None:
    text = f"Summarise the text below in one line.\n\n{{{{ document }}}}{gap}{{{{ email }}}}\n"
    made = mend(Source("a.j2", text), Judge({})).text
    assert ("<email>" not in made) is together
    assert "<document>" in made


def test_one_label_may_announce_two_variables() -> None:
    text = "Summarise the mail below in one line.\n\nMail: {{ mail_subject }}, {{ mail_body }}\n"
    made = mend(Source("a.j2", text), Judge({"mail_subject": "user", "mail_body": "user"})).text
    assert "{{ mail_subject }}, {{ mail_body }}</" in made


def test_gate_risk_keeps_content_at_both_ends() -> None:
    text = "Answer the\U000e0041\U000e0042\U000e0043\U000e0044 question.\n" + COMMENT + "Sum up {document} and {zzz}.\n"
    result = only(text)
    assert result.content > 0
    left = gate_risk(result)
    assert len(left.holes) == 1
    assert left.low == pytest.approx(1 - (1 - left.holes[0].risk.low) * (1 - result.content))
    assert left.high == pytest.approx(1 - (1 - left.holes[0].risk.high) * (1 - result.content))
    assert left.high > left.low


def test_the_key_of_the_cache_speaks_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def key(paths: tuple[str, ...] = ("p",), root: Path = tmp_path, marks: tuple[str, str] = ("[[", "]]")) -> str:
        return cached.identity(paths, root=root, trust={}, markers=[marks])

    assert len({key(), key(paths=("q",)), key(root=tmp_path / "x"), key(marks=("<<", ">>"))}) == 4
    assert cached.identity((), root=tmp_path, trust={}, markers=()) != cached.identity(
        (), root=tmp_path / "x", trust={}, markers=()
    )
    before = key()
    package = Path(cached.__file__).parents[2]
    read = Path.read_bytes
    for name in ("injection/trust.py", "secrets/detector.py", "pysource/parse.py", "suppress/spans.py",
                 "suppress/comments.py", "text.py", "model/finding.py"):  # fmt: skip
        changed = package / name
        assert changed.is_file()
        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_bytes", lambda p, c=changed: read(p) + (b"#" if p == c else b""))
            assert key() != before, name
