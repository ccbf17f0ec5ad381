"""What the answers of an attempt add up to, and how much of them is kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace

from agentops.evals.metrics import tools
from agentops.model.case import Answer, Attempt, Score, ToolCall
from agentops.model.outcome import Outcome, worst
from agentops.model.seen import total
from agentops.text import cap

_KEPT_CHARS = 64 * 1024


def summed(attempt: Attempt, answers: tuple[Answer, ...]) -> Attempt:
    """The attempt with what its answers add up to."""
    usages = [answer.usage for answer in answers]
    latency_s = total([answer.latency_s for answer in answers])
    cost = total([answer.cost_usd for answer in answers])
    known = all(usage is not None for usage in usages)
    return replace(
        attempt,
        outcome=worst(score.outcome for score in attempt.scores),
        error=_unjudged(attempt.scores),
        latency_s=None if latency_s is None else round(latency_s, 6),
        first_token_s=answers[-1].first_token_s,
        input_tokens=sum(usage.input_tokens for usage in usages if usage) if known else None,
        output_tokens=sum(usage.output_tokens for usage in usages if usage) if known else None,
        cost_usd=None if cost is None else round(cost, 9),
        model=answers[-1].model,
        path=_path(answers),
        answers=tuple(_kept(answer) for answer in answers),
    )


def _path(answers: tuple[Answer, ...]) -> str:
    calls = [answer.tool_calls for answer in answers]
    return "" if None in calls else tools.path([call for some in calls for call in some or ()])


def _unjudged(scores: Sequence[Score]) -> str:
    return next((f"{s.assertion}: {s.reason}" for s in scores if s.outcome is Outcome.ERROR), "")


def _kept(answer: Answer) -> Answer:
    """The answer as it goes to the journal: whole, unless it is absurdly long."""
    calls = answer.tool_calls
    with contextlib.suppress(TypeError, ValueError):
        if calls and len(json.dumps([c.arguments for c in calls], default=str)) > _KEPT_CHARS:
            calls = tuple(ToolCall(c.name, {"": cap(str(c.arguments), 1000)}, c.status) for c in calls)
    return replace(answer, text=cap(answer.text, _KEPT_CHARS), tool_calls=calls)
