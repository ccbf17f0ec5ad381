"""The prompt templates, read and compiled once. A template that misses a value refuses to render."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from string import Formatter

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from support_agent.records import Article

MARKER = "FG-INTERNAL-58213"
_HANDOFF_FIELDS = {"company_name", "ticket_number", "reply_hours"}


class PromptError(ValueError):
    """A template is missing, does not parse, or lacks what it must hold."""


class Prompts:
    """All templates of one folder. Raises PromptError."""

    def __init__(self, folder: Path, *, company: str, refund_limit: Decimal) -> None:
        environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
        self._company = company
        self._refund_limit = refund_limit
        self._handoff = _read(folder / "handoff_note.txt").strip()
        try:
            self._system = environment.from_string(_read(folder / "support_system.j2"))
            self._knowledge = environment.from_string(_read(folder / "knowledge_context.j2"))
            fields = {name for _, name, _, _ in Formatter().parse(self._handoff) if name is not None}
            # Rendering once finds what parsing does not.
            system = self.system(today=date(2026, 1, 1))
            self.knowledge([])
        except (TemplateError, ValueError) as error:
            raise PromptError(f"a prompt template cannot be used: {type(error).__name__}: {error}") from None
        if fields != _HANDOFF_FIELDS:
            raise PromptError(f"handoff_note.txt must hold exactly the fields {sorted(_HANDOFF_FIELDS)}")
        if MARKER not in system:
            raise PromptError("support_system.j2 must hold the marker that the output guard looks for")

    def system(self, *, today: date) -> str:
        """The system message. Nothing in it comes from a customer."""
        return self._system.render(
            company_name=self._company,
            current_date=today.isoformat(),
            refund_limit=f"{self._refund_limit:.2f}",
        )

    def knowledge(self, articles: Sequence[Article]) -> str:
        """Articles as the result of a tool: in tags, escaped."""
        return self._knowledge.render(articles=list(articles))

    def handoff(self, *, ticket: str) -> str:
        """What a customer reads when a person takes over."""
        return self._handoff.format(company_name=self._company, ticket_number=ticket, reply_hours=24)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{path.name} cannot be read: {type(error).__name__}") from None
