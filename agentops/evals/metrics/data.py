"""Assertions on an answer that is JSON."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from agentops.contracts import Judgement
from agentops.errors import ConfigError
from agentops.evals.metrics import patterns, schemas
from agentops.evals.metrics.text import Params, check_bounds, quote
from agentops.model.seen import Seen
from agentops.text import one_line

# One fence around the whole answer is how models write data; a fence between sentences is no JSON answer.
_FENCED = re.compile(r"```[A-Za-z0-9]{0,10}[ \t]*\n(.*)\n[ \t]*```", re.DOTALL)
_TESTS = ("equals", "contains", "matches", "at_least", "at_most", "exists", "size")


class _NoJson(ValueError):
    """The answer is no JSON."""


def json_schema(params: Params, seen: Seen) -> Judgement:
    """The answer is JSON that satisfies the schema; a code fence around the whole of it is taken off."""
    try:
        data = _read(seen.text)
    except _NoJson as error:
        return Judgement(False, str(error))
    wrong = schemas.violation(params["value"], data)
    return Judgement(wrong is None, "the answer satisfies the schema" if wrong is None else one_line(wrong, 200))


def check_schema(params: Params) -> None:
    """Refuse what is no JSON Schema."""
    schemas.check_schema(params["value"])


def json_path(params: Params, seen: Seen) -> Judgement:
    """What a JMESPath expression finds in a JSON answer meets every test that is given: `equals`, `contains` (an item
    of a list or a piece of a text), `matches` (a pattern), `at_least` and `at_most` (numbers), `size` (items or
    characters), `exists`. Without a test something has to be there. Null counts as nothing, as JMESPath has it."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        value = jmespath.search(params["path"], _read(seen.text))
    except _NoJson as error:
        return Judgement(False, str(error))
    except JMESPathError as error:
        # A function was given what it cannot take: the answer has another shape than expected.
        return Judgement(False, f"{params['path']}: {one_line(str(error), 150)}")
    told = f"{params['path']} is {_shown(value)}"
    for test in [t for t in _TESTS if t in params] or ["exists"]:
        wanted = params.get(test, True)
        if not _meets(test, wanted, value):
            return Judgement(False, f"{told}, {test} {_shown(wanted)} expected")
    return Judgement(True, told)


def check_path(params: Params) -> None:
    """Refuse what is no JMESPath expression, no pattern, or bounds that nothing could meet."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(params["path"])
    except JMESPathError as error:
        raise ConfigError(f"no JMESPath expression: {one_line(str(error), 120)}", hint="mend the path") from None
    if "matches" in params:
        patterns.check_pattern(params["matches"])
    check_bounds(params)


def _meets(test: str, wanted: Any, value: Any) -> bool:
    match test:
        case "exists":
            return (value is not None) is wanted
        case "equals":
            return same(value, wanted)
        case "contains" if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        case "contains":
            return isinstance(value, list) and any(same(item, wanted) for item in value)
        case "matches":
            return isinstance(value, str) and patterns.search(wanted, value) is not None
        case "size":
            return isinstance(value, (str, list, dict)) and len(value) == wanted
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and (value >= wanted if test == "at_least" else value <= wanted)


def same(one: Any, two: Any) -> bool:
    """Whether two JSON values are equal; true is not 1, at any depth."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two)


def _read(said: str) -> Any:
    stripped = said.strip()
    fenced = _FENCED.fullmatch(stripped)
    try:
        return json.loads(fenced[1] if fenced else stripped, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise _NoJson(f"the answer is no JSON: {quote(said)}") from None


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _finite(digits: str) -> float:
    # 1e999 reads as infinity, which would be at least anything.
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(digits)
    return value


def _shown(value: Any) -> str:
    if isinstance(value, (list, dict)) and len(value) > 20:
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    try:
        return one_line(json.dumps(value, ensure_ascii=False), 80)
    except RecursionError:
        return "a value nested deeply"
