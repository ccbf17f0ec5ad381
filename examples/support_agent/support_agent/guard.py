"""What goes in and out whatever the model says: empty and endless messages, the marker of the system prompt, markup."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata

EMPTY = "I did not receive any text. Please tell me what I can help you with, for example with an order number."
TOO_LONG = (
    "Your message is longer than I can read. Please send me a shorter one with your order number and your question."
)
WITHHELD = "I'm sorry, but I can't share internal information. Is there anything I can do for an order of yours?"
NOTHING = "I'm sorry, I have no answer to that. Could you put your question in other words?"

_LONGEST_ANSWER = 20_000
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_IMAGE = re.compile(r"!\[([^\[\]]*)\]\([^)]*\)")
_BAD_LINK = re.compile(r"\[([^\[\]]*)\]\(\s*(?:javascript|data|vbscript)\s*:[^)]*\)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?){8,}")


def refuse_input(text: str, *, limit: int) -> str | None:
    """The answer to a message that the model should not see, or None where it should."""
    if not _visible(text):
        return EMPTY
    return TOO_LONG if len(text) > limit else None


def clean_output(text: str, *, marker: str) -> tuple[str, bool]:
    """The answer as it may leave, and whether something had to be done about it.

    An answer that gives away the marker, plain or in a common disguise, is withheld as a whole. Markup that a browser
    would run or load is made harmless; everything else, JSON too, passes unchanged.
    """
    if not _visible(text):
        return NOTHING, True
    if _leaks(text, marker):
        return WITHHELD, True
    safe = text[:_LONGEST_ANSWER]
    # What a browser would load by itself becomes its caption, or a link where it is written in an odd way.
    safe = _IMAGE.sub(lambda m: m.group(1), safe).replace("![", "[")
    safe = _BAD_LINK.sub(lambda m: m.group(1), safe)
    safe = _TAG.sub("&lt;", safe)
    return safe, safe != text


def _visible(text: str) -> bool:
    return any(not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf") for c in text)


def _leaks(text: str, marker: str) -> bool:
    wanted = _letters(marker)
    readings = [text, html.unescape(text), codecs.encode(text, "rot13")]
    readings += [_decoded_base64(part) for part in _BASE64.findall(text)]
    readings += [_decoded_hex(part) for part in _HEX.findall(text)]
    return any(wanted in seen or wanted in seen[::-1] for seen in map(_letters, readings))


def _letters(text: str) -> str:
    """Letters and digits alone, so that neither spaces nor look-alike forms nor dashes hide a word."""
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())


def _decoded_base64(part: str) -> str:
    plain = part.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return ""


def _decoded_hex(part: str) -> str:
    return bytes.fromhex(re.sub(r"[ :]", "", part)).decode("utf-8", "ignore")
