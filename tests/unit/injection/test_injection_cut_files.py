"""Files that cannot be read are errors with a place, not files without prompts."""

from __future__ import annotations

import pytest

from agentops.injection.engine import parse
from agentops.injection.source import Source
from agentops.injection.template import TemplateError


def refused(path: str, text: str) -> tuple[int | None, int | None, str]:
    with pytest.raises(TemplateError) as caught:
        parse(Source(path, text))
    return caught.value.location.line, caught.value.location.column, caught.value.problem


@pytest.mark.parametrize(
    ("path", "text", "line", "column", "problem"),
    [
        ("a.json", '{"a": }', 1, 7, "a value is missing"),
        ("a.json", '{"a": {"b":\n}}', 2, 1, "a value is missing"),
        ("a.ts", "const a = 1;\nconst p = `You are kind.\n", 2, 11, "has no end"),
        ("a.js", "const p = 'You are kind.", 1, 11, "has no end"),
        ("a.go", "package a\nconst p = `You are kind.\n", 2, 11, "has no end"),
        ("A.java", 'class A { String p = """\nYou are kind.', 1, 22, "has no end"),
        ("a.kt", 'val p = """You are kind.', 1, 9, "has no end"),
        ("a.rail", "<rail><output>", 1, 15, "not XML"),
        ("a.rail", "<rail><prompt>You are kind. ${x}</prompt>\n<output", 2, 1, "not XML"),
        ("a.prompty", "---\nname: x\ninputs: [a\n---\nsystem:\nYou are {{a}}\n", 4, 1, "no YAML"),
        ("a.prompty", "---\nname: x\n\tb: c\n---\nsystem:\nYou are {{a}}\n", 3, 1, "no YAML"),
        ("a.prompty", "---\nname: x\nsystem:\nYou are {{a}}\n", 1, 1, "second line of dashes"),
    ],
)
def test_a_file_that_is_cut_or_broken_is_an_error_with_its_place(
    path: str, text: str, line: int, column: int, problem: str
):
    at_line, at_column, said = refused(path, text)
    assert problem in said
    assert (at_line, at_column) == (line, column)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.json", '{"a": null, "b": "",}'),
        ("a.ts", "function f(x) {\n  const prompt = `You are kind. Answer ${x}`;\n"),
        ("a.go", "package a\nfunc f(x string) {\n\tprompt := `You are kind.`\n"),
        ("a.rail", "You are kind. Answer if ${x} < 3, please."),
        ("a.rail", "<prompt>You are kind. ${x}</prompt>\n<output/>"),
        ("a.prompty", "---\n---\nsystem:\nYou are {{a}}\n"),
        ("a.prompty", "system:\nYou are {{a}}\n"),
    ],
)
def test_fragments_stay_readable(path: str, text: str):
    parse(Source(path, text))
