"""Finds, parses and judges prompt templates. Nothing is rendered, executed or sent anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agentops.injection import frontmatter, roles
from agentops.injection.analysis import Analysis, FileError, TemplateResult
from agentops.injection.files import Found, find, read, shown
from agentops.injection.mitigation import Mitigation, Seen, look
from agentops.injection.risk import Risk, combine, hole_risk, sink
from agentops.injection.rules import RULES, JudgedHole, Rule
from agentops.injection.syntax import SYNTAXES, Source
from agentops.injection.syntax.detect import detect
from agentops.injection.template import Hole, Template, TemplateError
from agentops.injection.trust import Judge, Trust
from agentops.model.finding import Finding, fingerprint

__all__ = ["Found", "analyse", "analyse_text", "find", "parse"]

_MAX_EXPLAINED = 200


def analyse(
    paths: Sequence[Path],
    *,
    root: Path,
    exclude: Sequence[str] = (),
    trust: Mapping[str, str] | None = None,
    tick: Callable[[str], None] | None = None,
) -> Analysis:
    """Analyse every template below the paths. `tick` is called with each file's name when it is done.

    `trust` maps names of variables to what is known of them. Raises ConfigError for a missing path, for no template
    at all, and for an unknown word in `trust`. A file that cannot be measured is an entry in `errors`.
    """
    judge = Judge(trust or {})
    root = root.absolute()
    found = find(paths, root=root, exclude=exclude)
    folders = _folders(paths, root)
    results: list[TemplateResult] = []
    errors: list[FileError] = []
    for path in found.files:
        name = shown(path, root)
        try:
            source = _source(path, root=root, folders=folders)
            results.append(judged(parse(source), judge))
        except TemplateError as error:
            errors.append(FileError(name, error.location, error.message, error.hint))
        if tick is not None:
            tick(name)
    return Analysis(tuple(results), tuple(errors), found.skipped)


def analyse_text(text: str, *, path: str, trust: Mapping[str, str] | None = None) -> TemplateResult:
    """Analyse one text as if it lay in a file of that name; includes are not followed. Raises TemplateError."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return judged(parse(Source(path, text, _nothing)), Judge(trust or {}))


def parse(source: Source) -> Template:
    """The file as roles, text and holes. Raises TemplateError."""
    head = frontmatter.read(source.text)
    text = frontmatter.blank(source.text, head.end)
    syntax = SYNTAXES[detect(source.path, text, said=head.syntax)]
    spans = syntax.parse(Source(source.path, text, source.include))
    messages = roles.split(spans, path=source.path, role=head.role)
    return Template(source.path, syntax.name, messages, head.types)


def judged(template: Template, judge: Judge) -> TemplateResult:
    """The template with the trust, the place and the risk of every hole, and what the rules say."""
    holes = tuple(
        _judged_hole(seen, hole, mitigation, trust=judge.trust(hole, template.types))
        for seen in look(template)
        for hole, mitigation in seen.holes
    )
    low = combine(_by_name(holes, lambda h: h.risk.low))
    high = combine(_by_name(holes, lambda h: h.risk.high))
    return TemplateResult(
        path=template.path,
        syntax=template.syntax if holes else "static",
        risk_low=low,
        risk_high=high,
        holes=holes,
        findings=tuple(f for rule in RULES for f in _findings(rule, template.path, holes)),
        explanation=_explanation(holes, low, high),
    )


def _judged_hole(seen: Seen, hole: Hole, mitigation: Mitigation, *, trust: Trust) -> JudgedHole:
    role, ordered = seen.message.role, seen.ordered
    return JudgedHole(
        hole=hole,
        role=role,
        trust=trust,
        mitigation=mitigation,
        risk=hole_risk(trust, role=role, ordered=ordered, mitigation=mitigation),
        sink=sink(trust, role=role, ordered=ordered).high,
        ordered=ordered,
    )


def _by_name(holes: Sequence[JudgedHole], risk: Callable[[JudgedHole], float]) -> list[float]:
    """Each variable once, at its worst place: the same text in two places is one way in."""
    worst: dict[str, float] = {}
    for one in holes:
        worst[one.hole.name] = max(worst.get(one.hole.name, 0.0), risk(one))
    return list(worst.values())


def _findings(rule: Rule, path: str, holes: tuple[JudgedHole, ...]) -> list[Finding]:
    found: dict[str, Finding] = {}
    for hit in rule.check(holes):
        mark = fingerprint(rule.id, path, f"{hit.judged.role} {hit.judged.hole.name}")
        if mark not in found:
            found[mark] = Finding(
                rule=rule.id,
                severity=rule.severity,
                confidence=hit.judged.trust.confidence,
                message=hit.message,
                location=hit.judged.hole.location,
                fingerprint=mark,
                hint=rule.remedy,
            )
    return list(found.values())


def _explanation(holes: tuple[JudgedHole, ...], low: float, high: float) -> tuple[str, ...]:
    if not holes:
        return ("no hole: the text is always the same, risk 0.00",)
    lines = []
    for one in sorted(holes, key=lambda h: (-h.risk.low, -h.risk.high))[:_MAX_EXPLAINED]:
        factors = " x ".join(str(f) for f in one.risk.factors)
        place = f"{one.hole.line}:{one.hole.column}"
        lines.append(f"{place} {one.hole.shown} is {one.trust.kind.verdict}: {factors} = {_span(one.risk)}")
    if len(holes) > _MAX_EXPLAINED:
        lines.append(f"and {len(holes) - _MAX_EXPLAINED} more holes, none of them worse")
    names = len({h.hole.name for h in holes})
    every = f"damped noisy-OR over {names} variables, each at its worst"
    lines.append(f"template: {_ends(low, high)}, {'the risk of its only variable' if names == 1 else every}")
    return tuple(lines)


def _span(risk: Risk) -> str:
    return _ends(risk.low, risk.high)


def _ends(low: float, high: float) -> str:
    return f"{low:.2f}" if low == high else f"{low:.2f}..{high:.2f}"


def _folders(paths: Sequence[Path], root: Path) -> tuple[Path, ...]:
    """The folders that templates may include from, as they really lie."""
    places = [(p if p.is_absolute() else root / p).resolve() for p in paths]
    return tuple(dict.fromkeys(p if p.is_dir() else p.parent for p in places))


def _source(path: Path, *, root: Path, folders: tuple[Path, ...]) -> Source:
    inside = (root.resolve(), *folders)

    def include(name: str, here: str) -> Source | None:
        if "\x00" in name or len(name) > 1_000:
            return None
        for folder in ((root / here).parent, *folders):
            found = (folder / name).resolve()
            if found.is_file() and any(f in found.parents for f in folders):
                label = shown(found, root) if root in found.parents else shown(found, root.resolve())
                text = read(found, name=label, inside=inside)
                head = frontmatter.read(text)
                return Source(label, frontmatter.blank(text, head.end), include)
        return None

    name = shown(path, root)
    return Source(name, read(path, name=name, inside=inside), include)


def _nothing(name: str, here: str) -> Source | None:  # noqa: ARG001 - an include that finds nothing
    return None
