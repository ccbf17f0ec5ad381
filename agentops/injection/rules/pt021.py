"""PT021: a secret in the text of a prompt."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.hidden.places import sent
from agentops.injection.rules.base import ContentRule, FileText, Hit
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo
from agentops.secrets.detector import detect
from agentops.secrets.secret import shown


def _check(file: FileText) -> Iterator[Hit]:
    for part in sent(file.source, file.templates):
        for number, secret in enumerate(detect(part.text)):
            size = secret.end - secret.start
            message = f"the text holds what looks like a secret ({secret.kind}): {shown(part.text, secret)}"
            # The value stays out of the fingerprint, which is public and could be guessed back.
            what = f"{secret.kind} {size} {number}"
            yield Hit(part.location(secret.start, size), message, what, secret.confidence)


RULE = ContentRule(
    RuleInfo(
        id="PT021",
        title="Secret in a prompt",
        severity=Severity.HIGH,
        what="The text holds a key, a token or a password.",
        why="Whatever stands in a prompt can be asked out of the model, and lies in logs and traces besides.",
        example="Sign in to the shop with password Maple-Otter-2217.",
        remedy="Take it out and change it, because it is known now. Let code sign in, with a key from a secret store.",
        owasp=("LLM02", "LLM07"),
        owasp_2026=("LLM02", "LLM08"),
        asi=("ASI03",),
        atlas=("T0056", "T0057"),
        cwe=(798,),
    ),
    _check,
)
