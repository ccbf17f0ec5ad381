"""The rules. A new one is its file and its line in the table."""

from __future__ import annotations

from agentops.injection.rules import pt001, pt002, pt003, pt005, pt006
from agentops.injection.rules.base import ContentRule, Rule
from agentops.model.rule import RuleInfo

RULES: tuple[Rule, ...] = (pt001.RULE, pt002.RULE, pt003.RULE, pt005.RULE, pt006.RULE)
"""The rules on structure, by id."""

CONTENT_RULES: tuple[ContentRule, ...] = ()
"""The rules on content, by id."""


def infos() -> tuple[RuleInfo, ...]:
    """What is told about every rule, by id."""
    return tuple(sorted((*(r.info for r in RULES), *(r.info for r in CONTENT_RULES)), key=lambda info: info.id))
