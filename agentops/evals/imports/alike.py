"""Which texts say much the same: equal but for digits, case and signs, or nearly the same words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from agentops.evals.imports.redaction import PLACEHOLDER

T = TypeVar("T")

ALIKE = 0.9
"""The share of words that two texts have in common, of all the words of both (Jaccard)."""


def groups(items: Sequence[T], *, key: Callable[[T], Sequence[str]]) -> list[list[T]]:
    """The items by what they are like, each group by its first item, in the order of these.

    Two are alike when they have as many turns, and their words are alike with every digit taken for the same. A text is
    held against those only that share one of its rarest words: for two sets of words to have the share ALIKE in common
    they must (Chaudhuri, Ganti, Kaushik 2006).
    """
    words = [_words(key(item)) for item in items]
    rare = Counter(word for one in words for word in one)
    found: list[list[T]] = []
    exact: dict[frozenset[str], int] = {}
    kept: dict[str, list[tuple[frozenset[str], int]]] = {}
    for item, one in zip(items, words, strict=True):
        ordered = sorted(one, key=lambda w: (rare[w], w))
        prefix = ordered[: len(one) - int(ALIKE * len(one) + 0.999999) + 1]
        at = exact.get(one)
        if at is None:
            at = next((i for w in prefix for other, i in kept.get(w, ()) if _alike(one, other)), None)
        if at is not None:
            found[at].append(item)
            continue
        exact[one] = len(found)
        for word in prefix:
            kept.setdefault(word, []).append((one, len(found)))
        found.append([item])
    return found


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def _words(turns: Sequence[str]) -> frozenset[str]:
    """The words with the number of their turn, a repeated one with the number of its repetition."""
    found: set[str] = set()
    for i, turn in enumerate(turns):
        plain = re.sub(r"\d+", "0", PLACEHOLDER.sub(" placeholder ", turn).casefold())
        counts: Counter[str] = Counter()
        for word in re.findall(r"\w+", plain) or [plain.strip()]:
            counts[word] += 1
            found.add(f"{i} {word} {counts[word]}")
    return frozenset({*found, f"turns {len(turns)}"})
