"""Spans into sessions: by the conversation that a trace names, else by the trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from agentops.evals.imports.session import Called, Message, Session, fold
from agentops.evals.imports.spans import Span, exchange

Exchange = tuple[Span, list[Message], list[Message]]


def sessions(spans: Iterable[Span]) -> list[Session]:
    """The sessions in the order in which they began. Traces in which no message was recorded give none."""
    traces: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        traces[span.trace].append(span)
    groups: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for trace, members in traces.items():
        named = next((s.session for s in members if s.session), "")
        groups[("conversation", named) if named else ("trace", trace)] += members
    found = [_session(f"{kind} {name}", members) for (kind, name), members in groups.items()]
    return sorted((s for s in found if s is not None), key=lambda s: (s.started_s or 0.0, s.origin))


def _session(origin: str, members: Sequence[Span]) -> Session | None:
    ordered = sorted(members, key=lambda s: (s.start_ns, s.id))
    told = [(s, *exchange(s)) for s in ordered if not s.is_tool]
    every = [one for one in told if one[1] or one[2]]
    turns: list[str] = []
    answer, has_files = "", False
    for span, asked, said in _outermost(every, ordered):
        users = [m for m in asked if m.role == "user"]
        turns = fold(turns, [m.text for m in users if m.text.strip()])
        has_files = has_files or any(m.has_files for m in users)
        texts = [m.text for m in said if m.role == "assistant" and m.text.strip()]
        # An answer to what was said before is none to what was said last.
        answer = "" if span.failed and not texts else texts[-1] if texts else "" if users else answer
    if not turns:
        return None
    calls, results = _calls(every, ordered)
    started = min((s.start_ns for s in ordered if s.start_ns), default=0)
    return Session(origin, tuple(turns), answer, calls, results, started / 1e9 if started else None, has_files)


def _outermost(every: Sequence[Exchange], spans: Sequence[Span]) -> list[Exchange]:
    """The exchanges that stand in no other one. Inside of an agent its own prompts look like a user's words."""
    parents = {(s.trace, s.id): s.parent for s in spans}
    asking = {(s.trace, s.id) for s, asked, _ in every if any(m.role == "user" for m in asked)}
    return [one for one in every if not _stands_in(one[0], asking, parents)]


def _stands_in(span: Span, asking: set[tuple[str, str]], parents: dict[tuple[str, str], str]) -> bool:
    seen = set()
    at = span.parent
    while at and at not in seen:
        if (span.trace, at) in asking:
            return True
        seen.add(at)
        at = parents.get((span.trace, at), "")
    return False


def _calls(every: Sequence[Exchange], spans: Sequence[Span]) -> tuple[tuple[Called, ...], tuple[str, ...]]:
    """The calls that did not fail, each once, and what the tools gave."""
    executed = [(s, made) for s in spans if s.is_tool and (made := s.tool()) is not None]
    failed = {made.key for s, made in executed if s.failed}
    names = {made.name for _, made in executed}
    calls = {made.key: made for _, made in executed}
    results = [text for s, _ in executed if (text := s.result()) and not s.failed]
    for _, asked, said in every:
        for message in (*asked, *said):
            # Where tools have spans of their own, these tell more surely what was called and how it ended.
            calls |= {c.key: c for c in message.calls if c.name not in names}
            results += [message.text] if message.role == "tool" and message.text else []
    return tuple(c for key, c in calls.items() if key not in failed), tuple(dict.fromkeys(results))
