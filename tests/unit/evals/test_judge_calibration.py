"""How far a judge agrees with labels, and what files of examples are refused."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.errors import ConfigError
from agentops.evals.metrics import judge
from agentops.model.case import Assertion, Score
from agentops.model.outcome import Outcome

PARAMS = {"metric": "geval", "name": "politeness", "steps": ["Is it polite?"], "at_least": 0.6}
WORDS = {"P": Outcome.PASS, "F": Outcome.FAIL, "E": Outcome.ERROR}


def calibrated(pairs):
    """Of pairs like "PF": the label, then what the judge says."""
    from judge_server import seen

    examples = [
        judge.Example(f"e{n}", Assertion("judge", PARAMS), seen(word), label == "P")
        for n, (label, word) in enumerate(pairs)
    ]

    async def session(assertion, seen):
        return Score("judge", WORDS[seen.text], "be\x1bcause")

    return asyncio.run(judge.calibrate(session, examples))


def test_a_judge_that_is_always_right():
    got = calibrated(["PP"] * 6 + ["FF"] * 6)
    assert (got.n, got.agreement, got.kappa, got.disagreements) == (12, 1.0, 1.0, ())
    assert (got.low, got.high) == (pytest.approx(0.025 ** (1 / 12)), 1.0)
    assert got.corrected(0.8) == pytest.approx(0.8)


def test_the_figures_of_a_textbook_table():
    # Cohen's kappa of 20, 5, 10, 15 (rows: label): observed 0.7, by chance 0.5.
    got = calibrated(["PP"] * 20 + ["PF"] * 5 + ["FP"] * 10 + ["FF"] * 15)
    assert (got.n, got.good, got.bad, got.false_fail, got.false_pass) == (50, 25, 25, 5, 10)
    assert (got.agreement, got.kappa) == (pytest.approx(0.7), pytest.approx(0.4))
    # R: binom.test(35, 50)
    assert (got.low, got.high) == (pytest.approx(0.5539, abs=1e-4), pytest.approx(0.8214, abs=1e-4))
    # Sensitivity 0.8, specificity 0.6: (0.5 + 0.6 - 1) / 0.4
    assert got.corrected(0.5) == pytest.approx(0.25)
    assert (got.corrected(0.1), got.corrected(0.95)) == (0.0, 1.0)


def test_an_error_is_a_disagreement_that_is_listed():
    got = calibrated(["PP"] * 9 + ["FE", "PE", "FF"])
    assert (got.errors, got.false_pass, got.false_fail) == (2, 0, 0)
    assert got.agreement == pytest.approx(10 / 12)
    assert got.disagreements[0] == "e9: labelled fail, the judge says error: be�cause"
    assert len(got.disagreements) == 2
    assert got.corrected(0.5) is None


def test_a_judge_that_always_says_the_same_has_no_kappa_and_corrects_nothing():
    got = calibrated(["PP"] * 10 + ["FP"] * 10)
    assert (got.agreement, got.kappa) == (0.5, 0.0)
    assert got.corrected(0.9) is None


@given(st.lists(st.sampled_from(["PP", "PF", "FP", "FF", "PE", "FE"]), min_size=10, max_size=40))
def test_the_figures_fit_together(pairs):
    if len({p[0] for p in pairs}) < 2:
        return
    got = calibrated(pairs)
    assert 0 <= got.low <= got.agreement <= got.high <= 1
    assert -1 <= got.kappa <= 1
    assert len(got.disagreements) == got.false_pass + got.false_fail + got.errors == round(got.n * (1 - got.agreement))
    assert got.good + got.bad == got.n


@pytest.mark.parametrize(
    ("pairs", "says"), [(["PP"] * 5 + ["FF"] * 4, "9 examples tell nothing"), (["PP"] * 12, "same label")]
)
def test_examples_that_tell_nothing_are_refused_before_any_is_asked(pairs, says):
    with pytest.raises(ConfigError, match=says):
        calibrated(pairs)


def example(n, **more):
    label = "pass" if n % 2 else "fail"
    return {"judge": PARAMS, "input": "q", "output": f"a{n}", "label": label} | more


def written(tmp_path, data, name="examples.json"):
    path = tmp_path / name
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("shape", ["list", "mapping"])
@pytest.mark.parametrize("name", ["examples.json", "examples.yaml"])
def test_a_file_of_examples(tmp_path, shape, name):
    data = [example(n) for n in range(10)]
    data[0]["id"] = "first"
    data[1] |= {"not": {"judge": data[1].pop("judge")}, "tools": [{"name": "look", "arguments": {"id": 1}}]}
    got = judge.load_examples(written(tmp_path, data if shape == "list" else {"version": 1, "examples": data}, name))
    assert [e.holds for e in got] == [False, True] * 5
    assert (got[0].name, got[0].seen.text, got[0].seen.tool_calls) == ("first", "a0", None)
    assert got[1].assertion == Assertion("judge", PARAMS, negate=True)
    assert got[1].seen.tool_calls[0].arguments == {"id": 1}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"lable": "pass"}, "unknown key 'lable'"),
        ({"label": "good"}, "label must be pass or fail"),
        ({"label": True}, "label must be pass or fail"),
        ({"label": ["pass"]}, "label must be pass or fail"),
        ({"output": None}, "output: a text is needed"),
        ({"judge": {"metric": "vibes", "at_least": 0.5}}, "unknown metric 'vibes'"),
        ({"judge": "good"}, "one assertion of kind judge"),
        ({"not": {"judge": PARAMS}}, "one assertion of kind judge"),
        ({"tools": ["look"]}, "tools: not as they should be"),
        ({"tools": [{"name": "look", "arguments": 3}]}, "tools: not as they should be"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, more, says):
    path = tmp_path / "examples.yaml"
    path.write_text("\n".join("- " + json.dumps(example(n, **(more if n == 3 else {}))) for n in range(12)))
    with pytest.raises(ConfigError, match=says) as refused:
        judge.load_examples(path, shown="examples.yaml")
    assert refused.value.message.startswith("examples.yaml:4: ")


@pytest.mark.parametrize("data", [None, {}, {"cases": []}, "text", [example(n) for n in range(9)], [example(1)] * 12])
def test_a_file_that_tells_nothing_is_refused(tmp_path, data):
    with pytest.raises(ConfigError, match=r"examples\.json: "):
        judge.load_examples(written(tmp_path, data))
