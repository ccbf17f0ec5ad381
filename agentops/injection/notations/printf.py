"""printf templates: `%s`, `%(name)s`, `%d`, `%1$s`, `%v`, and `%%` for the sign itself.

A verb without a name is called after the label before it (`Question: %s` is `question`), else by its position.
"""

from __future__ import annotations

import re

from agentops.injection.notations.writer import Writer
from agentops.injection.source import Source
from agentops.injection.template import Span

VERB = re.compile(
    r"%%|%(?:\((\w[\w.]{0,99})\)|(\d{1,2})\$|\[(\d{1,2})\])?[-+#0]{0,4}(?:\d{1,4}|\*)?(?:\.\d{0,4})?(?:ll|l|h)?"
    r"([sdifgxXeqvrcuTtbop])(?![a-z])"
)
_NUMBERS = frozenset("difgxXeucbop")
_LABEL = re.compile(r"([A-Za-z][\w -]{0,40}?)[ \t]{0,4}(?:\([^)\n]{0,60}\))?[ \t]{0,4}[:=][\s\"'`<\[]{0,8}$")
_TAG = re.compile(r"[<\[]([A-Za-z_][\w-]{0,60})[^<>\[\]\n]{0,80}[>\]]\s{0,8}$")


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. Raises TemplateError only for too many holes."""
    text = source.text
    writer = Writer(source)
    at = number = 0
    for verb in VERB.finditer(text):
        writer.text(text[at : verb.start()], at)
        at = verb.end()
        if verb[0] == "%%":
            writer.text("%", verb.start())
        elif _is_percentage(text, verb):
            writer.text(verb[0], verb.start())
        else:
            place = verb[2] or verb[3] or str(number)
            number += verb[1] is None
            name = verb[1] or label(text[max(verb.start() - 120, 0) : verb.start()]) or place
            filters = {"q": ("tojson",), "t": ("int",), "T": ("int",)}.get(verb[4], ())
            writer.hole(name, *verb.span(), filters=("int",) if verb[4] in _NUMBERS else filters)
    writer.text(text[at:], at)
    return writer.done()


def label(before: str) -> str:
    """The name that the text before a nameless hole gives it, or ""."""
    found = _TAG.search(before) or _LABEL.search(before)
    return re.sub(r"[ -]+", "_", found[1].strip().lower()) if found else ""


def _is_percentage(text: str, verb: re.Match[str]) -> bool:
    """`100% sure`, `50%d`: a number stands right before the sign."""
    return verb.start() > 0 and text[verb.start() - 1].isdigit() and not verb[1]
