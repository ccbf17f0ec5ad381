"""The run and the verdict as JSON documents, and a run read back.

The documents are pure ASCII: whatever an agent said, a lone surrogate too, survives as an escape.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from agentops.errors import ConfigError, ReportError
from agentops.model import run as run_model
from agentops.model.case import CaseResult
from agentops.model.codec import DecodeError, decode, encode
from agentops.model.run import RunResult
from agentops.model.verdict import Verdict
from agentops.text import one_line


def run_document(run: RunResult) -> str:
    """run.json. Raises ReportError for what JSON cannot hold (a number that is not finite)."""
    return "".join(run_parts(run))


def run_parts(run: RunResult) -> Iterator[str]:
    """run.json piece by piece, a case at a time: a large run is never held twice. Raises as `run_document` does."""
    bare = replace(run, stages=tuple(replace(stage, cases=()) for stage in run.stages))
    # `"cases": []` is written by nothing but a stage: texts have their quotes escaped.
    first, *rest = _document(bare, "run.json").split(_NO_CASES)
    yield first
    for stage, text in zip(run.stages, rest, strict=True):
        yield from _cases(stage.cases)
        yield text


def _cases(cases: Sequence[CaseResult]) -> Iterator[str]:
    if not cases:
        yield _NO_CASES
        return
    yield '"cases": ['
    for i, case in enumerate(cases):
        text = _document(case, "run.json").rstrip("\n").replace("\n", "\n" + _CASE_INDENT)
        yield ("," if i else "") + "\n" + _CASE_INDENT + text
    yield "\n" + _CASE_INDENT[:-1] + "]"


def verdict_document(verdict: Verdict) -> str:
    """verdict.json. Raises ReportError for what JSON cannot hold (a number that is not finite)."""
    return _document(verdict, "verdict.json")


def render_run(run: RunResult, verdict: Verdict) -> str:  # noqa: ARG001
    """The run document as a Reporter."""
    return run_document(run)


def render_verdict(run: RunResult, verdict: Verdict) -> str:  # noqa: ARG001
    """The verdict document as a Reporter."""
    return verdict_document(verdict)


def read_run(text: str) -> RunResult:
    """A run document read back. Raises ConfigError that names the place for anything else."""
    data = _parse(text)
    if not isinstance(data, dict):
        raise ConfigError("run document: $: an object is needed", hint=_WHICH_FILE)
    schema = data.get("schema")
    if schema != run_model.SCHEMA:
        told = one_line(str(schema), 60) if schema is not None else "missing"
        raise ConfigError(
            f"run document: $.schema is {told}; this version of agentops reads {run_model.SCHEMA}",
            hint="measure again with this version, or decide with the version that wrote the file",
        )
    try:
        return decode(RunResult, data)
    except (DecodeError, OverflowError, RecursionError) as error:
        raise ConfigError(f"run document: {one_line(str(error), 300)}", hint=_WHICH_FILE) from None


_NO_CASES = '"cases": []'
_CASE_INDENT = " " * 4
_WHICH_FILE = "give the run.json that agentops check wrote, unchanged; if it was damaged, measure again"


def _document(value: object, name: str) -> str:
    data = encode(value)
    try:
        return json.dumps(data, ensure_ascii=True, allow_nan=False, indent=1) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        place = _unwritable(data, "$") or "$"
        raise ReportError(
            f"{name}: {one_line(place, 200)} cannot be written as JSON: {one_line(str(error), 200)}",
            hint="the stage that measured this value has a bug; its log lies in the run's folder",
        ) from None


def _unwritable(data: Any, where: str, depth: int = 0) -> str:
    """The first place that JSON cannot hold; empty where there is none."""
    if depth > 100:
        return where
    if isinstance(data, dict):
        found = (_unwritable(v, f"{where}.{k}", depth + 1) for k, v in data.items())
        return next((f for f in found if f), "")
    if isinstance(data, list):
        found = (_unwritable(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(data))
        return next((f for f in found if f), "")
    if isinstance(data, float) and not math.isfinite(data):
        return where
    return "" if data is None or isinstance(data, (str, int, float)) else where


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ConfigError(f"run document: {place}: {error.msg}: this is no whole JSON", hint=_WHICH_FILE) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"run document: {one_line(str(error), 200)}", hint=_WHICH_FILE) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{one_line(number, 40)} is out of range")
    return value
