"""What is said of a rollout to people and machines outside: one message, and its form for each kind of target. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentops.model.rollout import Cause, State
from agentops.reports.rollout import document, told
from agentops.reports.rollout import view as views
from agentops.reports.rollout.outcome import image_name, outcome, why
from agentops.reports.rollout.view import View
from agentops.text import clean, said

SOURCE = "agentops-rollout"

_TITLES = {
    "started": "rollout started",
    "waiting": "waits for approval",
    "promoted": "was promoted",
    "done": "rollout done",
    "rolled-back": "was rolled back",
    "failed": "ROLLBACK FAILED: a person is needed",
    "frozen": "rollout is frozen",
}
# Marks before a title in a chat, where a line is read in passing.
_MARKS = {"done": "✓ ", "rolled-back": "✗ ", "failed": "✗ ", "frozen": "! ", "waiting": "? "}
# What a page is worth: https://developer.pagerduty.com/docs/events-api-v2-overview
_SEVERITIES = {"failed": "critical", "rolled-back": "error", "frozen": "warning"}
_MILD = (Cause.ASKED, Cause.INCONCLUSIVE)
_HEADER = 150
_FIELD = 1900
_SUMMARY = 1000
_DEDUP = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt to tell: `trouble` is "" where it was told. With `again` another attempt may help, after
    `pause_s` where the other side asked for a pause. It holds no secret and no word of the other side's."""

    trouble: str = ""
    again: bool = False
    pause_s: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One event of a rollout. `delivery` is the same whenever this event of this rollout is told. `fields` are facts by
    their names. All texts are safe to show and on one line; `document` is the whole rollout as JSON data."""

    event: str
    delivery: str
    rollout: str
    app: str
    environment: str
    title: str
    line: str
    severity: str
    at: float
    fields: tuple[tuple[str, str], ...]
    document: Mapping[str, Any]


def message(key: str, view: View) -> Message:
    """The message of a key (see `notify.keys`)."""
    state, event = view.state, key.partition(":")[0]
    app, where = said(state.app, 60), said(state.environment, 40)
    severity = _SEVERITIES.get(event, "info")
    if event == "rolled-back" and state.cause in _MILD:
        severity = "warning"
    return Message(
        event=event,
        delivery=f"{said(state.id, 120)}/{key}",
        rollout=said(state.id, 120),
        app=app,
        environment=where,
        title=f"{app} in {where}: {_TITLES.get(event, event)}",
        line=_line(event, state),
        severity=severity,
        at=view.now,
        fields=tuple((name, text) for name, text in _fields(view) if text),
        document=document.data(view),
    )


def slack(item: Message) -> dict[str, Any]:
    """The body for an incoming webhook that understands Slack's (https://docs.slack.dev/messaging/sending-messages-using-
    incoming-webhooks). Whatever the cluster said is plain text: no markup, mention or link of its works."""
    plain = [f"{name}: {text}" for name, text in item.fields]
    title = _MARKS.get(item.event, "") + item.title
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(title, _HEADER)},
        {"type": "section", "text": _plain(item.line, _FIELD)},
        {"type": "section", "fields": [_plain(text, _FIELD) for text in plain[:10]]},
        {"type": "context", "elements": [_plain(f"rollout {item.rollout}", _FIELD)]},
    ]
    shown = blocks if plain else [block for block in blocks if "fields" not in block]
    return {"text": _inert(f"{title}. {item.line}"), "blocks": shown}


def pagerduty(item: Message, routing_key: str) -> tuple[dict[str, Any], ...]:
    """The events for PagerDuty's Events API v2, none where it is no incident. A rollout has one key, its freezes have
    another: they are over when the rollout is."""
    whole, frozen = item.rollout[-_DEDUP:], f"{item.rollout}/frozen"[-_DEDUP:]
    over = (_resolve(routing_key, frozen),)
    if item.event == "done":
        return (_resolve(routing_key, whole), *over)
    if item.event == "frozen":
        return (_trigger(item, routing_key, frozen),)
    if item.event in ("rolled-back", "failed"):
        return (_trigger(item, routing_key, whole), *over)
    return ()


def webhook(item: Message) -> bytes:
    """The body for a webhook of the team's own: the event and the document of `status --json`."""
    data = {"event": item.event, "delivery": item.delivery, "title": item.title, "line": item.line, "at": item.at}
    return json.dumps({**data, "rollout": item.document}, ensure_ascii=True, separators=(",", ":")).encode()


def letter(item: Message) -> tuple[str, str]:
    """Subject and text of a mail."""
    size = max((len(name) for name, _ in item.fields), default=0)
    facts = [f"{name + ':':<{size + 1}} {text}" for name, text in item.fields]
    stamp = datetime.fromtimestamp(item.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"[agentops] {item.title}", "\n".join([item.line, "", *facts, "", f"{stamp}, rollout {item.rollout}", ""])


def _line(event: str, state: State) -> str:
    if event == "started":
        return f"{image_name(state.image)} is to replace {image_name(state.before)}, by {said(state.plan.traffic, 40)}"
    if event == "waiting":
        return "the canary takes no traffic before somebody says `agentops rollout promote`"
    if event == "promoted" and state.approvals:
        last = state.approvals[-1]
        return f"{said(last.who, 80)}: {said(last.why, 400) or 'no reason given'}"
    if event == "frozen":
        return f"nothing is decided just now: {said(state.frozen, 600)}"
    found = outcome(state)
    kind = why(state) if event == "rolled-back" else ""
    return ". ".join(filter(None, (found.headline, ": ".join(filter(None, (kind, found.reason))))))


def _fields(view: View) -> list[tuple[str, str]]:
    state = view.state
    share = views.weight(view)
    stand = state.phase.value + (f", {share} % of traffic" if share and not state.phase.ended else "")
    ran = told.length(max((views.ended_at(state) or view.now) - state.began_at, 0.0)) if state.began_at else ""
    measures = [(row.name, f"canary {row.canary}, stable {row.stable}") for row in told.rows(view)[:3]]
    return [
        ("image", image_name(state.image)),
        ("before", image_name(state.before)),
        ("phase", stand),
        ("namespace", said(state.namespace, 63)),
        ("time", ran),
        ("asked for by", said(state.asked_by, 80)),
        ("without a record", said(state.broke_glass, 200)),
        *measures,
    ]


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:limit] or "-", "emoji": False}


def _inert(text: str) -> str:
    """Text for the one field that chats read as markup: no mention, link or markup of what was said works."""
    escaped = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in ("@", "://", "#", "*", "_", "~", "`", "["):
        escaped = escaped.replace(sign, sign[0] + "\u200b" + sign[1:])
    return escaped


def _trigger(item: Message, routing_key: str, dedup_key: str) -> dict[str, Any]:
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "client": "agentops rollout",
        "payload": {
            "summary": f"{item.title}. {item.line}"[:_SUMMARY],
            "source": f"{item.app}/{item.environment}",
            "severity": item.severity,
            "timestamp": datetime.fromtimestamp(item.at, UTC).isoformat(),
            "component": item.app,
            "group": item.environment,
            "class": item.event,
            "custom_details": dict(item.fields),
        },
    }


def _resolve(routing_key: str, dedup_key: str) -> dict[str, Any]:
    return {"routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup_key}
