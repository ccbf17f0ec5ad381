"""How far a judge agrees with people, measured on answers whose labels are known.

The file holds a list of examples (YAML or JSON), or a mapping with `examples`:

    - judge: {metric: geval, name: politeness, steps: ["Is it polite?"], at_least: 0.6}
      input: Where is my order?
      output: How should I know?
      label: fail
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentops.config import document
from agentops.config.document import Document, Keys
from agentops.contracts import AskJudge
from agentops.errors import ConfigError
from agentops.evals.metrics.judge.metrics import check
from agentops.model.case import Answer, Assertion, ToolCall, Turn
from agentops.model.outcome import Outcome
from agentops.model.seen import Seen
from agentops.stats import intervals
from agentops.text import one_line

LEAST = 10
"""Fewer examples tell nothing: of ten that all agree, the rate's bound is still below 0.7."""
_CONFIDENCE = 0.95
_KEYS = ("id", "judge", "not", "input", "output", "tools", "label")
_LABELS = {"pass": True, "fail": False}


@dataclass(frozen=True, slots=True)
class Example:
    """An answer of which it is known whether the assertion holds. `name` tells people which it is."""

    name: str
    assertion: Assertion
    seen: Seen
    holds: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the judge agreed with the labels.

    `agreement` is a share of all `n`, with the two-sided Clopper-Pearson interval `low` to `high` at 95 %; an error of
    the judge is a disagreement. `kappa` is Cohen's (1960), with an error as a third word that no label has.
    `false_pass` of the `bad` examples were let through, `false_fail` of the `good` ones were refused, `errors` were not
    judged. `disagreements` names each, one line of safe text.
    """

    n: int
    agreement: float
    low: float
    high: float
    kappa: float
    good: int
    bad: int
    false_pass: int
    false_fail: int
    errors: int
    disagreements: tuple[str, ...]

    def corrected(self, rate: float) -> float | None:
        """The share that holds, where the judge let `rate` pass: Rogan and Gladen (1978), cut to 0..1.

        None where the judge erred or is no better than a coin. The estimate carries the examples' own error, and holds
        only where they are like what is measured.
        """
        if self.errors:
            return None
        finds_good, finds_bad = 1 - self.false_fail / self.good, 1 - self.false_pass / self.bad
        if finds_good + finds_bad <= 1:
            return None
        return min(max((rate + finds_bad - 1) / (finds_good + finds_bad - 1), 0.0), 1.0)


def load_examples(path: Path, *, shown: str = "") -> tuple[Example, ...]:
    """Read a file of examples. Raises ConfigError with the line of what is wrong, and for a file that could not tell
    anything: fewer than ten, or one label only."""
    found = document.read(path, shown=shown)
    keys: Keys = ()
    data = found.data
    if isinstance(data, dict) and set(data) <= {"version", "examples"}:
        data, keys = data.get("examples"), ("examples",)
    if not isinstance(data, list):
        raise ConfigError(f"{found.path}: no list of examples", hint="see docs/judges.md, calibration")
    examples = tuple(_example(one, found, (*keys, i)) for i, one in enumerate(data))
    try:
        _enough(examples)
    except ConfigError as error:
        raise ConfigError(f"{found.path}: {error.message}", hint=error.hint) from None
    return examples


async def calibrate(session: AskJudge, examples: Sequence[Example]) -> Calibration:
    """Ask the judge about every example and hold its word against the label.

    Raises ConfigError for examples that could not tell anything, before any is asked.
    """
    import asyncio  # where it is run, it is there; where evalsets are only read, it is not needed

    _enough(examples)
    words = await asyncio.gather(*(_ask(session, e) for e in examples))
    wrong = [
        (e, outcome, reason)
        for e, (outcome, reason) in zip(examples, words, strict=True)
        if outcome is not (Outcome.PASS if e.holds else Outcome.FAIL)
    ]
    n, good = len(examples), sum(e.holds for e in examples)
    agreed = n - len(wrong)
    passed = sum(outcome is Outcome.PASS for outcome, _ in words)
    failed = sum(outcome is Outcome.FAIL for outcome, _ in words)
    side = 1 - (1 - _CONFIDENCE) / 2
    return Calibration(
        n=n,
        agreement=agreed / n,
        low=intervals.lower_bound(agreed, n, side),
        high=intervals.upper_bound(agreed, n, side),
        kappa=_kappa(agreed, n, labels=(good, n - good), words=(passed, failed)),
        good=good,
        bad=n - good,
        false_pass=sum(outcome is Outcome.PASS for _, outcome, _ in wrong),
        false_fail=sum(outcome is Outcome.FAIL for _, outcome, _ in wrong),
        errors=n - passed - failed,
        disagreements=tuple(_told(e, outcome, reason) for e, outcome, reason in wrong),
    )


async def _ask(session: AskJudge, example: Example) -> tuple[Outcome, str]:
    score = await session(example.assertion, example.seen)
    return score.outcome, score.reason


def _told(example: Example, outcome: Outcome, reason: str) -> str:
    label = "pass" if example.holds else "fail"
    return one_line(f"{example.name}: labelled {label}, the judge says {outcome.value}: {reason}", 300)


def _kappa(agreed: int, n: int, *, labels: tuple[int, int], words: tuple[int, int]) -> float:
    by_chance = sum(a * b for a, b in zip(labels, words, strict=True)) / n**2
    # Both labels are there, so chance alone never agrees on all.
    return (agreed / n - by_chance) / (1 - by_chance)


def _enough(examples: Sequence[Example]) -> None:
    if len(examples) < LEAST:
        raise ConfigError(
            f"{len(examples)} examples tell nothing of the judge", hint=f"label {LEAST} answers or more, better 50"
        )
    if len({e.holds for e in examples}) < 2:
        raise ConfigError(
            "all examples carry the same label: a judge that always says the same would agree with them",
            hint="add answers that should pass and answers that should fail",
        )


def _example(data: Any, found: Document, keys: Keys) -> Example:
    place = found.place(keys)
    if not isinstance(data, Mapping) or not set(data) <= set(_KEYS):
        unknown = sorted(str(k) for k in set(data) - set(_KEYS)) if isinstance(data, Mapping) else []
        what = f"unknown key {unknown[0]!r}" if unknown else "not a mapping"
        raise ConfigError(f"{place}: {what}", hint=f"known: {', '.join(_KEYS)}")
    for key in ("input", "output"):
        if not isinstance(data.get(key), str):
            raise ConfigError(f"{place}: {key}: a text is needed")
    if data.get("label") not in tuple(_LABELS):
        raise ConfigError(f"{place}: label must be pass or fail, not {data.get('label')!r}")
    try:
        assertion = _assertion(data)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}", hint=error.hint) from None
    answer = Answer(data["output"], tool_calls=_tools(data.get("tools"), place))
    seen = Seen((Turn(data["input"]),), (answer,))
    return Example(str(data.get("id") or place), assertion, seen, _LABELS[data["label"]])


def _assertion(data: Mapping[str, Any]) -> Assertion:
    inner = data.get("not")
    negate = isinstance(inner, Mapping) and set(inner) == {"judge"}
    params = inner["judge"] if isinstance(inner, Mapping) and negate else data.get("judge")
    if not isinstance(params, Mapping) or ("judge" in data) == ("not" in data):
        raise ConfigError("one assertion of kind judge is needed", hint="judge: {metric: ...}, or not: {judge: ...}")
    check(params)
    return Assertion("judge", params, negate=negate)


def _tools(data: Any, place: str) -> tuple[ToolCall, ...] | None:
    if data is None:
        return None
    hint = "a list of {name, arguments}"
    if not isinstance(data, list) or not all(_is_call(tool) for tool in data):
        raise ConfigError(f"{place}: tools: not as they should be", hint=hint)
    return tuple(ToolCall(t["name"], dict(t.get("arguments") or {})) for t in data)


def _is_call(data: Any) -> bool:
    if not isinstance(data, Mapping) or not set(data) <= {"name", "arguments"}:
        return False
    return isinstance(data.get("name"), str) and isinstance(data.get("arguments") or {}, Mapping)
