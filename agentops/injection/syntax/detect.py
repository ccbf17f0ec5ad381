"""Which format a file has: by its extension, its name, else by what it holds."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from agentops.injection.source import Source
from agentops.injection.syntax import FORMATS, Format

_AGENT_FILES = re.compile(
    r"(?:^|[._-])skill\.md$|^(?:agents|claude|gemini|copilot-instructions)(?:\.local|\.override)?\.md$"
    r"|\.(?:agent|chatmode|instructions|prompt)\.md$|\.mdc$|^\.(?:cursor|windsurf|cline|roo)rules$",
    re.I,
)
_AGENT_FOLDERS = frozenset(("commands", "agents", "skills", "chatmodes", "instructions", ".claude", ".cursor"))
# A head with a description and with what only a program that loads agents reads.
_HEAD = re.compile(r"\A---\n(.{0,16000}?)\n---[ \t]{0,8}(?:\n|\Z)", re.S)
_DESCRIBED = re.compile(r"^description:", re.M)
_AGENT_KEYS = re.compile(
    r"^(?:name|allowed-tools|argument-hint|handoffs|tools|agent|mode|license|disable-model-invocation|alwaysApply|globs|applyTo"
    r"|on|safe-outputs):",
    re.M,
)
_ARGUMENTS = re.compile(r"\$ARGUMENTS\b|\$\{(?:input:[\w-]{1,99}[^{}\n]{0,300}|selection)\}")
_ON = re.compile(r"^(?:on|'on'|\"on\"|true):", re.M)
_ACTION = re.compile(r"^ {0,40}(?:- )?uses: {1,4}['\"]?[\w.-]{1,100}/[\w./-]{1,200}@", re.M)
_STEPS = re.compile(r"(?:[ \t]*+(?:#[^\n]*+)?\n)*+ *+(?:steps:|- (?:name|uses|id|if|run):)")
_JOBS = re.compile(r"^(?:jobs|runs):", re.M)


# Files that their name alone tells. `Modelfile.mistral` has an extension that means nothing.
_MODELFILE = re.compile(r"modelfile(?:[._-][\w.-]{0,60})?$")
_RULES = re.compile(r"\.(?:cursor|windsurf|cline|roo)rules$")
_PROMPT = re.compile(
    r"(?:system|user|developer|assistant)[_-]?(?:prompt|message|instructions?)$|(?:[\w-]{1,60}[_-])?prompt$"
)


def extensions() -> tuple[str, ...]:
    """All extensions that can be analysed."""
    return tuple(e for f in FORMATS.values() for e in f.extensions)


def suffix(path: str) -> str:
    """The extension that counts: of `prompt.py.txt` it is `.py`, because the .txt tells nothing more. A name that says
    what the file is counts as the extension of such files: `.cursorrules` is `.mdc`, `system_prompt` is `.txt`."""
    name = PurePosixPath(path.lower())
    if _MODELFILE.match(name.name) and name.suffix not in extensions():
        return ".modelfile"
    if not name.suffix:
        return ".mdc" if _RULES.match(name.name) else ".txt" if _PROMPT.match(name.name) else ""
    if name.suffix == ".txt" and name.with_suffix("").suffix in extensions():
        return name.with_suffix("").suffix
    return name.suffix


def detect(source: Source) -> Format:
    """The file's format."""
    extension = suffix(source.path)
    if extension in (".md", ".markdown", ".mdc", ".mdx") and _is_skill(source):
        return FORMATS["skill"]
    if extension in (".yaml", ".yml") and _is_workflow(source):
        return FORMATS["workflow"]
    for form in FORMATS.values():
        if extension in form.extensions:
            return form
    return FORMATS["text"]


def _is_skill(source: Source) -> bool:
    """Markdown that an agent loads as its instructions: a skill, an agent, a command."""
    path = PurePosixPath(source.path)
    if _AGENT_FILES.search(path.name):
        return True
    head = _HEAD.match(source.text)
    described = head is not None and _DESCRIBED.search(head[1]) is not None
    if head is not None and described and (_AGENT_KEYS.search(head[1]) or _ARGUMENTS.search(source.text)):
        return True
    return described and not _AGENT_FOLDERS.isdisjoint(path.parts)


def _is_workflow(source: Source) -> bool:
    """A workflow or a composite action of GitHub, or steps cut out of one."""
    if _JOBS.search(source.text) is not None:
        return _ON.search(source.text) is not None or "using:" in source.text or _ACTION.search(source.text) is not None
    return _STEPS.match(source.text) is not None and _ACTION.search(source.text) is not None
