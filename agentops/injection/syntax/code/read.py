"""Reads a source file: finds its prompts, and gives every failure a place."""

from __future__ import annotations

from collections.abc import Callable

from agentops.injection.source import Source
from agentops.injection.syntax.code.emit import Emitter
from agentops.injection.syntax.code.find import Finder
from agentops.injection.syntax.code.flows import Flows
from agentops.injection.syntax.code.gathered import Gathered
from agentops.injection.syntax.code.tokens import Dialect
from agentops.injection.template import Template, TemplateError
from agentops.model.finding import Location
from agentops.pysource.room import uncollected


def read(
    source: Source,
    dialect: Dialect,
    *,
    verbs: bool = False,
    dollars: bool = False,
    before: Callable[[Gathered], None] | None = None,
) -> tuple[Template, ...]:
    """The file's templates. `before` adds finds of a language's own, which go before others. Raises TemplateError."""
    try:
        with uncollected():
            gathered = Gathered(source, dialect)
            if before is not None:
                before(gathered)
            Finder(gathered).walk()
            Flows(gathered).run()
            return Emitter(source, dialect, gathered.fills, verbs=verbs, dollars=dollars).templates(gathered.found)
    except RecursionError:
        raise TemplateError(
            Location(source.path, 1, 1), "the source text is nested too deep to be read",
            hint="add the file to prompts.exclude if it is generated",
        ) from None  # fmt: skip
