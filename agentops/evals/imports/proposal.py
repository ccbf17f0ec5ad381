"""Sessions into proposed cases.

What is expected is proposed from what was seen, and what was seen may have been wrong. So nothing is proposed that
only the answer's words support: that a tool was called, with arguments that the user had named; whether the agent
declined; and, where that is asked for, ids and numbers that a tool had given. Where like sessions differ in one of
these it is not proposed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentops.evals.dataset.composition import IMPORTED
from agentops.evals.imports.alike import groups
from agentops.evals.imports.redaction import PLACEHOLDER, Redactor
from agentops.evals.imports.session import Called, Session
from agentops.evals.metrics import refusals
from agentops.text import one_line

TAG = IMPORTED
COMMENT = (
    "Cases proposed by agentops import traces from what was seen in production.",
    "Nobody has said yet that what the agent did was right: read every case, mend or drop what it expects, and see",
    "that nothing private is left. Secrets and personal data of known shapes were replaced by placeholders such as",
    "[EMAIL_1]; names and addresses were not. Ids of production may not exist where the cases are run.",
)
_SLUG_WORDS = 6
_MOST_TOLD = 160
_MOST_TOKENS = 4
# What a tool gave and the answer repeats: ids, amounts, dates, numbers of two digits or more.
_TOKEN = re.compile(r"(?<![\w.])(?=[\w.,:-]*\d)[A-Za-z0-9][\w.,:-]*[A-Za-z0-9](?!\w)")


@dataclass(frozen=True, slots=True)
class Proposed:
    """The proposed cases as data for an evalset, and how many sessions were left out, by why."""

    cases: tuple[dict[str, Any], ...]
    left_out: Mapping[str, int]


@dataclass
class _Seen:
    """A session without what is private, and what could be expected of it."""

    origin: str
    turns: tuple[str, ...]
    answer: str
    refused: bool
    tools: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = field(default_factory=dict)
    tokens: tuple[str, ...] = ()


def propose(
    sessions: Iterable[Session], *, own: Sequence[re.Pattern[str]] = (), limit: int | None = None, text: bool = False
) -> Proposed:
    """The cases, those of sessions seen most often where more than `limit` are found, in the order in which they came.

    `own` are more patterns to redact; `text` also proposes what a tool had given and the answer told.
    """
    left: dict[str, int] = {}
    kept: list[_Seen] = []
    for session in sessions:
        why = _unfit(session)
        if why:
            left[why] = left.get(why, 0) + 1
        else:
            kept.append(_seen(session, Redactor(own)))
    found = groups(kept, key=lambda s: s.turns)
    if len(kept) > len(found):
        left["like another one"] = len(kept) - len(found)
    if limit is not None and len(found) > limit:
        left["beyond the limit"] = len(found) - limit
        most = sorted(range(len(found)), key=lambda i: -len(found[i]))[:limit]
        found = [found[i] for i in sorted(most)]
    return Proposed(tuple(_case(group, text=text) for group in found), left)


def _unfit(session: Session) -> str:
    if session.has_files:
        return "with files or images"
    if not session.answer.strip():
        return "without an answer"
    return ""


def _seen(session: Session, redactor: Redactor) -> _Seen:
    turns = tuple(redactor.text(turn) for turn in session.turns)
    answer = redactor.text(session.answer)
    asked = "\n".join(turns)
    made = _Seen(redactor.text(one_line(session.origin, 120)), turns, answer, refusals.find(answer) is not None)
    for called in session.calls:
        name, stable = redactor.text(called.name), _stable(called, asked, redactor)
        made.tools.setdefault((name, tuple(sorted(stable))), {"name": name, "arguments": stable} if stable else {})
    results = "\n".join(redactor.text(result) for result in session.results)
    made.tokens = tuple(_given(answer, results))
    return made


def _stable(called: Called, asked: str, redactor: Redactor) -> dict[str, Any]:
    """The arguments that the user had named: of the others nobody knows whether they are the only right ones."""
    data = redactor.data(called.arguments or {})
    return {key: value for key, value in data.items() if _named(value, asked)}


def _named(value: Any, asked: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    word = str(value)
    if len(word) < 2 or PLACEHOLDER.search(word):
        return False
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", asked) is not None


def _given(answer: str, results: str) -> Iterator[str]:
    given = set(_TOKEN.findall(results))
    inside = {p.strip("[]") for p in PLACEHOLDER.findall(answer)}
    for token in dict.fromkeys(_TOKEN.findall(answer)):
        if token in given and token not in inside:
            yield token


def _case(group: Sequence[_Seen], *, text: bool) -> dict[str, Any]:
    first = group[0]
    digest = hashlib.sha256("\0".join(first.turns).encode("utf-8")).hexdigest()[:8]
    often = f"Seen {len(group)} times in much the same words. " if len(group) > 1 else ""
    case: dict[str, Any] = {
        "id": f"{_slug(first.turns[0])}-{digest}",
        "description": f"{often}The agent answered: {one_line(first.answer, _MOST_TOLD)}",
        "tags": [TAG],
        "origin": first.origin,
    }
    if len(first.turns) == 1:
        case["input"] = first.turns[0]
    else:
        case["turns"] = [{"input": turn} for turn in first.turns]
    case["expect"] = _expect(group, text=text)
    return case


def _expect(group: Sequence[_Seen], *, text: bool) -> list[dict[str, Any]]:
    first = group[0]
    expect: list[dict[str, Any]] = []
    for sign, called in first.tools.items():
        if all(sign in other.tools for other in group):
            expect.append({"tool_called": called or sign[0]})
    if all(other.refused is first.refused for other in group):
        expect.append({"refusal": first.refused})
    if text and not first.refused and first.tokens:
        expect.append({"icontains": list(first.tokens[:_MOST_TOKENS])})
    return expect or [{"length": {"at_least": 1}}]


def _slug(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", PLACEHOLDER.sub(" ", text).lower())
    return "-".join(words[:_SLUG_WORDS])[:60].strip("-") or "session"
