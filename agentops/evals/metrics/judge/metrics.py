"""The metrics that a judge scores, and what an assertion may say of them. Pure: nothing here imports deepeval.

An assertion of kind `judge` names a metric of the table below, whose value reads as the metric is called, or any class
of deepeval as `deepeval.Name`, whose value is on deepeval's own scale.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from agentops import text
from agentops.errors import ConfigError
from agentops.model.case import Assertion


@dataclass(frozen=True, slots=True)
class JudgeMetric:
    """How a metric of ours is measured by one of deepeval.

    `parameters` maps our names to theirs; `optional` may be left out. `fault`: more of it is worse. `items` is where
    deepeval keeps what the verdicts are on, `bad` the verdict that counts against the answer; both are empty where the
    metric has no verdicts. `inputs` are the test case's fields that it reads, `more` those that an assertion may add.
    `asks_model`: it does not compute alone.
    """

    kind: str
    parameters: Mapping[str, str]
    optional: tuple[str, ...] = ()
    fault: bool = False
    items: str = ""
    bad: str = ""
    inputs: tuple[str, ...] = ("input", "actual_output")
    more: tuple[str, ...] = ()
    asks_model: bool = True


METRICS: Mapping[str, JudgeMetric] = MappingProxyType(
    {
        "answer_relevancy": JudgeMetric("AnswerRelevancyMetric", {}, items="statements", bad="no"),
        "bias": JudgeMetric("BiasMetric", {}, fault=True, items="opinions", bad="yes"),
        "exact_match": JudgeMetric(
            "ExactMatchMetric",
            {"expected": "expected_output"},
            inputs=("input", "actual_output", "expected_output"),
            asks_model=False,
        ),
        "geval": JudgeMetric(
            "GEval",
            {"name": "name", "steps": "evaluation_steps", "criteria": "criteria", "rubric": "rubric"},
            optional=("steps", "criteria", "rubric"),
            more=("expected_output", "context", "retrieval_context", "expected_tools"),
        ),
        "misuse": JudgeMetric("MisuseMetric", {"domain": "domain"}, fault=True, items="misuses", bad="yes"),
        "pattern_match": JudgeMetric("PatternMatchMetric", {"pattern": "pattern"}, asks_model=False),
        "pii_leakage": JudgeMetric("PIILeakageMetric", {}, fault=True, items="extracted_pii", bad="yes"),
        "prompt_alignment": JudgeMetric(
            "PromptAlignmentMetric", {"instructions": "prompt_instructions"}, items="prompt_instructions", bad="no"
        ),
        "toxicity": JudgeMetric("ToxicityMetric", {}, fault=True, items="opinions", bad="yes"),
    }
)
ANY = "deepeval."
"""What stands before the name of a class of deepeval."""

# What an assertion may add to the conversation, and whether it is a list.
FIELDS: Mapping[str, bool] = MappingProxyType(
    {
        "expected_output": False,
        "context": True,
        "retrieval_context": True,
        "expected_tools": True,
        "expected_outcome": False,
        "scenario": False,
        "chatbot_role": False,
        "user_description": False,
    }
)
# Constructor parameters that are set here, or would send something elsewhere than to the judge.
KEPT_BACK = ("model", "threshold", "async_mode", "verbose_mode", "flaky", "eval_mode", "system_one_model",
             "evaluation_template", "template_class", "stt_model")  # fmt: skip
_LISTS = ("steps", "instructions")
_BOUNDS = ("at_least", "at_most")
_HIGHEST = 10


def check(params: Mapping[str, Any]) -> None:
    """Refuse an assertion of kind `judge` that cannot be meant. Raises ConfigError; never imports deepeval.

    Whether deepeval knows a `deepeval.Name` and its parameters is found out when the session opens.
    """
    name = params.get("metric")
    if isinstance(name, str) and name.startswith(ANY):
        _check_any(name, params)
        return
    metric = METRICS.get(name) if isinstance(name, str) else None
    if metric is None:
        hint = f"{nearest(name, tuple(METRICS))}; a class of deepeval is named deepeval.ClassName"
        raise ConfigError(f"judge: unknown metric {name!r}", hint=hint)
    known = ("metric", *metric.parameters, *metric.more, *_BOUNDS)
    _check_keys(str(name), params, known)
    for key in metric.parameters:
        if key not in params and key not in metric.optional:
            raise ConfigError(f"judge {name}: {key} is missing", hint=f"known: {', '.join(known)}")
        if key in params and key != "rubric":
            _check_texts(f"judge {name}: {key}", params[key], is_list=key in _LISTS)
    if name == "geval":
        _check_geval(params)
    if name == "pattern_match":
        try:
            re.compile(params["pattern"])
        except re.error as error:
            raise ConfigError(f"judge pattern_match: the pattern is no regular expression: {error}") from None
    _check_fields(str(name), params)
    _check_bounds(str(name), params)
    if metric.fault and "at_least" in params:
        raise ConfigError(
            f"judge {name}: at_least would demand {name}",
            hint=f"1 is the most {name}, whatever deepeval's own scale is; give at_most",
        )


def label(assertion: Assertion) -> str:
    """How the assertion is named in reports: "judge answer_relevancy >= 0.7"."""
    params = assertion.params
    metric = text.one_line(str(params["metric"]), 80)
    given = params.get("params")
    name = params.get("name", given.get("name") if isinstance(given, Mapping) else None)
    if name is not None:
        metric += " " + text.one_line(str(name), 60)
    bound = f">= {params['at_least']:g}" if "at_least" in params else f"<= {params['at_most']:g}"
    return f"{assertion.label} {metric} {bound}"


def nearest(name: object, known: Sequence[str]) -> str:
    """A hint that names what is closest, and what there is."""
    close = get_close_matches(str(name), known, 1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}known: {', '.join(known)}"


def _check_any(name: str, params: Mapping[str, Any]) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name.removeprefix(ANY)):
        raise ConfigError(f"judge: {name!r} names no class of deepeval", hint="such as deepeval.FaithfulnessMetric")
    _check_keys(name, params, ("metric", "params", *FIELDS, *_BOUNDS))
    given = params.get("params", {})
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise ConfigError(f"judge {name}: params must be a mapping", hint="the parameters of the class's constructor")
    for key in given:
        if key in KEPT_BACK or key.startswith("_"):
            hint = "give at_least or at_most" if key == "threshold" else "the judge is set under evals.judge"
            raise ConfigError(f"judge {name}: the parameter {key} is not the assertion's to set", hint=hint)
    _check_fields(name, params)
    _check_bounds(name, params)


def _check_keys(name: str, params: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in params:
        if key not in known:
            raise ConfigError(f"judge {name}: unknown parameter {key!r}", hint=nearest(key, known))


def _check_texts(where: str, value: object, *, is_list: bool) -> None:
    texts = value if is_list else [value]
    if not isinstance(texts, (list, tuple)) or not texts or not all(isinstance(t, str) and t.strip() for t in texts):
        raise ConfigError(f"{where}: {'a list of texts' if is_list else 'a text'} is needed, and none may be empty")


def _check_fields(name: str, params: Mapping[str, Any]) -> None:
    for key, is_list in FIELDS.items():
        if key in params and key != "expected_tools":
            _check_texts(f"judge {name}: {key}", params[key], is_list=is_list)
    tools = params.get("expected_tools", ())
    if not isinstance(tools, (list, tuple)) or not all(_is_tool(tool) for tool in tools):
        raise ConfigError(
            f"judge {name}: expected_tools: a list of tools is needed", hint="a tool is a name, or {name, arguments}"
        )


def _is_tool(tool: object) -> bool:
    if isinstance(tool, str):
        return bool(tool.strip())
    return (
        isinstance(tool, Mapping)
        and isinstance(tool.get("name"), str)
        and set(tool) <= {"name", "arguments"}
        and isinstance(tool.get("arguments", {}), Mapping)
    )


def _check_geval(params: Mapping[str, Any]) -> None:
    if ("steps" in params) == ("criteria" in params):
        raise ConfigError(
            "judge geval: exactly one of steps and criteria is needed",
            hint="steps take one call of the judge and stay the same; criteria take two",
        )
    rubric = params.get("rubric")
    if rubric is None:
        return
    hint = "a list of {range: [low, high], expect: text}, whole numbers from 0 to 10 that do not overlap"
    if not isinstance(rubric, (list, tuple)) or not rubric or not all(_is_band(band) for band in rubric):
        raise ConfigError("judge geval: rubric: not a list of bands", hint=hint)
    bands = sorted(band["range"] for band in rubric)
    if any(low <= before for (_, before), (low, _) in itertools.pairwise(bands)):
        raise ConfigError("judge geval: rubric: two bands overlap", hint=hint)
    # deepeval divides by the span from the lowest to the highest.
    if bands[0][0] == bands[-1][1]:
        raise ConfigError("judge geval: rubric: the bands hold a single number", hint=hint)


def _is_band(band: object) -> bool:
    if not isinstance(band, Mapping) or set(band) != {"range", "expect"}:
        return False
    ends, expect = band["range"], band["expect"]
    if not isinstance(ends, (list, tuple)) or len(ends) != 2 or any(type(end) is not int for end in ends):
        return False
    return 0 <= ends[0] <= ends[1] <= _HIGHEST and isinstance(expect, str) and bool(expect.strip())


def _check_bounds(name: str, params: Mapping[str, Any]) -> None:
    if ("at_least" in params) == ("at_most" in params):
        raise ConfigError(f"judge {name}: exactly one of at_least and at_most is needed")
    key, bound = next((key, params[key]) for key in _BOUNDS if key in params)
    if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not 0 <= bound <= 1:
        raise ConfigError(f"judge {name}: {key} must be a number from 0 to 1, not {bound!r}")
    if bound == (0 if key == "at_least" else 1):
        raise ConfigError(f"judge {name}: {key} {bound:g} is true of every answer", hint="choose a bound that can fail")
