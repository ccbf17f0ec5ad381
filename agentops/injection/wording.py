"""What the sentences of a prompt do: give an order, declare that some text is only data, or remind of the task.

English here, the commonest forms of other languages in wording_languages.py. A sentence that is not understood counts
as an order when it is long, never as a defence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from agentops.injection import wording_languages
from agentops.injection.template import HOLE_MARK


class Kind(Enum):
    """What a sentence does."""

    ORDER = "order"
    DECLARATION = "declaration"
    REMINDER = "reminder"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a message, by its place in the message's body.

    `tags` are the marks that a declaration spells out (`<question>`), "*" for marks without a name; `words` are what
    may be a mark's name ("the question tag"). `said` is the sentence in lower case on one line, without asterisks.
    """

    start: int
    end: int
    kind: Kind
    tags: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    said: str = ""


# A sentence ends at a full stop, at an empty line, and before a line that begins a list item, heading, tag or hole.
_BREAK = re.compile(r"(?<=[.!?])[ \t]+|(?<=[.!?])\n|\n[ \t]*\n\s*|\n(?=[ \t]{0,20}(?:[-*#<\[`\"'=~|\x00]|\d{1,3}[.)]))")
_LONGEST = 600

_NOT = r"(?:do not|don't|never|must not|should not|may not|cannot|not to|without)"
_OBEY = r"(?:follow(?![- ]up)\w{0,3}|obey\w{0,3}|execut\w{1,3}|act(?:ing)? on|compl\w{1,5} with|carry(?:ing)? out)"
_ORDERS = r"(?:instructions?|commands?|orders?|directions?|directives?|requests?|prompts?)"
_GAP = r"[^.!?]{0,80}?"
_INSIDE = re.compile(
    r"\b(?:inside|within|between|in|from|contain\w{0,3}|below|enclosed|embedded|found|appear\w{0,3}|delimit\w{0,5})\b"
)
_NEVER_FOLLOW = re.compile(
    rf"\b{_NOT}\b{_GAP}\b{_OBEY}\b{_GAP}\b(?:{_ORDERS}|anything)\b"
    rf"|\b{_ORDERS}\b{_GAP}\b{_NOT}\b{_GAP}\b{_OBEY}\s+(?:it|them)\b"
    rf"|(?<!not )(?<!n't )(?<!never )(?<!to )\b(?:ignor\w{{1,3}}|disregard\w{{0,3}}|refuse)\b{_GAP}\b{_ORDERS}\b"
)
_OWN_ORDERS = re.compile(
    r"\b(?:previous|prior|earlier|your|these|my)\s+(?:\w+\s+)?(?:instructions|orders|rules)\b|system prompt"
)
_IS_DATA = re.compile(
    rf"\b(?:treat|regard|consider|handl|process|view|interpret)\w{{0,3}}\b{_GAP}\bas\s+(?:\w+\s+){{0,3}}?"
    r"(?:data|text|content|information|input|material|untrusted)\b"
    rf"|\b(?:is|are|contains?|holds?)\b{_GAP}\b(?:only data|data only|just data|nothing but data|reference data|"
    rf"untrusted|data,? (?:and )?(?:not|never)|not {_ORDERS})\b"
    rf"|\b(?:never|not|rather than)\s+(?:as\s+)?(?:an?\s+|the\s+)?{_ORDERS}\b"
)
_TAG_NAME = re.compile(r"</?([A-Za-z_][\w.:\x00-]{0,63})[^<>]{0,40}>|\[/?([A-Za-z_][\w ]{0,40})\]")
_NAMED_WORD = re.compile(
    r"[`'\"]?([A-Za-z_][\w-]{0,63})[`'\"]?\s+(?:xml\s+)?(?:tags?|markers?|delimiters?|section|block)\b", re.I
)
_DELIMITER_WORD = re.compile(r"\b(?:delimit\w{0,5}|markers?|boundar\w{1,3}|fences?|backticks|triple)\b", re.I)

_REMINDER = re.compile(
    r"^\W{0,8}(?:remember|reminder|once again|again)\b.{0,300}\b(?:tasks?|instructions?|rules?|data|above|system)\b"
    r"|\b(?:original|initial) (?:task|question|instructions?|request)\b"
    r"|\b(?:task|request|instructions) (?:described|given|stated|defined)? ?(?:above|at the (?:start|beginning|top))\b",
    re.DOTALL,
)

_VERBS = (
    "act adapt add address adopt advise analy[sz]e annotate answer apply ask assess assign assist be begin "
    "brainstorm build calculate call categori[sz]e change check choose cite classify clean cluster combine compare "
    "compile complete compose compress compute condense consider consult continue convert correct count create "
    "critique debug decide deduce define deliver describe design detect determine develop distill do document draft "
    "draw edit elaborate enhance ensure enumerate estimate evaluate examine execute expand explain extract fetch "
    "fill filter find fix focus follow format generate give go grade greet group guide help hide highlight identify "
    "ignore imagine implement improve include infer inform insert inspect investigate invoke itemi[sz]e judge keep "
    "label let list look make map mark match merge migrate modify name note notify observe only optimi[sz]e outline "
    "output paraphrase parse perform pick plan play polish port praise predict prefer prepare present pretend print "
    "process produce propose provide query rank rate read reason recall recap recommend refactor refer refine "
    "reflect reformat remember remove rephrase replace reply report respond retrieve return review revise rewrite "
    "roleplay run say score search select send set shorten show simplify simulate solve sort speak start state stop "
    "structure suggest sum summari[sz]e support tag take tell think transform translate turn update upgrade use "
    "validate verify wait warn welcome write"
)
_ORDER = re.compile(
    rf"^\W{{0,12}}(?:\d{{1,3}}[.)]\s{{0,4}})?(?:(?:now|then|first|next|finally|please|carefully|based on[^,]{{0,80}},"
    rf"|given[^,]{{0,80}},|using[^,]{{0,80}},)\s+){{0,3}}(?:{'|'.join(_VERBS.split())})\b(?!\s*:)"
    r"|^\W{0,12}(?:summari[sz]e|translate|rewrite|rephrase|paraphrase|shorten|simplify|classify|categori[sz]e|extract|"
    r"explain|describe|analy[sz]e|evaluate|convert|correct|continue|complete|improve|proofread|tl;?dr)\b"
    r"|\b(?:you (?:are|must|should|will|can|may|need|have to)|your (?:task|job|role|goal|answer|response|output)|"
    r"please|do not|don't|must(?: not)?|should(?: not)?|never|always|make sure|"
    r"only (?:answer|return|use|output|reply))\b"
    r"|^\W{0,6}(?:what|which|who|how|why|is|are|does|can|could|would)\b.{0,200}\?"
)
# "Your answer:" begins the answer and orders nothing.
_ANSWER_CUE = re.compile(
    r"\W{0,8}(?:(?:your|the|my|final|new|short|now|and) ){0,3}(?:answer|response|reply|output|result|completion"
    r"|translation|summary|rating|score|decision|classification|verdict|label|json|sql|code|thought|analysis)"
    r"(?: \w{1,12}){0,2}\W{0,8}"
)
_WORDS_OF_A_LABEL = 12
_WORD = re.compile(r"[^\W\d_]")


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a message's body, in order, each with what it does. Linear in the length of the text."""
    start = 0
    for found in _BREAK.finditer(text):
        yield from _classified(text, start, found.start())
        start = found.end()
    yield from _classified(text, start, len(text))


def gives_orders(text: str) -> bool:
    """Whether any sentence is an order."""
    return any(s.kind is Kind.ORDER for s in sentences(text))


def _classified(text: str, start: int, end: int) -> Iterator[Sentence]:
    for at in range(start, end, _LONGEST):
        stop = min(at + _LONGEST, end)
        part = text[at:stop]
        if part.strip():
            yield _sentence(part, at, stop)


def _sentence(part: str, start: int, end: int) -> Sentence:
    if _WORD.search(part) is None:
        return Sentence(start, end, Kind.LABEL)
    low = part.lower().replace("\u2019", "'").replace("*", "")
    low = " ".join(low.split())
    if _declares(low):
        return Sentence(start, end, Kind.DECLARATION, _tags(part), _words(part), low)
    if _REMINDER.search(low):
        return Sentence(start, end, Kind.REMINDER, said=low)
    return Sentence(start, end, Kind.ORDER if _orders(low) else Kind.LABEL, said=low)


def _declares(low: str) -> bool:
    """An order never to follow what some text says, or the statement that it is only data."""
    if _NEVER_FOLLOW.search(low) and _INSIDE.search(low) and not _OWN_ORDERS.search(low):
        return True
    return _IS_DATA.search(low) is not None or wording_languages.NEVER_FOLLOW.search(low) is not None


def _tags(part: str) -> frozenset[str]:
    # `<data-{nonce}>` is called by the part that is always the same.
    named = {(m[1] or m[2]).split(HOLE_MARK)[0].rstrip("-_:. ").lower() for m in _TAG_NAME.finditer(part)}
    if not named and _DELIMITER_WORD.search(part):
        named.add("*")
    return frozenset(named)


def _words(part: str) -> frozenset[str]:
    return frozenset(m[1].lower() for m in _NAMED_WORD.finditer(part))


def _orders(low: str) -> bool:
    if _ANSWER_CUE.fullmatch(low):
        return False
    if _ORDER.search(low) or wording_languages.ORDER.search(low):
        return True
    words = low.replace(HOLE_MARK, " ").split()
    # Long prose, or prose in a script without spaces, may well be an order in other words.
    return len(words) > _WORDS_OF_A_LABEL or sum(ord(c) > 0x2E80 for c in low) > 12
