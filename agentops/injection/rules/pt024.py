"""PT024: variables that the file declares and does not use, or uses and does not declare."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.model.finding import Confidence, Location, Severity
from agentops.model.rule import RuleInfo
from agentops.text import one_line

_NAME = re.compile(r"[A-Za-z_][\w-]{0,80}")


def _check(judged: Judged) -> Iterator[Hit]:
    template = judged.template
    yield from _missing(judged)
    if template.declared is None:
        return
    declared = {_root(name): name for name in template.declared}
    used: set[str] = set()
    for one in judged.holes:
        root = _root(one.hole.name)
        used.add(root)
        ours = one.hole.path == template.path and bool(_NAME.fullmatch(root))
        if ours and root not in declared and root not in template.assigned:
            said = f"{one.hole.shown} is used and not declared"
            yield Hit(one.hole.location, said, f"undeclared {root}", Confidence.MEDIUM, one.hole)
    for root, name in declared.items():
        if root not in used and not any(root in one.hole.condition for one in judged.holes):
            shown = one_line(name, 60)
            where = Location(template.path, template.line)
            yield Hit(where, f"{shown} is declared and never used", f"unused {root}", Confidence.MEDIUM)


def _missing(judged: Judged) -> Iterator[Hit]:
    """Includes that were not found, whose text nobody looked at."""
    for one in judged.holes:
        if one.hole.name.startswith("include(") and len(one.hole.name) > len("include()"):
            name = one.hole.name.removeprefix("include(").removesuffix(")")
            said = f"{one_line(name, 80)} is not in the analysed folders: what it adds was not looked at"
            yield Hit(one.hole.location, said, f"missing {name}", Confidence.HIGH, one.hole)


def _root(name: str) -> str:
    return name.replace("[]", "").lstrip(".@$").split(".")[0].strip()


RULE = Rule(
    RuleInfo(
        id="PT024",
        title="Declared and used variables differ, or a part is missing",
        severity=Severity.LOW,
        what="The file's list of inputs is not what the text uses, or the text includes a file that is not there.",
        why=(
            "A hole that nobody declared was never looked at: nobody decided whether it can be trusted. A "
            "declared input that is not used is a prompt that lost a part."
        ),
        example="---\ninputs:\n  question: string\n---\nuser:\n{{quesiton}}",
        remedy="Correct the list, or the name in the text; name the folder of a missing file under prompts.paths.",
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        cwe=(1427,),
    ),
    _check,
)
