"""The rules on content against their fixtures: a bad one has the finding, a good one has not."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentops.injection import engine

FIXTURES = Path(__file__).parent / "fixtures"
RULES = ("PT021", "PT022", "PT023", "PT026", "PT027", "PT028", "PT029")
FILES = sorted(p for rule in RULES for p in (FIXTURES / rule).iterdir())


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_bad_fixture_has_the_finding_and_a_good_one_has_not(path: Path) -> None:
    rule = path.parent.name
    found = engine.analyse_text(path.read_text("utf-8"), path=path.name)
    rules = {f.rule for one in found for f in one.findings}
    assert (rule in rules) == path.name.startswith("bad_"), rules


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_fixtures_of_both_kinds(rule: str) -> None:
    names = [p.name for p in (FIXTURES / rule).iterdir()]
    assert sum(n.startswith("bad_") for n in names) >= 2
    assert sum(n.startswith("good_") for n in names) >= 2
