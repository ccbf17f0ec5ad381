"""Shell scripts in workflows: which commands ask a model, with what text, and where the variables in it come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentops.injection.kinds import Kind
from agentops.injection.syntax.workflow_expression import FETCHES, Value, Where, text_value
from agentops.injection.template import Assigned

HOLE = re.compile(
    r"\$\{\{((?:[^}$]|\$(?!\{\{)|\}(?!\})){0,1000}+)\}\}|\$\{([A-Za-z_]\w{0,99})(?:[:#%/^,][^{}\n]{0,100})?\}"
    r"|(?<!\\)\$([A-Za-z_]\w{0,99})|(?<!\\)\$\(((?:[^()]|\([^()]{0,300}+\)){1,500}+)\)|(?<!\\)`([^`\n]{1,300})`"
)
"""Groups: an expression of the workflow, a variable in braces, a variable, two forms of a command's output."""

_ASKS = re.compile(
    r"(?:^|(?<=[\s|;&(`]))(?:claude\s{1,4}(?:[^\n|;&]{0,300}\s)?(?:-p|--print)\b|gemini\s{1,4}(?:[^\n|;&]{0,300}\s)?(?:-p|--prompt)\b"
    r"|codex\s{1,4}exec\b|llm\s{1,4}(?=[-'\"$\w])|gh\s{1,4}models\s{1,4}run\b|aider\s{1,4}(?:[^\n|;&]{0,300}\s)?(?:--message|-m)\b|ollama\s{1,4}run\b"
    r"|copilot\s{1,4}(?:[^\n|;&]{0,300}\s)?-p\b|opencode\s{1,4}run\b|cursor-agent\s|sgpt\s|aichat\s|mods\s"
    r"|curl\s(?=[^\n]{0,500}(?:\\\n[^\n]{0,500}){0,8}(?:api\.openai\.com|api\.anthropic\.com|generativelanguage\.googleapis"
    r"|/chat/completions|/v1/messages|models\.github\.ai|models\.inference\.ai)))",
    re.MULTILINE,
)
_HEREDOC = re.compile(r"<<-?\s{0,5}(['\"]?)(\w{1,40})\1")
_SETS = re.compile(r"(?:^|(?<=[\s;]))([A-Za-z_]\w{0,99})=(?=([^\n]{0,500}))", re.MULTILINE)
# No service runs a longer script.
_MAX_SCRIPT = 100_000
_MAX_COMMAND = 20_000
_MAX_COMMANDS = 20
_WORDS = re.compile(r"\w+")
_SHELL_OWN = frozenset((
    "GITHUB_REPOSITORY", "GITHUB_SHA", "GITHUB_RUN_ID", "GITHUB_WORKSPACE", "GITHUB_ACTOR", "HOME", "PWD", "PR_NUMBER",
    "ISSUE_NUMBER", "GITHUB_OUTPUT", "RUNNER_TEMP",
))  # fmt: skip
_READS_FILE = re.compile(r"\s*(?:cat|<|head|tail|sed|jq)\b")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that asks a model: the longest text among its arguments, and what is piped into it. `literal`: the
    shell fills nothing in."""

    text: str
    piped: str
    literal: bool


def commands(script: str) -> Iterator[Command]:
    """The commands of a script that ask a model."""
    script, at = script[:_MAX_SCRIPT], 0
    for _ in range(_MAX_COMMANDS):
        found = _ASKS.search(script, at)
        if found is None:
            return
        end, quoted = _arguments(script, found.end())
        at = max(end, found.end())
        rest = script[found.end() : end]
        text, literal = max(quoted, key=lambda q: len(q[0]), default=(rest.strip(), False))
        if (here := _HEREDOC.search(rest)) is not None:
            # A text between two words stands on lines of its own, be it in quotes or not.
            begin = script.find("\n", found.end() + here.end()) + 1 or len(script)
            close = re.compile(rf"^[ \t]*{here[2]}[ \t]*$", re.MULTILINE).search(script, begin, begin + _MAX_COMMAND)
            if close is not None:
                text, literal = script[begin : close.start()], bool(here[1])
                at = max(at, close.end())
        before = script[max(found.start() - 500, 0) : found.start()].rsplit("\n", 1)[-1].rstrip()
        piped = before[:-1].strip() if before.endswith("|") and not before.endswith("||") else ""
        yield Command(text, piped if piped.split(" ")[0] not in ("echo", "printf") else _echoed(piped), literal)


def assignments(script: str) -> dict[str, str]:
    """The variables that a script sets, with what stands behind the sign."""
    return {m[1]: m[2] for m in _SETS.finditer(script[:_MAX_SCRIPT])}


def value(found: re.Match[str], set_here: Mapping[str, str], where: Where) -> Value:
    """What a variable or a command's output in a text stands for."""
    if (inside := found[4] or found[5]) is not None:
        return output(inside, where)
    name = found[2] or found[3] or ""
    if (leaf := where.env(name)) is not None:
        inner = text_value(leaf, where, 1)
        fixed = Assigned(Kind.CONSTANT, "the file itself gives the value")
        return Value(name, inner.assigned, inner.event) if inner is not None else Value(name, fixed)
    if name in _SHELL_OWN:
        return Value(name, Assigned(Kind.CONSTANT, "it is a value of the run"))
    if (said := set_here.get(name)) is not None:
        if FETCHES.search(said):
            return Value(name, Assigned(Kind.THIRD_PARTY, "the script fetches it"), event=True)
        if "$" not in said and "`" not in said:
            return Value(name, Assigned(Kind.CONSTANT, "the script itself gives the value"))
    return Value(name, None)


def output(command: str, where: Where) -> Value:
    """What the output of a command stands for."""
    name = "command." + "_".join(_WORDS.findall(command)[:4])[:80]
    for variable in re.findall(r"\$\{?([A-Za-z_]\w{0,99})", command)[:20]:
        leaf = where.env(variable)
        inner = text_value(leaf, where, 1) if leaf is not None else None
        if inner is not None and inner.event:
            return Value(name, inner.assigned, event=True)
    if FETCHES.search(command):
        return Value(name, Assigned(Kind.THIRD_PARTY, "the script fetches it"), event=True)
    if _READS_FILE.match(command):
        return Value(name, Assigned(Kind.UNKNOWN, "it is read from a file"))
    return Value(name, Assigned(Kind.UNKNOWN, "it is what a command prints"))


def _echoed(piped: str) -> str:
    """What is echoed into a command, where it holds anything that is filled in."""
    return piped if "$" in piped else ""


def _arguments(script: str, at: int) -> tuple[int, list[tuple[str, bool]]]:
    """Where the command ends, and the texts in quotes before that with whether the shell leaves them alone."""
    end = min(len(script), at + _MAX_COMMAND)
    quoted: list[tuple[str, bool]] = []
    while at < end:
        mark = script[at]
        if mark == "\\":
            at += 2
        elif mark in "\"'":
            close = _close(script, at, end)
            quoted.append((script[at + 1 : close], mark == "'"))
            at = close + 1
        elif mark in "\n;|" or script.startswith("&&", at):
            break
        else:
            at += 1
    return min(at, end), quoted


def _close(script: str, at: int, end: int) -> int:
    """Where the quotes that open here close, or the end."""
    mark = script[at]
    while True:
        found = script.find(mark, at + 1, end)
        if found < 0:
            return end
        if mark == "'" or script[found - 1] != "\\":
            return found
        at = found
