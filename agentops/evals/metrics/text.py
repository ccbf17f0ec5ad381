"""Assertions on the text of the last answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agentops.contracts import Judgement
from agentops.errors import ConfigError
from agentops.evals.metrics import patterns
from agentops.model.seen import Seen
from agentops.text import one_line

Params = Mapping[str, Any]

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def contains(params: Params, seen: Seen) -> Judgement:
    """The text, or all texts of a list, stand in the answer."""
    return _all(texts(params), seen.text, seen.text)


def icontains(params: Params, seen: Seen) -> Judgement:
    """As `contains`, whatever the case of letters."""
    return _all(texts(params), seen.text.casefold(), seen.text, fold=True)


def contains_any(params: Params, seen: Seen) -> Judgement:
    """At least one of the texts stands in the answer."""
    return _any(texts(params), seen.text, seen.text)


def icontains_any(params: Params, seen: Seen) -> Judgement:
    """As `contains_any`, whatever the case of letters."""
    return _any([t.casefold() for t in texts(params)], seen.text.casefold(), seen.text)


def equals(params: Params, seen: Seen) -> Judgement:
    """The answer is the text, white space at both ends aside."""
    expected = params["value"].strip()
    return Judgement(seen.text.strip() == expected, f"expected exactly {quote(expected)}, got {quote(seen.text)}")


def iequals(params: Params, seen: Seen) -> Judgement:
    """As `equals`, whatever the case of letters."""
    expected = params["value"].strip()
    same = seen.text.strip().casefold() == expected.casefold()
    return Judgement(same, f"expected {quote(expected)} in any case of letters, got {quote(seen.text)}")


def starts_with(params: Params, seen: Seen) -> Judgement:
    """The answer starts with the text, or with one of a list, white space before it aside."""
    wanted = tuple(texts(params))
    return Judgement(
        seen.text.lstrip().startswith(wanted), f"expected {_either(wanted)} at the start of {quote(seen.text)}"
    )


def ends_with(params: Params, seen: Seen) -> Judgement:
    """The answer ends with the text, or with one of a list, white space behind it aside."""
    wanted = tuple(texts(params))
    end = quote(seen.text.rstrip()[-80:])
    return Judgement(seen.text.rstrip().endswith(wanted), f"expected {_either(wanted)} at the end, got {end}")


def regex(params: Params, seen: Seen) -> Judgement:
    """The pattern is found somewhere in the answer. Unjudgeable where the search takes too long."""
    pattern = params["value"]
    found = patterns.search(pattern, seen.text)
    if found is not None:
        return Judgement(True, f"{quote(found)} matches /{one_line(pattern, 60)}/")
    return Judgement(False, f"/{one_line(pattern, 60)}/ is not found in {quote(seen.text)}")


def check_regex(params: Params) -> None:
    """Refuse what is no pattern."""
    patterns.check_pattern(params["value"])


def length(params: Params, seen: Seen) -> Judgement:
    """So many characters, or words with `of: words`, white space at both ends aside. Words are runs of letters and
    digits; a language without spaces has few of them."""
    said = seen.text.strip()
    unit = params.get("of", "characters")
    size = len(said) if unit == "characters" else sum(1 for _ in _WORD.finditer(said))
    return within(size, params, unit)


def check_bounds(params: Params) -> None:
    """Refuse bounds that nothing could meet."""
    least, most = params.get("at_least"), params.get("at_most")
    if least is not None and most is not None and least > most:
        raise ConfigError(f"at_least {least} is above at_most {most}", hint="swap the two")


def within(count: int, params: Params, unit: str) -> Judgement:
    """Whether the count lies within `at_least` and `at_most` of the parameters, both inclusive."""
    least, most = params.get("at_least"), params.get("at_most")
    bounds = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
    holds = (least is None or count >= least) and (most is None or count <= most)
    return Judgement(holds, f"{count} {unit}, {' and '.join(bounds)} expected")


def texts(params: Params) -> list[str]:
    """The parameter that is a text or a list of them, as a list."""
    value = params["value"]
    return [value] if isinstance(value, str) else list(value)


def quote(said: str) -> str:
    """A text as messages show it."""
    return f'"{one_line(said, 80)}"'


def _all(wanted: list[str], haystack: str, said: str, *, fold: bool = False) -> Judgement:
    missing = [t for t in wanted if (t.casefold() if fold else t) not in haystack]
    if not missing:
        return Judgement(True, f"holds {', '.join(quote(t) for t in wanted)}")
    return Judgement(False, f"{', '.join(quote(t) for t in missing)} is not in {quote(said)}")


def _any(wanted: list[str], haystack: str, said: str) -> Judgement:
    found = next((t for t in wanted if t in haystack), None)
    if found is not None:
        return Judgement(True, f"holds {quote(found)}")
    return Judgement(False, f"none of {', '.join(quote(t) for t in wanted)} is in {quote(said)}")


def _either(wanted: tuple[str, ...]) -> str:
    return " or ".join(quote(t) for t in wanted)
