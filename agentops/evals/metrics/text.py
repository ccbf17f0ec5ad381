"""Assertions on the answer's text."""

from __future__ import annotations

import json

from agentops.model.case import Answer, Assertion
from agentops.text import one_line

Judged = tuple[bool, str]

SEARCH_S = 1.0
"""Seconds that one search for a pattern may take."""


def contains(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """The text, or all texts of a list, stand in the answer."""
    return _all(_texts(assertion), answer.text, answer.text)


def icontains(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """As `contains`, whatever the case of letters."""
    return _all(_texts(assertion), answer.text.casefold(), answer.text, fold=True)


def contains_any(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """At least one of the texts stands in the answer."""
    return _any(_texts(assertion), answer.text, answer.text)


def icontains_any(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """As `contains_any`, whatever the case of letters."""
    return _any([t.casefold() for t in _texts(assertion)], answer.text.casefold(), answer.text)


def equals(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """The answer is the text, white space at both ends aside."""
    expected = assertion.params["value"].strip()
    return answer.text.strip() == expected, f"expected exactly {_quote(expected)}, got {_quote(answer.text)}"


def regex(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """The pattern is found somewhere in the answer. Raises TimeoutError where the search takes too long: patterns that
    backtrack without end must not let an answer hang the gate."""
    import regex as engine

    pattern = assertion.params["value"]
    found = engine.search(pattern, answer.text, timeout=SEARCH_S)
    if found:
        return True, f"/{one_line(pattern, 60)}/ matches {_quote(found.group(0))}"
    return False, f"/{one_line(pattern, 60)}/ is not found in {_quote(answer.text)}"


def json_schema(assertion: Assertion, answer: Answer, _latency_s: float) -> Judged:
    """The answer is JSON that satisfies the schema."""
    from jsonschema import Draft202012Validator

    try:
        data = json.loads(answer.text)
    except (ValueError, RecursionError):
        return False, f"the answer is no JSON: {_quote(answer.text)}"
    errors = sorted(
        Draft202012Validator(assertion.params["value"]).iter_errors(data), key=lambda e: list(map(str, e.path))
    )
    if not errors:
        return True, "the answer satisfies the schema"
    where = ".".join(str(p) for p in errors[0].absolute_path) or "the answer"
    return False, f"{where}: {one_line(errors[0].message, 120)}"


def _texts(assertion: Assertion) -> list[str]:
    value = assertion.params["value"]
    return [value] if isinstance(value, str) else list(value)


def _all(wanted: list[str], haystack: str, said: str, *, fold: bool = False) -> Judged:
    missing = [t for t in wanted if (t.casefold() if fold else t) not in haystack]
    if not missing:
        return True, f"holds {', '.join(_quote(t) for t in wanted)}"
    return False, f"{', '.join(_quote(t) for t in missing)} is not in {_quote(said)}"


def _any(wanted: list[str], haystack: str, said: str) -> Judged:
    found = next((t for t in wanted if t in haystack), None)
    if found is not None:
        return True, f"holds {_quote(found)}"
    return False, f"none of {', '.join(_quote(t) for t in wanted)} is in {_quote(said)}"


def _quote(text: str) -> str:
    return f'"{one_line(text, 80)}"'
