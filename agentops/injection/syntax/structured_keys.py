"""Which values of a structured file are prompts: by the words of their keys, and by what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART = re.compile(r"[^a-z0-9]+")

ROLE_WORDS = {
    "system": "system", "sys": "system", "developer": "developer", "user": "user", "human": "user",
    "assistant": "assistant", "ai": "assistant", "bot": "assistant", "gpt": "assistant", "chatbot": "assistant",
    "model": "assistant", "tool": "tool", "function": "tool",
}  # fmt: skip
"""The words for a speaker in lists of messages, with their roles."""

_KEY_ROLES = {"system": "system", "sys": "system", "developer": "developer", "user": "user", "human": "user",
              "assistant": "assistant"}  # fmt: skip
_TRAILERS = frozenset((
    "prompt", "prompts", "template", "templates", "message", "messages", "msg", "instruction", "instructions",
    "text", "content", "tmpl", "str", "tpl",
))  # fmt: skip
_STRONG = frozenset((
    "prompt", "prompts", "template", "templates", "instruction", "instructions", "backstory", "prefix", "suffix",
    "preamble", "persona",
))  # fmt: skip
_STRONG_KEYS = frozenset(
    ("system message", "system text", "user message", "few shot", "fewshot", "doc to text", "human message")
)
_WEAK = frozenset((
    "content", "contents", "text", "task", "goal", "input", "query", "question", "message", "system", "user", "human",
    "assistant", "request", "ask", "context", "objective", "tmpl", "raw", "body", "agent", "role",
))  # fmt: skip
# Values under these are about a prompt or around it, whatever they say.
_NEVER = frozenset((
    "name", "id", "uuid", "version", "author", "authors", "license", "title", "tags", "tag", "label", "labels", "type",
    "model", "models", "provider", "path", "file", "filename", "url", "uri", "link", "links", "references", "comment",
    "comments", "notes", "changelog", "description", "desc", "summary", "command", "cmd", "run", "script", "shell",
    "sql", "regex", "pattern", "image", "category", "default", "ideal", "expected", "completion", "response", "answer",
    "answers", "reference", "output", "outputs", "value", "key", "schema", "format", "placeholder", "hint", "help",
    "icon", "color", "arguments", "data", "code", "source", "target", "error", "log", "cron", "owner", "email",
    "created", "updated", "separator",
))  # fmt: skip
DATA_KEYS = frozenset((
    "testData", "test_data", "tests", "vars", "assert", "input_variables", "inputVariables", "partial_variables",
    "demos", "examples", "metadata", "expected_output_schema", "json_schema", "jsonSchema", "response_schema",
    "responseFormat", "response_format", "output_schema", "choice_strings", "choice_scores",
))  # fmt: skip
"""Keys below which there are values for a prompt, or shapes of an answer, and no prompts."""

HOLE_SIGN = re.compile(r"\{\{|\{%|\{[A-Za-z_][\w.\[\]]{0,60}[}!:]|\$\{|\$[a-z_]{3}|<<\w|\[\[\w")
"""What every hole begins with, and some text too."""

_ORDER = re.compile(
    r"\b(?:(you are|you're a)|(your (?:task|job|role|goal))|(you (?:must|should|will|can|need))|(please)"
    r"|(respond|reply)"
    r"|(answer)|(return|output)|(summari[sz]e)|(translate)|(generate|write|create)|(classif|extract|identif|analy[sz])"
    r"|(do not|don't|never|always)|(given the|based on)|(act as|ensure|make sure)|(follow(?:ing)?)"
    r"|(provide|list|explain))",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_PATH = re.compile(
    r"(?:(?:file|https?|package|prompt|ref)://?\S*|[\w./\\*{}$-]+\.(?:txt|md|ya?ml|json|jsonl|j2|jinja2?|toml|py|js|ts|csv|prompt"
    r"|prompty|mustache|hbs)(?::\w+)?)\Z",
    re.IGNORECASE,
)


class Strength(Enum):
    """How much a key says for its value being a prompt."""

    SURE = "sure"
    WEAK = "weak"
    UNKNOWN = "unknown"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Key:
    """What a key says. `stem` is what is left of it without role and trailing words, shared by those that belong
    together (`review` of `review_system` and `review_user_prompt`)."""

    name: str
    role: str | None
    stem: tuple[str, ...]
    strength: Strength


def words(name: str) -> tuple[str, ...]:
    """The words of a key in lower case: `systemPrompt`, `system-prompt` and `system_prompt` are the same."""
    return tuple(w for w in _APART.split(_CAMEL.sub(" ", name[:200]).lower()) if w)


def read(name: str) -> Key:
    """Read a key."""
    parts = words(name)
    role, stem = _role(parts)
    return Key(name, role, stem, _strength(parts, role))


def is_prompt(text: str, strength: Strength) -> bool:
    """Whether a value with such a key is a prompt."""
    text = text.strip()
    if not text or strength is Strength.NEVER or _PATH.match(text):
        return False
    hole = HOLE_SIGN.search(text) is not None
    if strength is Strength.SURE:
        return hole or " " in text
    head = text[:5_000]
    size = len(_WORD.findall(head))
    orders = {m.lastindex for m in _ORDER.finditer(head)}
    if strength is Strength.WEAK:
        return bool(orders) and size >= (3 if hole else 10)
    return (hole and size >= 10 and bool(orders)) or (size >= 20 and len(orders) >= 2)


def _role(parts: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    kept = list(parts)
    while len(kept) > 1 and kept[-1] in _TRAILERS:
        kept.pop()
    stem = tuple(w for w in parts if w not in _TRAILERS)
    if kept and kept[-1] in _KEY_ROLES:
        return _KEY_ROLES[kept[-1]], tuple(w for w in kept[:-1] if w not in _TRAILERS)
    for number, word in enumerate(parts[:-1]):
        # `system_prompt_v2` and `prompt_system_v2`, but not `user_story_prompt`.
        if word in _KEY_ROLES and parts[number + 1] in _TRAILERS:
            return _KEY_ROLES[word], tuple(w for n, w in enumerate(parts) if n != number and w not in _TRAILERS)
    return None, stem


def _strength(parts: tuple[str, ...], role: str | None) -> Strength:
    if not parts:
        return Strength.UNKNOWN
    if parts[-1] in _NEVER:
        return Strength.NEVER
    if _STRONG.intersection(parts) or " ".join(parts) in _STRONG_KEYS:
        return Strength.SURE
    if role is not None:
        return Strength.SURE if parts[-1] in _TRAILERS else Strength.WEAK
    return Strength.WEAK if parts[-1] in _WEAK else Strength.UNKNOWN
