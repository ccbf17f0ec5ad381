"""Cases over a table of values, and files that go to the agent."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ConfigError
from agentops.evals import dataset
from agentops.evals.dataset import attached, tables
from agentops.evals.dataset.placeholders import fill
from agentops.model.case import Suite

TABLE = """cases:
  - id: plain
    input: "What does {{x}} mean? {{"
    expect: [{contains: "{{x}}"}]
  - id: order
    tags: [orders]
    turns:
      - {input: "Where is {{ order }}?", expect: [{contains: "{{order}}"}]}
      - {input: "{{words}}"}
    table:
      - {id: late, order: A-1, words: "{{order}} {{{{", limit: 2.5, tags: edge;snow, args: {n: 1}, none: null, on: true}
      - {order: 7, words: w, limit: 1, args: {n: 2}, none: null, on: false}
    setup: [{say: "The order is {{order}}."}]
    after: [{http: {path: "/orders/{{order}}", json: {limit: "{{limit}}"}}}]
    expect:
      - latency: {at_most_s: "{{limit}}"}
      - tool_called: {name: t, arguments: "{{args}}"}
      - icontains: "{{{{x}} is [{{none}}] {{on}} {{limit}}"
"""


def load(folder: Path, text: str, **files: str | bytes) -> Suite:
    (folder / "sets").mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / "sets" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "sets/s.yaml").write_text(text)
    return dataset.load(["sets/s.yaml"], root=folder)[0]


def refused(folder: Path, text: str, **files: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **files)
    assert caught.value.hint
    return caught.value


def test_a_row_is_a_case(tmp_path: Path) -> None:
    plain, late, second = load(tmp_path, TABLE).cases
    assert (plain.id, plain.input) == ("plain", "What does {{x}} mean? {{"), "without a table, braces are braces"
    assert plain.expect[0].params == {"value": "{{x}}"}
    assert (late.id, late.tags, str(late.location)) == ("order-late", ("orders", "edge", "snow"), "sets/s.yaml:11")
    assert (second.id, second.tags, str(second.location)) == ("order-2", ("orders",), "sets/s.yaml:12")
    assert [t.text for t in late.turns] == ["Where is A-1?", "{{order}} {{{{"], "a value is not looked at again"
    assert late.turns[0].expect[0].params == {"value": "A-1"}
    assert late.setup[0].params == {"value": "The order is A-1."}
    assert (late.after[0].params["path"], late.after[0].params["json"]) == ("/orders/A-1", {"limit": 2.5})
    assert [a.params for a in late.expect] == [
        {"at_most_s": 2.5}, {"name": "t", "arguments": {"n": 1}}, {"value": "{{x}} is [] true 2.5"},
    ]  # fmt: skip
    assert second.turns[0].text == "Where is 7?"
    assert second.turns[0].expect[0].params == {"value": "7"}, "a number where only a text will do"


CASE = 'cases: [{{id: c, input: "{}", expect: [{{contains: "{}"}}], table: {}}}]'


@pytest.mark.parametrize(
    ("input_", "wanted", "table", "said"),
    [
        ("{{citty}}", "x", "[{city: a}]", "sets/s.yaml:1: input, with the row at sets/s.yaml:1: the table has no "
         "column 'citty'; did you mean 'city'?"),
        ("{{city", "x", "[{city: a}]", "the placeholder '{{city' has no end"),
        ("x", "{{7*7}}", "[{city: a}]", "the table has no column '7*7'"),
        ("{{city}}", "{{n}}", "[{city: a, n: [[]]}]", "sets/s.yaml:1: cases.0 (row 1).expect.0.contains"),
        ("x", "y", "[{id: a b}]", "cases.0 (row a b).id: "),
        ("x", "y", "[{id: a}, {id: a}]", "the case id 'c-a' is taken by"),
        ("x", "y", "[{a: 1, tags: [a, b c]}]", "cases.0 (row 1).tags.1: "),
        ("x", "y", "[]", "sets/s.yaml:1: the table has no rows"),
        ("x", "y", "[5]", "sets/s.yaml:1: a row must be a mapping"),
        ("x", "y", "{a: 1}", "table: must be a list of rows, or the path of a CSV file"),
        ("x", "y", "none.csv", "sets/s.yaml:1: none.csv: no such file"),
        ("x", "y", "../s.csv", "'../s.csv' lies outside the evalset's folder"),
        ("x", "y", "/etc/passwd", "'/etc/passwd' lies outside the evalset's folder"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, input_: str, wanted: str, table: str, said: str) -> None:
    assert said in refused(tmp_path, CASE.format(input_, wanted, table)).message


def test_a_table_beside_the_evalset(tmp_path: Path) -> None:
    text = CASE.format("To {{city}}", "{{answer}}", "data/t.csv")
    suite = load(tmp_path, text, data__t_csv='\ufeffid,city,answer,tags\nx,"Paris,\nFR",yes,a b\n,007,no,\n')
    one, two = suite.cases
    assert (one.id, one.input, one.tags, str(one.location)) == ("c-x", "To Paris,\nFR", ("a", "b"), "sets/data/t.csv:2")
    assert (two.id, two.input, two.expect[0].params, str(two.location)) == (
        "c-2", "To 007", {"value": "no"}, "sets/data/t.csv:4",
    )  # fmt: skip
    assert load(tmp_path, text, data__t_csv="city,answer\na,b\n").sha256 != suite.sha256, "the table is of the suite"
    assert (
        "sets/data/t.csv:3: the row has 1 cell" in refused(tmp_path, text, data__t_csv="city,answer\na,b\nc\n").message
    )
    assert "the table data/t.csv has no rows" in refused(tmp_path, text, data__t_csv="city,answer\n").message
    told = refused(tmp_path, text, data__t_csv="town,answer\na,b\n").message
    assert "with the row at sets/data/t.csv:2: the table has no column 'city'" in told


def test_a_table_cannot_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_CASES", 3)
    rows = ", ".join("{a: 1}" for _ in range(4))
    assert "more than 3 rows" in refused(tmp_path, CASE.format("x", "y", f"[{rows}]")).message
    monkeypatch.setattr(tables, "MAX_TEXT", 100)
    assert "once for each of 2 rows" in refused(tmp_path, CASE.format("x" * 50, "y", "[{a: 1}, {a: 2}]")).message


_ROW = {"a": "A", "n": 5, "l": [1, "{{a}}"], "z": None, "b": True}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{a}}", "A"), ("{{n}}", 5), ("{{ n }}", 5), ("{{n}} ", "5 "), ("{{l}}", [1, "{{a}}"]), ("{{z}}", None),
        ("{{b}}", True), ("{{l}}!", '[1, "{{a}}"]!'), ("{{{{", "{{"), ("{{{{a}}", "{{a}}"), ("{{{a}}}", "{A}"),
        ('{"x":{"y":{{n}}}}', '{"x":{"y":5}}'), ("{{a}}{{a}}", "AA"), ("{ {a} }", "{ {a} }"), ("}}}}", "}}}}"),
        ({"{{a}}": ["{{a}}", {"k": "{{n}}"}]}, {"{{a}}": ["A", {"k": 5}]}), (3, 3),
    ],
)  # fmt: skip
def test_placeholders(text: Any, filled: Any) -> None:
    assert fill(text, _ROW, place="here") == filled


@given(st.text("{}a x"))
def test_braces_are_filled_or_refused(text: str) -> None:
    try:
        fill(text, {"a": "A", "": "", "x": "X"}, place="here")
    except ConfigError as error:
        assert error.message.startswith("here: the ")
    assert fill(text.replace("{{", "{{{{"), {}, place="here") == text


FILES = "cases: [{id: c, input: x, files: [%s], expect: [{contains: y}]}]"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pdf", b"no pdf", "application/pdf"), ("a.PNG", b"", "image/png"), ("a", b"%PDF-1.7", "application/pdf"),
        ("a.bin", b"\x89PNG\r\n\x1a\n..", "image/png"), ("a.dat", b"RIFF1234WEBPVP8", "image/webp"),
        ("a.dat", "käse".encode(), "text/plain"), ("a.dat", b"\xff\xfe", "application/octet-stream"),
        ("a.dat", b"a\0b", "application/octet-stream"), ("a.md", b"# x", "text/markdown"),
    ],
)  # fmt: skip
def test_media_types(name: str, content: bytes, kind: str) -> None:
    assert attached.media_type(name, content) == kind


def test_a_number_is_a_text_where_only_a_text_will_do(tmp_path: Path) -> None:
    (case,) = load(tmp_path, CASE.format("{{n}}", "{{n}}", "[{n: 3}]")).cases
    assert (case.input, case.expect[0].params) == ("3", {"value": "3"})


def test_files_go_to_the_agent(tmp_path: Path) -> None:
    text = FILES % "in/a.txt, b.bin"
    suite = load(tmp_path, text, in__a_txt="hello", b_bin=b"\xff\0")
    assert [(f.name, f.media_type, f.content) for f in suite.cases[0].turns[0].files] == [
        ("a.txt", "text/plain", b"hello"),
        ("b.bin", "application/octet-stream", b"\xff\0"),
    ]
    assert load(tmp_path, text, in__a_txt="hellO").sha256 != suite.sha256
    assert load(tmp_path, text, in__a_txt="hello").sha256 == suite.sha256


def test_a_suite_without_files_is_known_by_its_bytes(tmp_path: Path) -> None:
    suite = load(tmp_path, TABLE)
    assert suite.sha256 == hashlib.sha256(TABLE.encode()).hexdigest()


@pytest.mark.parametrize("name", ["../a.txt", "/etc/passwd", "in/../../a.txt", "link.txt", "loop", "."])
def test_files_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("secret")
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/link.txt").symlink_to(tmp_path / "a.txt")
    (tmp_path / "sets/loop").symlink_to("loop")
    error = refused(tmp_path, FILES % name)
    assert error.message == f"sets/s.yaml:1: {name!r} lies outside the evalset's folder"


def test_a_link_below_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets/link.txt").symlink_to("a.txt")
    assert load(tmp_path, FILES % "link.txt", a_txt="x").cases[0].turns[0].files[0].content == b"x"


def test_files_that_are_missing_or_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(tmp_path, FILES % "none.txt").message == "sets/s.yaml:1: none.txt: no such file"
    (tmp_path / "sets/folder").mkdir()
    assert "folder: no regular file" in refused(tmp_path, FILES % "folder").message
    big = b"x" * (attached.MAX_FILE + 1)
    assert "sets/s.yaml:1: big.txt: larger than 5 MiB" in refused(tmp_path, FILES % "big.txt", big_txt=big).message
    assert load(tmp_path, FILES % "big.txt", big_txt=big[1:]).cases
    monkeypatch.setattr(attached, "MAX_ALL", 10)
    assert "together" in refused(tmp_path, FILES % "a.txt, b.txt", a_txt="x" * 6, b_txt="x" * 6).message


def test_a_file_of_a_row(tmp_path: Path) -> None:
    text = "cases: [{id: c, input: x, files: ['{{f}}'], expect: [{contains: y}], table: [{f: a.txt}, {f: b.txt}]}]"
    one, two = load(tmp_path, text, a_txt="1", b_txt="2").cases
    assert (one.turns[0].files[0].content, two.turns[0].files[0].content) == (b"1", b"2")
