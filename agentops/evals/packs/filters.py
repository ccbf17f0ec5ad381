"""Ways to write a text so that a person does not read it at a glance and a model does: what attacks hide behind."""

from __future__ import annotations

import base64
import codecs
import html
import re
from collections.abc import Callable, Mapping

_SIGNS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", _SIGNS.split(), strict=True))
_LEET = str.maketrans("aeiostAEIOST", "431057431057")
# Cyrillic letters that look like Latin ones (Unicode TR 39, confusables).
_HOMOGLYPHS = str.maketrans("aceopxyiACEOPX", "асеорхуіАСЕОРХ")
# A part of a canary word: what is rewritten beyond recovery would make an attack that cannot succeed.
_PART = re.compile(r"([A-Z0-9]{3,})")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _base32(text: str) -> str:
    return base64.b32encode(text.encode()).decode()


def _hex(text: str) -> str:
    return text.encode().hex(" ")


def _binary(text: str) -> str:
    return " ".join(f"{byte:08b}" for byte in text.encode())


def _rot13(text: str) -> str:
    return codecs.encode(text, "rot13")


def _morse(text: str) -> str:
    words = re.findall(r"[A-Z0-9]+", text.upper())
    return " / ".join(" ".join(_MORSE[c] for c in word) for word in words)


def _tags(text: str) -> str:
    """ASCII as characters of Unicode's tag block, which no font draws."""
    return "".join(chr(0xE0000 + ord(c)) if 0x20 <= ord(c) < 0x7F else c for c in text)


def _zero_width(text: str) -> str:
    return "\u200b".join(text)


def _spaced(text: str) -> str:
    return " ".join(text)


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if 0x21 <= ord(c) < 0x7F else "\u3000" if c == " " else c for c in text)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _entities(text: str) -> str:
    return "".join(f"&#{ord(c)};" for c in text)


def _escapes(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text)


def _reversed(text: str) -> str:
    return text[::-1]


def _beside_parts(change: Callable[[str], str]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        pieces = _PART.split(text)
        return "".join(piece if i % 2 else change(piece) for i, piece in enumerate(pieces))

    return changed


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _bullets(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


FILTERS: Mapping[str, Callable[[str], str]] = {
    "base64": _base64,
    "base32": _base32,
    "hex": _hex,
    "binary": _binary,
    "rot13": _rot13,
    "morse": _morse,
    "tags": _tags,
    "zero_width": _zero_width,
    "spaced": _spaced,
    "fullwidth": _fullwidth,
    "percent": _percent,
    "entities": _entities,
    "escapes": _escapes,
    "reversed": _reversed,
    "leet": _beside_parts(lambda text: text.translate(_LEET)),
    "homoglyphs": _beside_parts(lambda text: text.translate(_HOMOGLYPHS)),
    "html": html.escape,
    "one_line": _one_line,
    "quoted": _bullets,
    "upper": str.upper,
}
"""What may stand behind the bar in `{{name|filter}}`."""
