"""The rules. A new one is its file and its line in the table."""

from __future__ import annotations

from agentops.injection.rules import (
    pt001,
    pt002,
    pt003,
    pt004,
    pt005,
    pt006,
    pt007,
    pt008,
    pt009,
    pt010,
    pt011,
    pt012,
    pt013,
    pt014,
    pt015,
    pt016,
    pt017,
    pt018,
    pt019,
    pt020,
    pt021,
    pt022,
    pt023,
    pt024,
    pt025,
    pt026,
    pt027,
    pt028,
    pt029,
    pt030,
    pt031,
    pt090,
)
from agentops.injection.rules.base import ContentRule, Rule
from agentops.model.rule import RuleInfo

RULES: tuple[Rule, ...] = (
    pt001.RULE,
    pt002.RULE,
    pt003.RULE,
    pt004.RULE,
    pt005.RULE,
    pt006.RULE,
    pt007.RULE,
    pt008.RULE,
    pt009.RULE,
    pt010.RULE,
    pt011.RULE,
    pt012.RULE,
    pt013.RULE,
    pt014.RULE,
    pt015.RULE,
    pt016.RULE,
    pt017.RULE,
    pt018.RULE,
    pt019.RULE,
    pt020.RULE,
    pt024.RULE,
    pt025.RULE,
    pt029.RULE,
    pt030.RULE,
    pt031.RULE,
)
"""The rules on structure, by id."""

CONTENT_RULES: tuple[ContentRule, ...] = (
    pt021.RULE,
    pt022.RULE,
    pt023.RULE,
    pt026.RULE,
    pt027.RULE,
    pt028.RULE,
    pt090.RULE,
)
"""The rules on content, by id."""


def infos() -> tuple[RuleInfo, ...]:
    """What is told about every rule, by id."""
    return tuple(sorted((*(r.info for r in RULES), *(r.info for r in CONTENT_RULES)), key=lambda info: info.id))
