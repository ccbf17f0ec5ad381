"""The agent's text as data in a judge's prompt.

deepeval's templates put texts of the test case straight between their own instructions. So each text goes in as one
JSON string on one line, between two marks that it cannot hold:

    BEGIN_5f0c2ad417b6e93d58aa "Your order has shipped.\\nAnything else?" END_5f0c2ad417b6e93d58aa

A line break is `\\n` there, so no text can start a heading or a turn of its own; angle brackets, long fences, the
brackets of chat templates and whatever Unicode folds to one of those are JSON escapes. The mark follows from a digest
over all that is judged: a text that held its own mark would be a fixed point of SHA-256, and the same request reads
the same in every run.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agentops import text

NEUTRAL = "[name]"
"""What stands for a blinded word."""
_MARK_DIGITS = 20
_PUNCTUATION = frozenset('<>|[]{}"`')
_BRACKETED = re.compile(r"\[(?=\s*/?\s*(?:[A-Z][A-Z_]{2,}\s*\]|DEEPEVAL\b))", re.IGNORECASE)
_FENCES = re.compile(r"`{3,}|~{3,}")
# What a chat template or a tokenizer may take for a mark of its own, wherever it stands.
_TEMPLATE_MARKS = re.compile(
    r"<\s*(?=[|\uff5c])|(?<=[|\uff5c])\s*>|<(?=/?(?:s|bos|eos|pad|unk|think|tool_call|start_of_turn|end_of_turn)\s*>)"
    r"|<<(?=/?SYS>>)|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)
_INVISIBLE = ("Cf", "Co", "Cs")
_LINES = ("Cc", "Zl", "Zp", "Cs")
_JOINERS = "\u200c\u200d"  # Persian, Hindi and emoji are written with them
_OWN_WORDS = ("reason", "steps", "verdict", "score")
# deepeval puts lists into its prompts as Python writes them: what needs no escape is not escaped twice.
_SOFT = str.maketrans({'"': "”", "'": "’", "\\": "/", "<": "‹", ">": "›", "[": "(", "]": ")", "`": "’"})
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


def readable(said: str) -> str:
    """Text of a stranger as a reader would see it: no control sequences, nothing invisible."""
    return "".join(c if c in _JOINERS else _visible(c) for c in text.clean(said))


def raw(said: str) -> str:
    """Readable text for metrics that compute alone, without deepeval's marks for images and documents, which would
    make it load them or refuse the case."""
    return re.sub(r"\[DEEPEVAL:", "[DEEPEVAL :", said, flags=re.IGNORECASE)


def blinder(words: Iterable[str]) -> Callable[[str], str]:
    """What replaces every one of the words, also inside longer ones and in any case, by a neutral token."""
    # A longer word first, so that none is left over in part. What was invisible in a word does not save it.
    between = f"[{text.REPLACEMENT}{_JOINERS}]*"
    ordered = sorted({w for w in words if w.strip()}, key=len, reverse=True)
    spelled = [between.join(re.escape(c) for c in unicodedata.normalize("NFKC", w)) for w in ordered]
    if not spelled:
        return lambda said: said
    pattern = re.compile("|".join(spelled), re.IGNORECASE)

    def blind(said: str) -> str:
        said = pattern.sub(NEUTRAL, said)
        folded = unicodedata.normalize("NFKC", said)
        # Only where it is needed: the rest of the text stays as the agent wrote it.
        return pattern.sub(NEUTRAL, folded) if pattern.search(folded) else said

    return blind


def mark_of(data: Any) -> str:
    """The mark around the texts of this request, hexadecimal digits."""
    canonical = json.dumps(data, sort_keys=True, ensure_ascii=True).encode("ascii")
    return hashlib.sha256(b"mark\0" + canonical).hexdigest()[:_MARK_DIGITS]


def quoted(said: str, mark: str) -> str:
    """The text between its marks. What reads it as JSON between them gets the text back."""
    while mark in said:
        said = said.replace(mark, "")
    return f'BEGIN_{mark} "{_escaped(said)}" END_{mark}'


def quoted_within(value: Any, mark: str) -> Any:
    """JSON data with every text in it quoted, names that are plain words left as they are."""
    if isinstance(value, str):
        return quoted(value, mark)
    if isinstance(value, Mapping):
        return {_name(str(k), mark): quoted_within(v, mark) for k, v in value.items()}
    if isinstance(value, Sequence):
        return [quoted_within(v, mark) for v in value]
    return value


def tool(call: Mapping[str, Any], mark: str) -> dict[str, Any]:
    """A tool call with its texts quoted."""
    return {
        "name": _name(str(call["name"]), mark),
        "input_parameters": quoted_within(call.get("input_parameters") or {}, mark),
    }


def drawn(value: Any, mark: str, *, of: str = "") -> Any:
    """What the judge itself said as JSON data, before it goes into a later prompt.

    Statements, opinions, claims and the like repeat the agent's words: each is quoted anew. What is the judge's own
    (`of` one of those names) and single words, which may be verdicts, are put on one line without a mark.
    """
    if isinstance(value, str):
        said = inert(" ".join(unquoted(value, mark).split()))
        return quoted(said.translate(_SOFT), mark) if mark and " " in said and of not in _OWN_WORDS else said
    if isinstance(value, Mapping):
        return {k: drawn(v, mark, of=str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [drawn(v, mark, of=of) for v in value]
    return value


def unquoted(said: str, mark: str) -> str:
    """Text of the judge without our marks, which it may repeat."""
    return re.sub(rf"\s*END_{mark}|BEGIN_{mark}\s*|{mark}", "", said) if mark else said


def inert(prompt: str) -> str:
    """The prompt without a mark that a chat template would obey, wherever it came from."""
    return _TEMPLATE_MARKS.sub(lambda m: m.group().replace("<", "‹").replace(">", "›").replace("[", "("), prompt)


def _visible(c: str) -> str:
    return text.REPLACEMENT if unicodedata.category(c) in _INVISIBLE else c


def _escaped(said: str) -> str:
    body = json.dumps(said, ensure_ascii=False)[1:-1]
    body = _FENCES.sub(lambda m: _code(m.group()), body)
    body = _BRACKETED.sub(lambda m: _code(m.group()), body)
    # JSON has done the quotation mark; some C1 controls and separators are line breaks to some.
    return "".join(_code(c) if _counts(c) else c for c in body)


def _counts(c: str) -> bool:
    if c.isascii():
        return c in "<>\x7f"
    folded = unicodedata.normalize("NFKC", c)
    return unicodedata.category(c) in _LINES or any(f in _PUNCTUATION for f in folded)


def _code(said: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in said)


def _name(said: str, mark: str) -> str:
    return said if _PLAIN_NAME.fullmatch(said) else quoted(said, mark)
