"""Recorded sessions, to be put to a canary again.

A session comes from the journal of a run (what agentops check wrote down), from an evalset (agentops import traces), or
from a file of traces or chats itself. What is private was replaced when it was written down or is replaced here; a
session that still holds a secret is left out, and counted.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentops.drivers import journal
from agentops.errors import ConfigError, UsageError
from agentops.evals import dataset
from agentops.evals.imports import proposal, reading
from agentops.evals.imports.redaction import Redactor
from agentops.evals.imports.session import Session as Imported
from agentops.model.case import Answer, Attempt, Case, CaseResult, ToolCall, Turn
from agentops.model.codec import DecodeError, decode
from agentops.model.finding import Location
from agentops.model.outcome import Outcome
from agentops.secrets.detector import detect
from agentops.text import one_line

MOST = 500
_JOURNAL = "journal.jsonl"
_HINT = "name the folder of a run with evals (.agentops/runs/ID), an evalset, or a file of traces"
_KINDS = ("run", "evals", "attempt", "stage", "asked", "earlier")


@dataclass(frozen=True, slots=True)
class Session:
    """What a user said, and what became of it. `case` holds the turns and what is expected of the answers, if anything
    is. `answers[i]` is what was recorded for turn i, None where it was not; `calls` are the tools called over the whole
    session, None where they are unknown. `selected` where what is expected was derived from the recording, which then
    holds by construction and not by chance."""

    id: str
    case: Case
    answers: tuple[Answer | None, ...]
    calls: tuple[ToolCall, ...] | None
    selected: bool
    origin: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The sessions, how many were left out by why, and a digest by which a replay knows that they are the same."""

    sessions: tuple[Session, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    sha256: str = ""


def read(paths: Sequence[str], *, root: Path, limit: int = MOST) -> Recorded:
    """The sessions of these files, in their order, at most `limit` of them.

    A path is the folder of a run or its journal, an evalset, or a file of traces. Raises UsageError for one that is not
    there or cannot be opened, ConfigError for one that cannot be read or holds none, or where no session is left.
    """
    left: dict[str, int] = {}
    kept: list[Session] = []
    for shown in paths:
        before = sum(left.values())
        found = _opened(shown, root, left)
        if not found and sum(left.values()) == before:
            raise ConfigError(f"rollout.shadow.sessions: no session is in {shown}", hint=_HINT)
        for session in found:
            why = _unfit(session)
            if not why and len(kept) >= limit:
                why = f"beyond the first {limit}"
            if why:
                left[why] = left.get(why, 0) + 1
            else:
                kept.append(_named(session, kept))
    if not kept:
        told = "; ".join(f"{count} {why}" for why, count in left.items())
        raise ConfigError(
            f"rollout.shadow.sessions: no session can be replayed of {', '.join(paths)}{f' ({told})' if told else ''}",
            hint=_HINT,
        )
    said = json.dumps([[s.id, [t.text for t in s.case.turns]] for s in kept])
    return Recorded(tuple(kept), left, hashlib.sha256(said.encode("utf-8", "replace")).hexdigest())


def _opened(shown: str, root: Path, left: dict[str, int]) -> list[Session]:
    try:
        return list(_sessions(root / shown, shown, root, left))
    except OSError as error:
        raise UsageError(
            f"rollout.shadow.sessions: {shown} cannot be read: {error.strerror}", hint="correct the path, or its rights"
        ) from None


def _sessions(path: Path, shown: str, root: Path, left: dict[str, int]) -> Iterator[Session]:
    if path.is_dir():
        path, shown = path / _JOURNAL, f"{shown}/{_JOURNAL}"
    if not path.is_file():
        raise UsageError(f"rollout.shadow.sessions: {shown} is not there", hint="correct the path")
    kind = _kind(path)
    if kind == "journal":
        yield from _of_journal(path, shown, root, left)
    elif kind == "evalset":
        (suite,) = dataset.load([str(path.relative_to(root)) if path.is_relative_to(root) else str(path)], root=root)
        yield from (_expected(case, case.id, f"{shown} {case.id}") for case in suite.cases)
    else:
        yield from _of_traces(path)


def _kind(path: Path) -> str:
    """journal, evalset or traces: told by the name where that is clear, else by what stands first."""
    if path.suffix in (".yaml", ".yml", ".csv"):
        return "evalset"
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, Mapping) and record.get("kind") in _KINDS:
        return "journal"
    if path.suffix != ".json":
        return "traces"
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return "traces"
    return "evalset" if isinstance(whole, Mapping) and "cases" in whole else "traces"


def _expected(case: Case, name: str, origin: str) -> Session:
    """A case whose recorded answers are not kept: what is expected stands for them."""
    return Session(name, case, (None,) * len(case.turns), None, selected=True, origin=origin)


def _of_journal(path: Path, shown: str, root: Path, left: dict[str, int]) -> Iterator[Session]:
    """One attempt a case: the first one that was measured, whatever it came to. Choosing by what it came to would tell
    the recording better than it was."""
    first: dict[str, Attempt] = {}
    results: dict[str, CaseResult] = {}
    try:
        for record in journal.read(path):
            if record.get("kind") in ("attempt", "earlier"):
                attempt = decode(Attempt, {k: v for k, v in record.items() if k not in ("kind", "at")}, "attempt")
                if attempt.outcome in (Outcome.PASS, Outcome.FAIL) and attempt.answers:
                    first.setdefault(attempt.case_id, attempt)
            elif record.get("kind") == "stage":
                for item in record["result"].get("cases") or ():
                    result = decode(CaseResult, item, "case")
                    results[result.case_id] = result
    except (DecodeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"rollout.shadow.sessions: {shown} cannot be read: {one_line(str(error))}",
            hint="take the journal of a run that this version of agentops made",
        ) from None
    cases = _cases({r.location.path for r in results.values() if r.location}, root)
    for name, attempt in first.items():
        case = _case(name, attempt, results.get(name), cases)
        if isinstance(case, str):
            left[case] = left.get(case, 0) + 1
            continue
        calls = [answer.tool_calls for answer in attempt.answers]
        known = None if None in calls else tuple(call for some in calls for call in some or ())
        yield Session(name, case, attempt.answers, known, selected=False, origin=f"{shown} {name}")


def _case(name: str, attempt: Attempt, result: CaseResult | None, cases: Mapping[str, Case]) -> Case | str:
    """The case of an attempt; from the evalset where that is still the same, else as far as the journal tells. Else why
    there is none."""
    case = cases.get(name)
    if case is not None and (result is None or case.input == result.input):
        same = len(case.turns) == len(attempt.answers)
        return case if same else "whose recording ended before its last turn"
    if result is None or not result.input:
        return "without the words of the user"
    if len(attempt.answers) > 1:
        return "of several turns, whose evalset is not there or changed"
    return Case(name, (Turn(result.input),), result.tags, (), result.location or Location(name))


def _cases(paths: Iterable[str], root: Path) -> dict[str, Case]:
    found: dict[str, Case] = {}
    for path in sorted(paths):
        if not (root / path).is_file():
            continue
        try:
            (suite,) = dataset.load([path], root=root)
        except ConfigError:
            # It may use metrics of the user's own or have changed: the journal tells enough of single turns.
            continue
        found |= {case.id: case for case in suite.cases}
    return found


def _of_traces(path: Path) -> Iterator[Session]:
    found = reading.read(path)
    if found.broken:
        raise reading.told(found.broken)
    for imported in found.sessions:
        made = proposal.propose([imported])
        if made.cases:
            yield _proposed(made.cases[0], imported)


def _proposed(data: Mapping[str, Any], imported: Imported) -> Session:
    """A session of production with what import traces would expect of it."""
    with tempfile.TemporaryDirectory(prefix="agentops-") as folder:
        written = json.dumps({"version": 1, "name": "recorded", "cases": [data]})
        (Path(folder) / "recorded.json").write_text(written, encoding="utf-8")
        (suite,) = dataset.load(["recorded.json"], root=Path(folder))
    case, redactor = suite.cases[0], Redactor()
    for turn in imported.turns:
        # Placeholders are numbered as they come: in the same order as in the proposal.
        redactor.text(turn)
    calls = tuple(ToolCall(redactor.text(c.name), redactor.data(dict(c.arguments or {}))) for c in imported.calls)
    last = Answer(redactor.text(imported.answer), tool_calls=calls if len(case.turns) == 1 else None)
    answers = (*(None for _ in case.turns[1:]), last)
    return Session(case.id, case, answers, calls, selected=True, origin=case.origin)


def _unfit(session: Session) -> str:
    if session.case.setup or session.case.after:
        return "with steps before or after it"
    words = [turn.text for turn in session.case.turns]
    words += [answer.text for answer in session.answers if answer is not None]
    words += [json.dumps(call.arguments, default=str) for call in session.calls or ()]
    # One at a time: what is found must not depend on what stands beside it.
    return "that still holds a secret" if any(next(detect(word), None) for word in words) else ""


def _named(session: Session, kept: Sequence[Session]) -> Session:
    """With an id that no other one has."""
    taken = {s.id for s in kept}
    name, number = session.id, 2
    while name in taken:
        name, number = f"{session.id}-{number}", number + 1
    return replace(session, id=name)
