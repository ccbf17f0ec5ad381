"""Variants of cases: the same expectations, the question put in another way. Each says what it was made from.

A variant of a kind comes from a transformation that is deterministic in the case, the kind and the seed; a paraphrase
comes from a model. A case that was generated itself is not varied again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agentops.config.document import nearest
from agentops.errors import UsageError
from agentops.evals.packs.transforms import KINDS, transform
from agentops.model.case import Case
from agentops.text import one_line

PARAPHRASE = "paraphrase"
TAG = "generated"

# Words that stand for several kinds.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "casing": ("upper", "lower", "mixed_case"),
    "framed": tuple(kind for kind in KINDS if kind.startswith("framed_")),
}
# Without flags: what real users do. The others are of robustness to odd input.
USUAL = ("typos", "lower", "no_punctuation", "chatty", "spaces")
_MAX_ID = 100

Ask = Callable[[Case, int], Sequence[tuple[str, ...]]]
"""Paraphrases of a case, at most so many: for each the texts of all its turns."""


@dataclass(frozen=True, slots=True)
class Made:
    """The variants in the order of their cases, and what was left out, one line each."""

    cases: tuple[Case, ...]
    left_out: tuple[str, ...]


def kinds(words: Iterable[str]) -> tuple[str, ...]:
    """The kinds that the words name, families unfolded, each once. Raises UsageError for an unknown one."""
    found: list[str] = []
    known = (*KINDS, *FAMILIES, PARAPHRASE)
    for word in words:
        if word not in known:
            raise UsageError(
                f"--kinds: there is no kind {one_line(word, 40)!r}{nearest(word, list(known))}",
                hint=f"the kinds are {', '.join(known)}",
            )
        found += FAMILIES.get(word, (word,))
    return tuple(dict.fromkeys(found))


def vary(
    cases: Sequence[Case],
    asked: Sequence[str],
    *,
    per_case: int,
    seed: int,
    ask: Ask | None = None,
    model: Callable[[], str] = str,
) -> Made:
    """Variants of every case: `per_case` of the kinds that are transformations, drawn by the seed, and as many
    paraphrases where that kind is asked for. `ask` gives the paraphrases, `model` tells who made the last ones.

    What a transformation leaves as it is, and what a model gives that cannot be used, is left out and told.
    """
    taken = {case.id for case in cases}
    made: list[Case] = []
    left: list[str] = []
    plain = [kind for kind in asked if kind != PARAPHRASE]
    for case in cases:
        if TAG in case.tags:
            left.append(f"{case.id}: it is a variant itself")
            continue
        found = [*_transformed(case, _drawn(case, plain, per_case, seed), seed, left)]
        if ask is not None and PARAPHRASE in asked:
            found += _paraphrased(case, ask(case, per_case), per_case, model, left)
        for one in found:
            name = _free(one.id, taken)
            taken.add(name)
            made.append(replace(one, id=name))
    return Made(tuple(made), tuple(left))


def _drawn(case: Case, plain: Sequence[str], many: int, seed: int) -> list[str]:
    # Not for secrets: the same seed has to draw the same kinds.
    chance = random.Random(f"{seed}\0kinds\0{case.id}")  # noqa: S311
    drawn = set(chance.sample(range(len(plain)), min(many, len(plain))))
    return [kind for i, kind in enumerate(plain) if i in drawn]


def _transformed(case: Case, drawn: Iterable[str], seed: int, left: list[str]) -> Iterator[Case]:
    for kind in drawn:
        one = transform(case, kind, seed)
        if one.turns == case.turns:
            left.append(f"{case.id}: {kind} changes nothing")
        else:
            yield replace(one, tags=(*one.tags, TAG), origin=f"{kind} of {case.id} by transformation, seed {seed}")


def _paraphrased(
    case: Case, found: Sequence[tuple[str, ...]], many: int, model: Callable[[], str], left: list[str]
) -> Iterator[Case]:
    if len(found) < many:
        left.append(f"{case.id}: {len(found)} of {many} paraphrases could be used")
    for number, texts in enumerate(found, 1):
        turns = tuple(replace(turn, text=text) for turn, text in zip(case.turns, texts, strict=True))
        yield replace(
            case,
            id=_named(case.id, f".{PARAPHRASE}-{number}"),
            turns=turns,
            tags=tuple(dict.fromkeys((*case.tags, PARAPHRASE, TAG))),
            origin=f"{PARAPHRASE} of {case.id} by {one_line(model(), 80)}",
        )


def _named(case_id: str, end: str) -> str:
    if len(case_id) + len(end) <= _MAX_ID:
        return case_id + end
    digest = hashlib.sha256(case_id.encode()).hexdigest()[:8]
    return f"{case_id[: _MAX_ID - len(end) - 9]}-{digest}{end}"


def _free(name: str, taken: set[str]) -> str:
    """The name, or one like it that no case of the suite has."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = _named(name, f"-{number}")
    return free
