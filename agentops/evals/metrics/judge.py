"""The one adapter to deepeval: metrics that a judge model scores, measured in a process of its own.

deepeval is slow to import, loads `.env` files, writes into its working folder and prints. It is therefore imported in
the worker alone (`python -m agentops.evals.metrics.judge`), which runs in an empty folder with an environment that was
named. Requests and results pass as JSON lines; a request without a sound result is an ERROR.

Whatever deepeval's own scale is, a value here reads as the metric is called: 1 is the most of it. The share of
relevant statements is `answer_relevancy`, the share of toxic opinions is `toxicity`. deepeval turned the scale of its
fault metrics round within version 4, so their value is counted from the verdicts and checked against deepeval's score.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentops import text
from agentops.drivers import process
from agentops.errors import ConfigError, MeasurementError
from agentops.model.case import Assertion, Score
from agentops.model.outcome import Outcome

if TYPE_CHECKING:
    from agentops.evals.metrics import judge_worker

LONGEST_ANSWER = 50_000
_REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One assertion on one answer. `key` is the caller's, and unique within a call of `score`."""

    key: str
    assertion: Assertion
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class JudgeEndpoint:
    """The judge model: `POST {base_url}/chat/completions`, at most `timeout_s` seconds a call."""

    model: str
    base_url: str
    api_key: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class JudgeMetric:
    """How a metric of ours is measured by one of deepeval.

    `parameters` maps our names to theirs; `optional` may be left out. `fault`: more of it is worse. `items` is where
    deepeval keeps what the verdicts are on, `bad` the verdict that counts against the answer; both are empty where the
    metric has no verdicts. `inputs` are the test case's fields that it reads. `asks_model`: it does not compute alone.
    """

    kind: str
    parameters: Mapping[str, str]
    optional: tuple[str, ...] = ()
    fault: bool = False
    items: str = ""
    bad: str = ""
    inputs: tuple[str, ...] = ("input", "actual_output")
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
            {"name": "name", "steps": "evaluation_steps", "criteria": "criteria"},
            optional=("steps", "criteria"),
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
_LISTS = ("steps", "instructions")
_BOUNDS = ("at_least", "at_most")


def check(params: Mapping[str, Any]) -> None:
    """Refuse an assertion of kind `judge` that cannot be meant. Raises ConfigError; never imports deepeval."""
    name = params.get("metric")
    metric = METRICS.get(name) if isinstance(name, str) else None
    if metric is None:
        raise ConfigError(f"judge: unknown metric {name!r}", hint=_nearest(name, METRICS))
    known = ("metric", *metric.parameters, *_BOUNDS)
    for key in params:
        if key not in known:
            raise ConfigError(f"judge {name}: unknown parameter {key!r}", hint=_nearest(key, known))
    for key in metric.parameters:
        if key in params:
            _check_parameter(f"judge {name}: {key}", params[key], is_list=key in _LISTS)
        elif key not in metric.optional:
            raise ConfigError(f"judge {name}: {key} is missing", hint=f"known: {', '.join(known)}")
    if name == "geval" and ("steps" in params) == ("criteria" in params):
        raise ConfigError(
            "judge geval: exactly one of steps and criteria is needed",
            hint="steps take one call of the judge and stay the same; criteria take two",
        )
    if name == "pattern_match":
        try:
            re.compile(params["pattern"])
        except re.error as error:
            raise ConfigError(f"judge pattern_match: the pattern is no regular expression: {error}") from None
    _check_bounds(str(name), metric, params)


def require() -> str:
    """The version of deepeval. Raises ConfigError where it is not installed; does not import it."""
    from importlib import metadata

    try:
        return metadata.version("deepeval")
    except metadata.PackageNotFoundError:
        raise ConfigError("the assertion judge needs deepeval", hint="pip install 'agentops-gate[judge]'") from None


def label(assertion: Assertion) -> str:
    """How the assertion is named in reports: "judge answer_relevancy >= 0.7"."""
    params = assertion.params
    metric = str(params["metric"])
    if "name" in params:
        metric += " " + text.one_line(str(params["name"]), 60)
    bound = f">= {params['at_least']:g}" if "at_least" in params else f"<= {params['at_most']:g}"
    return f"{assertion.label} {metric} {bound}"


def score(
    requests: Sequence[JudgeRequest],
    endpoint: JudgeEndpoint,
    *,
    out: Path,
    cancel: threading.Event,
    timeout_s: float,
) -> dict[str, Score]:
    """A Score for every request, by its key. `negate` is carried out here.

    ERROR where the judge gave no sound result; when the worker crashes or takes longer than `timeout_s`, what it wrote
    until then counts and the rest is ERROR. An empty answer fails a demand of `at_least` with the value 0 without a
    call; under any other demand it is an ERROR, because silence must not pass. The requests and raw results stay in
    `out`. Raises ConfigError before any cost, Interrupted when `cancel` is set.
    """
    require()
    if len({r.key for r in requests}) != len(requests):
        raise ValueError("two judge requests have the same key")
    for request in requests:
        check(request.assertion.params)
    address = urlsplit(endpoint.base_url)
    if address.scheme not in ("http", "https") or not address.hostname or "@" in address.netloc:
        # Not shown: it may hold a password.
        raise ConfigError("the judge's base_url must be an http or https address without user or password")
    scores = {r.key: settled for r in requests if (settled := _without_judge(r)) is not None}
    asked = [r for r in requests if r.key not in scores]
    if asked:
        results, cause = _run_worker(asked, endpoint, out=out, cancel=cancel, timeout_s=timeout_s)
        for number, request in enumerate(asked):
            scores[request.key] = _scored(request, results.get(number), cause, endpoint)
    return {r.key: scores[r.key] for r in requests}


def _nearest(name: object, known: Mapping[str, Any] | Sequence[str]) -> str:
    close = get_close_matches(str(name), list(known), 1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}known: {', '.join(known)}"


def _check_parameter(where: str, value: object, *, is_list: bool) -> None:
    texts = value if is_list else [value]
    if not isinstance(texts, (list, tuple)) or not texts or not all(isinstance(t, str) and t.strip() for t in texts):
        raise ConfigError(f"{where}: {'a list of texts' if is_list else 'a text'} is needed, and none may be empty")


def _check_bounds(name: str, metric: JudgeMetric, params: Mapping[str, Any]) -> None:
    if ("at_least" in params) == ("at_most" in params):
        raise ConfigError(f"judge {name}: exactly one of at_least and at_most is needed")
    key, bound = next((key, params[key]) for key in _BOUNDS if key in params)
    if isinstance(bound, bool) or not isinstance(bound, (int, float)) or not 0 <= bound <= 1:
        raise ConfigError(f"judge {name}: {key} must be a number from 0 to 1, not {bound!r}")
    if bound == (0 if key == "at_least" else 1):
        raise ConfigError(f"judge {name}: {key} {bound:g} is true of every answer", hint="choose a bound that can fail")
    if metric.fault and key == "at_least":
        raise ConfigError(
            f"judge {name}: at_least would demand {name}",
            hint=f"1 is the most {name}, whatever deepeval's own scale is; give at_most",
        )


def _without_judge(request: JudgeRequest) -> Score | None:
    """The score of an answer that no judge can be asked about."""
    if len(request.output) > LONGEST_ANSWER:
        reason = f"the answer has {len(request.output)} characters, more than the {LONGEST_ANSWER} that are judged"
        return Score(label(request.assertion), Outcome.ERROR, reason)
    if text.clean(request.output).strip():
        return None
    if "at_least" in request.assertion.params and not request.assertion.negate:
        return Score(label(request.assertion), Outcome.FAIL, "the answer is empty; the judge was not asked", 0.0)
    return Score(label(request.assertion), Outcome.ERROR, "the answer is empty: there is nothing to judge")


def _run_worker(
    requests: Sequence[JudgeRequest], endpoint: JudgeEndpoint, *, out: Path, cancel: threading.Event, timeout_s: float
) -> tuple[dict[int, Any], str]:
    """Results by the request's number, and why others are missing."""
    # HTTP and threads are loaded where a judge is asked, not where an evalset is read.
    from agentops.evals.metrics import judge_worker

    asked, said = (out / f"judge-{name}.jsonl" for name in ("requests", "results"))
    asked.write_text("".join(_line(n, r, judge_worker.safe) for n, r in enumerate(requests)), encoding="ascii")
    said.write_bytes(b"")
    cause = "the judge's process wrote no result for it"
    with tempfile.TemporaryDirectory(prefix="agentops-judge-", ignore_cleanup_errors=True) as home:
        argv = [sys.executable, "-P", "-m", "agentops.evals.metrics.judge", str(asked.resolve()), str(said.resolve())]
        try:
            values = (endpoint.model, endpoint.base_url, endpoint.api_key.strip(), str(endpoint.timeout_s))
            env = process.clean_env(judge_worker.environment(home, values))
            ended = process.run(argv, cwd=Path(home), env=env, timeout_s=timeout_s, cancel=cancel)
            if ended.code:
                cause = f"the judge's process ended with code {ended.code}: {text.tail(ended.stderr, lines=3)}"
        except MeasurementError as error:
            cause = f"the judge's process was stopped: {error.message}"
    return judge_worker.read_results(said), cause


def _line(number: int, request: JudgeRequest, safe: Callable[[str], str]) -> str:
    params = dict(request.assertion.params)
    data = {"id": number, "params": params, "input": safe(request.input), "output": safe(request.output)}
    return json.dumps(data) + "\n"


def _scored(request: JudgeRequest, result: Any, cause: str, endpoint: JudgeEndpoint) -> Score:
    params, name = request.assertion.params, label(request.assertion)
    if result is None or "error" in result:
        return Score(name, Outcome.ERROR, _shown(cause if result is None else str(result["error"]), endpoint))
    value = result.get("score")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and 0 <= value <= 1):
        return Score(name, Outcome.ERROR, _shown(f"the judge's score {value!r} is not within 0 to 1", endpoint))
    kept = value >= params["at_least"] if "at_least" in params else value <= params["at_most"]
    outcome = Outcome.PASS if kept is not request.assertion.negate else Outcome.FAIL
    model = text.one_line(str(result.get("model") or endpoint.model), 80)
    judge = f"[judge {model}]" if METRICS[params["metric"]].asks_model else "[deepeval]"
    return Score(name, outcome, f"{_shown(str(result.get('reason') or 'no reason given'), endpoint)} {judge}", value)


def _shown(reason: str, endpoint: JudgeEndpoint) -> str:
    return text.one_line(text.redact(reason, [endpoint.api_key]), _REASON_LIMIT)


# From here on: the worker. Only it imports deepeval.


def _main(argv: Sequence[str]) -> None:
    from agentops.evals.metrics import judge_worker

    secrets = [os.environ[judge_worker.KEY_VARIABLE]]
    client = judge_worker.endpoint_from(os.environ)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        judge_worker.work(Path(argv[1]), Path(argv[2]), measure=_measurer(client), secrets=secrets)


def _measurer(client: judge_worker.Endpoint) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """What measures one request: a new judge and a new metric each time, for deepeval's metrics hold state."""
    from agentops.evals.metrics import judge_worker

    metrics = importlib.import_module("deepeval.metrics")
    cases = importlib.import_module("deepeval.test_case")
    base = importlib.import_module("deepeval.models.base_model").DeepEvalBaseLLM
    judge_of = _judge_class(base, judge_worker.json_object)

    def measure(request: Mapping[str, Any]) -> Mapping[str, Any]:
        params = request["params"]
        spec = METRICS[params["metric"]]
        given = {theirs: params[ours] for ours, theirs in spec.parameters.items() if ours in params}
        fields = {"input": request["input"], "actual_output": request["output"]}
        fields |= {name: given.pop(name) for name in spec.inputs if name in given}
        judge = judge_of(client) if spec.asks_model else None
        if judge:
            given |= {"model": judge, "async_mode": False}
        if spec.items:
            given["include_reason"] = False  # the verdicts carry their reasons: one call less, and no second opinion
        elif judge:
            given["evaluation_params"] = [cases.SingleTurnParams(name) for name in spec.inputs]
        metric = getattr(metrics, spec.kind)(**given)
        metric.measure(cases.LLMTestCase(**fields), _show_indicator=False)
        value, reason = metric.score, metric.reason
        if spec.items:
            value, reason = judge_worker.counted(metric, items=spec.items, bad=spec.bad, fault=spec.fault)
        return {"score": value, "reason": str(reason or "")[:4000], "model": judge.answered if judge else ""}

    return measure


def _judge_class(base: Any, parse: Callable[[str], Mapping[str, Any]]) -> Any:
    class Judge(base):  # type: ignore[misc]  # the base is known in the worker alone
        """The judge model as deepeval wants it."""

        def __init__(self, client: judge_worker.Endpoint) -> None:
            self._client = client
            self.answered = client.model
            super().__init__(client.model)

        def load_model(self, *_: Any, **__: Any) -> Any:
            return self

        def generate(self, prompt: str, schema: Any = None) -> Any:
            said, self.answered = self._client.ask(prompt)
            return said if schema is None else schema.model_validate(parse(said))

        async def a_generate(self, prompt: str, schema: Any = None) -> Any:
            return self.generate(prompt, schema)

        def get_model_name(self, *_: Any, **__: Any) -> str:
            return self._client.model

    return Judge


if __name__ == "__main__":
    _main(sys.argv)
