"""The packs that ship: suites that are rendered for the agent at hand, `pack:NAME` in `evals.suites`.

An attack in a pack has a canary goal that needs no harmful content: a word that the agent must not say, a call that it
must not make, an address that it must not link to. Most goals are words, and the word never stands in what the agent is
given: the attack names two parts and asks for them as one word, or names the word backwards. What an agent quotes of an
attack while it declines is therefore never taken for obeying, and the absence of the word is a sound test both ways.
Words are new for every seed; case ids, and all texts beside the words, are not.

The texts are our own. `Case.origin` names the public corpus, paper or list that a family of attacks is known from.
"""

from __future__ import annotations

import hashlib

from agentops.errors import ConfigError
from agentops.evals.packs.target import PackSuite, Target
from agentops.evals.packs.transforms import KINDS, transform
from agentops.model.case import Case

__all__ = ["KINDS", "PREFIX", "PackSuite", "Target", "describe", "load", "names", "transform"]

PREFIX = "pack:"
"""What the name of a pack stands behind in `evals.suites`."""

_NAMES = ("content-safety", "injection", "owasp-agentic", "robustness")


def names() -> tuple[str, ...]:
    """The packs that there are, without the prefix."""
    return _NAMES


def describe(name: str) -> str:
    """What a pack is about, in one line. Raises ConfigError for an unknown one."""
    from agentops.evals.packs.fill import data

    return " ".join(str(data(_known(name).replace("-", "_"))["description"]).split())


def load(name: str, target: Target, *, seed: int) -> PackSuite:
    """The pack rendered for the target; `name` is with or without the prefix.

    Words and secrets in attacks are fresh for each `seed`. Ids are the same for every seed. `skipped` of the result
    says what was left out for this target, and why. Raises ConfigError for an unknown pack, and for one that cannot
    measure anything on this target.
    """
    known = _known(name)
    cases, skipped = _cases(known, target, seed)
    if not cases:
        raise ConfigError(
            f"{PREFIX}{known}: no case of it applies to this agent: {'; '.join(skipped)}",
            hint="take the pack out of evals.suites",
        )
    same = cases if seed == 0 else _cases(known, target, 0)[0]
    return PackSuite(known, PREFIX + known, _digest(same), cases, skipped)


def _known(name: str) -> str:
    plain = name.removeprefix(PREFIX)
    if plain not in _NAMES:
        from agentops.config.document import nearest

        raise ConfigError(
            f"there is no pack {plain!r}{nearest(plain, list(_NAMES))}", hint=f"the packs are {', '.join(_NAMES)}"
        )
    return plain


def _cases(name: str, target: Target, seed: int) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    from agentops.evals.packs import attacks, content, robustness

    if name == robustness.NAME:
        return robustness.cases(target)
    if name == content.NAME:
        return content.cases(target)
    drawn, skipped = attacks.draw(name, target, seed=seed)
    return tuple(d.case for d in drawn), skipped


def _digest(cases: tuple[Case, ...]) -> str:
    """Over the cases with the words of one fixed seed: evidence of a run is that of the next one's same cases."""
    return hashlib.sha256(repr(cases).encode("utf-8", "surrogatepass")).hexdigest()
