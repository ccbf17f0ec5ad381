"""Mends a file: plans the insertions, puts them in, looks at the file again, and drops what did not do good."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentops.injection.kinds import Kind
from agentops.injection.mend import declare, marks, naming
from agentops.injection.mend.edits import Edit, NoMend, apply, ordered, remove, then, without
from agentops.injection.mend.looked import At, Looked, Options, settled, view, with_text
from agentops.injection.mend.nesting import Nesting
from agentops.injection.mend.rooms import Rooms, exact
from agentops.injection.mend.split import split
from agentops.injection.risk import WARN_AT
from agentops.injection.source import Source
from agentops.injection.template import BoundaryKind, TemplateError, TemplateKind
from agentops.injection.trust import Judge
from agentops.text import one_line

__all__ = ["Mend", "Options", "mend"]

_MOST_TEMPLATES = 200
_MOST_HOLES = 200
# One turn mends and the next finds nothing; more are needed where one way opens another.
_MOST_TURNS = 4
_EPSILON = 1e-9
_ESCAPABLE = re.compile(r"\{\{-?[ \t]{0,40}[A-Za-z_][\w.]{0,200}[ \t]{0,40}(?=-?\}\}\Z)")


@dataclass(frozen=True, slots=True)
class Mend:
    """What became of a file. `text` is the new text and `edits` the insertions that make it, in order; `done` and
    `left` say for people what was mended and what was not, a line each, with its place and the reason."""

    text: str
    edits: tuple[Edit, ...] = ()
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def mend(source: Source, judge: Judge, options: Options | None = None) -> Mend:
    """Mend every template of the file. Nothing is written. Raises TemplateError for a file that cannot be parsed."""
    options = options or Options()
    work = _Work(source, judge, options)
    for number, looked in enumerate(work.looked[:_MOST_TEMPLATES]):
        if looked.targets(options):
            work.template(number)
    return Mend(work.source.text, work.edits, tuple(work.done), tuple(dict.fromkeys(work.left)))


@dataclass(frozen=True, slots=True)
class _Plan:
    """Insertions for one template. `told` are the holes that stay as they are, with the reason."""

    edits: tuple[Edit, ...]
    marked: tuple[At, ...] = ()
    told: tuple[str, ...] = ()


_Step = Callable[[Looked, Options, Judge], _Plan]


class _Work:
    def __init__(self, source: Source, judge: Judge, options: Options) -> None:
        self.source, self.judge, self.options = source, judge, options
        self.looked = view(source, judge)
        self.edits: tuple[Edit, ...] = ()
        self.done: list[str] = []
        self.left: list[str] = []

    def template(self, number: int) -> None:
        """Mend that one until nothing is left to do, or say why not."""
        before = self.source, self.looked, self.edits, len(self.done)
        place = _place(self.looked[number])
        for turn in range(_MOST_TURNS):
            if not self.looked[number].targets(self.options):
                return
            problem = self._once(number)
            if problem and turn == 0:
                self.left.append(f"{place}: no safe mend: {problem}")
            if problem is not None:
                return
        self.source, self.looked, self.edits, done = before
        del self.done[done:]
        self.left.append(f"{place}: no safe mend: a second run would mend it again")

    def _once(self, number: int) -> str | None:
        """Mend it once by the best way that works. None where that changed something, else why nothing did ("" where
        nothing is to be said)."""
        problem = ""
        for steps in ((_roles, _boundaries, _escapes), (_boundaries, _escapes), (_boundaries,)):
            try:
                return None if self._try(number, steps) else ""
            except NoMend as why:
                problem = problem or str(why)
        return problem

    def _try(self, number: int, steps: Sequence[_Step]) -> bool:
        """Take all the steps, check what comes of them, keep it, and say whether it changed. Raises NoMend."""
        before = self.looked[number]
        if before.template.kind not in (TemplateKind.PROMPT, TemplateKind.SKILL):
            raise NoMend(f"a {before.template.kind.value} is mended by hand")
        source, looked, edits = self.source, self.looked, tuple[Edit, ...]()
        told: tuple[str, ...] = ()
        for step in steps:
            plan = step(looked[number], self.options, self.judge)
            told = (*told, *plan.told)
            if plan.edits:
                source = with_text(source, apply(source.text, plan.edits))
                edits = then(edits, plan.edits)
                looked = _again(source, self.judge)
                _check_marked(before, looked, number, plan)
        if edits:
            _check(self.looked, looked, edits, self.source, self.options)
            self.source, self.looked, self.edits = source, looked, then(self.edits, edits)
            self.done.append(f"{_place(before)}: {_said(edits)}; {_risks(before, looked[number], self.options)}")
        self.left += told
        after = looked[number]
        if after.risk(self.options) >= self.options.threshold and not told:
            self.left.append(
                f"{_place(after)}: the risk is {after.risk(self.options):.2f} and wording brings it no lower"
            )
        return bool(edits)


def _roles(looked: Looked, options: Options, judge: Judge) -> _Plan:  # noqa: ARG001 - a step
    return _Plan(split(looked, options, Rooms(looked.source)))


def _boundaries(looked: Looked, options: Options, judge: Judge) -> _Plan:
    """Marks around the holes that have none of a name, and the declaration for those that none names."""
    rooms = Rooms(looked.source)
    targets = looked.targets(options)
    if len(targets) > _MOST_HOLES:
        raise NoMend(f"more than {_MOST_HOLES} holes to mend")
    # Blocks of a template language do not occur in source code, where their signs mean other things.
    nesting = Nesting("" if rooms.code else looked.source.text)
    told: list[str] = []
    names, unnamed = declare.declared(looked)

    def leave(at: At, why: str) -> None:
        told.append(f"{at.one.hole.location} {at.one.hole.shown}: no safe mend: {why}")

    bare = [t for t in targets if _needs_marks(t)]
    edits, wanted, marked = _wrapped(looked, bare, rooms, nesting, leave, judge=judge)
    for target in targets:
        mark = target.one.mitigation.boundary
        if mark is not None and not _needs_marks(target):
            wanted[declare.spelled(mark.name, looked.text)] = mark.name.split("{")[0].rstrip("-_:. ").lower()
            marked.append(target)
    missing = [spelled for spelled, name in wanted.items() if name not in names and not unnamed]
    if missing:
        # First, so that it stands before a mark at the same place.
        edits.insert(0, declare.declare(looked, marked, missing, rooms, nesting))
    return _Plan(ordered(edits), tuple(marked), tuple(told))


def _needs_marks(at: At) -> bool:
    mark = at.one.mitigation.boundary
    # A value written as a quoted literal has marks of its own that no declaration can name.
    return mark is None or mark.kind is BoundaryKind.GENERIC or mark.name == "quoted literal"


def _wrapped(
    looked: Looked, bare: Sequence[At], rooms: Rooms, nesting: Nesting, leave: marks.Leave, *, judge: Judge
) -> tuple[list[Edit], dict[str, str], list[At]]:
    """The marks, how a declaration spells each with its name, and the holes that got one."""
    edits: list[Edit] = []
    wanted: dict[str, str] = {}
    marked: list[At] = []
    tags: dict[str, str] = {}
    covered = -1
    spare = _named_already(looked, bare)
    for run in marks.runs(looked, bare, rooms, leave):
        hole = run.holes[0].one.hole
        if run.start < covered:
            marked += run.holes
            continue
        key = hole.name
        if key not in tags:
            taken = looked.text + "".join(f"<{t}>" for t in tags.values())
            tags[key] = spare or naming.tag(key, label=_telling(looked, run.holes[0], judge), text=taken)
        try:
            opening, closing, covered = marks.wrap(looked, run, tags[key], rooms, nesting)
        except NoMend as why:
            for at in run.holes:
                leave(at, str(why))
            continue
        edits += (opening, closing)
        marked += run.holes
        wanted[f"<{tags[key]}>"] = tags[key]
    return edits, wanted, marked


def _named_already(looked: Looked, bare: Sequence[At]) -> str:
    """The tag that a declaration names and that stands nowhere, where there is one variable it can mean."""
    names, _ = declare.declared(looked)
    text = looked.text.lower()
    free = [n for n in names if f"<{n}>" in text and f"</{n}>" not in text]
    one = len({t.one.hole.name for t in bare}) == 1 and len(free) == 1
    if not one or not re.fullmatch(r"[a-z_]{1,40}", free[0]):
        return ""
    return free[0] if naming.tag(free[0], label="", text="") == free[0] else ""


def _telling(looked: Looked, at: At, judge: Judge) -> str:
    """The label of the hole where only that tells whose text it is: the tag must say it then, standing between."""
    from agentops.injection.names.labels import label

    if judge.trust(at.one.hole, looked.template).kind is at.one.trust.kind:
        return ""
    return label(looked.seen[at.message].body, at.place)


def _escapes(looked: Looked, options: Options, judge: Judge) -> _Plan:  # noqa: ARG001 - a step
    """The filter `e` on plain values within named marks."""
    if not options.escape or not looked.template.syntax.startswith("jinja"):
        return _Plan(())
    edits: dict[int, Edit] = {}
    for at in looked.holes:
        hole, mark = at.one.hole, at.one.mitigation.boundary
        named = mark is not None and mark.kind is BoundaryKind.NAMED
        plain = _ESCAPABLE.match(hole.written)
        if at.one.untrusted and named and plain and exact(looked.source, hole):
            gap = "" if plain[0].endswith((" ", "\t")) else " "
            edits[hole.offset] = Edit(hole.offset + plain.end(), f"{gap}| e ", "")
    return _Plan(ordered(tuple(edits.values())))


def _again(source: Source, judge: Judge) -> tuple[Looked, ...]:
    try:
        return view(source, judge)
    except TemplateError as error:
        raise NoMend(f"the file could not be read any more ({one_line(error.problem, 100)})") from None


def _check_marked(before: Looked, after: Sequence[Looked], number: int, plan: _Plan) -> None:
    """Every hole that got marks is settled now, and as untrusted as it was."""
    if number >= len(after) or len(after[number].holes) != len(before.holes):
        raise NoMend("the file would be read differently")
    for old, new in zip(before.holes, after[number].holes, strict=True):
        if old.one.hole.name != new.one.hole.name:
            raise NoMend("the file would be read differently")
    if before.accepted - after[number].accepted:
        raise NoMend("a suppression would not cover its place any more")
    for old, new in zip(before.holes, after[number].holes, strict=True):
        if plan.marked and any(old.one.hole.offset == m.one.hole.offset for m in plan.marked) and not settled(new.one):
            raise NoMend("the marks and the declaration would not be found again")


def _check(
    before: Sequence[Looked], after: Sequence[Looked], edits: Sequence[Edit], source: Source, options: Options
) -> None:
    """Nothing but the insertions changed, and no risk rose. Raises NoMend."""
    if len(before) != len(after):
        raise NoMend("the file would be read differently")
    if remove(apply(source.text, edits), edits) != source.text:
        raise NoMend("the insertions cannot be taken out again")
    read = frozenset(e.read for e in edits)
    roles = any(not e.read for e in edits)
    for old, new in zip(before, after, strict=True):
        if without(old.text, read) != without(new.text, read):
            raise NoMend("the prompt's own text would change")
        if not roles and [s.message.role for s in old.seen] != [s.message.role for s in new.seen]:
            raise NoMend("the roles would change")
        if (
            new.result.risk_low > old.result.risk_low + _EPSILON
            or new.result.risk_high > old.result.risk_high + _EPSILON
        ):
            raise NoMend("the risk would rise")
        if new.result.content > old.result.content + _EPSILON:
            raise NoMend("the added text would be taken for hidden orders")
        kinds = [(a.one.trust.kind, b.one.trust.kind) for a, b in zip(old.holes, new.holes, strict=True)]
        if any(a.untrusted and b in (Kind.UNKNOWN, Kind.OPERATOR, Kind.CONSTANT) for a, b in kinds):
            raise NoMend("a mark would hide whose text it holds")
    if all(
        n.risk(options) >= o.risk(options) for o, n in zip(before, after, strict=True) if o.risk(options) >= WARN_AT
    ):
        raise NoMend("the risk would stay as it is")


def _place(looked: Looked) -> str:
    name = f" {one_line(looked.template.name, 80)}" if looked.template.name else ""
    return f"{one_line(looked.template.path, 300)}:{looked.template.line}{name}"


def _said(edits: Sequence[Edit]) -> str:
    """What was put in, in words."""
    tags = list(dict.fromkeys(e.read for e in edits if e.read.startswith("<") and not e.read.startswith("</")))
    parts = [f"marks {', '.join(tags)}"] if tags else []
    parts += ["the declaration"] if any(e.read.startswith("Text inside") for e in edits) else []
    parts += ["roles"] if any(e.text in ("system:\n", "user:\n") for e in edits) else []
    parts += ["the filter e"] if any(e.text.strip() == "| e" for e in edits) else []
    return " and ".join(parts)


def _risks(before: Looked, after: Looked, options: Options) -> str:
    return f"risk {before.risk(options):.2f} -> {after.risk(options):.2f}"
