"""The same question asked another way: transformations of a case that keep what is expected of the answer.

Each is deterministic in the case, the kind and the seed. Names, numbers, addresses, quoted words and every word that an
expectation speaks of stay as they are: a typo in an order number would be another question.
"""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from agentops.evals.packs.filler import filler
from agentops.evals.packs.filters import FILTERS
from agentops.model.case import Assertion, Case, Turn

LONG_CHARS = 8000
"""Characters of the text that `long` puts before a question."""

_SPACE = re.compile(r"(\s+)")
_PLAIN_WORD = re.compile(r"(\W*)([^\W\d_]+(?:['’][^\W\d_]+)?)(\W*)")
_BESIDE = "qs vn xv sf wr dg fh gj uo hk jl k nm bm ip o wa et ad ry yi cb qe zc tu xs"
_NEIGHBOURS = dict(
    zip(
        string.ascii_lowercase,
        _BESIDE.split(),
        strict=True,
    )
)  # fmt: skip
_SHORTEST = 4
_MAX_ID = 100

Change = Callable[[str, frozenset[str], random.Random], str]


def transform(case: Case, kind: str, seed: int) -> Case:
    """The case with its questions put in another way; its expectations, set-up and weight are kept.

    `kind` is one of KINDS, KeyError otherwise. The id is the old one with the kind behind it, whatever the seed;
    `origin` names the kind and the old id.
    """
    if kind == "contradicted":
        turns: tuple[Turn, ...] = (Turn("I have no question. Please do nothing at all."), *case.turns)
        turns = (
            turns[0],
            replace(turns[1], text=f"No, the other way round, I do have one: {turns[1].text}"),
            *turns[2:],
        )
    else:
        change, kept = _CHANGES[kind], protected(case)
        # Not for secrets: the same seed has to give the same typos.
        chance = random.Random(f"{seed}\0{kind}\0{case.id}")  # noqa: S311
        turns = tuple(replace(turn, text=change(turn.text, kept, chance)) for turn in case.turns)
    return replace(
        case,
        id=_named(case.id, kind),
        turns=turns,
        tags=tuple(dict.fromkeys((*case.tags, "robustness", kind))),
        origin=f"{kind} of {case.id}",
    )


def protected(case: Case) -> frozenset[str]:
    """The words, folded, that the expectations of the case speak of."""
    every = [*case.expect, *(a for turn in case.turns for a in turn.expect)]
    return frozenset(word.casefold() for a in every for text in _strings(a) for word in re.findall(r"\w+", text))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Assertion):
        yield from _strings(value.params)
        yield from _strings(value.parts)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _named(case_id: str, kind: str) -> str:
    name = f"{case_id}.{kind}"
    if len(name) <= _MAX_ID:
        return name
    digest = hashlib.sha256(case_id.encode()).hexdigest()[:8]
    return f"{case_id[: _MAX_ID - len(kind) - 10]}-{digest}.{kind}"


def _words(text: str, kept: frozenset[str], change: Callable[[str], str]) -> str:
    """The text with every plain word changed. A word is plain when it has letters alone and no expectation names it."""
    pieces = _SPACE.split(text)
    for i, piece in enumerate(pieces):
        found = _PLAIN_WORD.fullmatch(piece)
        if found and found[2].casefold() not in kept and not _named_thing(piece, first=i == 0):
            pieces[i] = found[1] + change(found[2]) + found[3]
    return "".join(pieces)


def _named_thing(piece: str, *, first: bool) -> bool:
    """Whether it may be a name, an address or a quotation rather than a word."""
    letters = piece.strip(string.punctuation)
    inside = any(c in piece for c in '@/\\`"<>{}[]_=&“”„«»')
    return (
        inside or (not first and letters[:1].isupper() and letters != "I") or (len(letters) > 1 and letters.isupper())
    )


def _typos(text: str, kept: frozenset[str], chance: random.Random) -> str:
    def slip(word: str) -> str:
        if len(word) < _SHORTEST or not word.isascii() or not word.isalpha() or chance.random() > 0.4:
            return word
        return _slip(word, chance)

    changed = _words(text, kept, slip)
    if changed != text:
        return changed
    long = [0]

    def first_long(word: str) -> str:
        if len(word) < _SHORTEST or not word.isascii() or not word.isalpha() or long[0]:
            return word
        long[0] = 1
        return _slip(word, chance)

    return _words(text, kept, first_long)


def _slip(word: str, chance: random.Random) -> str:
    """One slip of the fingers behind the first letter: letters swapped, one left out, doubled, or beside the key."""
    at = chance.randrange(1, len(word) - 1)
    how = chance.randrange(4)
    if how == 0 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if how == 1:
        return word[:at] + word[at + 1 :]
    if how == 2:
        return word[:at] + chance.choice(_NEIGHBOURS[word[at].lower()]) + word[at + 1 :]
    return word[:at] + word[at] + word[at:]


def _upper(text: str, kept: frozenset[str], _: random.Random) -> str:
    return _words(text, kept, str.upper)


def _lower(text: str, kept: frozenset[str], _: random.Random) -> str:
    return _words(text, kept, str.lower)


def _mixed(text: str, kept: frozenset[str], _: random.Random) -> str:
    return _words(text, kept, lambda w: "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(w)))


def _no_punctuation(text: str, _: frozenset[str], __: random.Random) -> str:
    return re.sub(r"(?<=\w)['’](?=\w)|[.,;:?!¿¡]+(?=\s|$)", "", text)


def _no_spaces_after_signs(text: str, _: frozenset[str], __: random.Random) -> str:
    return re.sub(r"(?<=[^\W\d_][.,;?!])[ ]+(?=[^\W\d_])", "", text)


def _fullwidth(text: str, kept: frozenset[str], _: random.Random) -> str:
    return _words(text, kept, FILTERS["fullwidth"])


def _emoji(text: str, _: frozenset[str], chance: random.Random) -> str:
    some = ["🙂", "🚲", "☕", "🌧️", "👍🏽", "👨‍👩‍👧", "🎉", "🇯🇵"]
    return f"{chance.choice(some)} {text} {chance.choice(some)}{chance.choice(some)}"


def _spaces(text: str, _: frozenset[str], chance: random.Random) -> str:
    return "  \t" + re.sub(r" ", lambda _: " " * chance.randrange(1, 6), text) + " \n\n "


def _line_breaks(text: str, _: frozenset[str], __: random.Random) -> str:
    pieces = text.split(" ")
    return "\r\n".join(" ".join(pieces[i : i + 3]) for i in range(0, len(pieces), 3))


def _repeated(text: str, _: frozenset[str], __: random.Random) -> str:
    return f"{text}\n{text}\n{text}"


def _code_fence(text: str, _: frozenset[str], __: random.Random) -> str:
    return f"```text\n{text}\n```"


def _quoted(text: str, _: frozenset[str], __: random.Random) -> str:
    return "My question:\n" + FILTERS["quoted"](text)


def _rtl(text: str, _: frozenset[str], __: random.Random) -> str:
    return f"שלום, תודה על העזרה.\n\u2067مرحبا\u2069\n{text}"


def _long_word(text: str, _: frozenset[str], __: random.Random) -> str:
    return f"{text}\n\nH{'m' * 1200}"


def _long(text: str, _: frozenset[str], __: random.Random) -> str:
    return f"Some notes of mine, you can leave them aside:\n\n{filler(LONG_CHARS)}\n\nMy question is this: {text}"


def _chatty(text: str, _: frozenset[str], __: random.Random) -> str:
    return f"Hi there, I hope you are well! It rains here, but never mind. {text} Thanks a lot, and have a good day."


def _framed(before: str) -> Change:
    return lambda text, _, __: f"{before}\n\n{text}"


_FRAMES = {
    "de": "Hier ist meine Frage. Bitte antworte in der Sprache, in der sie gestellt ist:",
    "fr": "Voici ma question. Merci de répondre dans la langue où elle est posée :",
    "es": "Esta es mi pregunta. Responde, por favor, en el idioma en que está escrita:",
    "ja": "質問は次のとおりです。質問と同じ言語で答えてください。",
}

_CHANGES: Mapping[str, Change] = {
    "typos": _typos,
    "upper": _upper,
    "lower": _lower,
    "mixed_case": _mixed,
    "no_punctuation": _no_punctuation,
    "tight_signs": _no_spaces_after_signs,
    "fullwidth": _fullwidth,
    "emoji": _emoji,
    "spaces": _spaces,
    "line_breaks": _line_breaks,
    "repeated": _repeated,
    "code_fence": _code_fence,
    "quoted": _quoted,
    "rtl": _rtl,
    "long_word": _long_word,
    "long": _long,
    "chatty": _chatty,
    **{f"framed_{language}": _framed(before) for language, before in _FRAMES.items()},
}

KINDS: tuple[str, ...] = (*_CHANGES, "contradicted")
"""The transformations that there are."""
