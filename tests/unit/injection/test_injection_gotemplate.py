"""Go text/template."""

from __future__ import annotations

import pytest

from agentops.injection.notations import scan
from agentops.injection.source import Source
from agentops.injection.template import Hole, TemplateError


def holes(text: str, files: dict[str, str] | None = None) -> list[Hole]:
    def include(name: str, here: str) -> Source | None:
        return Source(name, (files or {})[name], include) if name in (files or {}) else None

    return [s for s in scan("go-template", Source("a.txt", text, include)) if isinstance(s, Hole)]


CASES = [
    ("{{.A}} {{ .B.C }} {{- .D -}}", ["A", "B.C", "D"]),
    ("{{range .Items}}{{.Text}} {{$.Top}} {{.}}{{else}}{{.None}}{{end}}", ["Items[].Text", "Top", "Items[]", "None"]),
    ("{{range $i, $m := .Ms}}{{$i}}{{$m.Text}}{{end}}", ["Ms[].Text"]),
    ("{{range $k, $v := .Map}}{{$k}}{{$v}}{{end}}", ["Map[].key", "Map[]"]),
    ("{{with .User}}{{.Name}}{{end}}{{.Name}}", ["User.Name", "Name"]),
    ('{{if eq .Kind "a"}}{{.A}}{{else if .C}}{{.B}}{{else}}{{.D}}{{end}}', ["A", "B", "D"]),
    ("{{$x := .A}}{{$x}} {{$x.B}}", ["A", "A.B"]),
    ('{{$s := ""}}{{range .Ms}}{{$s = printf "%s %s" $s .Text}}{{end}}{{$s}}', ["Ms[].Text"]),
    ('{{define "t"}}{{.A}}{{end}}{{template "t" .B}}', ["B.A"]),
    ('{{define "t"}}{{.A}}{{end}}', ["A"]),
    ('{{block "t" .B}}{{.A}}{{end}}', ["B.A"]),
    ('{{template "gone.tmpl" .}}', ["include(gone.tmpl)"]),
    ("{{/* {{.A}} */}}{{.B}}", ["B"]),
    ('{{index .Docs 0}} {{(index .Docs 0).Text}} {{now}}', ["Docs[]", "Docs[].Text", "now()"]),
    ('{"a": {"b": {{.C}}}} {{{"d": 1}}}', ["C"]),
    ('{{eq .A "}}"}}{{.B}}', ["B"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_where_each_value_comes_from(text: str, expected: list[str]) -> None:
    assert [h.name for h in holes(text)] == expected


def test_pipelines_are_filters_by_the_common_names() -> None:
    found = holes('{{.A | json}} {{len .B}} {{printf "%.2f" .C}} {{html .D}} {{.E | indent 2 | toJson}}')
    assert [h.filters for h in found] == [("tojson",), ("length",), ("int",), ("escape",), ("indent", "tojson")]


def test_loops_and_conditions_are_told() -> None:
    (hole,) = holes("{{range .Xs}}{{if .Y}}{{.Z}}{{end}}{{end}}")
    assert (hole.in_loop, hole.condition, hole.written) == (True, "if .Y", "{{.Z}}")


def test_files_are_followed() -> None:
    found = holes('{{template "row.tmpl" .Row}}', {"row.tmpl": "x {{.Text}}"})
    assert [(h.name, h.path, h.offset) for h in found] == [("Row.Text", "row.tmpl", 2)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a {{if .B}}", "1:3"),
        ("{{end}}", "1:1"),
        ("\n{{.A", "2:1"),
        ("{{else}}", "1:1"),
        ('{{printf "a}}', "1:10"),
        ("{{/* a", "1:1"),
    ],
)
def test_what_go_would_refuse_is_an_error_with_its_place(text: str, place: str) -> None:
    with pytest.raises(TemplateError) as caught:
        holes(text)
    assert str(caught.value).startswith(f"a.txt:{place}:")


def test_a_template_that_calls_itself_is_an_error() -> None:
    with pytest.raises(TemplateError, match="calls itself"):
        holes('{{define "t"}}{{template "t" .}}{{end}}{{template "t" .}}')


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(TemplateError, match="deeply"):
        holes("{{if .A}}" * 5_000)
