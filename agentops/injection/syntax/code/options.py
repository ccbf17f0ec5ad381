"""The options of a model's call, and the descriptions of tools: objects whose keys tell what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentops.injection.syntax.code import names
from agentops.injection.syntax.code.context import Context
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import entries, fixed, inside
from agentops.injection.template import TemplateKind

if TYPE_CHECKING:
    from agentops.injection.syntax.code.find import Finder


class Options:
    """Looks at the objects of one file."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def of(self, group: Node, context: Context) -> None:
        """The options of a model's call: its system text, its messages and its prompt are one template."""
        found = entries(group)
        if not found:
            return
        if self._described(found, context):
            return
        call = context.called
        known = call in names.MODEL_CALLS or any(k in found for k in names.MODEL_KEYS)
        system = [k for k in names.SYSTEM_KEYS if k in found]
        listed = [k for k in names.LIST_KEYS if k in found]
        if not known or not (system or listed or any(k in found for k in names.USER_KEYS)):
            return
        spoken = [
            Spoken("system", self._finder.messages.text_of(found[k])) for k in system if not _is_constant_key(found[k])
        ]
        rest: list[Spoken] = []
        for name in listed:
            rest += self._finder.messages.within([found[name]])
        if not rest:
            for name in names.USER_KEYS:
                if found.get(name):
                    rest.append(Spoken("user", self._finder.messages.text_of(found[name])))
                    break
        if not rest and listed and found[listed[0]]:
            rest = self._finder.messages.of([Node("op", "...", group.start, group.start), *found[listed[0]]])
        spoken = [s for s in (*spoken, *rest) if s.value.parts]
        if any(s.value.says for s in spoken):
            self._finder.add(Found(spoken, group.start, context.name or call, 0))

    def _described(self, found: dict[str, list[Node]], context: Context) -> bool:
        """A tool's description: `{ name, description, inputSchema }`."""
        text = found.get("description") or found.get("Description")
        call = context.called
        if not text or not (any(k in found for k in names.SCHEMA_KEYS) or call in names.TOOL_CALLS):
            return False
        value = self._finder.values.of(text)
        if value.says and value.words >= 4:
            name = fixed(found["name"][0]) if found.get("name") else None
            spoken = Spoken(None, value)
            self._finder.add(Found([spoken], text[0].start, name or context.name, 0, TemplateKind.TOOL))
        return True


def _is_constant_key(nodes: Iterable[Node]) -> bool:
    """GenAIScript's `system: ["system.x"]` names scripts and holds no text."""
    first = next(iter(nodes), None)
    if first is None:
        return True
    kids = inside(first) if first.kind == "group" and first.text == "[" else []
    return bool(kids) and all(len(k) == 1 and " " not in (fixed(k[0]) or " ") for k in kids)
