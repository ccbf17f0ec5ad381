"""PT016: a hole inside a literal that it can leave."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.defence.boundary import ESCAPING, QUOTING
from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import in_literal, untrusted
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo

_ENCODING = (*ESCAPING, *QUOTING, "repr", "urlencode")


def _check(judged: Judged) -> Iterator[Hit]:
    for place in untrusted(judged):
        one = place.one
        encoded = one.mitigation.encoded or any(f in _ENCODING for f in one.hole.filters)
        if encoded or one.sink < 0.5:
            continue
        if in_literal(place):
            yield Hit.at(one, f"{one.hole.shown} stands in a literal and can hold its closing quote")


RULE = Rule(
    RuleInfo(
        id="PT016",
        title="Unescaped value inside a literal",
        severity=Severity.MEDIUM,
        what=(
            "A value that outsiders write stands between the quotes of a JSON, XML, YAML or Python literal and is"
            " not encoded for it."
        ),
        why=(
            "One quotation mark in the value ends the literal, and the rest adds keys, attributes or lines that "
            "your program wrote as far as the model can tell."
        ),
        example='Classify this order.\n{{"customer": "{message}"}}',
        remedy=(
            "Encode the whole value for the literal, for example `{{ message | tojson }}` without quotes of your own."
        ),
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.000",),
        cwe=(116, 1427),
    ),
    _check,
)
