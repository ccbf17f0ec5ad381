"""Requests made into metrics and test cases of deepeval. The library's modules are handed in: nothing here imports it.

What deepeval cannot be given from a file or a conversation (traces of its own, sound, pictures, Python classes) is
told by name, before anything is asked where that can be known.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from agentops import text
from agentops.evals.metrics.judge import quote
from agentops.evals.metrics.judge.metrics import ANY, FIELDS, METRICS, nearest
from agentops.evals.metrics.judge.worker import JudgeError, counted

# They compute alone and compare the texts themselves, which therefore go in as they are.
_COMPUTED = ("ExactMatchMetric", "PatternMatchMetric", "ToolPermissionMetric", "ToolCorrectnessMetric")
_TRACED = ("AgentLoopDetectionMetric", "StepEfficiencyMetric", "PlanAdherenceMetric", "PlanQualityMetric")
_ROOMS = {".voice": "sound", ".multimodal_metrics": "pictures", ".mcp": "MCP sessions", ".audio_glitch": "sound"}
_GIVEN = "give it in the assertion"
_SOURCES = {
    "tools_called": "the agent reported no trace of its tool calls",
    "actual_output": "the agent gave none",
    **dict.fromkeys(FIELDS, _GIVEN),
}
_REASON_LIMIT = 4000


class Adapter:
    """Measures requests by deepeval's classes. `metrics` and `cases` are deepeval's modules of those; `judge_of` makes
    the judge model of one request from its mark and its deadline."""

    def __init__(self, *, metrics: Any, cases: Any, judge_of: Callable[[str, float], Any]) -> None:
        self._metrics = metrics
        self._cases = cases
        self._judge_of = judge_of

    def problem(self, asked: Mapping[str, Any]) -> str:
        """Why what is asked (`metric`, `params`, and the names of the `given` fields) could never be measured, ""
        where it can."""
        name = text.one_line(str(asked["metric"]), 100)
        try:
            metric = self._made(asked, self._judge_of("", 0.0))
            given = set(asked["given"]) | ({"expected_outcome"} if "expected_output" in asked["given"] else set())
            spec = METRICS.get(asked["metric"])
            given |= set(spec.parameters.values()) if spec else set()
            missing = [f for f in self._needed(metric) if _SOURCES.get(f) == _GIVEN and f not in given]
        except JudgeError as error:
            return f"judge {name}: {error}"
        except Exception as error:  # noqa: BLE001  a constructor of a library's may throw anything
            return f"judge {name}: deepeval refuses the parameters: {text.one_line(str(error), 400)}"
        return f"judge {name}: needs {missing[0]}: {_GIVEN}" if missing else ""

    def measure(self, request: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        """Score, reason and evidence of one request. Raises JudgeError where it has none."""
        mark = quote.mark_of(request)
        judge = self._judge_of(mark, deadline)
        metric = self._made(request, judge)
        needed = self._needed(metric)
        if self._reads_turns(metric):
            case, lacking = self._conversation(request, mark), _lacking_turns(request, needed)
        else:
            fields = self._fields(request)
            case, lacking = self._exchange(fields, mark, metric), [f for f in needed if fields.get(f) is None]
        if lacking:
            raise JudgeError(f"the metric needs {lacking[0]}: {_SOURCES.get(lacking[0], 'no text agent has it')}")
        reads_output = "actual_output" in needed or self._reads_turns(metric)
        if reads_output and not request["fields"]["actual_output"].strip().strip(text.REPLACEMENT):
            return {"empty": True}
        metric.measure(case, _show_indicator=False)
        spec = METRICS.get(request["metric"])
        value, reason = metric.score, metric.reason
        if spec is not None and spec.items:
            value, reason = counted(metric, items=spec.items, bad=spec.bad, fault=spec.fault)
        told: dict[str, Any] = {"score": value, "reason": quote.unquoted(str(reason or ""), mark)[:_REASON_LIMIT]}
        steps = getattr(metric, "evaluation_steps", None)
        if isinstance(steps, list):
            told["steps"] = [str(step) for step in steps]
        return told | _usage(judge)

    def _made(self, asked: Mapping[str, Any], judge: Any) -> Any:
        """A new metric. What deepeval's constructor throws goes through."""
        spec = METRICS.get(asked["metric"])
        kind = self._class(spec.kind if spec else asked["metric"].removeprefix(ANY))
        known = inspect.signature(kind.__init__).parameters
        if spec is None:
            given = dict(asked["params"])
            for key in given:
                if key not in known:
                    raise JudgeError(f"unknown parameter {key!r}; {nearest(key, _settable(known))}")
        else:
            fields = {ours: theirs for ours, theirs in spec.parameters.items() if theirs not in spec.inputs}
            given = {theirs: asked["params"][ours] for ours, theirs in fields.items() if ours in asked["params"]}
            if spec.items:
                # The verdicts carry their reasons: one call less, and no second opinion.
                given["include_reason"] = False
        for key in [k for k, p in known.items() if p.default is p.empty and k not in ("self", "args", "kwargs")]:
            if key not in given and key != "model":
                raise JudgeError(f"the parameter {key} is missing")
        if "evaluation_params" in known and "evaluation_params" not in given and "criteria" in known:
            given["evaluation_params"] = self._judged_by(asked, kind)
        if "rubric" in given:
            given["rubric"] = [_band(band) for band in given["rubric"]]
        given = {key: _converted(kind, key, value) for key, value in given.items()}
        given |= {k: v for k, v in {"model": judge, "async_mode": False}.items() if k in known}
        return kind(**given)

    def _class(self, name: str) -> Any:
        bases = (self._metrics.BaseMetric, self._metrics.BaseConversationalMetric)
        there = {k: v for k in self._metrics.__all__ if inspect.isclass(v := getattr(self._metrics, k, None))}
        classes = {k: v for k, v in there.items() if issubclass(v, bases) and v not in bases}
        found = {variant: k for k in classes for variant in _spellings(k)}.get(name.replace("_", "").lower())
        if found is None:
            raise JudgeError(f"deepeval has no such metric; {nearest(name, sorted(classes))}")
        kind = classes[found]
        known = inspect.signature(kind.__init__).parameters
        room = next((what for part, what in _ROOMS.items() if part in kind.__module__), "")
        if found in _TRACED:
            room = "traces of deepeval's own"
        elif "system_one_model" in known and "model" not in known:
            room = "a service of deepeval's maker"
        if room:
            raise JudgeError(f"{found} works on {room}, which is not at hand here")
        return kind

    def _judged_by(self, asked: Mapping[str, Any], kind: Any) -> list[Any]:
        """What a metric by rubric looks at: the exchange, and what else was given."""
        given = asked["given"] if "given" in asked else tuple(asked["fields"])
        if issubclass(kind, self._metrics.BaseConversationalMetric):
            names = ["role", "content"]
            names += [n for n in ("scenario", "expected_outcome", "retrieval_context") if n in given]
            return [self._cases.MultiTurnParams(name) for name in names]
        names = ["input", "actual_output"]
        names += [n for n in ("expected_output", "context", "retrieval_context") if n in given]
        names += ["tools_called", "expected_tools"] if "expected_tools" in given else []
        return [self._cases.SingleTurnParams(name) for name in names]

    def _reads_turns(self, metric: Any) -> bool:
        return isinstance(metric, self._metrics.BaseConversationalMetric)

    def _needed(self, metric: Any) -> list[str]:
        """The names of the test case's fields that the metric reads."""
        found = getattr(metric, "evaluation_params", None) if hasattr(metric, "criteria") else None
        for attribute in ("_required_params", "_required_test_case_params"):
            if not found:
                found = getattr(metric, attribute, None)
        names = [str(getattr(f, "value", f)) for f in found] if isinstance(found, (list, tuple)) else []
        return names + ["chatbot_role"] * bool(getattr(metric, "_requires_chatbot_role", False))

    def _fields(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The test case's fields: those of the request, and what our metrics name as parameters."""
        fields = {k: v for k, v in request["fields"].items() if k in self._cases.LLMTestCase.model_fields}
        spec = METRICS.get(request["metric"])
        moved = {theirs: ours for ours, theirs in spec.parameters.items() if theirs in spec.inputs} if spec else {}
        return fields | {theirs: request["params"][ours] for theirs, ours in moved.items()}

    def _exchange(self, fields: Mapping[str, Any], mark: str, metric: Any) -> Any:
        computed = type(metric).__name__ in _COMPUTED and not getattr(metric, "available_tools", None)
        made = {key: self._field(key, value, "" if computed else mark) for key, value in fields.items()}
        return self._cases.LLMTestCase(**made)

    def _conversation(self, request: Mapping[str, Any], mark: str) -> Any:
        fields, turns = request["fields"], []
        for turn in request["turns"]:
            made = {k: self._field(k, turn[k], mark) for k in ("content", "tools_called") if k in turn}
            if "retrieval_context" in fields and turn["role"] == "assistant":
                made["retrieval_context"] = self._field("retrieval_context", fields["retrieval_context"], mark)
            turns.append(self._cases.Turn(role=turn["role"], **made))
        around = ("scenario", "expected_outcome", "chatbot_role", "user_description", "context")
        given = {key: self._field(key, fields[key], mark) for key in around if key in fields}
        if "expected_output" in fields and "expected_outcome" not in given:
            given["expected_outcome"] = self._field("expected_outcome", fields["expected_output"], mark)
        return self._cases.ConversationalTestCase(turns=turns, **given)

    def _field(self, key: str, value: Any, mark: str) -> Any:
        """A field's value as deepeval wants it, its texts quoted where there is a mark."""
        if key in ("tools_called", "expected_tools"):
            return [self._cases.ToolCall(**(quote.tool(call, mark) if mark else _raw(call))) for call in value]
        return quote.quoted_within(value, mark) if mark else _raw(value)


def _lacking_turns(request: Mapping[str, Any], needed: list[str]) -> list[str]:
    there = set(request["fields"]) | {"role", "content"}
    there |= {"expected_outcome"} if "expected_output" in there else set()
    return [name for name in needed if name not in there]


def _spellings(name: str) -> set[str]:
    """How a class may be called: its name, also with underscores, also without its ending."""
    return {name.lower(), name.removesuffix("Metric").lower()}


def _settable(known: Mapping[str, Any]) -> list[str]:
    return [name for name in known if name != "self" and not name.startswith("_")]


def _band(band: Any) -> Any:
    """A band of a rubric as deepeval's class has it."""
    if isinstance(band, Mapping) and set(band) == {"range", "expect"}:
        return {"score_range": tuple(band["range"]), "expected_outcome": band["expect"]}
    return band


def _converted(kind: Any, key: str, value: Any) -> Any:
    """The value as the constructor's annotation wants it: a text as a member, a mapping as a class of deepeval's."""
    import pydantic

    hint = typing.get_type_hints(kind.__init__).get(key)
    if hint is None:
        return value
    if hint is pydantic.BaseModel or any(part in str(hint) for part in ("DeepAcyclicGraph", "Type[")):
        raise JudgeError(f"the parameter {key} is a Python object, which no file can express")
    if inspect.isclass(hint) and issubclass(hint, pydantic.BaseModel):
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(hint)
    else:
        adapter = pydantic.TypeAdapter(hint, config=pydantic.ConfigDict(arbitrary_types_allowed=True))
    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise JudgeError(f"the parameter {key} is not as deepeval wants it: {first['msg']}") from None


def _raw(value: Any) -> Any:
    if isinstance(value, str):
        return quote.raw(value)
    if isinstance(value, Mapping):
        return {k: _raw(v) for k, v in value.items()}
    return [_raw(v) for v in value] if isinstance(value, list) else value


def _usage(judge: Any) -> dict[str, Any]:
    if not judge.calls:
        return {"model": "", "calls": 0}
    return {
        "model": judge.answered,
        "calls": judge.calls,
        "input_tokens": judge.input_tokens,
        "output_tokens": judge.output_tokens,
    }
