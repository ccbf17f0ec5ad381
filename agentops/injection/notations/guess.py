"""Which notation a text is written in: by what somebody says, else by what it holds."""

from __future__ import annotations

import re

from agentops.injection.notations import NOTATIONS, angle, erb, loose, n8n, printf, semantic_kernel, square
from agentops.injection.notations.braces import CERTAIN_ARGUMENTS, WITH_ARGUMENTS
from agentops.injection.notations.code import Code, code_of
from agentops.injection.notations.dollar import SIGN, is_hole
from agentops.injection.notations.strformat import FIELD, FOURFOLD
from agentops.injection.source import Source
from agentops.injection.template import TemplateError
from agentops.model.finding import Location
from agentops.text import one_line

_SAID = {
    "jinja2": "jinja2", "jinja": "jinja2", "j2": "jinja2", "nunjucks": "jinja2", "twig": "jinja2",
    "liquid": "liquid", "n8n": "n8n",
    "str.format": "str.format", "strformat": "str.format", "f-string": "str.format", "fstring": "str.format",
    "python": "str.format", "format": "str.format",
    "mustache": "mustache", "handlebars": "mustache", "hbs": "mustache",
    "go": "go-template", "gotemplate": "go-template", "go-template": "go-template", "gotmpl": "go-template",
    "string.template": "dollar", "dollar": "dollar",
    "semantic-kernel": "semantic-kernel", "semantic_kernel": "semantic-kernel", "skprompt": "semantic-kernel",
    "printf": "printf", "sprintf": "printf", "erb": "erb", "ejs": "erb", "lodash": "erb",
}  # fmt: skip
EXTENSIONS = {
    ".j2": "jinja2", ".jinja": "jinja2", ".jinja2": "jinja2", ".njk": "jinja2", ".liquid": "liquid",
    ".gotmpl": "go-template", ".mustache": "mustache", ".hbs": "mustache", ".handlebars": "mustache",
}  # fmt: skip
"""What an extension settles."""

# `{%` also begins nothing in str.format that could work, so it settles the question.
_BLOCK = re.compile(r"\{%[-+]?\s{0,40}[a-z]{2,20}\b")
# A filter's argument behind a colon is Liquid's; Jinja2 writes it in brackets.
_LIQUID = re.compile(
    r"\{\{-?[ \t]{0,9}[A-Za-z_][\w.]{0,200}[ \t]{0,9}\|[ \t]{0,9}[a-z_]{1,40}[ \t]{0,4}:[ \t]{0,9}[\w\"'.-]"
)
# What only Jinja2 writes: filters with a bar and no dot before them, calls, tests, choices, texts.
_JINJA = re.compile(
    r"\{\{[-+]?[ \t]{0,40}(?:[A-Za-z_][\w.]{0,200}(?:\[[^\]\n{}]{0,80}\])?[ \t]{0,40}(?:\||\(|\[|[-+~][ \t]|[-+]\}\}|"
    r"if\b|or\b|and\b|is\b|not\b|in\b)|\(|'[^'\n]{0,200}'[ \t]{0,9}(?:[|+~]|\}\}))|\{#[-+ ]"
)
_GO = re.compile(
    r"\{\{-?[ \t]{0,20}(?:\.[A-Za-z]|(?:range|if|with|else if|block|template|define)[ \t]{1,9}[-(.$\"a-z]"
    r"|end[ \t]{0,9}-?\}\}"
    r"|\$\w{0,40}(?:[ \t]{0,9}:=|\.\w)|(?:json|toJson|printf|len|html|join|index)[ \t]{1,9}[.$\"])|\{\{-?[ \t]{0,9}/\*"
)
_MUSTACHE = re.compile(
    r"\{\{~?[ \t]{0,20}(?:[#/^>&][ \t]{0,9}[\w.\"'(@-]|!|else\b|this\b|\.\./|\.\}\}|@\w"
    r"|role[ \t]|(?:media|history|section|json)[ \t]"
    r"|=[^\s=])|\{\{\{[ \t]{0,20}[A-Za-z_][\w.]{0,99}[ \t]{0,20}\}\}\}"
)
_KERNEL = re.compile(r"\{\{[-~]?[ \t]{0,20}\$\w")
_HELPER = re.compile(r"\{\{~?[A-Za-z]\w{0,60}(?:[ \t]{1,9}(?:\w{1,60}=)?[\w.\"'@-]{1,100}){1,6}[ \t]{0,9}~?\}\}")
_PLAIN = re.compile(r"\{\{[ \t]{0,40}[^\W\d][\w.-]{0,200}[ \t]{0,40}\}\}")
_BEGUN = re.compile(r"\{\{[ \t]{0,40}[^\W\d]\w{0,200}[ \t]{0,40}(?:\}|\n|$)")
_DOUBLED_EXAMPLE = re.compile(
    r"\{\{\s{0,80}[\"'\[{\\]|\{\{\s{0,80}\n|[\"'\]}]\s{0,80}\}\}\s{0,80}(?:,|\n|$)|\{\{\s{0,80}\w{1,60}\s{0,8}:|\{\{\}\}"
)
_FIELD = re.compile(r"(?<![{$\\\w])" + FIELD.pattern + r"(?!\})")


def said(path: str, word: str) -> str:
    """The notation that front matter or a field of the file names; "" where it names none. Raises TemplateError."""
    if not word:
        return ""
    if word.lower() not in _SAID:
        raise TemplateError(
            Location(path, 1, 1), f"the front matter names the syntax {one_line(word, 40)!r}, which has no parser",
            hint=f"known are {', '.join(NOTATIONS)}; or add the file to prompts.exclude",
        )  # fmt: skip
    return _SAID[word.lower()]


def known(word: str) -> bool:
    """Whether the word names a notation."""
    return word.lower() in _SAID


def notation(source: Source) -> str:
    """The notation of the text by its content. Never fails: a text without any hole is one of str.format."""
    text = source.text
    if source.marks is not None and source.marks.search(text):
        return "markers"
    code = code_of(source)
    return doubled(text, code) or _single(text, code) or _rare(text, code) or "str.format"


def doubled(text: str, code: Code) -> str:
    """The notation of a text with double braces, or ""."""
    if "{{" in text and _LIQUID.search(text):
        return "liquid"
    if _BLOCK.search(text):
        return "jinja2"
    if "{{" not in text:
        return ""
    if n8n.signs(text):
        return "n8n"
    fields = _has_field(text, code)
    if fields and _DOUBLED_EXAMPLE.search(text) and not _JINJA.search(text) and not _MUSTACHE.search(text):
        # Braces are doubled around examples and single around names: that is what str.format asks for.
        return "braces" if CERTAIN_ARGUMENTS.search(text) else "str.format"
    if _GO.search(text):
        return "go-template"
    if _KERNEL.search(text) or semantic_kernel.CALL.search(text):
        return "semantic-kernel" if not re.search(r"\{\{[#/]", text) else "mustache"
    if (found := _MUSTACHE.search(text)) and not (fields and found[0].startswith("{{{")):
        return "mustache"
    if _JINJA.search(text):
        return "jinja2"
    if _HELPER.search(text):
        return "mustache"
    if (CERTAIN_ARGUMENTS if fields else WITH_ARGUMENTS).search(text) or FOURFOLD.search(text):
        return "braces"
    if _PLAIN.search(text):
        return "braces" if fields else "jinja2"
    # A name that is begun and not ended would be lost as text; Jinja2's parser tells where.
    return "jinja2" if _BEGUN.search(text) and "}}" not in text and not fields else ""


def _single(text: str, code: Code) -> str:
    """The notation of a text without double braces that say anything."""
    if _has_field(text, code):
        return "str.format"
    if "$" in text and _has_dollar(text, code):
        return "dollar"
    if "<" in text and angle.holes(text):
        return "angle"
    if "%" in text and _has_verb(text, code):
        return "printf"
    if "[" in text and square.holes(text):
        return "square"
    return ""


def _rare(text: str, code: Code) -> str:
    """The notation of a text that has no holes of a common one."""
    if any(puts for _, puts in erb.found(text, code)):
        return "erb"
    return "loose" if next(loose.holes(text, code), None) is not None else ""


def _has_field(text: str, code: Code) -> bool:
    """Whether a field of str.format stands in the text outside examples."""
    return any(not code.example(*m.span()) for m in _FIELD.finditer(text))


def _has_dollar(text: str, code: Code) -> bool:
    return any(m[0] != "$$" and len(m[0]) > 2 and is_hole(text, m, code) for m in SIGN.finditer(text))


def _has_verb(text: str, code: Code) -> bool:
    """Whether `%s` or `%(name)s` stands in the text: the two that prose and code hardly ever hold by chance."""
    for verb in printf.VERB.finditer(text):
        certain = verb[4] in ("s", "v", "q") or verb[1] is not None
        beside = text[verb.start() - 1 : verb.start()] if verb.start() else ""
        if verb[0] != "%%" and certain and not beside.isalnum() and not code.fenced(verb.start()):
            return True
    return False
