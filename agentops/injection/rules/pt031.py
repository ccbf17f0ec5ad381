"""PT031: a classifier or an extractor that may answer anything."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import orders, snake, untrusted
from agentops.injection.template import TemplateKind
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo

_SORTS = re.compile(
    r"^\W{0,8}(?:please |now )?(?:classify|categori[sz]e|extract|detect)\b"
    r"|\b(?:task|job) is to (?:classify|categori[sz]e|extract|detect)\b"
)
_CONSTRAINS = re.compile(
    r"\b(?:json|xml|yaml|csv|schema|format|enum|one of|only|exactly|yes or no|true or false|either|list|bullet|table|"
    r"categories|labels|classes|options|respond with|answer with|return|output|reply with|follow(?:ing|s))\b|[{|]",
    re.I,
)
_FORMAT = re.compile(r"format|schema|labels?$|categor|classes|options|choices|tools|types|intents|entit|function")


def _check(judged: Judged) -> Iterator[Hit]:
    holes = list(untrusted(judged))
    if not holes or judged.template.kind is not TemplateKind.PROMPT:
        return
    if not any(_SORTS.search(order) is not None for order in orders(judged)):
        return
    if any(_CONSTRAINS.search(s.body) is not None for s in judged.seen):
        return
    if not any(_FORMAT.search(snake(one.hole.name)) is not None for one in judged.holes):
        one = holes[0].one
        yield Hit.at(one, f"nothing says which answers there are to the task on {one.hole.shown}")


RULE = Rule(
    RuleInfo(
        id="PT031",
        title="No constraint on the answer",
        severity=Severity.INFO,
        what="The template sorts or extracts, and no word says which answers there are or what form they have.",
        why=(
            "A fixed set of answers is a limit that injected text cannot talk its way around: whatever it asks "
            "for, only a label comes out. Without it, the program must cope with prose."
        ),
        example="Classify the mood of this review.\n{review}",
        remedy="List the allowed answers, or give a schema, and check the answer against it in code.",
        owasp=("LLM05",),
        owasp_2026=("LLM10",),
        cwe=(1426,),
    ),
    _check,
)
