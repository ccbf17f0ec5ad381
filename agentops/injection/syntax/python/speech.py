"""Texts that speak to a model whatever the program calls them: by turn tokens of chat models, by plain orders."""

from __future__ import annotations

import re

from agentops.injection import roles_marks
from agentops.injection.defence import wording, wording_languages
from agentops.injection.syntax.python.words import ORDER, STRONG_ORDER, count_words, is_other_language, words
from agentops.injection.template import HOLE_MARK
from agentops.pysource.texts import Literal, Parts, Value

# More than this tells no more about what a text is.
_HEAD = 4_000
# A field of a text that is filled later: `{name}`, `{{ name }}`, `%(name)s`, `${name}`.
_FIELD = re.compile(
    r"\{\{[^{}\n]{1,200}\}\}|\{[ \t]{0,4}[A-Za-z_][\w.]{0,80}[ \t]{0,4}\}"
    r"|%\([A-Za-z_]\w{0,80}\)s|\$\{[A-Za-z_]\w{0,80}\}"
)
# What a tokenizer's chat template is made of besides words: a loop over the messages, statements, marks of turns.
_EACH_MESSAGE = re.compile(r"\{%-?\s{0,9}for\s{1,9}\w{1,60}\s{1,9}in\s{1,9}\w{0,30}messages")
_NO_WORDS = re.compile(
    r"\{%[^{}]{0,400}%\}|\{\{[^{}]{0,400}\}\}|<[^<>\s]{1,60}>|\[/?[A-Z_]{1,30}\]|\b(?:system|user|assistant|model)\b"
)
# The turns of completion models, each on a line of its own; `User:` alone is also what a log says.
_HUMAN = re.compile(r"(?:\A|\n)[ \t]{0,12}(?:human|\[human\])[ \t]{0,2}:", re.I)
_ASKED = re.compile(r"(?:\A|\n)[ \t]{0,12}(?:user|question|q|customer)[ \t]{0,2}:", re.I)
_ANSWERS = re.compile(r"\n[ \t]{0,12}(?:assistant|ai|bot|model)[ \t]{0,2}:", re.I)
_CUE = re.compile(r"\n[ \t]{0,12}(?:assistant|ai|bot|model)[ \t]{0,2}:\s{0,8}\Z", re.I)
# Work on language that programs give to models and say to nobody else.
_TASK = re.compile(
    r"(?:\A|[.:!?\n\x00])\W{0,8}(?:please |now |carefully |first,? )?"
    r"(?:(?:summari[sz]e|translate|classify|categori[sz]e|rephrase|paraphrase|rewrite|proofread|critique|sum up)\b"
    r"|(?:answer|analy[sz]e|evaluate|extract|explain|describe|rate|judge|compare|write|generate|create|read|consider|"
    r"use|provide|identify|determine|improve|correct|continue|respond to|reply to|rank|score) "
    r"(?:[\w-]{1,20} ){0,4}?(?:following|questions?|articles?|essays?|passages?|excerpts?|conversations?|paragraphs?|"
    r"answers? (?:to|based|using)|summary|summaries|sentiment|poems?|stor(?:y|ies)|transcripts?|reviews?)\b)",
    re.I,
)
_FEW, _SOME = 3, 8
# Little words of German, French, Spanish, Portuguese, Italian and Dutch that English does not have.
_LITTLE = re.compile(
    r"\b(?:der|das|den|dem|des|und|ein|eine|einen|einem|einer|für|mit|auf|bist|folgenden?|folgender|nicht|nur|"
    r"le|la|les|du|une|et|pour|dans|avec|sur|suivante?s?|vous|texte|question|el|los|las|una|uno|para|con|siguientes?|"
    r"usted|eres|texto|pregunta|em|os|uma|com|seguintes?|você|não|il|lo|gli|di|per|seguenti?|della|del|nel|"
    r"het|een|voor|met|volgende|jij|tekst|vraag)\b"
)
# Keywords and keys under which clients and frameworks take prompts, and other programs other things.
_SLOTS = frozenset((
    "system", "template", "system_instruction", "contents", "input", "user", "human", "task", "query", "user_input",
    "system_content", "user_content", "messages", "text_prompt", "prompt_text",
))  # fmt: skip
_WIDE = re.compile(r"[\u0400-\u04ff\u2e80-\uffdc]")
_SENTENCE_END = re.compile(r"[.!?:;\n\x00\u3002\uff01\uff1f\uff1a]")
# Names of texts for people and programs; a text of such a name must hold turn tokens to be a prompt.
_FOR_OTHERS = frozenset((
    "msg", "error", "errors", "err", "help", "doc", "docs", "docstring", "description", "desc", "epilog", "title",
    "hint", "hints", "reason", "warning", "warn", "log", "sql", "html", "css", "url", "cmd", "command", "usage",
    "pattern", "label", "caption", "tooltip", "placeholder", "subject", "banner", "notice", "exc", "comment", "code",
    "script", "detail", "details", "note", "notes", "header", "footer", "readme", "changelog",
    "markdown",
))  # fmt: skip
# The role that a model is to play, as the first words of a text, and names that make it one for people all the same.
_ROLE_GIVEN = re.compile(r"\A\W{0,12}(?:you are|you're|act as) (?:an?|the)\b", re.I)
_FEWEST_OF_ROLE = 4
_FOR_PEOPLE = frozenset((
    "error", "errors", "err", "exc", "help", "doc", "docs", "docstring", "description", "desc", "epilog", "usage",
    "hint", "warning", "warn", "log", "reason", "label", "caption", "tooltip", "placeholder", "title", "subject",
    "banner", "notice", "detail", "details", "sql", "html", "css", "readme", "changelog",
))  # fmt: skip
# Texts of these names are shown, where nothing fills them.
_SHOWN = frozenset(("example", "examples", "sample", "samples", "demo", "illustration"))


def marked(parts: Parts) -> str:
    """The fixed text of the parts with a mark for each value."""
    return "".join(p.text if isinstance(p, Literal) else HOLE_MARK for p in parts)


def has_words(text: str) -> bool:
    """Whether there are words at all."""
    return any(c.isalpha() for c in text)


def is_blank(parts: Parts) -> bool:
    """Whether values stand in it and no word."""
    said = "".join(p.text for p in parts if isinstance(p, Literal))
    return not has_words(said) and any(isinstance(p, Value) for p in parts)


def has_holes(parts: Parts) -> bool:
    """Whether the text is filled: here by a value, or later by its fields."""
    return any(isinstance(p, Value) or (not p.settled and _FIELD.search(p.text) is not None) for p in parts)


def has_turns(text: str) -> bool:
    """Whether the text is written in the turns of a chat model or of a completion model."""
    if roles_marks.has_tokens(text) and any(m.role for m in roles_marks.marks(text)):
        return True
    if ":" not in text:
        return False
    if _HUMAN.search(text):
        return _ANSWERS.search(text) is not None
    return _ASKED.search(text) is not None and _CUE.search(text) is not None


def _lays_out(text: str) -> bool:
    """Whether the text only gives each message a turn of its own, as a tokenizer's chat template does."""
    return _EACH_MESSAGE.search(text) is not None and count_words(_NO_WORDS.sub(" ", text)) < _SOME


def asks_a_model(text: str) -> bool:
    """Whether a text with holes gives an order that models are given, in any of the languages that are known."""
    head = text[:_HEAD]
    number = count_words(head)
    if number < _FEW or is_other_language(head):
        return False
    if _TASK.search(head) or (number >= _SOME and STRONG_ORDER.search(head)):
        return True
    return number > _FEW and _orders_elsewhere(head)


def is_prompt(parts: Parts, name: str, *, slot: str = "") -> bool:
    """Whether the text is a prompt by what it says, under any name. `slot` is the keyword or the key it is given as."""
    if not has_holes(parts):
        return False
    text = marked(parts)
    called = words(slot or name)
    if any(w in _SHOWN for w in called) and not any(isinstance(p, Value) for p in parts):
        return False
    if has_turns(text):
        return not _lays_out(text)
    if gives_a_role(text) and not any(w in _FOR_PEOPLE for w in called):
        return True
    if any(w in _FOR_OTHERS for w in called):
        return False
    return asks_a_model(text) or (slot in _SLOTS and gives_any_order(text))


def gives_a_role(text: str) -> bool:
    """Whether the text begins with the role that a model is to play."""
    head = text[:_HEAD]
    return _ROLE_GIVEN.match(head) is not None and count_words(head) >= _FEWEST_OF_ROLE


def names_task(text: str) -> bool:
    """Whether the text names a work on language that models are given, in however few words."""
    return _TASK.search(text[:_HEAD]) is not None


def gives_any_order(text: str, *, few: int = _FEW) -> bool:
    """Whether a text that stands where prompts stand gives an order, however short."""
    head = text[:_HEAD]
    if count_words(head) < few or is_other_language(head):
        return False
    return ORDER.search(head) is not None or wording.gives_orders(head)


def _orders_elsewhere(head: str) -> bool:
    """Orders in a language other than English; words that begin like them in English do not count."""
    low = head.lower()
    if len(_WIDE.findall(low)) < _SOME and len(set(_LITTLE.findall(low))) < 2:
        return False
    return any(wording_languages.ORDER.search(one) for one in _sentences(low))


def _sentences(low: str) -> list[str]:
    return [low, *(s.strip() for s in _SENTENCE_END.split(low) if s.strip())]
