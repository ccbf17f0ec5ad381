"""The rules. A new one is its file and its line in the table."""

from __future__ import annotations

from agentops.injection.rules import pt001, pt002, pt003, pt005, pt006
from agentops.injection.rules.base import Hit, JudgedHole, Rule

RULES: tuple[Rule, ...] = (pt001.RULE, pt002.RULE, pt003.RULE, pt005.RULE, pt006.RULE)
"""Every rule that is built in, by id."""

__all__ = ["RULES", "Hit", "JudgedHole", "Rule"]
