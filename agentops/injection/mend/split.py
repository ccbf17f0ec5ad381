"""Cuts a prompt whose end comes from outside into roles, by the marks that the file's loader knows."""

from __future__ import annotations

from agentops.injection.defence.mitigation import Seen
from agentops.injection.defence.wording import Kind, Sentence
from agentops.injection.mend.edits import Edit, NoMend
from agentops.injection.mend.looked import Looked, Options
from agentops.injection.mend.rooms import Rooms, exact
from agentops.injection.template import Text


def split(looked: Looked, options: Options, rooms: Rooms) -> tuple[Edit, ...]:
    """The marks of roles, none where the template is no case for it. Raises NoMend."""
    path = looked.source.path.lower()
    wanted = path.endswith(".prompty") if options.split is None else options.split
    messages = looked.seen
    if rooms.code or not path.endswith((".prompty", ".txt", ".md", ".prompt", ".j2", ".jinja", ".jinja2", ".tmpl")):
        return ()
    if len(messages) == 1 and messages[0].message.role is None and wanted:
        return _cut(looked, 0, options, rooms, first=True)
    if not options.roles:
        return ()
    for number, one in enumerate(messages):
        following = messages[number + 1].message.role if number + 1 < len(messages) else ""
        if one.message.role in ("system", "developer") and following != "user":
            return _cut(looked, number, options, rooms, first=False)
    return ()


def _cut(looked: Looked, number: int, options: Options, rooms: Rooms, *, first: bool) -> tuple[Edit, ...]:
    """Marks before the paragraph or the label of the first untrusted hole, if nothing behind it gives orders."""
    targets = [t for t in looked.targets(options) if t.message == number]
    if not targets:
        return ()
    seen, source = looked.seen[number], looked.source
    hole = targets[0].one.hole
    if not exact(source, hole) or hole.in_loop or hole.condition:
        return ()
    # The paragraph of the first hole: from the empty line before it on.
    begin = seen.body.rfind("\n\n", 0, targets[0].place) + 2
    if begin < 2 or not seen.body[:begin].strip():
        return ()
    tail = [s for s in seen.sentences if s.end > begin]
    if any(s.kind in (Kind.ORDER, Kind.REMINDER) for s in tail) or any(_begin(seen, s) < begin for s in tail):
        return ()
    raw = source.text.rfind("\n\n", 0, hole.offset) + 2
    if not any(isinstance(s, Text) for s in seen.message.spans) or raw < 2:
        return ()
    edits = [Edit(raw, "user:\n", "")]
    if first:
        start = next((s.offset for s in seen.message.spans), 0)
        text = rooms.raw
        while start < len(text) and text[start] in " \n\t":
            start += 1
        if start >= raw or text.rfind("\n", 0, start) + 1 != start:
            raise NoMend("its first line does not begin where a mark could stand")
        edits.insert(0, Edit(start, "system:\n", ""))
    return tuple(edits)


def _begin(seen: Seen, one: Sentence) -> int:
    """Where the sentence's first letter stands."""
    said = seen.body[one.start : one.end]
    return one.start + len(said) - len(said.lstrip())
