"""PT026: characters that people do not see."""

from __future__ import annotations

from collections.abc import Iterator

from agentops.injection.hidden import unicode as hidden_unicode
from agentops.injection.hidden.places import sent
from agentops.injection.hidden.unicode import Hidden, Sort
from agentops.injection.rules.base import ContentRule, FileText, Hit
from agentops.model.finding import Confidence, Location, Severity
from agentops.model.rule import RuleInfo
from agentops.text import said

_ESCAPES = ("\\u", "\\U", "\\x")


def _check(file: FileText) -> Iterator[Hit]:
    text = file.source.text
    found = False
    for one in hidden_unicode.find(text):
        found = True
        yield _hit(one, file.location(one.start))
    # A file of plain ASCII can spell them with escapes; its texts have the characters themselves.
    if not found and any(e in text for e in _ESCAPES):
        for part in sent(file.source, file.templates):
            for one in hidden_unicode.find(part.text):
                yield _hit(one, part.location(one.start))


def _hit(one: Hidden, where: Location) -> Hit:
    message = f"{one.count} {one.sort.value} that people do not see"
    if one.says:
        message += f' spell "{said(one.says, 120)}"'
    elif one.sort in (Sort.OVERRIDE, Sort.DIRECTION):
        message = f"{one.sort.value} ({one.count}): what is shown differs from what the model reads"
    confidence = Confidence.HIGH if one.says or one.sure else Confidence.MEDIUM
    # The text itself is the proof; an override changes what a reviewer sees; the rest may be an accident.
    evidence = 0.95 if len(one.says) > 1 else 0.85 if one.sure else 0.3
    what = f"{one.sort.value} {one.says[:200] or one.count}"
    return Hit(where, message, what, confidence, evidence=evidence)


RULE = ContentRule(
    RuleInfo(
        id="PT026",
        title="Hidden characters",
        severity=Severity.HIGH,
        what="The text holds characters that no editor shows: tag characters, direction controls, runs of zero-width"
        " characters or of variation selectors.",
        why="A model reads them. They can spell a whole order that nobody sees in review.",
        example="Be kind.\u200b\u200c\u200b\u200b\u200c\u200b\u200c\u200c",
        remedy="Delete the characters; where one is meant, write it as a visible escape and say why.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI01",),
        atlas=("T0068",),
        cwe=(116,),
    ),
    _check,
)
