"""One turn: ask the model, run the tools it asks for, ask again, until it answers or the bound is reached."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from support_agent import guard
from support_agent.config import Config
from support_agent.model import Completion, Model
from support_agent.prompts import MARKER, Prompts
from support_agent.sessions import Session
from support_agent.tools import Tools

OWN_NAME = "support-agent"
_CALLS_PER_STEP = 4


@dataclass(slots=True)
class Turn:
    """What came of one turn. `model` is who answered; tokens are summed over all model calls; `calls` is the trace."""

    answer: str = ""
    model: str = OWN_NAME
    steps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    handed_off: bool = False
    guarded: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)


class Agent:
    """The agent: prompts, tools and a model."""

    def __init__(self, config: Config, prompts: Prompts, tools: Tools, model: Model) -> None:
        self._config = config
        self._prompts = prompts
        self._tools = tools
        self._model = model

    async def answer(self, text: str, session: Session) -> Turn:
        """Answer one message within a session. Raises ModelError; the turn is then not part of the history."""
        turn = Turn()
        refused = guard.refuse_input(text, limit=self._config.max_input_chars)
        if refused is not None:
            turn.answer, turn.guarded = refused, True
            return turn
        session.hear(text, limit=4 * self._config.max_input_chars)
        said = await self._converse(text, session, turn)
        turn.answer, turn.guarded = guard.clean_output(said, marker=MARKER)
        session.remember(text, turn.answer, turns=self._config.history_turns)
        return turn

    async def _converse(self, text: str, session: Session, turn: Turn) -> str:
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": self._prompts.system(today=datetime.now(UTC).date())},
            *session.history,
            # The customer's words are a message of their own and nothing else.
            {"role": "user", "content": text},
        ]
        for _ in range(self._config.max_steps):
            completion = await self._model.complete(messages, self._tools.offered())
            turn.steps += 1
            turn.model = completion.model
            turn.input_tokens += completion.input_tokens
            turn.output_tokens += completion.output_tokens
            if not completion.calls:
                return completion.text
            messages += self._run(completion, session, turn)
        turn.handed_off = True
        ticket = hashlib.sha256("\n".join([session.said, str(turn.calls)]).encode("utf-8", "replace")).hexdigest()
        return self._prompts.handoff(ticket=f"T-{int(ticket[:8], 16) % 1_000_000:06d}")

    def _run(self, completion: Completion, session: Session, turn: Turn) -> list[dict[str, Any]]:
        """The model's message and the results of the tools it asked for; calls beyond the bound are not run."""
        calls = completion.calls[:_CALLS_PER_STEP]
        asked = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls
        ]
        messages: list[dict[str, Any]] = [
            {"role": "assistant", "content": completion.text or None, "tool_calls": asked}
        ]
        for call in calls:
            result = self._tools.call(call.name, call.arguments, session)
            status = "ok" if result.ok else "error"
            told = {"name": result.name, "arguments": dict(result.arguments), "status": status}
            turn.calls.append({**told, "recorded": True} if result.recorded else told)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result.content})
        return messages
