"""Layouts of known libraries that the general reading of keys would take apart wrongly."""

from __future__ import annotations

import re

from agentops.injection.kinds import Kind
from agentops.injection.source import Source
from agentops.injection.syntax.structured_draft import Draft, Part
from agentops.injection.syntax.structured_inputs import read as inputs
from agentops.injection.syntax.structured_keys import HOLE_SIGN
from agentops.injection.syntax.tree import Items, Leaf, Node, Pairs
from agentops.injection.template import Assigned, Hole, Text

_FIELD = re.compile(r"\$\{(\w{1,100})\}")
# What documents are put between, with a word in capitals where the text goes.
_SLOT = re.compile(r"\b(DOCUMENT|INPUT|DATA|CONTENT)\b")


def read(source: Source, node: Pairs, *, name: str) -> tuple[Draft, frozenset[str]] | None:
    """The prompt of a mapping that has a known layout, with the keys that it used up; None for any other mapping."""
    return (
        _agent_node(node, name)
        or _crew(node, name)
        or _few_shot(node, name)
        or _harness(node, name)
        or _signature(source, node, name)
    )


def _agent_node(node: Pairs, name: str) -> tuple[Draft, frozenset[str]] | None:
    """n8n: an agent's text, and its system message among the options beside it."""
    options = node.get("options")
    system = _strings(options, "systemMessage") if isinstance(options, Pairs) else ()
    said = _strings(node, "text")
    if not system or not said:
        return None
    return Draft(name, node.start, (Part("system", system), Part("user", said))), frozenset(("text", "options"))


def _strings(node: Pairs, *keys: str) -> tuple[Leaf, ...]:
    return tuple(v for k in keys if isinstance(v := node.get(k), Leaf) and v.string and v.text.strip())


def _joined(node: Pairs, name: str, keys: tuple[str, ...], notation: str) -> tuple[Draft, frozenset[str]]:
    parts = (Part(None, _strings(node, *keys)),)
    return Draft(name, node.start, parts, inputs((node,)), notation), frozenset(keys)


def _crew(node: Pairs, name: str) -> tuple[Draft, frozenset[str]] | None:
    """CrewAI: role, goal and backstory make one text, and so do description and expected output of a task."""
    for keys, least in ((("role", "goal", "backstory"), 2), (("description", "expected_output"), 2)):
        if len(_strings(node, *keys)) >= least:
            return _joined(node, name, keys, "str.format")
    return None


def _few_shot(node: Pairs, name: str) -> tuple[Draft, frozenset[str]] | None:
    """LangChain: prefix and suffix around examples that the file itself holds or a selector picks."""
    if node.text("_type") != "few_shot" and not (node.has("suffix") and node.has("example_prompt")):
        return None
    draft, used = _joined(node, name, ("prefix", "suffix"), "")
    return draft, used | {"example_prompt", "examples", "example_selector"}


def _harness(node: Pairs, name: str) -> tuple[Draft, frozenset[str]] | None:
    """lm-evaluation-harness: a description, and the record of the data set as a text of Jinja2."""
    text = node.text("doc_to_text")
    if text is None or HOLE_SIGN.search(text) is None:
        return None
    draft, used = _joined(node, name or node.text("task") or "", ("description", "doc_to_text"), "jinja2")
    return draft, used | {"doc_to_target", "doc_to_choice"}


def _signature(source: Source, node: Pairs, name: str) -> tuple[Draft, frozenset[str]] | None:
    """DSPy as it saves a program: instructions, and fields of which the last is what the model fills."""
    said, fields = node.get("instructions"), node.get("fields")
    if not (isinstance(said, Leaf) and isinstance(fields, Items) and fields.items):
        return None
    prefixes = [f for f in fields.items if isinstance(f, Pairs) and f.has("prefix")]
    if len(prefixes) != len(fields.items):
        return None
    holes = tuple(h for f in prefixes[:-1] if (h := _field_hole(source, f)) is not None)
    parts = (Part("system", (said,)), Part("user", spans=holes))
    return Draft(name, node.start, parts[: 2 if holes else 1]), frozenset(("instructions", "fields"))


def _field_hole(source: Source, field: Pairs) -> Hole | None:
    description = field.get("description", "desc")
    if not isinstance(description, Leaf):
        return None
    found = _FIELD.fullmatch(description.text)
    prefix = field.text("prefix") or ""
    name = found[1] if found else "_".join(re.findall(r"\w+", prefix.lower()))[:100]
    if not name:
        return None
    line, column = source.lines.place(description.start)
    written = source.text[description.start : description.end]
    return Hole(name, source.path, line, column, description.start, written=written)


def markers(source: Source, key: str, value: Node) -> tuple[Part, dict[str, Assigned]] | None:
    """A pair of marks for documents (`"<data>DOCUMENT</data>"`): the message that it makes."""
    if "markers" not in key or not isinstance(value, Leaf) or len(value.text) > 2_000:
        return None
    found = _SLOT.search(value.text)
    if found is None:
        return None
    at = source.text.find(found[0], value.start, value.end)
    at = value.start if at < 0 else at
    name = found[0].lower()
    hole = Hole(name, source.path, *source.lines.place(at), at, written=found[0])
    before = Text(value.text[: found.start()], *source.lines.place(value.start), value.start)
    after = Text(value.text[found.end() :], *source.lines.place(at + len(name)), at + len(name))
    why = Assigned(Kind.THIRD_PARTY, "the marks are put around a document")
    return Part("user", spans=(before, hole, after)), {name: why}
