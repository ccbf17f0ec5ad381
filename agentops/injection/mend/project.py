"""Mends every file below some folders, in memory: a file that others include first, so that they see it mended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agentops.injection import frontmatter
from agentops.injection.analysis import FileError, TemplateResult
from agentops.injection.engine import parse
from agentops.injection.files import find, read, shown
from agentops.injection.judging import judge_file
from agentops.injection.mend.looked import view
from agentops.injection.mend.mending import Mend, Options, mend
from agentops.injection.source import Source
from agentops.injection.template import TemplateError
from agentops.injection.trust import Judge
from agentops.injection.waived import quiet, waive


@dataclass(frozen=True, slots=True)
class FileMend:
    """A file and what became of it. `before` is its text, with line ends as \\n; `name` is its path as shown."""

    path: Path
    name: str
    before: str
    mend: Mend

    @property
    def changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self.mend.edits)


@dataclass(frozen=True, slots=True)
class ProjectMend:
    """All files with a mend or with something left, the templates as they are judged then, and the files that could
    not be measured."""

    files: tuple[FileMend, ...]
    templates: tuple[TemplateResult, ...]
    errors: tuple[FileError, ...]


@dataclass(slots=True)
class _Project:
    root: Path
    folders: tuple[Path, ...]
    markers: tuple[tuple[str, str], ...]
    texts: dict[str, str] = field(default_factory=dict)

    def source(self, path: Path) -> Source:
        """The file, as far as it is mended by now."""
        name = shown(path, self.root)
        if name not in self.texts:
            self.texts[name] = read(path, name=name, inside=(self.root.resolve(), *self.folders))
        return Source(name, self.texts[name], self.include, self.markers)

    def include(self, name: str, here: str) -> Source | None:
        """What an include means: the mended text where the file is one of ours."""
        if "\x00" in name or len(name) > 1_000:
            return None
        for folder in ((self.root / here).parent, *self.folders):
            found = (folder / name).resolve()
            if found.is_file() and any(f in found.parents for f in self.folders):
                inside = self.root if self.root in found.parents else self.root.resolve()
                source = self.source(inside / found.relative_to(inside) if inside in found.parents else found)
                head = frontmatter.read(source.text)
                return replace(source, text=frontmatter.blank(source.text, head.end))
        return None


def mend_files(
    paths: Sequence[Path],
    *,
    root: Path,
    exclude: Sequence[str] = (),
    trust: Mapping[str, str] | None = None,
    markers: Sequence[tuple[str, str]] = (),
    options: Options | None = None,
    tick: Callable[[str], None] | None = None,
) -> ProjectMend:
    """Mend every template below the paths; nothing is written. The arguments are those of `engine.analyse`.

    Raises ConfigError for a missing path, for no template at all, and for an unknown word in `trust`.
    """
    judge = Judge(trust or {})
    options = options or Options()
    root = root.absolute()
    places = [(p if p.is_absolute() else root / p).resolve() for p in paths]
    folders = tuple(dict.fromkeys(p if p.is_dir() else p.parent for p in places))
    project = _Project(root, folders, tuple(markers))
    done: dict[Path, FileMend] = {}
    errors: dict[Path, FileError] = {}
    found = find(paths, root=root, exclude=exclude).files
    for path in _included_first(found, project, judge, options):
        name = shown(path, root)
        try:
            source = project.source(path)
            made = mend(source, judge, options)
            project.texts[name] = made.text
            done[path] = FileMend(path, name, source.text, made)
        except TemplateError as error:
            errors[path] = FileError(name, error.location, error.message, error.hint)
        if tick is not None:
            tick(name)
    results = [r for path in found if path in done for r in _results(project, path, judge)]
    files = tuple(done[p] for p in found if p in done and (done[p].changed or done[p].mend.left))
    return ProjectMend(files, tuple(results), tuple(errors[p] for p in found if p in errors))


def _included_first(found: Sequence[Path], project: _Project, judge: Judge, options: Options) -> list[Path]:
    """The files, those whose holes others show as their own before those others."""
    order = {shown(path, project.root): number for number, path in enumerate(found)}
    needs: dict[int, set[int]] = {}
    for number, path in enumerate(found):
        try:
            holes = [at.one.hole.path for one in view(project.source(path), judge) for at in one.targets(options)]
        except TemplateError:
            continue
        needs[number] = {order[name] for name in holes if name in order and order[name] != number}
    placed: list[int] = []
    waiting = list(range(len(found)))
    while waiting:
        ready = [n for n in waiting if needs.get(n, set()) <= set(placed)] or waiting
        placed += ready
        waiting = [n for n in waiting if n not in set(ready)]
    return [found[n] for n in placed]


def _results(project: _Project, path: Path, judge: Judge) -> tuple[TemplateResult, ...]:
    source = project.source(path)
    prompt = quiet(source)
    results = judge_file(prompt, parse(prompt), judge)
    needed = {h.hole.path for r in results for h in r.holes} & project.texts.keys()
    return waive(results, source, included={name: project.texts[name] for name in needed})
