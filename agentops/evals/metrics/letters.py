"""Text in its plainest letters, so that no other writing of them hides what is looked for."""

from __future__ import annotations

import unicodedata

# Ligatures that stand for a whole sentence: normalised they would make a text many times as long.
_SENTENCES = {0xFDFA: " ", 0xFDFB: " "}


def plain(text: str) -> str:
    """The text in its plainest letters and digits (NFKC) without invisible characters: what is full-width or has a
    zero-width space in it hides nothing."""
    if text.isascii():
        return text
    folded = unicodedata.normalize("NFKC", text.translate(_SENTENCES))
    hidden = {ord(c) for c in set(folded) if unicodedata.category(c) == "Cf"}
    return folded.translate(dict.fromkeys(hidden)) if hidden else folded
