"""Commands that Markdown for agents runs while it is loaded: `` !`git diff` ``, `!{git diff}`, and fences of ```!.

What a command prints becomes part of the prompt, so each is a hole. Who writes it is told by the command: a diff, a
log, an issue and a page are written by others, a status and a date are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentops.injection.kinds import Kind
from agentops.injection.template import Assigned
from agentops.text import one_line

_COMMAND = re.compile(
    r"!`([^`\n]{1,500})`|!\{([^{}\n]{1,500})\}"
    r"|^[ \t]{0,3}```![ \t]{0,9}\n((?:(?!```)[^\n]{0,500}\n){1,60})[ \t]{0,3}```[ \t]{0,9}$",
    re.M,
)
_BEFORE = frozenset(("", " ", "\t", "\n", "(", ":", ">", "*", "[", "=", '"', "\u00a0"))
_SEGMENT = re.compile(r"\|\|?|&&?|;|\n|\$\(|[()]")
_WORD = re.compile(r"[^\s\"']+|\"[^\"]{0,300}\"|'[^']{0,300}'")
_ARGUMENT = re.compile(r"\$(?:ARGUMENTS\b|[1-9]|\{)|\{\{|@")
# Commands whose output others write, by their first two words.
_OTHERS: dict[str, frozenset[str]] = {
    "git": frozenset(
        ("diff", "log", "show", "blame", "shortlog", "whatchanged", "format-patch", "stash", "range-diff")
    ),
    "gh": frozenset(("pr", "issue", "api", "run", "search", "release", "repo", "gist", "discussion", "project")),
    "glab": frozenset(("mr", "issue", "api", "release", "ci")),
    "docker": frozenset(("logs",)),
    "kubectl": frozenset(("logs", "describe", "events")),
    "npm": frozenset(("view", "info", "search")),
    "pip": frozenset(("index", "search")),
}
_ALWAYS = frozenset((
    "curl", "wget", "http", "https", "lynx", "w3m", "xh", "journalctl", "pbpaste", "xclip", "wl-paste", "pdftotext",
))  # fmt: skip
_READERS = frozenset(("cat", "head", "tail", "less", "more", "bat", "sed", "awk", "jq", "yq", "xargs", "tac", "nl"))
# In front of a command these change nothing of what it prints.
_PREFIXES = frozenset(("sudo", "command", "env", "time", "exec", "then", "do", "else", "if", "!"))
# Of `gh pr` and such only these hand out text; the rest answers with numbers and links.
_GH_ACTS = frozenset(("view", "diff", "list", "status", "checks", "comment"))


@dataclass(frozen=True, slots=True)
class Command:
    """A command between two offsets. `name` is what its hole is called, `said` what stands there."""

    start: int
    end: int
    name: str
    said: str
    assigned: Assigned


def commands(text: str, start: int) -> list[Command]:
    """The commands behind the offset in order."""
    found: list[Command] = []
    for match in _COMMAND.finditer(text, start):
        before = text[match.start() - 1 : match.start()] if match.start() else ""
        if before in _BEFORE:
            name, assigned = _judge(match[1] or match[2] or match[3])
            found.append(Command(*match.span(), name, match[0], assigned))
    return found


def _judge(line: str) -> tuple[str, Assigned]:
    """The name and the trust of what the line prints: that of the first command in it whose output others write."""
    parts = [words for p in _SEGMENT.split(line[:2_000]) if (words := _words(p))]
    for words in parts:
        if _others(words):
            name = _name(words)
            return name, Assigned(Kind.THIRD_PARTY, f"it is the output of {_shown(words)}")
    words = parts[0] if parts else ["command"]
    return _name(words), Assigned(Kind.CONSTANT, f"it is the output of {_shown(words)}, which others do not write")


def _words(part: str) -> list[str]:
    words = _WORD.findall(part)
    while words and (words[0] in _PREFIXES or re.fullmatch(r"\w{1,60}=.{0,300}", words[0])):
        words.pop(0)
    if words[:1] == ["git"]:
        # `git -C folder -c key=value --no-pager diff`
        while len(words) > 1 and words[1].startswith("-"):
            del words[1 : 3 if words[1] in ("-C", "-c") else 2]
    return words


def _others(words: list[str]) -> bool:
    head = words[0].rsplit("/", 1)[-1]
    rest = words[1:]
    if head in _ALWAYS:
        return True
    if head in _READERS:
        return any(_ARGUMENT.search(w) for w in rest)
    if not rest or rest[0] not in _OTHERS.get(head, ()):
        return False
    if head in ("gh", "glab") and rest[0] not in ("api", "search"):
        return len(rest) > 1 and rest[1] in _GH_ACTS
    return rest[0] != "stash" or rest[1:2] in (["show"], ["list"])


def _shown(words: list[str]) -> str:
    return one_line(" ".join(words[:2] if len(words) > 1 and re.match(r"[a-z]", words[1]) else words[:1]), 60)


def _name(words: list[str]) -> str:
    """`git_diff`; of a file that an argument names, `cat_argument`."""
    second = words[1] if len(words) > 1 and re.fullmatch(r"[a-z][a-z-]{1,30}", words[1]) else ""
    second = "argument" if not second and any(_ARGUMENT.search(w) for w in words[1:]) else second
    said = "_".join(w for w in (words[0].rsplit("/", 1)[-1], second) if w)
    return re.sub(r"\W+", "_", said).strip("_")[:60] or "command"
