"""Every rule against its own fixtures: fixtures/PTxxx/bad_* has the finding, good_* has none of that rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentops.injection import engine, rules
from agentops.model import taxonomy

FIXTURES = Path(__file__).parent / "fixtures"
IDS = [rule.id for rule in rules.infos()]
FILES = sorted(p for p in FIXTURES.glob("PT*/*") if p.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_rule_speaks_on_the_bad_and_keeps_silent_on_the_good(path: Path) -> None:
    analysis = engine.analyse([path], root=FIXTURES)
    assert analysis.errors == ()
    found = [f for t in analysis.templates for f in t.findings if f.rule == path.parent.name]
    if path.name.startswith("good_"):
        assert [f.message for f in found] == []
    else:
        assert found, "the finding is missing"
        assert all(f.location.line and f.message and f.hint and f.fingerprint for f in found)


@pytest.mark.parametrize("rule", IDS)
def test_every_rule_has_fixtures_of_both_kinds(rule: str) -> None:
    names = [p.name for p in FILES if p.parent.name == rule]
    assert sum(n.startswith("good_") for n in names) >= 1, f"{rule} has no good fixture"
    assert sum(n.startswith("bad_") for n in names) >= 1, f"{rule} has no bad fixture"
    assert all(n.startswith(("good_", "bad_")) for n in names)


def test_every_folder_of_fixtures_belongs_to_a_rule() -> None:
    assert {p.name for p in FIXTURES.iterdir() if p.is_dir()} <= set(IDS)


def test_every_file_of_a_rule_is_in_a_table() -> None:
    files = {p.stem.upper() for p in Path(rules.__file__).parent.glob("pt[0-9]*.py")}
    assert files == set(IDS)
    assert sorted(set(IDS)) == IDS


@pytest.mark.parametrize("rule", rules.infos(), ids=lambda r: r.id)
def test_the_ids_of_a_rule_have_their_shape_and_a_name(rule: rules.RuleInfo) -> None:
    assert re.fullmatch(r"PT\d{3}", rule.id)
    assert all(re.fullmatch(r"LLM(?:0[1-9]|10)", i) for i in rule.owasp + rule.owasp_2026)
    assert all(re.fullmatch(r"ASI(?:0[1-9]|10)", i) for i in rule.asi)
    assert all(re.fullmatch(r"MCP\d\d", i) for i in rule.mcp)
    assert all(re.fullmatch(r"T\d{4}(?:\.\d{3})?", i) for i in rule.atlas)
    assert rule.owasp
    assert len(rule.owasp) == len(rule.owasp_2026)
    assert all(name for _, name in taxonomy.named(rule)), "an id without a name in model/taxonomy.py"


@pytest.mark.parametrize("rule", rules.infos(), ids=lambda r: r.id)
def test_the_two_owasp_lists_mean_the_same(rule: rules.RuleInfo) -> None:
    """The list of 2026 renumbers the one of 2025; LLM07 of 2025 is LLM08 of 2026 under a wider name."""
    new = {name: i for i, name in taxonomy.OWASP_LLM_2026.items()} | {"System Prompt Leakage": "LLM08"}
    assert {new[taxonomy.OWASP_LLM_2025[i]] for i in rule.owasp} == set(rule.owasp_2026)


@pytest.mark.parametrize("rule", rules.infos(), ids=lambda r: r.id)
def test_the_texts_of_a_rule_are_whole(rule: rules.RuleInfo) -> None:
    assert all(text.endswith(".") for text in (rule.what, rule.why, rule.remedy))
    assert rule.example.strip()
    assert not rule.title.endswith(".")
    assert len(rule.title) <= 60
