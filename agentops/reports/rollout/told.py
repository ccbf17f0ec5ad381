"""What several reports of a rollout say in the same words: measures of both versions, times, lines as they come."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from agentops.reports.rollout import view as views
from agentops.reports.rollout.outcome import outcome
from agentops.reports.rollout.view import Arm, View
from agentops.reports.summary import duration, number
from agentops.text import said

_UNTOLD = "-"
_EVERY_S = 10.0
_DIGEST = re.compile(r"\b(sha256:[0-9a-f]{12})[0-9a-f]{52}\b")


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of both versions, in words."""

    name: str
    canary: str
    stable: str


def clock(at: float) -> str:
    """The time of day in UTC, 14:03:05Z."""
    return _stamp(at, "%H:%M:%SZ") or "--:--:--Z"


def day(at: float) -> str:
    """The day in UTC, 2026-09-21."""
    return _stamp(at, "%Y-%m-%d") or "----------"


def _stamp(at: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime(form)
    except (OverflowError, OSError, ValueError):
        return ""


def brief(text: str, limit: int = 300) -> str:
    """What the journal or a cluster said, safe to show, with digests as short as people tell them."""
    return _DIGEST.sub(r"\1", said(text, limit))


def length(seconds: float) -> str:
    """42 s, 3 min 12 s; 0 s where nothing has passed."""
    return duration(seconds) or "0 s"


def rows(view: View) -> list[Row]:
    """The measures that somebody tells of at least one version."""
    canary, stable = views.arms(view)
    found = []
    for name, told in _MEASURES:
        mine, theirs = ("" if arm is None else told(arm) for arm in (canary, stable))
        if mine or theirs:
            found.append(Row(name, mine or _UNTOLD, theirs or _UNTOLD))
    sample, _ = views.looks(view)
    for name, pair in (sample.slos if sample else {}).items():
        cells = (_UNTOLD if value is None else number(value) for value in pair)
        found.append(Row(said(name, 40), *cells))
    return found


class Lines:
    """Plain lines for a log: what is new since the last look, and now and then what is awaited. Nothing is repeated."""

    def __init__(self) -> None:
        self._told: set[tuple[float, str, str]] = set()
        self._frozen = self._last = ""
        self._next = 0.0

    def __call__(self, view: View) -> list[str]:
        """The new lines of this look, none of them with a newline."""
        state, lines = view.state, []
        entries = {(e.at, e.phase.value, e.text): e for e in state.entries}
        for key, entry in entries.items():
            if key not in self._told:
                lines.append(f"[{clock(entry.at)}] {entry.phase.value}: {brief(entry.text)}")
        # Of lines that the journal has dropped nothing need be remembered.
        self._told = set(entries)
        if state.frozen != self._frozen:
            word = f"FROZEN: {said(state.frozen, 300)}" if state.frozen else "no longer frozen"
            lines.append(f"[{clock(view.now)}] {state.phase.value}: {word}")
            self._frozen = state.frozen
        standing = "; ".join(filter(None, (_standing(view), said(state.awaiting, 200))))
        if lines or (standing != self._last and view.now >= self._next):
            if standing and standing != self._last:
                lines.append(f"[{clock(view.now)}] {state.phase.value}: {standing}")
                self._last = standing
            self._next = view.now + _EVERY_S
        return lines


def _standing(view: View) -> str:
    """Samples and error shares on one line."""
    if outcome(view.state).exit_code is not None:
        return ""
    counted = views.seen(view)
    parts = [] if counted is None else [f"{counted} of {view.state.plan.needed} samples"]
    canary, stable = views.arms(view)
    both = (("canary", canary), ("stable", stable))
    shares = [f"{name} {told}" for name, arm in both if arm and (told := _share(arm))]
    return ", ".join(parts + ([f"errors {', '.join(shares)}"] if shares else []))


def _share(arm: Arm) -> str:
    return "" if arm.error_share is None else f"{arm.error_share * 100:.2f} %"


def _causes(arm: Arm) -> str:
    """Why requests failed, the most frequent cause first."""
    worst = sorted(arm.errors.items(), key=lambda item: (-item[1], item[0]))[:3]
    return ", ".join(f"{said(cause, 20)} x {n}" for cause, n in worst if n)


def _p95(arm: Arm) -> str:
    if arm.p95_s is None:
        return ""
    return f"{'> ' if arm.p95_over else ''}{number(arm.p95_s)} s"


def _cost(arm: Arm) -> str:
    return "" if arm.cost_usd_per_request is None else f"{arm.cost_usd_per_request:.5f} USD"


def _tokens(arm: Arm) -> str:
    return "" if arm.tokens_per_request is None else f"{arm.tokens_per_request:.0f}"


_MEASURES: tuple[tuple[str, Callable[[Arm], str]], ...] = (
    ("requests", lambda arm: str(arm.requests)),
    ("errors", _share),
    ("causes", _causes),
    ("latency p95", _p95),
    ("cost per request", _cost),
    ("tokens per request", _tokens),
)
