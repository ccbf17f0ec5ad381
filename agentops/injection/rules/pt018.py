"""PT018: a short field that people set themselves, in system text."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import SYSTEM, self_set
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo


def _check(judged: Judged) -> Iterator[Hit]:
    for one in judged.holes:
        if one.untrusted and one.role in SYSTEM and self_set(one) and not one.defended and not one.mitigation.encoded:
            yield Hit.at(one, f"{one.hole.shown} is chosen by whom it names and stands in {one.role} text")


RULE = Rule(
    RuleInfo(
        id="PT018",
        title="Self-set name or title in system text",
        severity=Severity.MEDIUM,
        what="A name, a title, a file's name or a profile that people choose themselves stands in system text.",
        why=(
            "A display name can be a sentence. It is short, so it seems harmless, and it is read with the weight "
            "of the operator."
        ),
        example="system:\nYou talk to {display_name}.",
        remedy="Pass it in the user message, or bound its length and characters in code before it gets here.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(1427,),
    ),
    _check,
)
