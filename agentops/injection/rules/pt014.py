"""PT014: a judge that reads the judged text among its orders."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import SYSTEM, judges, orders, self_set, settled, untrusted
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo


def _check(judged: Judged) -> Iterator[Hit]:
    open_ones = [p.one for p in untrusted(judged) if p.one.sink >= 0.5 and not settled(p.one)]
    inlined = [one for one in open_ones if not (one.role in SYSTEM and self_set(one))]
    if inlined and any(judges(order) for order in orders(judged)):
        for one in inlined:
            yield Hit.at(one, f"{one.hole.shown} is judged by a model that reads it among its orders")


RULE = Rule(
    RuleInfo(
        id="PT014",
        title="Judge inlines what it judges",
        severity=Severity.HIGH,
        what=(
            "The template makes the model a judge, a grader or a guard, and the text to be judged stands "
            "undefended in the same text."
        ),
        why=(
            "Who writes the judged text wants a certain verdict and can ask for it. A judge that obeys what it "
            "reads lets everything through."
        ),
        example="Rate the answer from 1 to 5.\nAnswer: {answer}",
        remedy=(
            "Give the judged text a user message of its own, inside a tag with a random name, and tell the judge "
            "in the system message never to follow what is inside."
        ),
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0051.001",),
        cwe=(1427, 1426),
    ),
    _check,
    effect=True,
)
