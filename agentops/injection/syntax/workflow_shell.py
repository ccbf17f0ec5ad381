"""Shell scripts in workflows: which commands ask a model, with what text, and where the variables in it come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentops.injection.kinds import Kind
from agentops.injection.syntax.workflow_expression import FETCHES, judged, text_value, variable
from agentops.injection.syntax.workflow_where import Value, Where, script_of
from agentops.injection.template import Assigned

HOLE = re.compile(
    r"\$\{\{((?:[^}$]|\$(?!\{\{)|\}(?!\})){0,1000}+)\}\}|\$\{([A-Za-z_]\w{0,99})(?:[:#%/^,][^{}\n]{0,100})?\}"
    r"|(?<!\\)\$([A-Za-z_]\w{0,99})|(?<!\\)\$\(((?:[^()]|\([^()]{0,300}+\)){1,500}+)\)|(?<!\\)`([^`\n]{1,300})`"
)
"""Groups: an expression of the workflow, a variable in braces, a variable, two forms of a command's output."""

_ASKS = re.compile(
    r"(?:^|(?<=[\s|;&(`]))(?:(?:claude|@anthropic-ai/claude-code(?:@[\w.-]{1,40})?)\s{1,4}(?:[^\n|;&]{0,300}\s)?(?:-p|--print)\b|(?:gemini|@google/gemini-cli(?:@[\w.-]{1,40})?)\s{1,4}(?:[^\n|;&]{0,300}\s)?(?:-p|--prompt)\b"
    r"|gh\s{1,4}copilot\s{1,4}(?:suggest|explain)\b|(?:codex|@openai/codex(?:@[\w.-]{1,40})?)\s{1,4}exec\b|llm\s{1,4}(?=[-'\"$\w])|gh\s{1,4}models\s{1,4}run\b|aider\s{1,4}(?:[^\n|;&]{0,300}\s)?(?:--message|-m)\b|ollama\s{1,4}run\b"
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
_MAX_TEXT = 4_000
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
    script = script[:_MAX_SCRIPT]
    found: dict[str, str] = {}
    for one in _SETS.finditer(script):
        said = one[2]
        if said[:1] in ("'", '"') and said.count(said[0]) == 1:
            # A text in quotes that goes on behind the line.
            close = script.find(said[0], one.end() + 1, one.end() + _MAX_TEXT)
            said = script[one.end() : close if close >= 0 else one.end() + len(said)]
        found[one[1]] = said
    return found


def value(found: re.Match[str], set_here: Mapping[str, str], where: Where) -> Value:
    """What a variable or a command's output in a text stands for."""
    if (inside := found[4] or found[5]) is not None:
        return output(inside, where)
    name = found[2] or found[3] or ""
    if (leaf := where.env(name)) is not None:
        inner = text_value(leaf, where, 1)
        fixed = Assigned(Kind.CONSTANT, "the file itself gives the value")
        return Value(name, inner.assigned) if inner is not None else Value(name, fixed)
    if name in _SHELL_OWN:
        return Value(name, Assigned(Kind.CONSTANT, "it is a value of the run"))
    if (said := set_here.get(name)) is not None:
        if FETCHES.search(said):
            return Value(name, Assigned(Kind.THIRD_PARTY, "the script fetches it"))
        if (made := judged(said, "", where)) is not None:
            return Value(name, made.assigned)
        return Value(name, None)
    made = variable(name, where, 1)
    return Value(name, made.assigned) if made is not None else Value(name, None)


def output(command: str, where: Where) -> Value:
    """What the output of a command stands for."""
    name = "command." + "_".join(_WORDS.findall(command)[:4])[:80]
    for used in re.findall(r"\$\{?([A-Za-z_]\w{0,99})", command)[:20]:
        leaf = where.env(used)
        inner = text_value(leaf, where, 1) if leaf is not None else None
        if inner is not None and inner.event:
            return Value(name, inner.assigned)
    if FETCHES.search(command):
        return Value(name, Assigned(Kind.THIRD_PARTY, "the script fetches it"))
    if (read := _READS_FILE.match(command)) is not None:
        for file in command[read.end() :].split()[:5]:
            made = _in_file(file, where)
            if made is not None:
                return Value(name, made.assigned)
        return Value(name, Assigned(Kind.UNKNOWN, "it is read from a file"))
    return Value(name, Assigned(Kind.UNKNOWN, "it is what a command prints"))


def _in_file(path: str, where: Where) -> Value | None:
    """What outsiders wrote into a file that an earlier step of the job makes, None where nothing tells."""
    memo = (f"< {path}", id(where.job))
    if memo not in where.known.values:
        made = (judged(text.text, script_of(step), where.at(step)) for text, step in where.files(path))
        where.known.values[memo] = next((m for m in made if m is not None and m.event), None)
    return where.known.values[memo]


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


_INSIDE_QUOTES = re.compile(r"\\.|\"|\$\(|[()]", re.DOTALL)


def _close(script: str, at: int, end: int) -> int:
    """Where the quotes that open here close, or the end. Quotes within `$(...)` are those of a command of its own."""
    if script[at] == "'":
        found = script.find("'", at + 1, end)
        return found if found >= 0 else end
    depth = 0
    for one in _INSIDE_QUOTES.finditer(script, at + 1, end):
        if one[0] == '"' and not depth:
            return one.start()
        if one[0] == "$(" or (one[0] == "(" and depth):
            depth += 1
        elif one[0] == ")" and depth:
            depth -= 1
    # Parentheses that never close are text.
    return _plain_close(script, at, end) if depth else end


def _plain_close(script: str, at: int, end: int) -> int:
    while True:
        found = script.find('"', at + 1, end)
        if found < 0 or script[found - 1] != "\\":
            return found if found >= 0 else end
        at = found
