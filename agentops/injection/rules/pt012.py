"""PT012: a chat history flattened into text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentops.injection.defence.mitigation import Seen
from agentops.injection.rules.base import Hit, Judged, Rule
from agentops.injection.rules.places import TURN_TOKEN, mixed, near_mark, snake_parts, turn_marks, untrusted
from agentops.model.finding import Severity
from agentops.model.rule import RuleInfo

_WORD = re.compile(r"[^\W\d_]{2,}")
_CHAT = re.compile(
    r"^(?:history|messages|conversations?|dialogs?|dialogues?|chats?|convo?|dlg|dlg_turns?|turns|dialog_turns?|"
    r"past_messages|previous_messages|comment_chain|exchanges)(?:_(?:text|str|string|json|summary))?$"
    r"|(?:^|_)(?:chat|conversation|message|messages|dialog|dialogue|talk|turn)_(?:history|log|transcript|context|so_far)$"
    r"|(?:^|_)(?:conversation|dialogue|dialog)$"
)


def _check(judged: Judged) -> Iterator[Hit]:
    read: Seen | None = None
    marks: tuple[int, ...] = ()
    tokens = False
    for place in untrusted(judged):
        if place.seen is not read:
            read, marks = place.seen, turn_marks(place.seen.body)
            tokens = TURN_TOKEN.search(read.body) is not None
        one = place.one
        alone = _WORD.search(place.seen.body) is None or (
            one.role != "system" and not mixed(place) and not one.mitigation.boundary
        )
        if tokens or alone or one.role in ("tool", "assistant") or any("messages" in f for f in one.hole.filters):
            continue
        if _history(one.hole.name) or (one.hole.in_loop and near_mark(place, marks)):
            yield Hit.at(one, f"{one.hole.shown} holds earlier turns as part of a text")


def _history(name: str) -> bool:
    """Whether a part of the name means a conversation."""
    return any(_CHAT.search(part) is not None for part in snake_parts(name))


RULE = Rule(
    RuleInfo(
        id="PT012",
        title="History flattened into text",
        severity=Severity.MEDIUM,
        what="Earlier turns of a conversation are pasted into one text instead of being sent as messages.",
        why=(
            "All speakers become one: what the user or a tool said earlier reads like the prompt's own words, and"
            " each turn can pretend to be somebody else's."
        ),
        example="system:\nYou help customers.\nSo far: {chat_history}",
        remedy=(
            "Send the history as messages with their roles (a messages placeholder), and keep only a reviewed "
            "summary in text."
        ),
        owasp=("LLM01",),
        owasp_2026=("LLM01",),
        asi=("ASI06",),
        atlas=("T0092",),
        cwe=(1427,),
    ),
    _check,
)
