"""Pinned requirement files, read and never resolved: resolving can build source distributions, which runs their code.

Format: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from agentops import text
from agentops.errors import ConfigError
from agentops.model.finding import Location

_INCLUDES = ("-r", "--requirement", "-c", "--constraint")
_EDITABLE = ("-e", "--editable")
_IGNORED = frozenset(
    (
        "-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--no-binary", "--only-binary",
        "--prefer-binary", "--require-hashes", "--pre", "--trusted-host", "--use-feature", "--hash",
        "--config-settings", "--global-option",
    )
)  # fmt: skip
_COMMENT = re.compile(r"(^|\s+)#.*$")
_PLACE = re.compile(r"^[./~]|://|^[\w.+-]+:|[/\\]|\.(whl|zip|tar\.gz|tgz|tar\.bz2)$", re.IGNORECASE)
_USER = re.compile(r"//[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package at one version. `name` is normalised (PEP 503), `version` is without a local part."""

    name: str
    version: str
    location: Location


@dataclass(frozen=True, slots=True)
class Loose:
    """A line that does not say which version is installed. `line` is safe to show, `why` says what it is."""

    line: str
    why: str
    location: Location


@dataclass(frozen=True, slots=True)
class Requirements:
    """What all files say, in their order."""

    files: tuple[str, ...]
    pins: tuple[Pin, ...]
    loose: tuple[Loose, ...]


def read(root: Path, files: Sequence[str]) -> Requirements:
    """Read the files, which are relative to `root`.

    Markers and extras are not looked at: the image may be another platform than this one. Raises ConfigError with
    one problem a place: a missing or empty file, an include, a line that is no requirement.
    """
    problems: list[str] = []
    pins: list[Pin] = []
    loose: list[Loose] = []
    for name in dict.fromkeys(files):
        before = (len(pins), len(loose), len(problems))
        try:
            content = (root / name).read_bytes().decode("utf-8-sig")
        except OSError as error:
            problems.append(f"{text.one_line(name)}: {error.strerror}")
            continue
        except UnicodeDecodeError:
            problems.append(f"{text.one_line(name)}: it is not UTF-8")
            continue
        for number, line in logical_lines(content):
            try:
                entry = parse(line, Location(text.clean(name), number))
            except ValueError as error:
                problems.append(f"{text.one_line(name)}:{number}: {error}")
                continue
            if isinstance(entry, Pin):
                pins.append(entry)
            elif entry is not None:
                loose.append(entry)
        if before == (len(pins), len(loose), len(problems)):
            problems.append(f"{text.one_line(name)}: no requirement in it")
    if problems or not files:
        raise ConfigError(
            "dependencies.files cannot be audited: " + ("; ".join(problems) or "no file is named"),
            hint="name every pinned file itself under dependencies.files, written as name==version lines",
            problems=tuple(problems),
        )
    return Requirements(tuple(dict.fromkeys(files)), tuple(pins), tuple(loose))


def logical_lines(content: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continuation lines joined, blank ones left out, each with the number it starts at.

    As in pip a comment line ends a continuation.
    """
    parts: list[str] = []
    start = 1
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", content), 1):
        if not parts:
            start = number
        comment = raw.lstrip().startswith("#")
        goes_on = raw.endswith("\\") and not comment
        parts.append(raw[:-1] if goes_on else (" " + raw if comment else raw))
        if goes_on:
            continue
        line = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if line:
            yield start, line
    rest = _COMMENT.sub("", "".join(parts)).strip()
    if rest:
        yield start, rest


def parse(line: str, location: Location) -> Pin | Loose | None:
    """One logical line; None for an option that an audit need not know. Raises ValueError for what cannot be read."""
    if line.startswith("-"):
        return _option(line, location)
    shown = text.one_line(_USER.sub("//[redacted]@", line), 120)
    words = line.split()
    end = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    bare = " ".join(words[:end])
    if "${" in bare:
        return Loose(shown, "filled in from the environment", location)
    try:
        requirement = Requirement(bare)
    except InvalidRequirement:
        if _PLACE.search(words[0]):
            return Loose(shown, "a URL or a local path", location)
        raise ValueError(f"{shown!r} is no requirement") from None
    if requirement.url is not None:
        return Loose(shown, "a URL or a local path", location)
    version = _exact(requirement)
    if version is None:
        return Loose(shown, "not pinned to one version", location)
    return Pin(canonicalize_name(requirement.name), version, location)


def _option(line: str, location: Location) -> Loose | None:
    name = re.split(r"[\s=]", line, maxsplit=1)[0]
    if not name.startswith("--"):
        name = name[:2]
    if name in _INCLUDES:
        raise ValueError(f"{name} includes another file, which is not followed")
    if name in _EDITABLE:
        return Loose(text.one_line(_USER.sub("//[redacted]@", line), 120), "an editable install", location)
    if name not in _IGNORED:
        raise ValueError(f"the option {text.one_line(name, 40)} is not known")
    return None


def _exact(requirement: Requirement) -> str | None:
    """The one version that the specifiers allow, without its local part; None when there may be others."""
    exact = [s for s in requirement.specifier if s.operator in ("==", "===") and not s.version.endswith(".*")]
    if not exact:
        return None
    try:
        version = Version(exact[0].version)
    except InvalidVersion:
        return None
    if not requirement.specifier.contains(version, prereleases=True):
        return None
    return version.public
