"""JSON, JSON lines and CSV as evalsets, and what may be in such files at all."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentops.config import document
from agentops.errors import ConfigError
from agentops.evals import dataset
from agentops.evals.dataset import lines
from agentops.evals.dataset.shape import sound
from agentops.model.case import Case

SCHEMA = "evalset.schema.json"


def load(folder: Path, name: str, text: str | bytes) -> tuple[Case, ...]:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (suite,) = dataset.load([name], root=folder)
    return suite.cases


def refused(folder: Path, name: str, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, name, text)
    assert caught.value.hint
    return caught.value.message


def expected(case: Case) -> list[tuple[str, Any]]:
    return [(a.label, a.params.get("value", a.params)) for a in case.expect]


JSON = """[
  {"id": "a", "input": "x",
   "expect": [{"equals": "y"}]},

  {"id": "b", "input": "x\\n\\"", "expect": [{"equals": "[{"}]}
]"""


def test_json_cases_know_their_lines(tmp_path: Path) -> None:
    assert [str(c.location) for c in load(tmp_path, "c.json", JSON)] == ["c.json:2", "c.json:5"]


def test_json_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "c.json", JSON.replace("equals", "equal", 1)).startswith(
        "c.json:3: cases.0.expect.0: unknown key 'equal'; did you mean"
    )
    assert refused(tmp_path, "c.json", JSON[:-1]).startswith("c.json:6:1: not JSON: ")
    assert "stands twice" in refused(tmp_path, "c.json", '[{"id": "a", "id": "b"}]')
    assert "NaN is no number" in refused(tmp_path, "c.json", "[NaN]")
    assert "is no number" in refused(tmp_path, "c.json", "[1e999]")
    assert "thousands of digits" in refused(tmp_path, "c.json", "[" + "9" * 5000 + "]")
    assert "c.json:1: nested deeper than 40 levels" in refused(tmp_path, "c.json", "[" * 41 + "]" * 41)
    assert "nested deeper" in refused(tmp_path, "c.json", "[" * 100_000)
    assert "not UTF-8 at byte 1" in refused(tmp_path, "c.json", b"[\xff]")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(
    st.text(max_size=3), s)), st.sampled_from([None, 1]), st.booleans())  # fmt: skip
def test_every_value_of_json_has_its_line(data: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    found = lines.lines(text, "x")

    def places(value: Any, keys: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return {keys}.union(*(places(v, (*keys, k)) for k, v in inner))

    assert set(found) == places(data)
    if indent:
        # Written one value a line, the line of a value is where it is the first thing after its key.
        rows = text.split("\n")
        for keys, line in found.items():
            if keys and isinstance(keys[-1], str):
                assert rows[line - 1].lstrip().startswith(json.dumps(keys[-1], ensure_ascii=ascii_only) + ":")


def test_the_simple_form_of_others_is_read(tmp_path: Path) -> None:
    simple = [{"input": "Where?", "expected_output": "On its way"}, {"input": "Where?", "expected_output": "there"}]
    cases = load(tmp_path, "their cases.json", json.dumps(simple))
    assert [expected(c) for c in cases] == [[("icontains", "On its way")], [("icontains", "there")]]
    assert [c.id for c in cases] == ["their-cases-91f45115", "their-cases-91f45115-2"]
    again = load(tmp_path, "their cases.json", json.dumps({"name": "n", "test_cases": [{"input": "new", **simple[0]}]}))
    assert again[0].id == "their-cases-91f45115"
    both = [{"id": "a", "input": "x", "expected_output": "y", "expect": [{"refusal": False}]}]
    assert expected(load(tmp_path, "c.json", json.dumps(both))[0]) == [("icontains", "y"), ("refusal", False)]


def test_the_simple_form_is_no_excuse(tmp_path: Path) -> None:
    assert "c.json:1: expected_output must be a text" in refused(
        tmp_path, "c.json", '[{"input": "x", "expected_output": ""}]'
    )
    assert "unknown key 'expected_output'" in refused(
        tmp_path, "c.json", '{"cases": [{"id": "a", "input": "x", "expected_output": "y"}]}'
    )
    assert "the key 'id' is missing" in refused(tmp_path, "c.yaml", "- {input: x, expect: [{equals: y}]}")


def test_json_lines_hold_a_case_each(tmp_path: Path) -> None:
    case = '{"id": "%s", "input": "a\u2028b", "expect": [{"equals": "y"}]}'
    text = f"{case % 'a'}\n\n{case % 'b'}\r\n"
    cases = load(tmp_path, "c.jsonl", text)
    assert [(c.id, str(c.location), c.input) for c in cases] == [
        ("a", "c.jsonl:1", "a\u2028b"),
        ("b", "c.jsonl:3", "a\u2028b"),
    ]
    assert refused(tmp_path, "c.jsonl", text + "{,}").startswith("c.jsonl:4:2: not JSON: ")
    assert refused(tmp_path, "c.jsonl", text + "# no").startswith("c.jsonl:4:1: not JSON: ")
    assert refused(tmp_path, "c.jsonl", text + "[]") == "c.jsonl:4: a case must be an object"
    unknown = '{"input": "x", "expect": [{"equal": "y"}]}'
    assert refused(tmp_path, "c.jsonl", text + unknown).startswith("c.jsonl:4: expect.0: unknown key 'equal'")
    assert "c.jsonl: the suite holds no cases" in refused(tmp_path, "c.jsonl", "\n\n")


HEADER = "id,input,tags,weight,runs,needed,contains,icontains,regex,refusal,latency_at_most_s,tool_called,not_contains"
CSV = f'''\ufeff{HEADER},expect
one,"Hi,
there",typical; edge,2,3,2,yes,,a+,false,1.5,lookup,"no ""way""",
two,x,,,,,,,,,,,,"[{{tool_called: {{name: t, times: 1}}}}, {{json_schema: {{type: object}}}}]"

,y,safety,,,,true,,,,,,,"{{""equals"": ""12""}}"
'''


def test_csv_columns_are_cases(tmp_path: Path) -> None:
    one, two, three = load(tmp_path, "s.csv", CSV)
    assert (one.id, one.input, one.tags, one.weight, one.runs, one.needed) == (
        "one", "Hi,\nthere", ("typical", "edge"), 2.0, 3, 2,
    )  # fmt: skip
    assert expected(one) == [
        ("contains", "yes"), ("regex", "a+"), ("refusal", False), ("latency", {"at_most_s": 1.5}),
        ("tool_called", "lookup"), ("not contains", 'no "way"'),
    ]  # fmt: skip
    assert expected(two) == [("tool_called", {"name": "t", "times": 1}), ("json_schema", {"type": "object"})]
    assert expected(three) == [("contains", "true"), ("equals", "12")]
    assert [str(c.location) for c in (one, two, three)] == ["s.csv:2", "s.csv:4", "s.csv:6"]
    assert three.id.startswith("s-")


def test_a_derived_id_stays_when_rows_move_and_expectations_change(tmp_path: Path) -> None:
    before = {c.input: c.id for c in load(tmp_path, "s.csv", "input,contains\na,1\nb,2\n")}
    after = {c.input: c.id for c in load(tmp_path, "s.csv", "input,contains,tags\nnew,1,\nb,3,x\na,1,\n")}
    assert before == {k: v for k, v in after.items() if k != "new"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "s.csv: the suite holds no cases"),
        ("id,input,contains\n", "s.csv: the suite holds no cases"),
        ("id,inputs,contains\na,x,y\n", "s.csv:1: unknown column 'inputs'; did you mean 'input'?"),
        ("id,input,contians\na,x,y\n", "s.csv:1: unknown column 'contians'; did you mean 'contains'?"),
        ("id,input,latency_at_most\na,x,1\n", "did you mean 'latency_at_most_s'?"),
        ("id;input;contains\na;x;y\n", "s.csv:1: unknown column 'id;input;contains'"),
        ("id,input,input\na,x,y\n", "s.csv:1: the column 'input' stands twice"),
        ("id,input,\na,x,y\n", "s.csv:1: column 3 has no name"),
        ("id,input,contains\na,x,y\nb,\"x\ny\"\n", "s.csv:3: the row has 2 cells, the header 3 cells"),
        ("id,input,contains\na,\"x\ny\",z\nb,x,y,z\n", "s.csv:4: the row has 4 cells, the header 3 cells"),
        ("id,input,contains\na,\"x\"y,z\n", "s.csv:2: not CSV: "),
        ("id,input,contains\na,x,y\nb,\"x,z\n", "s.csv:3: not CSV: "),
        ("id,input,contains\na,x," + "y" * 200_000 + "\n", "s.csv:2: not CSV: field larger"),
        ("id,input,contains\na,,y\n", "s.csv:2: the case 'a' has neither input nor turns"),
        ("id,input,contains\na,x,\n", "s.csv:2: the case 'a' expects nothing"),
        ("id,input,refusal\na,x,yes\n", "s.csv:2: expect.0.refusal: must be true or false, not \"yes\""),
        ("id,input,contains,runs\na,x,y,many\n", "s.csv:2: runs: must be a whole number, not \"many\""),
        ("id,input,expect\na,x,\"{equals\"\n", "s.csv:2: expect:"),
        ("id,input,expect\na,x,\"[{equal: 1}]\"\n", "s.csv:2: expect.0: unknown key 'equal'"),
        ("id,input,regex\na,x,(\n", "s.csv:2: regex: no regular expression"),
        ("id,input,contains\na,x,y\na,x,y\n", "s.csv:3: the case id 'a' is taken by s.csv:2"),
    ],
)  # fmt: skip
def test_csv_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, "s.csv", text)


def test_a_suite_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: no such file"):
        dataset.load(["none.json"], root=tmp_path)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ConfigError, match=r"folder\.json: no regular file"):
        dataset.load(["folder.json"], root=tmp_path)


_WORDS = st.sampled_from(
    ["id", "input", "expect", "contains", "turns", "table", "tags", "a", "{{a}}", "{{", "x", "regex", "(", "not",
     "expected_output", "files", "../x", "after", "http", "path", "/", "command", "run", "any", "all", "of", "judge"]
)  # fmt: skip
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=5),
    max_leaves=20,
)


def reads_or_refuses(name: str, text: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(text)
        try:
            (suite,) = dataset.load([name], root=Path(folder))
        except ConfigError:
            return
        assert suite.cases
        assert all(case.turns and case.id for case in suite.cases)


@settings(deadline=None, max_examples=150)
@given(_DATA | st.lists(st.fixed_dictionaries({"id": _WORDS, "input": _WORDS}, optional={
    "expect": st.lists(st.dictionaries(_WORDS, _DATA, max_size=2), max_size=2), "table": _DATA, "turns": _DATA,
    "after": _DATA, "tags": _DATA, "files": st.lists(_WORDS)}), max_size=3))  # fmt: skip
@example([{"id": "a", "input": "x", "expect": [{"regex": "(" * 20_000}]}])
@example([{"id": "a", "input": "{{n}}", "table": [{"n": 1}], "expect": [{"contains": "x"}]}])
@example([{"id": "a", "input": "x", "files": ["a\0b"], "expect": [{"contains": "x"}]}])
@example([{"id": ["a"], "table": [{"id": {}, "tags": 3}]}])
def test_any_json_is_a_suite_or_refused(data: Any) -> None:
    reads_or_refuses("c.json", json.dumps(data).encode())
    if isinstance(data, list):
        reads_or_refuses("c.jsonl", "\n".join(map(json.dumps, data)).encode())


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
@example(b'id,input,contains\r\na,"b\r\nc",d\r\n')
@example(b"id\n" + b"[" * 3000)
@example(b"weight,input,contains\n" + b"9" * 5000 + b",a,b\n")
def test_any_text_is_a_suite_or_refused(raw: bytes) -> None:
    for name in ("c.json", "c.jsonl", "c.csv", "c.yaml"):
        reads_or_refuses(name, raw)


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=5))
def test_csv_gives_back_what_a_writer_wrote(rows: list[tuple[str, str]]) -> None:
    rows = [(a.encode("utf-8", "ignore").decode() or "x", b.encode("utf-8", "ignore").decode() or "x") for a, b in rows]
    sink = io.StringIO(newline="")
    csv.writer(sink).writerows([("input", "contains"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        cases = load(Path(folder), "s.csv", sink.getvalue().encode())
    assert [(c.input, c.expect[0].params["value"]) for c in cases] == rows


_NEAR = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "a b", "", 1, "a" * 100, "a" * 101])},
    optional={
        "input": st.sampled_from(["", "x", 1, None]),
        "tags": st.lists(st.sampled_from(["a", "a b", "a,b", "", 1]), max_size=2),
        "weight": st.sampled_from([0, 1, 1.5, 1000, 1001, True, "1"]),
        "runs": st.sampled_from([0, 1, 1.0, 1.5, 1000, 1001, True]),
        "expect": st.lists(
            st.sampled_from(
                [{"contains": "x"}, {"contains": []}, {"contains": ["x"]}, {"refusal": 1}, {"not": {"equals": ""}}, {},
                 {"latency": {"at_most_s": 0}}, {"latency": {"at_most_s": 1}}, {"a": 1}, {"equals": "", "regex": "x"},
                 {"tool_called": {"name": "a"}}, {"tool_called": {"name": "a", "times": 0}}, {"not": {"not": {}}}]
            ),
            max_size=2,
        ),
        "after": st.lists(st.sampled_from([{"http": {"path": "/"}}, {"http": {"path": ""}}, {"say": "x"}]), max_size=1),
        "other": st.none(),
    },
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(_DATA | _NEAR)
def test_the_quick_look_says_what_the_validator_says(data: Any) -> None:
    schema = document.load_schema(SCHEMA)
    for name in ("case", "assertion", "setup", "after", "http"):
        valid = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}).is_valid(data)
        assert sound(SCHEMA, ("$defs", name))(data) is valid


def test_the_quick_look_knows_every_keyword_of_the_schema() -> None:
    """Else every case would take the slow way."""
    root = Path(__file__).parents[3]
    data = yaml.safe_load((root / "evalsets/support.yaml").read_text("utf-8"))
    is_sound = sound(SCHEMA, ("$defs", "case"))
    assert [case["id"] for case in data["cases"] if not is_sound(case)] == []


def test_ten_thousand_cases_are_read_in_seconds(tmp_path: Path) -> None:
    made = [
        {
            "id": f"c{i}",
            "tags": ["typical", "orders"],
            "input": f"Where is order {i}?",
            "expect": [{"icontains": f"on its way {i}"}, {"tool_called": {"name": "t", "arguments": {"id": i}}}],
        }
        for i in range(10_000)
    ]
    times = []
    for count in (1000, 10_000):
        (tmp_path / "c.json").write_text(json.dumps(made[:count]))
        started = time.process_time()
        assert len(dataset.load(["c.json"], root=tmp_path)[0].cases) == count
        times.append(time.process_time() - started)
    assert times[1] < 5, "about a second where nothing else runs"
    assert times[1] < 30 * times[0] + 0.5, "linear in the number of cases"


def test_what_the_docs_show_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/evalsets.md").read_text("utf-8")
    shown = re.findall(r"^```(yaml|json|csv)\n(.*?)^```", page, flags=re.M | re.S)
    assert [ending for ending, _ in shown] == ["yaml", "yaml", "yaml", "json", "csv"]
    found = [load(tmp_path, f"cases{i}.{ending}", text) for i, (ending, text) in enumerate(shown)]
    assert [len(cases) for cases in found] == [3, 1, 2, 2, 2]
    assert [step.kind for step in found[1][0].setup] == ["say", "command"]
    assert [case.id for case in found[2]] == ["status-late", "status-lost"]
    assert found[4][1].input == "Hello,\nwho are you?"
