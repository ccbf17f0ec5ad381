"""A file as the mends see it: its templates, their sentences and marks, and what was judged of each hole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agentops.injection.accepted import accepted
from agentops.injection.analysis import TemplateResult
from agentops.injection.defence.mitigation import Declared, Seen, look
from agentops.injection.engine import parse
from agentops.injection.judging import judge_file
from agentops.injection.risk import WARN_AT, of_variables
from agentops.injection.rules.base import JudgedHole
from agentops.injection.source import Source
from agentops.injection.template import BoundaryKind, Template
from agentops.injection.trust import Judge
from agentops.injection.waived import quiet, waive


@dataclass(frozen=True, slots=True)
class Options:
    """What is mended and how. A hole with a risk of `threshold` or more is mended, with `strict` an unknown one at its
    worst.

    `split`: a text without roles is cut into roles; None does so only in .prompty files, whose loaders know roles.
    `roles`: an untrusted end of a system message becomes a user message. `escape`: Jinja2 values inside marks get
    the filter `e`, which changes what is rendered for values with < > & and quotes.
    """

    strict: bool = False
    threshold: float = WARN_AT
    split: bool | None = None
    roles: bool = False
    escape: bool = False


@dataclass(frozen=True, slots=True)
class At:
    """A hole with its place: the message's number, the hole's place in that message's body."""

    message: int
    place: int
    one: JudgedHole


@dataclass(frozen=True, slots=True)
class Looked:
    """One template of the file."""

    source: Source
    template: Template
    seen: tuple[Seen, ...]
    result: TemplateResult
    holes: tuple[At, ...]
    accepted: frozenset[int] = frozenset()

    def risk(self, options: Options) -> float:
        """What the template's holes come to, without those that a suppression accepted."""
        left = [at.one for n, at in enumerate(self.holes) if n not in self.accepted]
        risks = ((one.hole.name, one.risk.high if options.strict else one.risk.low) for one in left)
        return of_variables(risks, weight=self.result.weight)

    def targets(self, options: Options) -> tuple[At, ...]:
        """The holes that want a mend; those accepted, and those settled as well as wording can, left out."""
        open_ones = (at for n, at in enumerate(self.holes) if n not in self.accepted)
        return tuple(at for at in open_ones if _wants(at.one, options) and not settled(at.one))

    @property
    def text(self) -> str:
        """All messages' text, one after the other."""
        return "\n".join(one.body for one in self.seen)


def settled(one: JudgedHole) -> bool:
    """Named or random marks, and a declaration that names them."""
    mark = one.mitigation.boundary
    return mark is not None and mark.kind is not BoundaryKind.GENERIC and one.mitigation.declared is Declared.BY_NAME


def _wants(one: JudgedHole, options: Options) -> bool:
    risk = one.risk.high if options.strict else one.risk.low
    return risk >= min(options.threshold, WARN_AT)


def view(source: Source, judge: Judge) -> tuple[Looked, ...]:
    """The file's templates. Raises TemplateError."""
    prompt = quiet(source)
    templates = parse(prompt)
    if not templates:
        return ()
    results = waive(judge_file(prompt, templates, judge), source)
    return tuple(_looked(source, t, r) for t, r in zip(templates, results, strict=True))


def _looked(source: Source, template: Template, result: TemplateResult) -> Looked:
    seen = look(template)
    places = [(number, place) for number, one in enumerate(seen) for place in one.places]
    holes = tuple(At(number, place, one) for (number, place), one in zip(places, result.holes, strict=True))
    return Looked(source, template, seen, result, holes, accepted(result))


def with_text(source: Source, text: str) -> Source:
    """The same file with another text."""
    return replace(source, text=text)
