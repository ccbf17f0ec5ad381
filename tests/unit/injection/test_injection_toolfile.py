"""Tools as servers list them."""

from __future__ import annotations

import json

from agentops.injection.source import Source
from agentops.injection.syntax.structured import parse
from agentops.injection.template import Template, TemplateKind, body


def templates(data: object) -> tuple[Template, ...]:
    return parse(Source("tools.json", json.dumps(data)))


def test_every_tool_is_a_template_of_its_descriptions() -> None:
    shape = {"type": "object", "properties": {"city": {"type": "string", "description": "name of the city"}}}
    found = templates(
        {"tools": [
            {"name": "weather", "description": "Tells the weather.", "inputSchema": shape},
            {"type": "function", "function": {"name": "tides", "description": "Tells the tides.", "parameters": shape}},
            {"name": "moon", "description": "Tells the moon."},
        ]}
    )  # fmt: skip
    assert [(t.name, t.kind) for t in found] == [(n, TemplateKind.TOOL) for n in ("weather", "tides", "moon")]
    assert [m.role for t in found for m in t.messages] == ["tool"] * 3
    assert body(found[0].messages[0].spans)[0] == "Tells the weather.\n\nname of the city"
    assert all(not t.holes for t in found)


def test_a_list_of_prompts_describes_its_arguments() -> None:
    arguments = [{"name": "code", "description": "what to look at"}]
    (found,) = templates({"prompts": [{"name": "review", "description": "Reviews code", "arguments": arguments}]})
    assert found.kind is TemplateKind.TOOL
    assert "what to look at" in body(found.messages[0].spans)[0]


def test_a_prompt_with_parameters_is_no_tool() -> None:
    (found,) = templates({"name": "a", "description": "b", "parameters": [{"name": "x"}], "prompt": "Do {x} now"})
    assert found.kind is TemplateKind.PROMPT
    assert [h.name for h in found.holes] == ["x"]


def test_a_package_is_no_tool() -> None:
    assert templates({"name": "pkg", "description": "Please use it, you must", "version": "1"}) == ()
