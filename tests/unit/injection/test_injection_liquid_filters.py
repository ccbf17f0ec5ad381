"""What the filters of a Liquid template bring into the text."""

from __future__ import annotations

import pytest

from agentops.injection.notations import scan
from agentops.injection.source import Source
from agentops.injection.template import Hole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ tone | default: page }}", [("tone", ("default",)), ("page", ())]),
        ("{{ 'x' | append: page.text }}", [("page.text", ())]),
        ("{{ 'x' | append: 'page' }}", []),
        ("{{ tone | default: page, allow_false: true }}", [("tone", ("default",)), ("page", ())]),
        ("{{ a | replace: 'b', page | upcase }}", [("a", ("replace", "upcase")), ("page", ("upcase",))]),
        ("{{ a | slice: 0, n }}", [("a", ("slice",))]),
        ("{% assign x = 'a' | append: page %}{{ x }}", [("page", ())]),
        ("{% assign n = pages | size: 1 %}{{ n }}", [("pages", ("length",))]),
        ("{% for p in pages %}{{ 'x' | append: p.text }}{% endfor %}", [("pages[].text", ())]),
    ],
)  # fmt: skip
def test_arguments_of_filters_are_holes(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    holes = [s for s in scan("liquid", Source("a.liquid", text)) if isinstance(s, Hole)]
    assert [(h.name, h.filters) for h in holes] == expected
