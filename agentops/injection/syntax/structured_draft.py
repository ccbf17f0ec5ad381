"""A prompt of a structured file before its holes are read, and the template that it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agentops.injection import roles
from agentops.injection.notations import guess
from agentops.injection.source import Source
from agentops.injection.syntax import pieces
from agentops.injection.syntax.structured_inputs import Inputs
from agentops.injection.syntax.tree import Leaf, error
from agentops.injection.template import (
    MAX_HOLES,
    Assigned,
    Hole,
    Message,
    Note,
    Span,
    Template,
    TemplateError,
    TemplateKind,
    Text,
)

# Aliases can repeat a text; nobody repeats one this often.
_MAX_REPEATED = 3
_MAX_PER_FILE = 6_000
_FORMATS = {
    "f-string": "str.format", "fstring": "str.format", "str.format": "str.format", "python": "str.format",
    "jinja2": "jinja2", "jinja": "jinja2", "nunjucks": "jinja2", "liquid": "jinja2", "mustache": "mustache",
    "handlebars": "mustache", "semantic-kernel": "semantic-kernel", "string.template": "dollar",
}  # fmt: skip
_DOUBLE = re.compile(r"\{\{|\{%")
_DOLLAR = re.compile(r"\$\{[A-Za-z_]|(?<![\w$\\])\$(?:input|args)\b")
_SEMANTIC_KERNEL = re.compile(r"\{\{\s{0,9}\$[A-Za-z_]")
_BLOCK = re.compile(r"\{%[-+]?\s{0,9}[a-z]")
# What stands before a block of YAML.
_BLOCK_HEAD = re.compile(r"(?:[&!][^\s,\[\]{}]{1,200}[ \t]{1,20}){0,2}[|>][-+\d]{0,2}[ \t]{0,200}(?:#[^\n]{0,500})?\n")
# n8n: a text that begins with "=" is filled in, by values that begin with a dollar.
_N8N = re.compile(r"\{\{\s{0,9}\$(?:json|input|node|now|today|items|execution|workflow|vars|\()")
# `{{#name#}}` and `{{#node.name#}}`, as the workflow files of visual builders write holes.
_HASHED = re.compile(r"\{\{#([\w.-]{1,200})#\}\}")


@dataclass(frozen=True, slots=True)
class Part:
    """One message: strings that are joined, or spans that were read already."""

    role: str | None
    leaves: tuple[Leaf, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A prompt with its place and what the file says about its variables.

    `sure` is False where only the wording made it a prompt: what cannot be read there is none. `fixed` texts are data
    that are sent as they stand.
    """

    name: str
    start: int
    parts: tuple[Part, ...]
    inputs: Inputs = field(default_factory=Inputs)
    notation: str = ""
    kind: TemplateKind = TemplateKind.PROMPT
    notes: tuple[Note, ...] = ()
    assigned: Mapping[str, Assigned] = field(default_factory=dict)
    sure: bool = True
    fixed: bool = False

    @property
    def text(self) -> str:
        """All texts of the prompt."""
        return "\n".join(leaf.text for part in self.parts for leaf in part.leaves)


def templates(source: Source, drafts: Iterable[Draft]) -> tuple[Template, ...]:
    """The templates of the drafts in the order of the file. Raises TemplateError."""
    drafts = sorted(drafts, key=lambda d: d.start)
    if sum(len(d.text) for d in drafts) > _MAX_REPEATED * len(source.text) + 10_000:
        raise error(source, 0, "aliases repeat its texts too often", hint="write the prompts out, or exclude the file")
    if sum(len(d.parts) for d in drafts if not d.fixed) > _MAX_PER_FILE:
        raise _too_many(source, drafts[0].start)
    # A file keeps to one notation: single braces beside blocks of Jinja2 are text.
    blocks = any(_BLOCK.search(d.text) for d in drafts if not d.fixed)
    made: list[Template] = []
    holes = 0
    for draft in drafts:
        try:
            template = _template(source, draft, blocks="jinja2" if blocks else "", alone=len(drafts) == 1)
        except TemplateError:
            if draft.sure:
                raise
            continue
        holes += len(template.holes)
        if holes > _MAX_PER_FILE:
            raise _too_many(source, draft.start)
        if template.messages:
            made.append(template)
    return tuple(made)


def _too_many(source: Source, offset: int) -> TemplateError:
    problem = f"more than {_MAX_PER_FILE} messages or holes"
    return error(source, offset, problem, hint="a data set is no prompt file: add it to prompts.exclude")


def _template(source: Source, draft: Draft, *, blocks: str, alone: bool) -> Template:
    notation = draft.notation or _notation(source, draft, blocks)
    messages: list[Message] = []
    for part in draft.parts:
        spans = part.spans or _spans(source, draft, part, notation)
        if part.role is None and len(draft.parts) == 1 and draft.kind is TemplateKind.PROMPT:
            role = roles.from_name(source.path) if alone else None
            messages.extend(roles.split(spans, path="", role=role))
        elif any(isinstance(s, Hole) or s.text.strip() for s in spans):
            messages.append(Message(part.role, spans))
    line, _ = source.lines.place(draft.start)
    return Template(
        source.path, notation, tuple(messages), types=draft.inputs.types, line=line, name=draft.name, kind=draft.kind,
        descriptions=draft.inputs.descriptions, assigned={**draft.inputs.assigned, **draft.assigned},
        declared=draft.inputs.declared, notes=draft.notes,
    )  # fmt: skip


def _notation(source: Source, draft: Draft, blocks: str) -> str:
    if draft.fixed:
        return "str.format"
    if said := _FORMATS.get(draft.inputs.notation):
        return said
    text = draft.text
    if any(_is_n8n(leaf.text) for part in draft.parts for leaf in part.leaves):
        return "n8n"
    if _SEMANTIC_KERNEL.search(text):
        return "semantic-kernel"
    if _DOUBLE.search(text) is None and _DOLLAR.search(text):
        return "dollar"
    found = guess.notation(source.part(text))
    return blocks if blocks and found == "str.format" else found


def _spans(source: Source, draft: Draft, part: Part, notation: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for leaf in part.leaves:
        if spans:
            spans.append(Text("\n\n", *source.lines.place(leaf.start), leaf.start))
        if not leaf.text:
            continue
        start = _inside(source, leaf)
        if draft.fixed:
            spans.append(Text(leaf.text, *source.lines.place(start), start))
        elif _HASHED.search(leaf.text):
            spans.extend(pieces.place(source, hashed(source, leaf.text), leaf.text, start=start, end=leaf.end))
        else:
            spans.extend(pieces.spans(source, leaf.text, start=start, end=leaf.end, notation=notation))
    return tuple(spans)


def _inside(source: Source, leaf: Leaf) -> int:
    """Where the value itself begins: behind quotes where it stands as it is."""
    text = source.text
    if (head := _BLOCK_HEAD.match(text, leaf.start)) is not None:
        return min(head.end(), leaf.end)
    for quotes in (3, 1):
        at = leaf.start + quotes
        at += quotes == 3 and text.startswith("\n", at)
        if text[leaf.start : leaf.start + 1] in ('"', "'") and text.startswith(leaf.text, at):
            return at
    return leaf.start


def hashed(source: Source, text: str) -> tuple[Span, ...]:
    """Text and holes where holes are written `{{#name#}}`."""
    spans: list[Span] = []
    at = 0
    for found in _HASHED.finditer(text):
        if found.start() > at:
            spans.append(Text(text[at : found.start()], 1, 1, at))
        spans.append(Hole(found[1], source.path, 1, 1, found.start(), written=found[0]))
        at = found.end()
    if at < len(text):
        spans.append(Text(text[at:], 1, 1, at))
    return tuple(spans[: 2 * MAX_HOLES])


def _is_n8n(text: str) -> bool:
    return text.startswith("=") and _N8N.search(text) is not None
