"""One session, recorded or live, held against what the canary made of it.

What is judged, in this order: what the canary must never do (a call against the tool policy, a secret in an answer);
whether it answered at all, in a form that can be read; and where the recording reaches, what is expected of the answer,
by the same metrics for both. Where the canary left the recording (it called a tool that the recording did not, or went
another way before the last turn) nobody knows how the other would have gone on: that pair is unscored, not passed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from agentops.evals import scoring
from agentops.evals.metrics import policy, refusals
from agentops.model.case import Answer, Case, Score, ToolCall
from agentops.model.outcome import Outcome
from agentops.model.seen import Context, Seen, ToolPolicy
from agentops.rollout.shadow.sessions import Session
from agentops.secrets.detector import detect, mask
from agentops.text import said

Calls = Sequence[ToolCall]


class Came(Enum):
    """What came of a pair. The value is the word in evidence."""

    BOTH = "both"
    LOSS = "losses"
    WIN = "wins"
    NEITHER = "neither"
    UNSCORED = "unscored"


class Trouble(Enum):
    """Why no answer came. FAILED: the canary answered that it could not. UNANSWERED: nothing came, or its provider was
    in trouble, which both versions would have met."""

    NONE = ""
    FAILED = "failed"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Pair:
    """What a comparison found. `why` tells of anything but BOTH; `violation` is what must never happen, "" where
    nothing did. `tools` is same, differ or unknown, `diff` the difference. `judged_tools` is false where a tool policy
    is in force and the answers do not tell what was called."""

    came: Came
    why: str = ""
    trouble: Trouble = Trouble.NONE
    violation: str = ""
    malformed: bool = False
    tools: str = "unknown"
    diff: str = ""
    judged_tools: bool = True
    selected: bool = False


def compare(
    session: Session,
    answers: Sequence[Answer],
    *,
    rules: ToolPolicy | None,
    trouble: Trouble = Trouble.NONE,
    why: str = "",
    live_history: bool = False,
) -> Pair:
    """Judge what the canary answered. `answers` are those that came: fewer than turns where `trouble` says why not.
    With `live_history` every turn was asked with what was recorded before it. Never raises for what an answer holds."""
    violation, judged_tools = _violation(session.case, answers, rules)
    tools, diff = _tools(session.calls, _made(answers))
    came, malformed = Came.UNSCORED, False
    if trouble is Trouble.FAILED:
        # What was recorded answered, or there would be no recording of it.
        came = Came.LOSS
    elif trouble is Trouble.NONE:
        malformed = _malformed(session.answers[-1], answers[-1])
        came, why = (Came.LOSS, "no well-formed answer") if malformed else _scored(session, answers, live_history)
    return Pair(
        came, why, trouble=trouble, violation=violation, malformed=malformed, tools=tools, diff=diff,
        judged_tools=judged_tools, selected=session.selected,
    )  # fmt: skip


def _violation(case: Case, answers: Sequence[Answer], rules: ToolPolicy | None) -> tuple[str, bool]:
    """What the canary did that must never be done, and whether that could be told."""
    for answer in answers:
        words = [answer.text, *(json.dumps(call.arguments, default=str) for call in answer.tool_calls or ())]
        secret = next((found for word in words if (found := next(detect(word), None))), None)
        if secret is not None:
            return f"an answer holds a secret ({secret.kind})", True
    if rules is None or not answers:
        return "", True
    score = policy.judge(rules, Seen(case.turns[: len(answers)], tuple(answers)))
    return (f"tool policy: {score.reason}" if score.outcome is Outcome.FAIL else ""), score.outcome is not Outcome.ERROR


def _malformed(recorded: Answer | None, answer: Answer) -> bool:
    """Whether the answer lacks the form of the recorded one: it is empty, or no JSON where that was."""
    if not answer.text.strip():
        return recorded is None or bool(recorded.text.strip())
    return recorded is not None and _is_data(recorded.text) and not _is_data(answer.text)


def _is_data(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _made(answers: Sequence[Answer]) -> tuple[ToolCall, ...] | None:
    calls = [answer.tool_calls for answer in answers]
    return None if None in calls else tuple(call for some in calls for call in some or ())


def _tools(before: Calls | None, now: Calls | None) -> tuple[str, str]:
    """Whether the same tools were called in the same order with the same arguments, and what differs."""
    if before is None or now is None:
        return "unknown", ""
    for number, (old, new) in enumerate(zip(before, now, strict=False), 1):
        if old.name != new.name:
            return "differ", f"call {number}: {said(old.name, 60)} was recorded, {said(new.name, 60)} was called"
        if (changed := _changed(old, new)) != "":
            return "differ", f"call {number}, {said(new.name, 60)}: {changed}"
    if len(before) > len(now):
        return "differ", f"{said(before[len(now)].name, 60)} was recorded and not called"
    if len(now) > len(before):
        return "differ", f"{said(now[len(before)].name, 60)} was called and not recorded"
    return "same", ""


def _changed(old: ToolCall, new: ToolCall) -> str:
    names = sorted(k for k in {*old.arguments, *new.arguments} if old.arguments.get(k) != new.arguments.get(k))
    if not names:
        return ""
    first = names[0]
    told = [said(mask(json.dumps(a.get(first), default=str)), 60) for a in (old.arguments, new.arguments)]
    return f"{said(first, 40)} was {told[0]}, is {told[1]}"


def _scored(session: Session, answers: Sequence[Answer], live_history: bool) -> tuple[Came, str]:
    beyond = _beyond(session, answers, live_history)
    if beyond:
        return Came.UNSCORED, beyond
    known = [answer for answer in session.answers if answer is not None]
    whole = len(known) == len(session.answers)
    expected = any(True for _ in scoring.asked(session.case))
    if not expected:
        return agree(known[-1], answers[-1]) if known else (Came.UNSCORED, "nothing is expected of the answer")
    now = _holds(session.case, answers)
    # What is expected was derived from what was recorded: so that holds.
    before = (Outcome.PASS, "") if session.selected or not whole else _holds(session.case, known)
    if Outcome.ERROR in (now[0], before[0]):
        return Came.UNSCORED, now[1] if now[0] is Outcome.ERROR else before[1]
    if now[0] is before[0]:
        return (Came.BOTH, "") if now[0] is Outcome.PASS else (Came.NEITHER, now[1])
    return (Came.LOSS, now[1]) if now[0] is Outcome.FAIL else (Came.WIN, before[1])


def _beyond(session: Session, answers: Sequence[Answer], live_history: bool) -> str:
    """Where the canary left the recording, "" where it did not."""
    made = _made(answers)
    if session.calls is None or made is None:
        return ""
    known = {call.name for call in session.calls}
    other = next((call.name for call in made if call.name not in known), None)
    if other is not None:
        return f"{said(other, 60)} was called, which the recording never did"
    if len(answers) == 1 or live_history:
        return ""
    earlier = [(old, new) for old, new in zip(session.answers[:-1], answers[:-1], strict=True)]
    for number, (old, new) in enumerate(earlier, 1):
        before = None if old is None else old.tool_calls
        if before is None and _tools(session.calls, made)[0] != "same":
            return "other tools were called than in the recording, nobody knows in which turn"
        if before is not None and _tools(before, new.tool_calls)[0] == "differ":
            return f"in turn {number} other tools were called than in the recording"
    return ""


def _holds(case: Case, answers: Sequence[Answer]) -> tuple[Outcome, str]:
    """Whether what is expected holds, leaving out what a judge model would have to say."""
    scores = scoring.score(case, Seen(case.turns, tuple(answers), Context()))
    bad = _first(scores, Outcome.FAIL)
    if bad is not None:
        return Outcome.FAIL, f"{bad.assertion}: {mask(bad.reason)}"
    unjudged = _first(scores, Outcome.ERROR)
    if unjudged is not None:
        return Outcome.ERROR, f"{unjudged.assertion}: {mask(unjudged.reason)}"
    return (Outcome.PASS, "") if scores else (Outcome.ERROR, "only a judge model could tell")


def _first(scores: Sequence[Score], outcome: Outcome) -> Score | None:
    return next((score for score in scores if score.outcome is outcome), None)


def agree(before: Answer, now: Answer) -> tuple[Came, str]:
    """Two answers to one question of which nothing is expected: whether one of them declines and the other does not.
    Other tools make two ways, of which nobody knows the better one. Chance favours neither side."""
    if before.tool_calls is not None and now.tool_calls is not None:
        names = [sorted({call.name for call in answer.tool_calls or ()}) for answer in (before, now)]
        if names[0] != names[1]:
            return Came.UNSCORED, "other tools were called"
    declines = [refusals.find(answer.text) is not None for answer in (before, now)]
    if declines[0] is declines[1]:
        return Came.BOTH, ""
    return (Came.LOSS, "it declines, the other did not") if declines[1] else (Came.WIN, "the other one declined")
