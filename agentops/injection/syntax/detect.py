"""Which format a file has: by its extension, its name, else by what it holds."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection.source import Source
from agentops.injection.syntax import FORMATS, Format

_AGENT_FILES = re.compile(
    r"(?:^|[._-])skill\.md$|^(?:agents|claude|gemini|copilot-instructions)\.md$|\.(?:agent|chatmode|instructions)\.md$"
    r"|\.mdc$",
    re.I,
)
_AGENT_HEAD = re.compile(r"\A---\n(?=(?:.*\n){0,40}?name:)(?=(?:.*\n){0,40}?description:)")
_ON = re.compile(r"^(?:on|'on'|\"on\"|true):", re.M)
_JOBS = re.compile(r"^(?:jobs|runs):", re.M)


def extensions() -> tuple[str, ...]:
    """All extensions that can be analysed."""
    return tuple(e for f in FORMATS.values() for e in f.extensions)


def suffix(path: str) -> str:
    """The extension that counts: of `prompt.py.txt` it is `.py`, because the .txt tells nothing more."""
    name = PurePosixPath(path.lower())
    if name.suffix == ".txt" and name.with_suffix("").suffix in extensions():
        return name.with_suffix("").suffix
    return name.suffix


def detect(source: Source) -> Format:
    """The file's format."""
    extension = suffix(source.path)
    if extension in (".md", ".markdown", ".mdc") and _is_skill(source):
        return FORMATS["skill"]
    if extension in (".yaml", ".yml") and _is_workflow(source):
        return FORMATS["workflow"]
    for form in FORMATS.values():
        if extension in form.extensions:
            return form
    return FORMATS["text"]


def _is_skill(source: Source) -> bool:
    """Markdown that an agent loads as its instructions: a skill, an agent, a command."""
    name = PurePosixPath(source.path).name
    return _AGENT_FILES.search(name) is not None or _AGENT_HEAD.match(source.text) is not None


def _is_workflow(source: Source) -> bool:
    """A workflow or a composite action of GitHub."""
    jobs = _JOBS.search(source.text)
    return jobs is not None and (_ON.search(source.text) is not None or "using:" in source.text)
