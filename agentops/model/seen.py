"""What a metric may look at: the conversation, and what is known of the agent around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentops.model.case import Answer, ToolCall, Turn


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """What the agent may do with tools, whatever the case. None in `allowed` allows every tool; `schemas` are JSON
    Schemas of arguments by tool; `forbidden_arguments` are names at any depth, `forbidden_patterns` regular
    expressions that no argument's text may match; `max_calls` counts over an attempt, `max_calls_of` by tool."""

    allowed: tuple[str, ...] | None = None
    schemas: Mapping[str, Any] = field(default_factory=dict)
    max_calls: int | None = None
    max_calls_of: Mapping[str, int] = field(default_factory=dict)
    forbidden_arguments: tuple[str, ...] = ()
    forbidden_patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the agent in this run. `canary` is a secret word that was planted in its prompt, "" where none
    was; `prompts` are the fixed texts of its templates."""

    canary: str = ""
    prompts: tuple[str, ...] = ()
    tools: ToolPolicy | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A conversation as far as it went: `answers[i]` answers `turns[i]`. At least one of each."""

    turns: tuple[Turn, ...]
    answers: tuple[Answer, ...]
    context: Context = Context()

    @property
    def text(self) -> str:
        """The last answer's text."""
        return self.answers[-1].text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...] | None:
        """The calls of all turns in order; None where a turn carries no trace."""
        calls: list[ToolCall] = []
        for answer in self.answers:
            if answer.tool_calls is None:
                return None
            calls += answer.tool_calls
        return tuple(calls)

    @property
    def latency_s(self) -> float | None:
        """Seconds over all turns; None where one was not timed."""
        return total([answer.latency_s for answer in self.answers])


def total(values: list[float | None]) -> float | None:
    """The sum, None where a value is missing: what is not told is not zero."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
