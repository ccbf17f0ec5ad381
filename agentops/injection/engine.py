"""Finds, parses and judges prompt templates. Nothing is rendered, executed or sent anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from agentops.injection import frontmatter, roles
from agentops.injection.analysis import Analysis, FileError, TemplateResult
from agentops.injection.files import Found, find, read, shown
from agentops.injection.judging import judge_file
from agentops.injection.source import Source
from agentops.injection.syntax.detect import detect
from agentops.injection.template import Template, TemplateError
from agentops.injection.trust import Judge
from agentops.injection.waived import quiet, waive

__all__ = ["Found", "Memory", "analyse", "analyse_text", "find", "parse"]


class Memory(Protocol):
    """Remembers results of files from run to run."""

    def get(self, path: Path) -> tuple[TemplateResult, ...] | None:
        """The file's results, if neither it nor what they were made from changed."""

    def put(self, path: Path, results: Sequence[TemplateResult], *, needs: Sequence[Path]) -> None:
        """Remember the results of a file that `get` was asked for. `needs` are other files that were looked for."""


def analyse(
    paths: Sequence[Path],
    *,
    root: Path,
    exclude: Sequence[str] = (),
    trust: Mapping[str, str] | None = None,
    markers: Sequence[tuple[str, str]] = (),
    tick: Callable[[str], None] | None = None,
    memory: Memory | None = None,
) -> Analysis:
    """Analyse every template below the paths. `tick` is called with each file's name when it is done.

    `trust` maps names of variables to what is known of them; `markers` are pairs of marks around a name that stand for
    holes besides the known ones. Raises ConfigError for a missing path, for no template
    at all, and for an unknown word in `trust`. A file that cannot be measured is an entry in `errors`. `memory` gives
    the results of files that it knows; it must have been made for the same paths, root, trust and markers.
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
            known = memory.get(path) if memory is not None else None
            if known is None:
                seen = _Included()
                source = _source(path, root=root, folders=folders, markers=tuple(markers), seen=seen)
                known = _judged(source, judge, seen.texts)
                if memory is not None:
                    memory.put(path, known, needs=seen.asked)
            results.extend(known)
        except TemplateError as error:
            errors.append(FileError(name, error.location, error.message, error.hint))
        if tick is not None:
            tick(name)
    return Analysis(tuple(results), tuple(errors), found.skipped)


def analyse_text(text: str, *, path: str, trust: Mapping[str, str] | None = None) -> tuple[TemplateResult, ...]:
    """Analyse one text as if it lay in a file of that name; includes are not followed. Raises TemplateError."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(path, text)
    return _judged(source, Judge(trust or {}), {})


def _judged(source: Source, judge: Judge, included: Mapping[str, str]) -> tuple[TemplateResult, ...]:
    prompt = quiet(source)
    return waive(judge_file(prompt, parse(prompt), judge), source, included=included)


def parse(source: Source) -> tuple[Template, ...]:
    """The file's templates: roles, text and holes. Raises TemplateError."""
    templates = detect(source).parse(source)
    return tuple(replace(t, messages=roles.by_tokens(t.messages)) for t in templates)


def _folders(paths: Sequence[Path], root: Path) -> tuple[Path, ...]:
    """The folders that templates may include from, as they really lie."""
    places = [(p if p.is_absolute() else root / p).resolve() for p in paths]
    return tuple(dict.fromkeys(p if p.is_dir() else p.parent for p in places))


@dataclass(frozen=True, slots=True)
class _Included:
    """What a file's includes led to: every place that was looked at, and the texts that were found, by shown path."""

    asked: list[Path] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def _source(
    path: Path, *, root: Path, folders: tuple[Path, ...], markers: tuple[tuple[str, str], ...], seen: _Included
) -> Source:
    inside = (root.resolve(), *folders)

    def include(name: str, here: str) -> Source | None:
        if "\x00" in name or len(name) > 1_000:
            return None
        for folder in ((root / here).parent, *folders):
            seen.asked.append(folder / name)
            found = (folder / name).resolve()
            if found.is_file() and any(f in found.parents for f in folders):
                label = shown(found, root) if root in found.parents else shown(found, root.resolve())
                text = read(found, name=label, inside=inside)
                seen.texts[label] = text
                head = frontmatter.read(text)
                return Source(label, frontmatter.blank(text, head.end), include, markers)
        return None

    name = shown(path, root)
    return Source(name, read(path, name=name, inside=inside), include, markers)
