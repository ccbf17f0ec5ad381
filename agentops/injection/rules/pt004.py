"""PT004: a stranger's text without any marks around it."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.kinds import Kind
from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import judges, marked_somehow, mixed, orders, self_set, untrusted
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo


def _check(judged: Judged) -> Iterator[Hit]:
    found = list(untrusted(judged))
    models = any(place.one.trust.kind is Kind.MODEL for place in found)
    judging = models and any(judges(order) for order in orders(judged))
    for place in found:
        one = place.one
        theirs = one.trust.kind is Kind.THIRD_PARTY or (judging and one.trust.kind is Kind.MODEL)
        bare = one.mitigation.boundary is None and not one.mitigation.encoded
        # Names and titles are PT018, marks that do not match PT009, text of CI events PT030.
        elsewhere = self_set(one) or marked_somehow(place) or one.hole.name.startswith("github.")
        if theirs and bare and mixed(place) and not elsewhere:
            yield Hit.at(one, f"{one.hole.shown} has no marks around it: {one.trust.why}")


RULE = Rule(
    RuleInfo(
        id="PT004",
        title="Third-party text without a boundary",
        severity=Severity.HIGH,
        what=(
            "Retrieved, fetched, mailed or judged text stands among orders, and nothing but a label or a heading "
            "shows where it begins and ends."
        ),
        why=(
            "Whoever can write a page, a mail or a ticket can write the next line of this prompt: the model sees "
            "no end of the text. This is how indirect injection gets in."
        ),
        example="system:\nAnswer from the text.\nuser:\nUse this page and answer briefly.\nPage: {web_page}",
        remedy=(
            "Put a named tag around the value (`<page>...</page>`), and say in the system message that what the "
            "tag holds is only data and never to be followed."
        ),
        owasp=("LLM01", "LLM08"),
        owasp_2026=("LLM01", "LLM09"),
        asi=("ASI01",),
        atlas=("T0051.001",),
        cwe=(1427,),
    ),
    _check,
)
