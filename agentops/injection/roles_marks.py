"""The marks in a text at which a message begins: lines, headings, and the turn tokens of chat models.

Words that anybody can type into a sentence (`Human:`, `USER: hello`, `### Instruction:`) are no marks: they stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

_ALIASES = {
    "human": "user", "ai": "assistant", "function": "tool", "model": "assistant", "bot": "assistant",
    "chatbot": "assistant", "gpt": "assistant", "observation": "tool", "ipython": "tool", "environment": "tool",
    "instruction": "system", "distillation instruction": "system", "input": "user", "output": "assistant",
    "system_prompt": "system", "tool_results": "tool", "available_tools": "system", "tool_response": "tool",
}  # fmt: skip
_WORDS = "system|developer|user|assistant|tool|function"
_TURNS = f"{_WORDS}|human|bot|chatbot|gpt|model|ai|observation|ipython|environment"

# A mark stands on a line of its own: `system:`, `# user:`, `user[name="x"]:`, `[system]`; or `# System`, which counts
# only where the file begins with a mark, because "# User" is also a heading in many a system prompt.
_LINE = re.compile(
    rf"^[ \t]{{0,8}}(?:(?:\#{{1,2}}[ \t]{{0,4}})?(?:\*\*)?({_WORDS})(?:\*\*)?"
    r"(?:\[[^\[\]\n]{0,200}\])?[ \t]{0,4}:(?:\*\*)?"
    rf"|\[({_WORDS})\][ \t]{{0,4}}:?)[ \t]{{0,80}}$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING = re.compile(r"^#{1,2}[ \t]{1,4}(system|developer|user|assistant)[ \t]{0,80}$", re.IGNORECASE | re.MULTILINE)
_SECTION = re.compile(r"^#[ \t]{1,4}((?:distillation )?instruction|input|output)[ \t]{0,80}$", re.MULTILINE)
_TAG_ROLES = {
    "system": "system", "developer": "developer", "user": "user", "human": "user", "assistant": "assistant",
    "system-msg": "system", "user-msg": "user", "human-msg": "user",
    "ai-msg": "assistant", "assistant-msg": "assistant",
    "system_prompt": "system", "user_prompt": "user", "system_message": "system", "user_message": "user",
}  # fmt: skip
_TAG = re.compile(rf"\s*+<({'|'.join(_TAG_ROLES)})>", re.IGNORECASE)
# Vendors' chat formats. \x00 is a hole: a role that is a value.
_TOKEN = re.compile(
    rf"<\|im_start\|>[ \t]{{0,4}}(?:({_TURNS})\b[ \t]{{0,4}}|(?=\x00))"
    rf"|<\|start_header_id\|>\s{{0,4}}(?:({_TURNS})\s{{0,4}}<\|end_header_id\|>|(?=\x00))"
    rf"|<start_of_turn>[ \t]{{0,4}}(?:({_TURNS})\b[ \t]{{0,4}}|(?=\x00))"
    rf"|<\|start\|>[ \t]{{0,4}}(?:({_TURNS})\b[^<\n\x00]{{0,80}}(?:<\|message\|>)?|(?=\x00))"
    rf"|(?:<\|START_OF_TURN_TOKEN\|>\s{{0,4}})?<\|({_TURNS})_TOKEN\|>"
    rf"|<[|\uff5c]({_TURNS}|tool_response)[|\uff5c]>"
    rf"|\[(SYSTEM_PROMPT|TOOL_RESULTS|AVAILABLE_TOOLS)\]"
    rf"|<message[ \t]{{1,4}}role[ \t]{{0,2}}=[ \t]{{0,2}}[\"']?(?:({_TURNS})\b[\"']?[^<>\n\x00]{{0,80}}>|(?=\x00))"
    r"|(\[INST\])|(<<SYS>>)|(<</SYS>>)|(\[/INST\])"
    r"|(<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<end_of_turn>|<\|END_OF_TURN_TOKEN\|>|<\|end\|>|<\|endoftext\|>|<\|end_of_text\|>"
    r"|<\|begin_of_text\|>|<\|START_OF_TURN_TOKEN\|>|<BOS_TOKEN>|<\|return\|>|\[/SYSTEM_PROMPT\]|\[/TOOL_RESULTS\]"
    r"|\[/AVAILABLE_TOOLS\]|</message>|</?s>(?![\w ]{0,80}</s>))",
    re.IGNORECASE,
)
_SIGNS = ("<|", "<start_of_turn>", "[INST]", "[SYSTEM_PROMPT]", "<\uff5c", "<message", "<<SYS>>")
# More messages than this in one file are no prompt.
MAX_MARKS = 2_000
_QUOTES = "`'\""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a message begins: the mark itself lies between the offsets. `role` is None where the same one goes on, and
    `dynamic` says that the role is the value behind the mark."""

    start: int
    end: int
    role: str | None
    dynamic: bool = False


def marks(text: str) -> tuple[Mark, ...]:
    """The marks of the text in order, few more than MAX_MARKS, where a hole is one \\x00.

    Turn tokens win: beside them words are only text.
    """
    if has_tokens(text):
        found = _tokens(text)
        if any(m.role for m in found):
            return found
    return _sections(text) or _tagged(text) or _lines(text)


def has_tokens(text: str) -> bool:
    """Whether the text may hold turn tokens of a chat model."""
    return any(sign in text for sign in _SIGNS)


def _tokens(text: str) -> tuple[Mark, ...]:
    found: list[Mark] = []
    for token in islice(_TOKEN.finditer(text), MAX_MARKS + 1):
        before = text[token.start() - 1 : token.start()] if token.start() else ""
        if before and before in _QUOTES and text[token.end() : token.end() + 1] == before:
            continue  # shown to the reader
        number = token.lastindex or 0
        word = token[number].lower() if number else ""
        fixed = {"[inst]": "user", "<<sys>>": "system", "<</sys>>": "user", "[/inst]": "assistant"}.get(word)
        if fixed:
            found.append(Mark(*token.span(), fixed))
        elif not number:
            found.append(Mark(*token.span(), "user", dynamic=True))
        elif number == _TOKEN.groups:
            found.append(Mark(*token.span(), None))
        else:
            found.append(Mark(*token.span(), role_of(word)))
    return tuple(found)


def _sections(text: str) -> tuple[Mark, ...]:
    """`# instruction` and `# input`, where the file begins with one of them."""
    found = tuple(Mark(*m.span(), role_of(m[1])) for m in islice(_SECTION.finditer(text), MAX_MARKS + 1))
    return found if found and not text[: found[0].start].strip() else ()


def _tagged(text: str) -> tuple[Mark, ...]:
    """`<system>…</system><user>…</user>`, where nothing else stands in the file; tags within text are no roles."""
    if text.lstrip()[:1] != "<":
        return ()
    found: list[Mark] = []
    at = 0
    while (begun := _TAG.match(text, at)) is not None and len(found) <= 2 * MAX_MARKS:
        closed = re.compile(rf"</{begun[1]}>[ \t]{{0,8}}$", re.I | re.M).search(text, begun.end())
        if closed is None:
            return ()
        found += [Mark(begun.start(1) - 1, begun.end(), _TAG_ROLES[begun[1].lower()]), Mark(*closed.span(), None)]
        at = closed.end()
    told = {m.role for m in found if m.role}
    return tuple(found) if not text[at:].strip() and (len(found) > 2 or told == {"system"}) else ()


def _lines(text: str) -> tuple[Mark, ...]:
    lines = [Mark(*m.span(), role_of(m[1] or m[2])) for m in islice(_LINE.finditer(text), MAX_MARKS + 1)]
    headings = [Mark(*m.span(), role_of(m[1])) for m in islice(_HEADING.finditer(text), MAX_MARKS + 1)]
    if headings and not text[: min(headings[0].start, lines[0].start if lines else len(text))].strip():
        lines = sorted(lines + headings, key=lambda m: m.start)
    # "Function:" and "Tool:" label what follows, unless somebody speaks beside them.
    if all(m.role == "tool" and any(c.isupper() for c in text[m.start : m.end]) for m in lines):
        return ()
    return tuple(lines)


def role_of(word: str) -> str:
    """The role that the word stands for."""
    return _ALIASES.get(word.lower(), word.lower())
