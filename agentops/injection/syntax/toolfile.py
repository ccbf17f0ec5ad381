"""Descriptions of tools and prompts as servers list them: a model reads them before anybody asks it anything."""

from __future__ import annotations

from agentops.injection.syntax.structured_draft import Draft, Part
from agentops.injection.syntax.tree import Items, Leaf, Node, Pairs, walk
from agentops.injection.template import TemplateKind

_SHAPES = ("inputSchema", "input_schema", "parameters", "args_schema")
_LISTS = frozenset(("tools", "functions", "function", "tool", "prompts"))
_PROMPT_KEYS = ("prompt", "template", "messages", "system", "system_prompt", "instructions")
# The words in a schema that a model reads besides the description.
_SAID = ("description", "title")


def draft(node: Pairs, *, parent: str) -> Draft | None:
    """The tool that the mapping describes, or None. `parent` is the key above it."""
    name, description = node.get("name"), node.get("description")
    if not (isinstance(name, Leaf) and isinstance(description, Leaf) and description.string):
        return None
    if any(node.has(key) for key in _PROMPT_KEYS):
        return None
    shape = node.get(*_SHAPES)
    arguments = node.get("arguments")
    listed = parent in _LISTS and len(node.pairs) <= 12
    if not (listed or _is_schema(shape) or _is_arguments(arguments)):
        return None
    below = [d for part in (shape, arguments, node.get("annotations")) if part is not None for d in _described(part)]
    return Draft(name.text, node.start, (Part("tool", (description, *below)),), kind=TemplateKind.TOOL)


def _is_schema(node: Node | None) -> bool:
    if isinstance(node, Pairs):
        return not node.pairs or node.has("properties") or node.has("type") or node.has("$ref")
    return _is_arguments(node)


def _is_arguments(node: Node | None) -> bool:
    return isinstance(node, Items) and all(isinstance(i, Pairs) and i.has("name") for i in node.items)


def _described(node: Node) -> list[Leaf]:
    found: list[Leaf] = []
    for here in walk(node):
        if isinstance(here, Pairs):
            found.extend(v for k, v in here.pairs if k in _SAID and isinstance(v, Leaf) and v.string)
    return found
