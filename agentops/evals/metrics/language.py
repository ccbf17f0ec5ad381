"""The language of an answer, told by script, small words and rare letters.

No library that was looked at is at once light, kept up, free to ship and there for every platform: some bring a model
of tens of megabytes or numpy, some have no wheel for Linux on ARM, and the lightest is sure of itself when it is wrong.
A gate needs less: it asks for one language, and where a text is too short or too mixed it may say that it cannot tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache

from agentops.contracts import Judgement, Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics import language_words as known
from agentops.evals.metrics.text import Params, quote
from agentops.model.seen import Seen

# A script that one language has for itself, or nearly so, by the first word of its letters' Unicode names.
_BY_SCRIPT = {
    "GREEK": "el", "HEBREW": "he", "THAI": "th", "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
    "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "GUJARATI": "gu",
    "GURMUKHI": "pa", "SINHALA": "si", "GEORGIAN": "ka", "ARMENIAN": "hy", "KHMER": "km", "LAO": "lo", "MYANMAR": "my",
    "ETHIOPIC": "am",
}  # fmt: skip
_BY_WORDS = {
    "LATIN": (known.LATIN, known.LATIN_LETTERS),
    "CYRILLIC": (known.CYRILLIC, known.CYRILLIC_LETTERS),
    "ARABIC": (known.ARABIC, known.ARABIC_LETTERS),
    "DEVANAGARI": (known.DEVANAGARI, {}),
}
KNOWN = tuple(sorted({*_BY_SCRIPT.values(), *(code for words, _ in _BY_WORDS.values() for code in words)}))

_LONGEST = 20_000
_FEWEST_LETTERS = 12
# Signs that stand for a syllable or a word: four of them say as much.
_DENSE = {"HIRAGANA", "KATAKANA", "CJK", "HANGUL"}
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`|https?://\S+|(?<!\S)[^\s@]+@\S+", re.DOTALL)
_WORD = re.compile(r"[^\W\d_][\w\u0300-\u036f\u0900-\u097f'’]*")


def language(params: Params, seen: Seen) -> Judgement:
    """The answer is, for the most part, in the language `is`, or in one of a list (ISO 639-1 codes of KNOWN).

    Code, addresses and links are left out. Raises Unjudgeable where the text is too short or too mixed to tell.
    """
    wanted = params["is"] if "is" in params else params["value"]
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    found = detect(seen.text)
    if found is None:
        raise Unjudgeable(f"the language does not show, too short or too mixed: {quote(seen.text)}")
    return Judgement(found in wanted, f"{found}, {' or '.join(wanted)} expected: {quote(seen.text)}")


def check(params: Params) -> None:
    """Refuse a language that is not known here."""
    wanted = params["is"] if "is" in params else params["value"]
    for code in [wanted] if isinstance(wanted, str) else wanted:
        if code not in KNOWN:
            raise ConfigError(f"unknown language {code!r}", hint=f"one of {', '.join(KNOWN)}")


def detect(text: str) -> str | None:
    """The ISO 639-1 code of the text's language, by its first 20,000 characters; None where that does not show."""
    plain = unicodedata.normalize("NFC", _CODE.sub(" ", text[: 2 * _LONGEST]))[:_LONGEST]
    scripts = Counter(script for c, n in Counter(plain).items() if (script := _script(c)) for _ in range(n))
    if not scripts:
        return None
    # Han stands in Japanese too, beside the kana.
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.05 * scripts["CJK"]:
        scripts["HIRAGANA"] += scripts.pop("CJK", 0) + scripts.pop("KATAKANA", 0)
    script, letters = scripts.most_common(1)[0]
    fewest = 4 if script in _DENSE else _FEWEST_LETTERS
    # A sign that stands for a syllable weighs as much as some letters of a name in Latin beside it.
    weight = 3 if script in _DENSE else 1
    if letters < fewest or letters * weight < 0.6 * (scripts.total() + letters * (weight - 1)):
        return None
    if script not in _BY_WORDS:
        return _BY_SCRIPT.get(script)
    words, rare = _BY_WORDS[script]
    return _by_words(plain.casefold().replace("’", "'"), words, rare)


def _by_words(text: str, lists: Mapping[str, str], letters: Mapping[str, str]) -> str | None:
    """The language whose small words and letters stand in the text most, each counted by how few others share it."""
    weights = _weights(tuple(lists.items()))
    tokens = _WORD.findall(text)
    scores: defaultdict[str, float] = defaultdict(float)
    different: Counter[str] = Counter()
    for token, times in Counter(tokens).items():
        for code, weight in weights.get(token, ()):
            # The tenth "de" says little more than the third.
            scores[code] += weight * min(times, 3 + len(tokens) // 50)
            different[code] += 1
    rare = _weights(tuple((code, " ".join(signs)) for code, signs in letters.items()))
    for sign, times in Counter(text).items():
        for code, weight in rare.get(sign, ()):
            scores[code] += weight * min(times, 2)
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])[:2]
    if not ranked:
        return None
    (first, most), second = ranked[0], ranked[1][1] if len(ranked) > 1 else 0.0
    sure = (
        different[first] >= 2
        and most >= 1.0
        and most >= 1.3 * second
        and different[first] >= 0.1 * min(len(tokens), 100)
    )
    return first if sure else None


@cache
def _weights(lists: tuple[tuple[str, str], ...]) -> Mapping[str, tuple[tuple[str, float], ...]]:
    """Each word with the languages that have it and what a find of it says for one of them."""
    owners: dict[str, list[str]] = {}
    for code, words in lists:
        for word in dict.fromkeys(words.casefold().split()):
            owners.setdefault(word, []).append(code)
    return {word: tuple((code, 1 / len(codes)) for code in codes) for word, codes in owners.items()}


@cache
def _script(character: str) -> str:
    """The script of a letter, "" of anything else."""
    if character.isascii():
        return "LATIN" if character.isalpha() else ""
    if not unicodedata.category(character).startswith("L"):
        return ""
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0]
