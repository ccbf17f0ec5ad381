"""What to write instead, for what the schema refuses in an evalset."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from agentops.config import document
from agentops.config.document import nearest
from agentops.text import one_line

_SCHEMA = "evalset.schema.json"

# Words of other tools for a case's keys, by what they are here.
KEYS: Mapping[str, str] = {
    **dict.fromkeys(("question", "query", "prompt", "user", "message", "user_input"), "input"),
    **dict.fromkeys(
        ("answer", "expected", "expected_answer", "reference", "ground_truth", "output", "target"), "expected_output"
    ),
    **dict.fromkeys(("assert", "asserts", "assertions", "checks"), "expect"),
    **dict.fromkeys(("vars", "variables", "data", "rows"), "table"),
    **dict.fromkeys(("name", "title", "test_id"), "id"),
}

# Assertions of promptfoo and metrics of deepeval, by what they are here.
_ASSERTIONS: Mapping[str, str] = {
    **dict.fromkeys(
        ("llm-rubric", "g-eval", "geval", "factuality", "model-graded-closedqa", "rubric"),
        "judge: {metric: geval, name: ..., steps: [...], at_least: 0.7}",
    ),
    **dict.fromkeys(("answer-relevance", "answer_relevancy"), "judge: {metric: answer_relevancy, at_least: 0.7}"),
    "toxicity": "judge: {metric: toxicity, ...}",
    **dict.fromkeys(("is-json", "contains-json", "json", "is-valid-json"), "json_schema: {...}"),
    **dict.fromkeys(("similar", "levenshtein", "rouge-n", "bleu"), "similarity: {to: ..., at_least: 0.6}"),
    **dict.fromkeys(("javascript", "python", "webhook"), "custom: {metric: NAME}"),
    "contains-all": "contains: [...]",
    "icontains-all": "icontains: [...]",
    "contains-any": "contains_any: [...]",
    "icontains-any": "icontains_any: [...]",
    "starts-with": "starts_with: ...",
    "is-refusal": "refusal: true",
    **dict.fromkeys(("type", "value", "metric"), "the metric as the key, such as contains: ..."),
}

# How a metric that takes a mapping is written, with the value that stood alone.
_FORMS: Mapping[str, str] = {
    "latency": "{{at_most_s: {}}}", "tokens": "{{at_most: {}}}", "length": "{{at_most: {}}}",
    "turns": "{{at_most: {}}}", "cost": "{{at_most_usd: {}}}", "similarity": "{{to: {}, at_least: 0.6}}",
    "json_path": "{{path: {}, exists: true}}", "judge": "{{metric: {}, at_least: 0.7}}",
}  # fmt: skip

_PROBLEM = re.compile(r"(?P<place>.*?:(?:\d+:)? )(?P<dotted>[\w-]+(?:\.[\w-]+)*): (?P<said>.*)", re.S)
_IN_ASSERTION = re.compile(r"(?:^|\.)expect\.\d+(?:\.|$)")
_AN_ASSERTION = re.compile(r"(?:^|\.)(?:(?:expect|all|any|of)\.\d+|not)$")
_UNKNOWN = re.compile(r"unknown key '(?P<key>[^']*)'")
_NO_MORE = ("must not be empty", "has too many properties", "does not have enough properties")


def advised(problems: Iterable[str], data: Any, own: Collection[str]) -> tuple[str, ...]:
    """The problems with what to write instead, where that is known. `data` is what was held against the schema, `own`
    are the kinds of the user's own metrics."""
    found = [(problem, _PROBLEM.fullmatch(problem)) for problem in problems]
    places = [match["dotted"] for _, match in found if match and not match["said"].endswith(_NO_MORE)]
    told: list[str] = []
    for problem, match in found:
        # The count of keys says nothing beside what is wrong with them.
        if match and match["said"].endswith(_NO_MORE) and match["dotted"] in places:
            continue
        better = problem if match is None else match["place"] + _said(match, data, own)
        if better not in told:
            told.append(better)
    return tuple(told)


def hint(problems: Sequence[str], own: Collection[str]) -> str:
    """Where to read on: for assertions the page on metrics; and the user's own metrics, where one is not known."""
    inside = [bool(_IN_ASSERTION.search(_dotted(problem))) for problem in problems]
    pages = "docs/metrics.md" if all(inside) else "docs/evalsets.md"
    more = ", docs/metrics.md for assertions" if any(inside) and not all(inside) else ""
    told = f"see {pages}{more}, or the schema {_SCHEMA}"
    if any(_UNKNOWN.search(problem) and _AN_ASSERTION.search(_dotted(problem)) for problem in problems):
        names = ", ".join(one_line(name, 60) for name in sorted(own)[:12])
        told += f"; your own metrics are {names}" if own else "; metrics of your own are named in evals.metrics"
    return told


def meant(word: str, known: Collection[str]) -> str:
    """A question that names the key that a word of another tool stands for, else the nearest known one."""
    if word not in known and KEYS.get(word.lower()) in known:
        return f"; did you mean {KEYS[word.lower()]!r}?"
    return nearest(word, list(known))


def _dotted(problem: str) -> str:
    match = _PROBLEM.fullmatch(problem)
    return match["dotted"] if match else ""


def _said(match: re.Match[str], data: Any, own: Collection[str]) -> str:
    dotted, said = match["dotted"], match["said"]
    unknown = _UNKNOWN.match(said)
    if unknown:
        return f"{dotted}: {_unknown(unknown['key'], dotted, said, own)}"
    return f"{dotted}: {said}{_form(dotted, said, _value(data, dotted))}"


def _unknown(key: str, dotted: str, said: str, own: Collection[str]) -> str:
    start = f"unknown key {key!r}"
    if not _AN_ASSERTION.search(dotted):
        known = document.load_schema(_SCHEMA)["$defs"]["case"]["properties"]
        return start + meant(key, known) if re.fullmatch(r"cases\.\d+", dotted) else said
    negated = key.removeprefix("not-")
    if negated in _ASSERTIONS:
        return f"{start}; write {_ASSERTIONS[negated]}" + (", inside not: {...}" if negated != key else "")
    close = difflib.get_close_matches(key, list(own), n=1, cutoff=0.6)
    return f"{start}; did you mean {close[0]!r}?" if close and "did you mean" not in said else said


def _form(dotted: str, said: str, value: Any) -> str:
    if said.startswith("must be a text") and isinstance(value, (bool, int, float)):
        return f"; write {_quoted(value)}"
    if said.startswith("must be a text") and isinstance(value, list):
        other = next((item for item in value if isinstance(item, (bool, int, float))), None)
        return "" if other is None else f"; write {_quoted(other)} in the list"
    if said.startswith("must be a mapping") and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        kind = dotted.rpartition(".")[2]
        shown = _quoted(value) if isinstance(value, str) and kind != "judge" else one_line(str(value), 60)
        return f"; write {kind}: {_FORMS[kind].format(shown)}" if kind in _FORMS else ""
    return ""


def _quoted(value: str | float) -> str:
    """The value as YAML and JSON write a text."""
    text = str(value).lower() if isinstance(value, bool) else one_line(str(value), 60)
    return f'"{text}"'


def _value(data: Any, dotted: str) -> Any:
    """What stands at the path; None where it cannot be followed."""
    for key in dotted.split("."):
        if isinstance(data, list) and key.isdecimal() and int(key) < len(data):
            data = data[int(key)]
        elif isinstance(data, Mapping) and key in data:
            data = data[key]
        else:
            return None
    return data
