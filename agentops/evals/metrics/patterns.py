"""Patterns that come from the user, held against text that comes from an agent, in bounded time. JSON Schemas stand
in schemas.py."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache

from agentops.contracts import Unjudgeable
from agentops.errors import ConfigError

SEARCH_S = 1.0
"""Seconds that one search for a pattern may take."""

LONGEST = 20_000
"""Characters of a pattern."""

MOST_REPEATED = 200_000
"""Single characters and classes that a pattern comes to with its repeats written out, as `(a{99}){99}` comes to 9801:
compiling takes time and memory by their number."""

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<open>\()|(?P<close>\))|\{(?P<least>\d*)(?:,(?P<most>\d*))?\}|(?P<sign>[*+?|])|.",
    re.DOTALL,
)


def search(pattern: str, said: str, *, ignore_case: bool = False) -> str | None:
    """The first text that the pattern matches, None where there is none. Raises Unjudgeable where the search takes
    too long: patterns that backtrack without end must not let an answer hang the gate."""
    return search_any(pattern, (said,), ignore_case=ignore_case)


def search_any(pattern: str, texts: Iterable[str], *, ignore_case: bool = False) -> str | None:
    """As `search`, over texts that are each looked at for themselves; the time limit is for all of them."""
    import regex

    too_much = excess(pattern)
    if too_much:
        raise Unjudgeable(f"the pattern {too_much}")
    compiled = regex.compile(pattern, flags=regex.IGNORECASE if ignore_case else 0)
    deadline = time.monotonic() + SEARCH_S
    for text in texts:
        try:
            found = compiled.search(text, timeout=max(deadline - time.monotonic(), 0.001))
        except TimeoutError:
            raise Unjudgeable(f"the search took longer than {SEARCH_S:g} s: simplify the pattern") from None
        if found is not None:
            return str(found.group(0))
    return None


def check_pattern(pattern: str) -> None:
    """Refuse with a ConfigError what is no pattern, and one that takes too much to compile."""
    import regex

    too_much = excess(pattern)
    if too_much:
        raise ConfigError(f"the regular expression {too_much}", hint="make it shorter, or its repeats smaller")
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise ConfigError(f"no regular expression: {error}", hint="mend the pattern") from None
    except RecursionError:
        raise ConfigError("the regular expression is nested too deeply", hint="mend the pattern") from None


@lru_cache(maxsize=256)
def excess(pattern: str) -> str:
    """What about the pattern is too much to compile it; "" where nothing is. Linear in its length."""
    if len(pattern) > LONGEST:
        return f"has {len(pattern)} characters, more than {LONGEST}"
    if _written_out(pattern) > MOST_REPEATED:
        return f"repeats too much: written out it is longer than {MOST_REPEATED} characters"
    return ""


def _written_out(pattern: str) -> int:
    """Single characters and classes with all repeats of a known number written out."""
    sizes, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            sizes.append(0)
            last = 0
        elif token["close"]:
            # One that closes nothing is refused by the compiler.
            last = sizes.pop() if len(sizes) > 1 else 0
            sizes[-1] += last
        elif token["least"] is not None:
            digits = token["most"] or token["least"] or "1"
            times = int(digits) if len(digits) < 9 else 10**9
            # Capped, so that the numbers stay small.
            more = min(last * max(times, 1), 10**12)
            sizes[-1] += more - last
            last = more
        elif token["sign"]:
            last = 0 if token["sign"] == "|" else last
        else:
            sizes[-1] += 1
            last = 1
    return sum(sizes)
