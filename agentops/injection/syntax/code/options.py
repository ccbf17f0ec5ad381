"""The options of a model's call, and the descriptions of tools: objects whose keys tell what they hold."""

from __future__ import annotations

from collections.abc import Iterable

from agentops.injection.syntax.code import names, prompts
from agentops.injection.syntax.code.context import Context
from agentops.injection.syntax.code.emit import Found
from agentops.injection.syntax.code.gathered import Gathered
from agentops.injection.syntax.code.messages import Spoken
from agentops.injection.syntax.code.pairs import Pairs
from agentops.injection.syntax.code.tokens import Node
from agentops.injection.syntax.code.tree import entries, fixed, inside
from agentops.injection.template import TemplateKind


class Options:
    """Looks at the objects of one file."""

    def __init__(self, gathered: Gathered, pairs: Pairs) -> None:
        self._gathered, self._pairs = gathered, pairs

    def of(self, group: Node, context: Context) -> None:
        """The options of a model's call: its system text, its messages and its prompt are one template."""
        found = entries(group)
        if not found:
            return
        if self._described(found, context):
            return
        call = context.called
        by_options = any(k in found for k in names.MODEL_KEYS)
        known = call in names.MODEL_CALLS or by_options
        inner = self._inner(found)
        system = [(k, found[k]) for k in names.SYSTEM_KEYS if k in found]
        system += [(k, inner[k]) for k in names.SYSTEM_KEYS if k in inner and not system]
        listed = [k for k in names.LIST_KEYS if k in found]
        users = [k for k in names.USER_KEYS if found.get(k)]
        if not known and system:
            users += [k for k in names.BESIDE_KEYS if found.get(k)]
            known = self._speaks(system[0], told=bool(listed or users))
        if not known or not (system or listed or users):
            return
        spoken = [Spoken("system", self._gathered.messages.text_of(n)) for _, n in system if not _is_constant_key(n)]
        rest = self._asked(found, listed, users, group)
        if call == "getGenerativeModel" and spoken and spoken[0].value.says and not rest:
            self._pairs.given(context.name, Found(spoken, group.start, context.name or call, 0))
            return
        if not spoken and rest and (session := self._session(context, group.start)) is not None:
            spoken = [session]
        spoken = [s for s in (*spoken, *rest) if s.value.parts]
        if any(s.value.says for s in spoken):
            self._gathered.add(Found(spoken, group.start, context.name or call, 0))

    def _asked(self, found: dict[str, list[Node]], listed: list[str], users: list[str], group: Node) -> list[Spoken]:
        """What is said beside the system text: messages, else a text, else a list of which nothing is known."""
        read = self._gathered.messages
        rest: list[Spoken] = []
        for name in listed:
            rest += read.within([found[name]])
        if not rest and users:
            rest.append(Spoken("user", read.text_of(found[users[0]])))
        if not rest and listed and found[listed[0]]:
            rest = read.of([Node("op", "...", group.start, group.start), *found[listed[0]]])
        if not rest and any(k in found for k in ("contents", "Contents")):
            rest.append(Spoken("user", read.text_of(found.get("contents") or found["Contents"])))
        return rest

    def _inner(self, found: dict[str, list[Node]]) -> dict[str, list[Node]]:
        """The entries of the options within options: `config: { systemInstruction }`."""
        for name in names.INNER_OPTIONS:
            if len(nodes := found.get(name, [])) and nodes[-1].kind == "group" and nodes[-1].text == "{":
                return entries(nodes[-1])
        return {}

    def _session(self, context: Context, at: int) -> Spoken | None:
        """The system text of the model that the call is made on."""
        if not context.called.startswith(("generateContent", "sendMessage")):
            return None
        return self._pairs.session(context.call, at)

    def _speaks(self, system: tuple[str, list[Node]], *, told: bool) -> bool:
        """Whether a system text says by itself that a model gets the object: by its key, or by its orders."""
        key, nodes = system
        if not told or _is_constant_key(nodes):
            return False
        return len(prompts.words(key)) > 1 or prompts.tells_a_model(self._gathered.head(nodes))

    def _described(self, found: dict[str, list[Node]], context: Context) -> bool:
        """A tool's description: `{ name, description, inputSchema }`."""
        text = found.get("description") or found.get("Description")
        call = context.called
        if not text or not (any(k in found for k in names.SCHEMA_KEYS) or call in names.TOOL_CALLS):
            return False
        value = self._gathered.values.of(text)
        if value.says and value.words >= 4:
            name = fixed(found["name"][0]) if found.get("name") else None
            spoken = Spoken(None, value)
            self._gathered.add(Found([spoken], text[0].start, name or context.name, 0, TemplateKind.TOOL))
        return True


def _is_constant_key(nodes: Iterable[Node]) -> bool:
    """GenAIScript's `system: ["system.x"]` names scripts and holds no text."""
    first = next(iter(nodes), None)
    if first is None:
        return True
    kids = inside(first) if first.kind == "group" and first.text == "[" else []
    return bool(kids) and all(len(k) == 1 and " " not in (fixed(k[0]) or " ") for k in kids)
