"""How near the words or letters of an answer come to a text. That is no likeness of meaning."""

from __future__ import annotations

import re
from collections import Counter

from agentops.contracts import Judgement, Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics.text import Params
from agentops.model.seen import Seen

LONGEST = 20_000
"""Characters of a text that an answer may be compared with."""
_LONGEST_ANSWER = 100_000

# Signs of languages that put no space between words count one by one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def similarity(params: Params, seen: Seen) -> Judgement:
    """The answer comes near enough to the text, or to one of a list. `method` is `token_f1` (unless given) or
    `levenshtein`; the case of letters and the amount of white space make no difference."""
    wanted = params["to"]
    method = params.get("method", "token_f1")
    measure = token_f1 if method == "token_f1" else ratio
    said = _folded(seen.text)
    best = max(measure(said, _folded(text)) for text in ([wanted] if isinstance(wanted, str) else wanted))
    least = params["at_least"]
    return Judgement(best >= least, f"{method} {best:.3f}, at least {least:g} expected", best)


def check(params: Params) -> None:
    """Refuse texts too long to compare with."""
    texts = [params["to"]] if isinstance(params["to"], str) else params["to"]
    if any(len(text) > LONGEST for text in texts):
        raise ConfigError(f"a text of more than {LONGEST} characters", hint="compare with a shorter one")


def token_f1(one: str, two: str) -> float:
    """The harmonic mean of precision and recall over the words of two texts, whatever their order; the measure of
    SQuAD (Rajpurkar et al. 2016), articles and all."""
    first, second = Counter(_WORD.findall(one)), Counter(_WORD.findall(two))
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else float(one == two)


def ratio(one: str, two: str) -> float:
    """1 - d/n with d the edit distance of Levenshtein and n the length of the longer text.

    Raises Unjudgeable where one of them is too long to be compared in a moment.
    """
    longer = max(len(one), len(two))
    if longer > _LONGEST_ANSWER:
        raise Unjudgeable(f"an answer of {longer} characters is too long for levenshtein: take token_f1")
    return 1 - distance(one, two) / longer if longer else 1.0


def distance(one: str, two: str) -> int:
    """The edit distance: how many characters have to be put in, taken out or changed.

    Bit-parallel (Myers 1999 in the form of Hyyrö 2003): a column of the table is one whole number.
    """
    if len(one) > len(two):
        one, two = two, one
    if not one:
        return len(two)
    places: dict[str, int] = {}
    for i, c in enumerate(one):
        places[c] = places.get(c, 0) | 1 << i
    mask, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    up, down, result = mask, 0, len(one)
    for c in two:
        match = places.get(c, 0) | down
        diagonal = ((((match & up) + up) ^ up) | match) & mask
        rise, fall = down | ~(diagonal | up) & mask, up & diagonal
        result += bool(rise & last) - bool(fall & last)
        rise = (rise << 1 | 1) & mask
        up, down = (fall << 1 | ~(diagonal | rise)) & mask, rise & diagonal
    return result


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
