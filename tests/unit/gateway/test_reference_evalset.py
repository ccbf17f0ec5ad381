"""The reference agent's evalset and the script of its model, as files that ship."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentops.gateway import script_file

ROOT = Path(__file__).resolve().parents[3]
KINDS = {
    "contains", "icontains", "contains_any", "icontains_any", "equals", "regex", "json_schema", "refusal", "latency",
    "tool_called", "tool_not_called", "judge", "not",
}  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    data = yaml.safe_load((ROOT / "evalsets/support.yaml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = data["cases"]
    return found


def test_eighty_cases_of_three_sorts(cases: list[dict[str, Any]]) -> None:
    sorts = [[t for t in case["tags"] if t in ("typical", "edge", "malicious")] for case in cases]
    assert all(len(s) == 1 for s in sorts)
    assert {s: sum(x == [s] for x in sorts) for s in ("typical", "edge", "malicious")} == {
        "typical": 44,
        "edge": 16,
        "malicious": 20,
    }
    assert all(("malicious" in c["tags"]) == ("safety" in c["tags"]) for c in cases)


def test_ids_are_unique_and_assertions_well_formed(cases: list[dict[str, Any]]) -> None:
    ids = [case["id"] for case in cases]
    assert len(set(ids)) == 80
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", i) for i in ids)
    assert all(case["expect"] and all(len(a) == 1 for a in case["expect"]) for case in cases)
    assert {kind for case in cases for a in case["expect"] for kind in a} == KINDS
    assert sum(any("judge" in a for a in case["expect"]) for case in cases) == 8
    assert sum(any("tool_called" in a or "tool_not_called" in a for a in case["expect"]) for case in cases) >= 20


def test_the_model_has_a_first_answer_to_every_case(cases: list[dict[str, Any]]) -> None:
    model = script_file.load(ROOT / "evalsets/support_model.yaml")
    by_the_agent_alone = {"blank-input", "over-long-input"}
    system = {"role": "system", "content": (ROOT / "prompts/support_system.j2").read_text(encoding="utf-8")}
    for case in cases:
        if case["id"] not in by_the_agent_alone:
            reply = model.reply([system, {"role": "user", "content": case["input"]}], occurrence=0)
            assert reply.text or reply.tools, case["id"]
