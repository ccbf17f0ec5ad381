"""The pairs of marks that the configuration names, beside the notation that the text has otherwise."""

from __future__ import annotations

from dataclasses import replace

from agentops.injection.notations import covered, guess
from agentops.injection.notations.covered import Mark
from agentops.injection.notations.writer import dotted
from agentops.injection.source import Source
from agentops.injection.template import Span


def scan(source: Source) -> tuple[Span, ...]:
    """Text and holes in order. A marked name inside another hole is filled in all the same. Raises TemplateError as
    the other notation does."""
    pattern = source.marks
    marks: list[Mark] = []
    for found in pattern.finditer(source.text) if pattern else ():
        name = next(g for g in found.groups() if g is not None)
        marks.append(Mark(*found.span(), dotted(name.strip().replace(" ", "_"))))
    other = replace(source, text=covered.cover(source.text, marks), markers=())
    return covered.scan(source, marks, guess.notation(other), lost=True)
