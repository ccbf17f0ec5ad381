"""Whether a text of source code is a prompt, and for whom: by its name, the call it stands in, and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STRONG = frozenset((
    "prompt", "prompts", "promt", "prompting", "instruction", "instructions", "preamble", "persona", "backstory",
))  # fmt: skip
_WEAK = frozenset((
    "message", "messages", "content", "template", "templates", "text", "description", "query", "system", "user", "goal",
    "task", "msg", "tmpl", "tpl",
))  # fmt: skip
# What these words end is about a prompt and none itself.
_ABOUT = frozenset((
    "id", "ids", "key", "name", "names", "path", "file", "filename", "url", "uri", "version", "token", "tokens",
    "length", "count", "type", "kind", "label", "placeholder", "title", "tooltip", "error", "errors", "hash", "dir",
    "folder", "icon", "button", "class", "style", "schema", "color",
))  # fmt: skip
_SYSTEM = frozenset(("system", "sys", "developer"))
_USER = frozenset(("user", "human"))

_CUE = re.compile(
    r"(?i)(?:^|[.!?:\n#*-]\s{0,12})(?:you (?:are|will|must|should|can|have)|you're|your (?:task|job"
    r"|role|goal|answer|response|output)|act as|please|"
    r"do not|don't|never|always|only|answer|respond|reply|return|summari[sz]e|generate|translate"
    r"|classify|extract|analy[sz]e|given|"
    r"write|create|rewrite|use the|based on|following|provide|explain|describe|identify|list|improve"
    r"|review|evaluate|think|"
    r"decide|rate|score|judge|imagine|consider|ensure|output|make sure|keep|follow|help)\b"
    r"|(?i:i (?:would like|want|need) you to\b|you are an?\b|the (?:user|assistant|model"
    r"|following)\b|step by step|as an ai\b)"
)
_SQL = re.compile(
    r"(?i)\s{0,40}(?:select\s[^.]{1,400}\sfrom|insert into|update \S{1,80} set|delete from"
    r"|create (?:table|index)|alter table|with \w{1,60} as)\b"
)
_MARKUP = re.compile(
    r"(?i)\s{0,40}<(?:!doctype|html|head|body|div|span|p|svg|table|form|button|style|script|a|ul|h[1-6])\b"
)
_CODE = re.compile(
    r"[;{}]\s{0,8}\n|=>|\bfunction\b|^\s{0,40}(?:import|package|#include|#!|diff --git)\b|</\w+>\s{0,9}<", re.M
)
_SIGN = re.compile(r"(?<![\w$\\{])\{\{?\s?[A-Za-z_]\w{0,60}\s?\}\}?|(?<![\w$\\])\$[a-z][a-z_]{2,60}\b")
_NOT_LATIN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0400-\u04ff]")

_SILENT_CALL = re.compile(
    r"(?i)(?:^|\.)(?:console|log|logger|logging|slog|klog|zap|assert|expect|t|b|chai|sinon|toast"
    r"|vscode|winston|debug|warn|info|error|"
    r"print|println|printf|fatal|fatalf|panic|errorf|wrap|wrapf|logf|infof|warnf|debugf|notify|alert"
    r"|it|describe|test|require|import|"
    r"getelementbyid|queryselector|addeventlistener|regexp|mustcompile|pattern|open|fetch|get|url|join_path)(?:\.|$)"
)
_SILENT_NEW = re.compile(r"(?:Error|Exception|URL|RegExp|Throwable)$")
_SILENT_NAMES = frozenset((
    "error", "err", "errors", "url", "uri", "path", "sql", "html", "css", "regex", "pattern", "usage", "short", "long",
    "help", "license", "copyright", "changelog", "readme", "placeholder", "title", "label", "tooltip", "stylesheet",
    "import", "tests", "test", "expected", "snapshot",
))  # fmt: skip


def words(name: str) -> list[str]:
    """The words of a name in camelCase, snake_case or with dots, in lower case."""
    return [w.lower() for w in _WORD.findall(name[:200])]


def is_strong(name: str) -> bool:
    """Whether a thing of this name is a prompt by its name alone."""
    found = words(name)
    if not found or found[-1] in _ABOUT:
        return False
    return any(w in _STRONG for w in found) or (
        "system" in found and found[-1] in ("message", "msg", "template", "content")
    )


def is_weak(name: str) -> bool:
    """Whether the name fits a prompt but other things too."""
    found = words(name)
    return bool(found) and found[-1] not in _ABOUT and any(w in _WEAK for w in found)


def silent_call(name: str) -> bool:
    """Whether the call takes texts for logs, errors, tests and the like."""
    return _SILENT_CALL.search(name) is not None or _SILENT_NEW.search(name) is not None


def silent_name(name: str) -> bool:
    """Whether a text of this name is none that a model gets."""
    found = words(name)
    return bool(found) and found[-1] in _SILENT_NAMES


def is_no_prose(text: str) -> bool:
    """Whether the text is SQL, markup or code."""
    head = text[:3_000]
    if _SQL.match(head) or _MARKUP.match(head):
        return True
    lines = head.count("\n") + 1
    return len(_CODE.findall(head)) * 3 > lines + 2


def reads_as_prompt(text: str, *, named: bool) -> bool:
    """Whether the text speaks to a model: long prose with orders; less is enough where a weak name says so."""
    head = text[:6_000]
    if is_no_prose(head):
        return False
    count = len(head.split()) + len(_NOT_LATIN.findall(head)) // 2
    cues = sum(1 for _ in _CUE.finditer(head))
    if named:
        return count >= 8 and cues >= 1
    return (count >= 16 and cues >= 2) or (count >= 40 and cues >= 1)


def is_prompt(text: str, names: Iterable[str], *, filled: bool) -> bool:
    """Whether a text under these names (its own first, what is around it after) is a prompt."""
    named = [n for n in names if n]
    if named and silent_name(named[0]) and not is_strong(named[0]):
        return False
    count = len(text.split()) + len(_NOT_LATIN.findall(text[:3_000])) // 2
    if any(is_strong(n) for n in named[:1]):
        return (count >= 3 or (filled and count >= 1)) and not _MARKUP.match(text) and not _SQL.match(text)
    if any(is_strong(n) for n in named):
        return count >= 6 and not is_no_prose(text)
    if count >= 12 and _SIGN.search(text) and _CUE.search(text) and not is_no_prose(text):
        return True
    return reads_as_prompt(text, named=any(is_weak(n) for n in named))


def role_of_name(names: Iterable[str]) -> str | None:
    """The role that the first telling name tells: `systemPrompt`, `USER_MESSAGE`."""
    for name in names:
        found = words(name)
        if not found:
            continue
        if any(w in _SYSTEM for w in found):
            return "system"
        if any(w in _USER for w in found) and found[-1] in ("prompt", "message", "template", "content", "msg", "text"):
            return "user"
        if any(w in _STRONG for w in found):
            return None
    return None


_ROLES = (
    ("system", ("system",)), ("developer", ("developer",)), ("assistant", ("assistant", "ai", "model", "bot")),
    ("tool", ("tool", "function")), ("user", ("user", "human")),
)  # fmt: skip


def role_of(word: str) -> str | None:
    """The role that a role's word or constant means: `system`, `ChatMessageRoleSystem`, `human`."""
    found = words(word.rsplit(".", 1)[-1]) or words(word)
    for role, names in _ROLES:
        if any(w in names for w in found):
            return role
    return None
