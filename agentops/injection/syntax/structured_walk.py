"""Goes through the tree of a file and gathers its prompts."""

from __future__ import annotations

from agentops.injection.source import Source
from agentops.injection.syntax import (
    pieces,
    structured_command,
    structured_inputs,
    structured_keys,
    structured_layouts,
    structured_messages,
    toolfile,
    tree_json,
)
from agentops.injection.syntax.detect import suffix
from agentops.injection.syntax.structured_draft import Draft, Part
from agentops.injection.syntax.structured_keys import Key, Strength
from agentops.injection.syntax.tree import Items, Leaf, Node, Pairs
from agentops.injection.template import Assigned, TemplateError

_ORDER = {"system": 0, "developer": 0}
# What the text beside a system text is called where it has no role of its own.
_BESIDE = frozenset(("prompt", "input", "query", "question", "content", "message", "text", "template", "request"))
_PROMPT_PARENTS = frozenset(("prompt", "prompts", "template", "templates"))
_DATA_LISTS = frozenset(("messages", "conversations", "conversation", "input", "prompt", "dialogue", "dialog"))
_DATA_ANSWERS = ("ideal", "completion", "completions", "response", "answer", "chosen", "rejected", "target", "label")


class Walk:
    """One pass over a file. `about_prompts`: its name says that its texts are prompts; `records`: it is a list of
    records, whose conversations are data."""

    def __init__(self, source: Source, *, about_prompts: bool, records: bool) -> None:
        self.source = source
        self.drafts: list[Draft] = []
        self._about, self._records = about_prompts, records
        self._seen: set[int] = set()
        self._runner = False

    def document(self, root: Node) -> None:
        """Gather the prompts of one document."""
        # A configuration of a test runner: its prompts are a list of texts, or of files that hold them.
        self._runner = isinstance(root, Pairs) and root.has("prompts") and (root.has("providers") or root.has("tests"))
        self._node(root, (), (), inside=self._about)

    def _node(self, node: Node, path: tuple[str, ...], around: tuple[Pairs, ...], *, inside: bool) -> None:
        if isinstance(node, Leaf) or id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, Items):
            self._items(node, path, around, inside=inside)
        else:
            self._pairs(node, path, around, inside=inside)

    # Lists

    def _items(self, node: Items, path: tuple[str, ...], around: tuple[Pairs, ...], *, inside: bool) -> None:
        talk = structured_messages.read(self.source, node)
        if talk is not None:
            data = self._records and bool(path) and path[-1] in _DATA_LISTS
            self.drafts.append(
                Draft(
                    _name(path), node.start, talk.parts, structured_inputs.read(around), notes=talk.notes,
                    fixed=data or _is_data(around),
                )
            )  # fmt: skip
            return
        strong = inside or (bool(path) and structured_keys.read(path[-1]).strength is Strength.SURE)
        for number, item in enumerate(node.items):
            here = _indexed(path, number)
            if isinstance(item, Leaf):
                how = Strength.SURE if strong else Strength.UNKNOWN if path and not self._records else Strength.NEVER
                if item.string and not (path and _never(path[-1])) and structured_keys.is_prompt(item.text, how):
                    self._string(item, here, None, around, sure=strong)
            else:
                self._node(item, here, around, inside=inside)

    # Mappings

    def _pairs(self, node: Pairs, path: tuple[str, ...], around: tuple[Pairs, ...], *, inside: bool) -> None:
        parent = path[-1].split("[")[0] if path else ""
        tool = toolfile.draft(node, parent=parent)
        if tool is not None:
            self.drafts.append(tool)
            return
        around = (node, *around[:3])
        known = structured_layouts.read(self.source, node, name=_name(path))
        used: set[str] = set()
        if known is not None:
            self.drafts.append(known[0])
            used.update(known[1])
        keys = [(structured_keys.read(name), value) for name, value in node.pairs if name not in used]
        fixed = _is_data(around) and not self._runner
        used |= self._spoken_to(node, path, around, fixed=fixed)
        keys = [(key, value) for key, value in keys if key.name not in used]
        used |= self._groups(keys, path, around, fixed=fixed)
        for key, value in keys:
            if key.name in used or key.name in structured_keys.DATA_KEYS:
                if key.name == "metadata" and isinstance(value, Pairs):
                    self._beside(value, (*path, key.name), around)
                continue
            if isinstance(value, Pairs) and key.strength is Strength.SURE and (held := _held(value)) is not None:
                # `instruction: {type: constant, value: ...}`
                value = held
            if isinstance(value, Leaf):
                self._leaf(key, value, path, around, inside=inside, fixed=fixed)
            else:
                below = inside or (structured_keys.words(key.name)[-1:] or ("",))[0] in _PROMPT_PARENTS
                self._node(value, (*path, key.name), around, inside=below)

    def _beside(self, node: Pairs, path: tuple[str, ...], around: tuple[Pairs, ...]) -> None:
        """Texts among data that only their keys make prompts, if something is filled into them."""
        for name, value in node.pairs:
            key = structured_keys.read(name)
            if (
                isinstance(value, Leaf)
                and key.strength is Strength.SURE
                and structured_keys.HOLE_SIGN.search(value.text)
            ):
                self._leaf(key, value, path, (node, *around), inside=False, fixed=False)

    def _spoken_to(self, node: Pairs, path: tuple[str, ...], around: tuple[Pairs, ...], *, fixed: bool) -> set[str]:
        """Take the system text of a request together with the list of messages beside it."""
        systems = [n for n, v in node.pairs if _is_system(n) and structured_messages.leaves(v)]
        if len(systems) != 1:
            return set()
        for name in ("messages", "contents", "input"):
            listed = node.get(name)
            talk = structured_messages.read(self.source, listed) if isinstance(listed, Items) else None
            if talk is None or any(p.role in _ORDER for p in talk.parts):
                continue
            said = Part("system", structured_messages.leaves(node.get(systems[0])))
            data = fixed or (self._records and name in _DATA_LISTS)
            inputs = structured_inputs.read(around)
            self.drafts.append(
                Draft(_name(path), node.start, (said, *talk.parts), inputs, notes=talk.notes, fixed=data)
            )
            return {systems[0], name}
        return set()

    def _leaf(
        self, key: Key, value: Leaf, path: tuple[str, ...], around: tuple[Pairs, ...], *, inside: bool, fixed: bool
    ) -> None:
        strength = key.strength
        if inside and strength in (Strength.WEAK, Strength.UNKNOWN):
            strength = Strength.SURE
        if not value.string or not structured_keys.is_prompt(value.text, strength):
            return
        role = key.role
        if role is None and path and len(around[0].pairs) <= 3:
            # `system: {content: ...}`
            role = structured_keys.read(path[-1]).role if "[" not in path[-1] else None
        sure = strength is not Strength.UNKNOWN
        self._string(value, (*path, key.name), role, around, sure=sure, fixed=fixed)

    def _string(
        self, leaf: Leaf, path: tuple[str, ...], role: str | None, around: tuple[Pairs, ...], *, sure: bool,
        fixed: bool = False,
    ) -> None:  # fmt: skip
        if self._runner and leaf.text.lstrip().startswith("[") and self._embedded(leaf, path, around):
            return
        inputs = structured_inputs.read(around)
        if suffix(self.source.path) == ".toml" and structured_command.is_command(leaf.text):
            command = structured_command.read(self.source, leaf.text)
            spans = pieces.place(self.source, command.spans, leaf.text, start=leaf.start, end=leaf.end)
            self.drafts.append(
                Draft(
                    _name(path), leaf.start, (Part(role, spans=spans),), inputs, "braces",
                    notes=structured_command.notes(self.source, spans), assigned=command.assigned,
                )
            )  # fmt: skip
            return
        notation = "jinja2" if "{{" in leaf.text and (self._runner or _is_rail(around)) else ""
        self.drafts.append(
            Draft(_name(path), leaf.start, (Part(role, (leaf,)),), inputs, notation, sure=sure, fixed=fixed)
        )

    def _embedded(self, leaf: Leaf, path: tuple[str, ...], around: tuple[Pairs, ...]) -> bool:
        """A prompt that is a list of messages written as JSON in a string."""
        try:
            roots = tree_json.read(self.source.part(leaf.text)).roots
        except TemplateError:
            return False
        if len(roots) != 1 or not isinstance(roots[0], Items):
            return False
        talk = structured_messages.read(self.source.part(leaf.text), roots[0])
        if talk is None:
            return False
        # The places of the inner texts are those of the whole string: its escapes are not followed.
        parts = tuple(
            Part(p.role, tuple(Leaf(x.text, leaf.start, leaf.end) for x in p.leaves)) for p in talk.parts if p.leaves
        )
        self.drafts.append(Draft(_name(path), leaf.start, parts, structured_inputs.read(around), "jinja2"))
        return True

    # Texts that belong together

    def _groups(
        self, keys: list[tuple[Key, Node]], path: tuple[str, ...], around: tuple[Pairs, ...], *, fixed: bool
    ) -> set[str]:
        """Take the texts of several roles under sibling keys together, and say which keys were used."""
        stems: dict[tuple[str, ...], list[tuple[str, Key, Node]]] = {}
        beside: dict[tuple[str, ...], list[tuple[Key, Node]]] = {}
        assigned: dict[str, Assigned] = {}
        for key, value in keys:
            if key.role is not None and key.strength is not Strength.NEVER and structured_messages.leaves(value):
                stems.setdefault(key.stem, []).append((key.role, key, value))
            elif structured_keys.words(key.name) == ("instruction",) and isinstance(value, Leaf):
                stems.setdefault((), []).append(("system", key, value))
            elif isinstance(value, Leaf) and value.string and _stands_beside(key):
                stem = tuple(w for w in key.stem if w not in _BESIDE)
                beside.setdefault(stem, []).append((key, value))
        used: set[str] = set()
        for stem, members in stems.items():
            roles = {role for role, _, _ in members}
            marked = self._markers(keys, assigned) if "system" in roles and "user" not in roles else None
            if "user" not in roles and len(beside.get(stem, ())) == 1 and marked is None:
                members.append(("user", *beside[stem][0]))
            if marked is not None:
                members = [m for m in members if m[0] != "user"]
            if not roles & {"system", "developer"} or (len(members) < 2 and marked is None):
                continue
            said = [leaf.text for _, _, value in members for leaf in structured_messages.leaves(value)]
            if not any(structured_keys.is_prompt(text, Strength.SURE) for text in said):
                continue  # single words: names of a user and of a system
            used.update(key.name for _, key, _ in members)
            parts = [Part(role, structured_messages.leaves(value)) for role, _, value in members]
            parts.sort(key=lambda p: _ORDER.get(p.role or "", 1))
            parts += [marked] if marked is not None else []
            name = _name((*path, "_".join(stem))) if stem else _name(path)
            start = min(value.start for _, _, value in members)
            self.drafts.append(
                Draft(
                    name, start, tuple(parts), structured_inputs.read(around), assigned=assigned,
                    fixed=fixed, notation="",
                )
            )  # fmt: skip
        return used

    def _markers(self, keys: list[tuple[Key, Node]], assigned: dict[str, Assigned]) -> Part | None:
        for key, value in keys:
            if (found := structured_layouts.markers(self.source, key.name, value)) is not None:
                assigned.update(found[1])
                return found[0]
        return None


def _stands_beside(key: Key) -> bool:
    parts = structured_keys.words(key.name)
    return bool(parts) and parts[-1] in _BESIDE


def _is_system(name: str) -> bool:
    """Whether the key is that of a request's system text: `system`, `systemInstruction`, `system_prompt`."""
    key = structured_keys.read(name)
    return key.role == "system" and not key.stem and key.strength is not Strength.NEVER


def _held(node: Pairs) -> Leaf | None:
    """The text of a mapping that is nothing but a text with its type."""
    value = node.get("value")
    typed = len(node.pairs) == 2 and node.has("type", "value") and node.has("type")
    return value if typed and isinstance(value, Leaf) and value.string else None


def _never(name: str) -> bool:
    return structured_keys.read(name.split("[")[0]).strength is Strength.NEVER


def _is_rail(around: tuple[Pairs, ...]) -> bool:
    """Whether it is a prompt of NeMo Guardrails, which names its task."""
    return bool(around) and around[0].has("task", "content")


def _is_data(around: tuple[Pairs, ...]) -> bool:
    """Whether the mapping is a record of a data set: it has the wanted answer beside the prompt."""
    return bool(around) and any(around[0].has(answer) for answer in _DATA_ANSWERS)


def _indexed(path: tuple[str, ...], number: int) -> tuple[str, ...]:
    return (*path[:-1], f"{path[-1]}[{number}]") if path else (f"[{number}]",)


def _name(path: tuple[str, ...]) -> str:
    return ".".join(path)[:200]
