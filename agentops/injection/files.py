"""Which files are templates, and reading them. Nothing is left out in silence."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from agentops.errors import ConfigError
from agentops.injection.syntax import FORMATS
from agentops.injection.syntax.detect import extensions, suffix
from agentops.injection.template import TemplateError
from agentops.model.finding import Location
from agentops.text import one_line

MAX_BYTES = 1_000_000
_EXCLUDE = "add it to prompts.exclude"
_CODE = ("python", "javascript", "go", "java")


@dataclass(frozen=True, slots=True)
class Found:
    """The files to analyse, sorted, and one line for each that prompts.exclude leaves out."""

    files: tuple[Path, ...]
    skipped: tuple[str, ...] = ()


def shown(path: Path, root: Path) -> str:
    """The path as reports name it: relative to the project where it lies inside it."""
    try:
        name = path.relative_to(root).as_posix()
    except ValueError:
        name = path.as_posix()
    # What is no UTF-8 in a name stands there escaped: \xff.
    return name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def find(paths: Sequence[Path], *, root: Path, exclude: Sequence[str] = ()) -> Found:
    """Every file below the paths, in sorted order, whatever its kind: one that cannot be analysed is an error later.

    Hidden files and folders and __pycache__ are left out; links to folders are listed and not followed. `exclude`
    holds shell patterns over the path from the project's folder or the file's name, or folders. Raises ConfigError
    for a path that does not exist and where no file is left.
    """
    found: dict[Path, None] = {}
    skipped: list[str] = []
    for path in paths:
        path = path if path.is_absolute() else root / path
        path = Path(os.path.normpath(path))
        if not path.exists():
            raise ConfigError(
                f"{one_line(shown(path, root))} does not exist", hint="correct prompts.paths, or create the folder"
            )
        for file in _below(path):
            name = shown(file, root)
            if _excluded(name, exclude):
                skipped.append(f"{one_line(name)}: prompts.exclude")
            else:
                found[file] = None
    if not found:
        places = ", ".join(one_line(shown(p if p.is_absolute() else root / p, root)) for p in paths) or "no path"
        more = f" ({len(set(skipped))} excluded)" if skipped else ""
        raise ConfigError(
            f"no template at all in {places}{more}",
            hint=f"put templates there ({', '.join(extensions())}), or correct prompts.paths and prompts.exclude",
        )
    return Found(tuple(sorted(found, key=lambda p: shown(p, root))), tuple(sorted(set(skipped))))


def _below(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files: list[Path] = []
    for folder, folders, names in os.walk(path, onerror=_refuse):
        here = Path(folder)
        kept = [d for d in folders if not d.startswith(".") and d != "__pycache__"]
        # os.walk lists a link to a folder and does not enter it; as a file it becomes an error that names it.
        files.extend(here / d for d in kept if (here / d).is_symlink())
        folders[:] = [d for d in kept if not (here / d).is_symlink()]
        files.extend(here / n for n in names if not n.startswith("."))
    return files


def _refuse(error: OSError) -> None:
    raise ConfigError(
        f"{one_line(str(error.filename))} cannot be listed: {error.strerror}", hint="correct its permissions"
    )


def _excluded(name: str, patterns: Sequence[str]) -> bool:
    last = name.rsplit("/", 1)[-1]
    for pattern in patterns:
        pattern = pattern.removeprefix("./")
        if fnmatchcase(name, pattern) or fnmatchcase(last, pattern) or name.startswith(pattern.rstrip("/") + "/"):
            return True
    return False


def read(path: Path, *, name: str, inside: Sequence[Path]) -> str:
    """The file's text with line ends as \\n. `inside` are the folders that links may lead into.

    Raises TemplateError for a link out of them, a kind that has no parser, a name that is not UTF-8, and a file that
    is too large, binary, not UTF-8 or empty; source code may be empty, for it need hold no prompt.
    """
    data = _data(path, name=name, inside=inside)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TemplateError(Location(name, line), "not UTF-8", hint=f"save it as UTF-8, or {_EXCLUDE}") from None
    if "\x00" in text:
        raise _error(name, "binary", _EXCLUDE)
    if not text.strip() and not _is_code(name):
        raise _error(name, "empty, so there is nothing to measure", f"fill it, delete it, or {_EXCLUDE}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_code(name: str) -> bool:
    return any(suffix(name) in FORMATS[language].extensions for language in _CODE)


def digest(paths: Sequence[Path], *, root: Path, exclude: Sequence[str] = ()) -> str:
    """One sha256 over all that `read` would read below the paths, and the names of what it would not. Raises
    ConfigError as `find` does."""
    root = root.absolute()
    inside = (root.resolve(), *_folders(paths, root))
    whole = hashlib.sha256()
    for path in find(paths, root=root, exclude=exclude).files:
        name = shown(path, root)
        try:
            said = hashlib.sha256(_data(path, name=name, inside=inside)).hexdigest()
        except TemplateError as error:
            said = error.problem
        whole.update(f"{name}\0{said}\n".encode("utf-8", "backslashreplace"))
    return whole.hexdigest()


def _folders(paths: Sequence[Path], root: Path) -> list[Path]:
    """The folders of the paths that there are, as they really lie."""
    places = [(p if p.is_absolute() else root / p) for p in paths]
    real = [p.resolve() for p in places if p.exists()]
    return [p if p.is_dir() else p.parent for p in real]


def _data(path: Path, *, name: str, inside: Sequence[Path]) -> bytes:
    """The file's bytes, after everything that can be told without them."""
    try:
        real = path.resolve()
        folder = path.is_dir()
    except (OSError, RuntimeError):
        raise _error(name, "a link that leads to itself", f"remove it, or {_EXCLUDE}") from None
    if any("\udc80" <= c <= "\udcff" for part in path.parts[-len(Path(name).parts) :] for c in part):
        raise _error(name, "its name is not UTF-8", f"rename it, or {_EXCLUDE}")
    if folder:
        raise _error(name, "a link to a folder is not followed", f"name its target in prompts.paths, or {_EXCLUDE}")
    if not any(real == one or one in real.parents for one in inside):
        raise _error(name, "a link out of the project is not followed", f"copy the file here, or {_EXCLUDE}")
    if suffix(path.name) not in extensions():
        kind = path.suffix or "no extension"
        raise _error(name, f"{one_line(kind, 40)} has no parser", f"{_EXCLUDE}, or rename it if it is a template")
    return _bytes(real, name)


def _bytes(path: Path, name: str) -> bytes:
    try:
        # A pipe would be waited for until somebody writes into it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as stream:  # noqa: PTH123 - a descriptor
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise _error(name, "not a regular file", _EXCLUDE)
            data = b"" if found.st_size > MAX_BYTES else stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _error(name, "a link that leads nowhere, or gone", f"remove it, or {_EXCLUDE}") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _error(name, "a link that leads to itself", f"remove it, or {_EXCLUDE}") from None
        if error.errno == errno.ENXIO:
            raise _error(name, "not a regular file", _EXCLUDE) from None
        raise _error(name, f"cannot be read: {error.strerror}", "correct its permissions") from None
    if found.st_size > MAX_BYTES or len(data) > MAX_BYTES:
        raise _error(name, f"larger than {MAX_BYTES // 1_000_000} MB", f"split it, or {_EXCLUDE}")
    return data


def _error(name: str, problem: str, hint: str) -> TemplateError:
    return TemplateError(Location(name), problem, hint=hint)
