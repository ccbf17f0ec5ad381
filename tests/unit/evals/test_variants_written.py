"""Cases and evalsets written down: what is read back is what was written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.config import document as reading
from agentops.errors import ConfigError
from agentops.evals import dataset, packs
from agentops.evals.generate import document, written
from agentops.model.case import Attachment, Case
from agentops.model.finding import Location

NOWHERE = Location("", None)


def bare(case: Case) -> Case:
    """The case without the places in its file."""
    steps = {k: tuple(replace(s, location=NOWHERE) for s in getattr(case, k)) for k in ("setup", "after")}
    return replace(case, location=NOWHERE, **steps)


def again(cases: tuple[Case, ...], folder: Path) -> tuple[Case, ...]:
    def path(file: Attachment) -> str:
        (folder / file.name).write_bytes(file.content)
        return file.name

    data = {"version": 1, "name": "x", "cases": [written.case(c, file_path=path) for c in cases]}
    (folder / "written.yaml").write_text(document.text(data, comment=["a", "# b\nc"]))
    return dataset.load(["written.yaml"], root=folder)[0].cases


RICH: list[dict[str, Any]] = [
    {"id": "plain", "input": "hi", "expect": [{"icontains": "on"}, {"refusal": False}, {"number": 5}]},
    {
        "id": "all-of-it", "tags": ["a", "b"], "weight": 2.5, "runs": 7, "needed": 5, "origin": "trace 4f",
        "input": "a: b # c\n- d\t\x7f 1e5 😀 \u2028", "files": ["n.txt"],
        "setup": [{"say": "yes"}, {"http": {"method": "POST", "path": "/x", "json": {"1": [None, True, "1e5", {}]}}}],
        "after": [
            {"command": {"run": ["ls", "-l", "0o17"], "expect": [{"not": {"contains": "x"}}]}},
            {"http": {"path": "/y", "status": 204, "headers": {"X-Y": "on"}}},
        ],
        "expect": [
            {"not": {"all": [{"contains": ["1", "no"]}, {"not": {"regex": "^a{2}$"}}]}},
            {"any": [{"tool_called": {"name": "f", "arguments": {"a": 7, "b": [1.5]}}}, {"tokens": {"at_most": 5}}]},
            {"weighted": {"at_least": 0.5, "of": [{"contains": "x", "weight": 2}, {"pii": "none", "weight": 1}]}},
            {"json_schema": {"type": "object", "value": 3}}, {"number": {"value": 5, "abs": 0.1}},
            {"tools_only": []}, {"judge": {"metric": "answer_relevancy", "at_least": 0.5}},
        ],
    },
    {
        "id": "talk",
        "turns": [{"input": "", "expect": [{"length": {"at_most": 5}}]}, {"input": "{{x}}", "files": ["n.txt"]}],
    },
]  # fmt: skip


def test_a_rich_case_is_read_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("hello")
    (tmp_path / "rich.json").write_text(json.dumps(RICH))
    cases = dataset.load(["rich.json"], root=tmp_path)[0].cases
    assert [bare(c) for c in again(cases, tmp_path)] == [bare(c) for c in cases]


def test_the_reference_evalset_and_a_pack_are_read_back(tmp_path: Path) -> None:
    own = dataset.load(["evalsets/support.yaml"], root=Path(__file__).parents[3])[0].cases
    pack = packs.load("robustness", packs.Target("a", base=own[:4]), seed=3).cases
    for cases in (own, pack):
        assert [bare(c) for c in again(cases, tmp_path)] == [bare(c) for c in cases]


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**30), 10**30)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=("Cs",)))
        | st.sampled_from(["on", "1e5", "0o17", "~", "- a", "a: b", "#", "'", '"', "\\", "null", "1_0", "=", "<<"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1:# -~", max_size=4), inner, max_size=3),
        max_leaves=12,
    )
)
def test_whatever_data_there_is_comes_back(value: Any) -> None:
    text = document.text({"name": "n", "cases": [{"id": "a", "expect": [{"k": value}]}], "more": {"x": value}})
    data = reading.parse_yaml(text, "x").data
    assert data == {"name": "n", "cases": [{"id": "a", "expect": [{"k": value}]}], "more": {"x": value}}
    assert all(len(line) > 0 for line in text.splitlines())


def test_what_no_file_can_hold_is_refused() -> None:
    for value in ("\ud800", float("inf")):
        with pytest.raises(ConfigError):
            document.text({"name": value})


def test_a_comment_stays_one() -> None:
    text = document.text({"name": "n"}, comment=["said\n- evil: true\r\x85x\u2028y", ""])
    assert reading.parse_yaml(text, "x").data == {"name": "n"}
    assert [line[:1] for line in text.splitlines()] == ["#", "#", "n"]
