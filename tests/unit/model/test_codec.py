"""What is encoded reads back the same, and what does not fit is refused with its place."""

import json

import pytest

from agentops.model.case import Answer, Attempt, CaseResult, Score, ToolCall, Usage
from agentops.model.codec import DecodeError, decode, encode
from agentops.model.finding import Confidence, Finding, Location, Severity
from agentops.model.outcome import Outcome, worst
from agentops.model.run import Counts, RunResult, Scope, StageError, StageResult, Subject


def a_run() -> RunResult:
    attempt = Attempt(
        "c1", 1, 1, Outcome.PASS, 0.25, (Answer("hi", (ToolCall("t", {"a": [1, None]}),), Usage(3, 4), "m"),),
        retries=("reset",), scores=(Score("contains", Outcome.PASS, "holds", 1.0),),
    )  # fmt: skip
    case = CaseResult("c1", "s", ("safety",), 1, 1, Outcome.PASS, (attempt,), "hello", Location("s.yaml", 3))
    finding = Finding("R1", Severity.HIGH, Confidence.LOW, "m", Location("a.py", 1, 2), "f" * 16)
    stage = StageResult(
        "evals", Outcome.PASS, Counts(1, 1, skipped=("x",)), (finding,), (case,), errors=(StageError("e", "h", True),),
        values={"pass_rate": 1.0}, subject=Subject("n:t", "sha256:1", hashes={"config": "0"}), containerised=True,
    )  # fmt: skip
    return RunResult("id", "agent", "t0", "t1", "ci", True, Subject(), Scope(("evals",), True), (stage,), ("note",))


def test_a_run_survives_json() -> None:
    run = a_run()
    assert decode(RunResult, json.loads(json.dumps(encode(run)))) == run


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (("stages", 0, "outcome"), "passed", "$.stages[0].outcome"),
        (("stages", 0, "cases", 0, "planned"), "1", "$.stages[0].cases[0].planned"),
        (("stages", 0, "cases", 0, "planned"), True, "$.stages[0].cases[0].planned"),
        (("stages",), {}, "$.stages"),
        (("scope", "ful"), True, "$.scope.ful"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(path: tuple[str | int, ...], value: object, place: str) -> None:
    data = encode(a_run())
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(DecodeError) as caught:
        decode(RunResult, data)
    assert str(caught.value).startswith(place + ":")


def test_a_missing_field_is_named() -> None:
    data = encode(a_run())
    del data["id"]
    with pytest.raises(DecodeError, match="id"):
        decode(RunResult, data)


def test_an_outcome_is_no_truth_value() -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(Outcome.FAIL)


def test_the_worst_of_nothing_is_an_error() -> None:
    assert worst([]) is Outcome.ERROR
    assert worst([Outcome.SKIPPED]) is Outcome.ERROR
    assert worst([Outcome.PASS, Outcome.SKIPPED]) is Outcome.PASS
    assert worst([Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.FAIL]) is Outcome.FAIL
    assert worst([Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.ERROR]) is Outcome.ERROR


def test_what_there_is_much_of_leaves_out_its_defaults() -> None:
    bare = Attempt("c", 1, 1, Outcome.PASS)
    assert encode(bare) == {"case_id": "c", "run": 1, "seq": 1, "outcome": "pass"}
    told = Attempt("c", 1, 1, Outcome.FAIL, 0.5, (Answer("x", tool_calls=()),), position=3, cost_usd=0.0)
    data = encode(told)
    assert data["answers"] == [{"text": "x", "tool_calls": []}], "no calls are not unknown calls"
    assert data["cost_usd"] == 0.0, "nothing spent is not unknown"
    for attempt in (bare, told):
        assert decode(Attempt, json.loads(json.dumps(encode(attempt)))) == attempt
