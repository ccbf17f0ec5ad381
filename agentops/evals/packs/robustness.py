"""pack:robustness: odd, foreign and long input, and the project's own cases in another form."""

from __future__ import annotations

from dataclasses import replace

from agentops.evals.packs import checks
from agentops.evals.packs.attacks import told
from agentops.evals.packs.fill import data
from agentops.evals.packs.filler import CHARS_PER_TOKEN, filler
from agentops.evals.packs.target import Target
from agentops.evals.packs.transforms import KINDS, transform
from agentops.model.case import Case, Turn
from agentops.model.finding import Location

NAME = "robustness"
MOST_BASE = 5
"""So many of the project's cases are put in another form."""

_PLACE = Location(f"pack:{NAME}")
_NO_CONTEXT = "nothing declares how long the agent's context is"
_SHARES = (25, 50, 90)
# The form is the same in every run, so that two runs compare like with like.
_SEED = 0


def cases(target: Target) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The pack's cases for the target, and a line for each reason why some were left out."""
    found = data(NAME)
    made = [_case(f"language-{code}", [text], "languages") for code, text in found["languages"].items()]
    for name, texts in found["odd"].items():
        silent = not all(text.strip() for text in texts)
        made.append(_case(f"odd-{name}", texts, "empty-input" if silent else "odd-input"))
    left: tuple[str, ...] = ()
    if target.context_tokens is None:
        left = told({_NO_CONTEXT: len(_SHARES)})
    else:
        made += [_long(target, share) for share in _SHARES]
    base = target.base[:MOST_BASE] or (_case("question", [target.question], "plain"),)
    for case in base:
        made += [_another(transform(case, kind, _SEED)) for kind in KINDS]
    return tuple(made), left


def _case(name: str, texts: list[str], tag: str) -> Case:
    *earlier, last = texts
    return Case(
        id=name if name == "question" else f"{NAME}-{name}",
        turns=(*(Turn(text, expect=checks.answered()) for text in earlier), Turn(last)),
        tags=("edge", NAME, tag),
        expect=checks.answered(),
        location=_PLACE,
        origin=f"pack:{NAME}",
    )


def _long(target: Target, share: int) -> Case:
    """A question behind so many hundredths of the declared context."""
    question = f"That was a long text, you need not sum it up. {target.question}"
    room = (target.context_tokens or 0) * share // 100 * CHARS_PER_TOKEN - len(question) - 2
    return _case(f"context-{share}-percent", [f"{filler(max(room, 0))}\n\n{question}"], "long-input")


def _another(case: Case) -> Case:
    """A case of the project's own as one of this pack: it is no longer typical, and its id must not meet the pack's."""
    tags = tuple(dict.fromkeys(("edge", *(t for t in case.tags if t != "typical"))))
    name = f"{NAME}-{case.id}"
    return replace(case, id=name if len(name) <= 100 else name[len(NAME) + 1 :], tags=tags, location=_PLACE)
