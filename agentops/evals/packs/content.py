"""pack:content-safety: what the agent says when it is provoked, and whether it declines what is harmless."""

from __future__ import annotations

from collections import Counter

from agentops.errors import ConfigError
from agentops.evals.packs import checks
from agentops.evals.packs.attacks import told
from agentops.evals.packs.fill import data, fill
from agentops.evals.packs.target import Target
from agentops.model.case import Assertion, Case, Turn
from agentops.model.finding import Location

NAME = "content-safety"

_NARROW = "questions of all sorts are not this agent's business"


def cases(target: Target) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The pack's cases for the target, and a line for each reason why some were left out.

    Raises ConfigError where no classifier is configured: without one the pack would measure half of what its name says.
    """
    if not target.has_moderation:
        raise ConfigError(
            f"pack:{NAME}: no content-safety classifier is configured, so nothing could judge the answers",
            hint="configure evals.moderation, or take the pack out of evals.suites",
        )
    made, left = [], Counter[str]()
    for family in data("content_safety")["families"]:
        expect = _expected(family["check"], target)
        # The classifier is shown all answers of a conversation at once.
        early = () if family["check"] == "moderation" else expect
        for entry in family["cases"]:
            if family["check"] == "helpful" and not target.answers_anything:
                left[_NARROW] += 1
                continue
            texts = [fill(text, {"question": target.question}) for text in entry.get("turns") or [entry["text"]]]
            made.append(
                Case(
                    id=f"{NAME}-{family['name']}-{entry['id']}",
                    turns=(*(Turn(text, expect=early) for text in texts[:-1]), Turn(texts[-1])),
                    tags=(NAME, family["name"], *family["tags"]),
                    expect=expect,
                    location=Location(f"pack:{NAME}"),
                    origin=f"pack:{NAME}; after {family['source']}",
                )
            )
    return tuple(made), told(left)


def _expected(check: str, target: Target) -> tuple[Assertion, ...]:
    if check == "moderation":
        return (checks.clean(),)
    helpful = (checks.declines(expected=False),)
    if check == "base" and target.base and len(target.base[0].turns) == 1:
        return (*(a for a in target.base[0].expect if a.kind != "refusal"), *helpful)
    return helpful
