"""Suppressions count where the file's own kind of comment holds them, and nowhere else."""

from __future__ import annotations

import time

import pytest

from agentops.suppress import comments

MARK = "agentops: ignore[PT002, PT004] the notes are ours"
NO_COMMENT = "it stands in no comment of this kind of file"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", f'P = """Sum up # {MARK}\n{{document}}"""'),
        ("a.py", f"P = 'Sum up # {MARK}'"),
        ("a.py", f'x = f(1,\n   """a\n# {MARK}\n'),
        ("a.py", f'P = """<!-- {MARK} -->{{document}}"""'),
        ("a.py", f'P = """{{# {MARK} #}}{{document}}"""'),
        ("a.ts", f"const p = `Sum up // {MARK}\n${{document}}`;"),
        ("a.ts", f"const p = `a ${{ `b // {MARK}\n` }} c`;"),
        ("a.ts", f'const p = "Sum up // {MARK}";'),
        ("a.ts", f'const r = /["`]/; const p = `x // {MARK}\n`;'),
        ("a.go", f"p := `Sum up // {MARK}\n`"),
        ("a.go", f'p := "Sum up /* {MARK} */"'),
        ("a.java", f'String p = """\n  Sum up // {MARK}\n  """;'),
        ("a.kt", f'val p = """Sum up // {MARK}\n"""'),
        ("a.baml", f'function F {{ prompt #"\n  Sum up // {MARK}\n "# }}'),
        ("a.toml", f"p = '''\nSum up # {MARK}\n'''"),
        ("a.yaml", f"p: |\n  Sum up\n  # {MARK}\n  {{document}}\n"),
        ("a.yaml", f"- role: user\n  content: >-\n    # {MARK}\n    {{document}}\n"),
        ("a.yaml", f'p: "Sum up\n  # {MARK}\n  more"\n'),
        ("a.yaml", f"p: Sum up#{MARK}\n"),
        ("a.md", f"---\ndescription: |\n  # {MARK}\n---\n{{document}}"),
        ("a.j2", f'{{{{ "<!-- {MARK} -->" }}}}{{{{ document }}}}'),
        ("a.j2", f"{{{{ '}}}} {{# {MARK} #}}' }}}}"),
        ("a.j2", f'{{% set x = "{{# {MARK} #}}" %}}'),
        ("a.j2", f"{{% raw %}}{{# {MARK} #}}{{% endraw %}}"),
    ],
)
def test_a_comment_in_a_string_is_text(path: str, text: str) -> None:
    (one,) = comments(text, path)
    assert one.problem == NO_COMMENT
    assert not one.covers("PT002", one.line)
    assert not one.removable


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", f'P = "#" # {MARK}'),
        ("a.py", f'P = """a"""  # noqa: E501  # {MARK}'),
        ("a.py", f"    elif x:\n        y = 'it'  # {MARK}"),
        ("a.py", f"P = '''it's # no'''  # {MARK}"),
        ("a.ts", f"const p = `a ${{ x /* {MARK} */ }}`;"),
        ("a.ts", f'const p = `a ${{ {{b: "}}"}} }} "c`; // {MARK}'),
        ("a.ts", f'const r = /"/; // {MARK}'),
        ("a.ts", f'const r = a / b; const q = "c" // {MARK}'),
        ("a.go", f"r := '\"' // {MARK}"),
        ("a.java", f"char c = '\"'; // {MARK}"),
        ("a.baml", f'p #"\n {{# {MARK} #}}\n"#'),
        ("a.toml", f"p = 'C:\\' # {MARK}"),
        ("a.yaml", f"p: it's # {MARK}\n"),
        ("a.yaml", f"p: |\n  text\n# {MARK}\nq: 1\n"),
        ("a.yaml", f"- key: |\n    text\n  # {MARK}\n"),
        ("a.yaml", f"p: 'it''s' # {MARK}\n"),
        ("a.yaml", f'p: "a \\" b" # {MARK}\n'),
        ("a.yaml", f"p: |\n  {{# {MARK} #}}\n"),
        ("a.j2", f"{{{{ x }}}}{{# {MARK} #}}"),
        ("a.j2", f"{{{{ open {{# {MARK} #}}"),
        ("a.txt", f'{{{{"a": 1}}}} <!-- {MARK} -->'),
    ],
)
def test_a_comment_of_the_language_counts(path: str, text: str) -> None:
    (one,) = comments(text, path)
    assert one.problem == ""
    assert one.covers("PT002", one.line)


def test_two_on_one_line_both_count() -> None:
    text = "<!-- agentops: ignore[PT002] our notes --><!-- agentops: ignore[PT004] ours too --> {document}"
    one, two = comments(text, "a.md")
    assert (one.rules, one.reason, one.problem) == (("PT002",), "our notes", "")
    assert (two.rules, two.reason, two.problem) == (("PT004",), "ours too", "")
    assert text[two.start : two.end] == "<!-- agentops: ignore[PT004] ours too -->"


def test_a_second_one_within_a_comment_is_named_as_such() -> None:
    one, two = comments("x = 1  # agentops: ignore[PT002] our notes agentops: ignore[PT004] more notes", "a.py")
    assert (one.reason, one.problem) == ("our notes", "")
    assert two.rules == ("PT004",)
    assert comments("{# agentops: ignore[PT002] notes agentops: ignore[PT004] more #}", "a.j2")[1].problem == NO_COMMENT


@pytest.mark.parametrize(
    "reason", ["...", "{reason}", "<why>", "[reason here]", "x", "ab", "12345", "- -", "{{ why }}"]
)
def test_a_reason_has_a_word(reason: str) -> None:
    assert comments(f"<!-- agentops: ignore[PT002] {reason} -->", "a.md")[0].problem == "it gives no reason"


@pytest.mark.parametrize("reason", ["our notes", "sé por qué", "\u793e\u5185 \u306e\u307f", "see {ticket} there"])
def test_a_reason_may_be_short_and_of_any_language(reason: str) -> None:
    assert comments(f"<!-- agentops: ignore[PT002] {reason} -->", "a.md")[0].problem == ""


@pytest.mark.parametrize("path", ["a.py", "a.ts", "a.go", "a.kt", "a.toml", "a.yaml", "a.j2", "a.baml"])
@pytest.mark.parametrize(
    "piece", ['"', "'", '"""', "`${", "{{", "{% raw %}", "{# ", "/*", "p: |\n ", "{{ '", "- ", "&a ", '#"', "/", "x "]
)
def test_a_hostile_megabyte_is_read_in_time(path: str, piece: str) -> None:
    text = f"# {MARK}\n" + piece * (1_000_000 // len(piece))
    started = time.monotonic()
    comments(text, path)
    assert time.monotonic() - started < 2
