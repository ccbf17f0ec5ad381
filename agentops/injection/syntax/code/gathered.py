"""What all who look for prompts in one file share: how its expressions are read, and what has been found in it."""

from __future__ import annotations

from agentops.injection.source import Source
from agentops.injection.syntax.code.collect import Collector
from agentops.injection.syntax.code.emit import MAX_PROMPTS, Found
from agentops.injection.syntax.code.lex import Lexer
from agentops.injection.syntax.code.messages import Messages
from agentops.injection.syntax.code.tokens import Chunk, Dialect
from agentops.injection.syntax.code.tree import Nodes, build
from agentops.injection.syntax.code.value import Value
from agentops.injection.syntax.code.values import Values
from agentops.injection.template import TemplateError
from agentops.model.finding import Location

_HEAD = 20_000


class Gathered:
    """One file: its tree, its values, its messages, and the finds as they come in. `fills` are the values that calls
    give to variables by name."""

    def __init__(self, source: Source, dialect: Dialect) -> None:
        self.source, self.dialect = source, dialect
        self.tree = build(Lexer(source, dialect).run())
        collector = Collector(source.text, types_first=dialect.name == "java")
        scope = collector.run(self.tree)
        if dialect.name == "go":
            collector.go_range(self.tree)
        self.values = Values(source, scope)
        self.messages = Messages(source, self.values)
        self.found: list[Found] = []
        self.fills: dict[str, Nodes] = {}

    def add(self, one: Found) -> None:
        """Keep a find. Raises TemplateError for far too many."""
        if len(self.found) >= MAX_PROMPTS:
            line, column = self.source.lines.place(one.at)
            raise TemplateError(
                Location(self.source.path, line, column), f"more than {MAX_PROMPTS} texts that may be prompts",
                hint="add the file to prompts.exclude if it is generated or a list of data",
            )  # fmt: skip
        self.found.append(one)

    def head(self, nodes: Nodes) -> str:
        """How the text of an expression begins, with a word for each value."""
        return head(self.values.of(nodes))


def head(value: Value) -> str:
    """The beginning of the text, with a word for each value: enough to tell what it is."""
    text: list[str] = []
    size = 0
    for part in value.parts:
        text.append(part.text[:_HEAD] if isinstance(part, Chunk) else " x ")
        size += len(text[-1])
        if size > _HEAD:
            break
    return "".join(text)
