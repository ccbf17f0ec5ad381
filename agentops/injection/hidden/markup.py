"""Places in Markdown and HTML that a rendered view does not show, and whether what stands there speaks to a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentops.injection.hidden.phrases import folded
from agentops.injection.hidden.poison import Sign, signs

_LONGEST = 4_000
MOST = 200

_COMMENT = re.compile(r"<\\?!--")
_REFERENCE = re.compile(
    r"^[ ]{0,3}\[[^\]\n]{1,40}\]:[ \t]{0,4}(?:#|<>|\S{1,300})[ \t]{1,4}(?:\"([^\"\n]{4,2000})\"|'([^'\n]{4,2000})'"
    r"|\(([^)\n]{4,2000})\))[ \t]{0,20}$",
    re.M,
)
_TITLE = re.compile(r"\]\([^()\s\"]{0,500}[ \t\n]{1,4}(?:\"([^\"]{4,2000})\"|'([^']{4,2000})')\s{0,4}\)")
_ALT = re.compile(r"!\[([^\]\[]{8,2000})\]\(")
_ATTRIBUTE = re.compile(r"\s(?:title|alt|aria-label|data-[a-z]{1,30})=(?:\"([^\"]{8,2000})\"|'([^']{8,2000})')", re.I)
_ELEMENT = re.compile(r"<([a-zA-Z][a-zA-Z0-9]{0,20})(\s[^<>]{1,600})>")
_INVISIBLE = re.compile(
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|font-size\s{0,3}:\s{0,3}0(?![.\d]*[1-9])"
    r"|opacity\s{0,3}:\s{0,3}0(?![.\d]*[1-9])|(?<![-\w])color\s{0,3}:\s{0,3}(?:white|transparent|#fff(?:fff)?\b)"
    r"|(?:left|top|text-indent|margin-left)\s{0,3}:\s{0,3}-\d{3,5}|(?<![-\w])(?:height|"
    r"width)\s{0,3}:\s{0,3}0(?:px)?\s{0,3}[;\"']"
    r"|(?<![-\w\"'=])hidden(?=[\s/=]|$)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Text that people do not see: where it begins, what it is ("a comment"), and what it says."""

    start: int
    sort: str
    says: str


def places(text: str) -> Iterator[Place]:
    """The hidden texts, by sort, at most MOST of each. Linear."""
    if "<!--" in text or "<\\!--" in text:
        yield from _comments(text)
    if "]:" in text:
        yield from _matched(text, _REFERENCE, "a link reference that nothing shows")
    if "](" in text:
        yield from _matched(text, _TITLE, "a link title")
        yield from _matched(text, _ALT, "the alternative text of an image")
    if "<" in text and "=" in text:
        yield from _matched(text, _ATTRIBUTE, "an HTML attribute")
    if "<" in text:
        yield from _elements(text)


def _comments(text: str) -> Iterator[Place]:
    at = 0
    for _ in range(MOST):
        found = _COMMENT.search(text, at)
        if found is None:
            return
        # What is never closed hides the rest of the text.
        end = text.find("-->", found.end())
        end = len(text) if end < 0 else end
        yield Place(found.start(), "a comment", text[found.end() : min(end, found.end() + _LONGEST)])
        at = end


def _matched(text: str, pattern: re.Pattern[str], sort: str) -> Iterator[Place]:
    for number, found in enumerate(pattern.finditer(text)):
        if number == MOST:
            return
        says = next((g for g in found.groups() if g), "")
        yield Place(found.start(), sort, says)


def _elements(text: str) -> Iterator[Place]:
    given = 0
    for found in _ELEMENT.finditer(text):
        if given == MOST:
            return
        if _INVISIBLE.search(found[2]):
            close = text.find("</" + found[1], found.end(), found.end() + _LONGEST)
            end = close if close >= 0 else found.end() + _LONGEST
            yield Place(found.start(), "an invisible element", text[found.end() : end])
            given += 1


_MODEL = (
    r"(?:ai|llms?|(?:ai|llm|coding|language)[ -](?:assistants?|agents?|models?|tools?|bots?)|assistants?|chatbots?|"
    r"models?|agents?"
    r"|claude|(?:chat)?gpt|gemini|copilot|cursor|codex|system)"
)
_HOUSEKEEPING = re.compile(
    r"^\W{0,6}(?:spdx|copyright|licen[cs]e|todo|fixme|hack|markdownlint|prettier|eslint|lint|vale|cspell|textlint|toc\b"
    r"|begin\b|end\b|start\b|/|auto-?generated|generated|this file (?:is|was) (?:auto-?)?generated|do not edit|"
    r"template:"
    r"|region|endregion|omit in toc|more\b|truncate|all-contributors|badges?|note to (?:self|maintainers?|editors?"
    r"|translators?|reviewers?|authors?|contributors?)|maintainers?\b|translators?\b|editors?\b|reviewers?\b)"
)
_VOCATIVE = re.compile(
    rf"(?:^|[.!?:\n])\W{{0,8}}(?:(?:dear|hey|attention|note (?:to|for)|for|to|instructions? (?:to|for)|"
    rf"important for) (?:the |all |any )?)?"
    rf"{_MODEL}(?: reading this)?\s{{0,2}}[:,]\s{{0,3}}(?=\S)"
)
_TOLD = re.compile(
    rf"\b(?:the |any |every )?{_MODEL} (?:must|should|shall|has to|have to|needs? to|will (?:now|always)|is to|"
    rf"are to)\b"
    r"|\byou are (?:now|an? (?:ai|assistant|agent|helpful))\b"
    r"|\bif you are (?:an? )?(?:ai|llm|language model|assistant|agent|model)\b"
    r"|\bwhen(?:ever)? (?:asked|the (?:user|customer) (?:asks|wants|mentions|requests)|(?:users|customers) ask)\b"
)
_ORDER = re.compile(
    r"\b(?:always|never|must|should|shall|do not|don't|ignore|disregard|add|append|include|insert|send|forward|post|"
    r"upload"
    r"|call|run|execute|fetch|open|read|reveal|print|output|answer|reply|respond|say|tell|give|grant|use|follow|obey"
    r"|recommend|mention|approve|delete|write|copy|return|treat|pretend|act|keep|make|has to|needs? to|have to)\b"
)
_STRONG = (Sign.CONCEALMENT, Sign.OVERRIDE, Sign.EXFILTRATION, Sign.SECRETS)


def speaks_to_a_model(text: str) -> bool:
    """Whether the text orders a model to do something: it calls the model and gives an order, or no text for people
    would say so. Notes on licences, linters, generators and of editors to each other do not."""
    low = " ".join(folded(text[:_LONGEST]).split())
    if not low:
        return False
    if _HOUSEKEEPING.match(low) is None:
        called = _VOCATIVE.search(low) or _TOLD.search(low)
        if called is not None and _ORDER.search(low, called.start()) is not None:
            return True
    return any(one.sign in _STRONG for one in signs(text[:_LONGEST]))
