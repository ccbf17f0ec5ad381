"""Assertions of kind judge: what can be meant, and how they are called."""

import importlib.metadata
import os
import sys

import pytest

from agentops.errors import ConfigError
from agentops.evals.metrics import judge
from agentops.model.case import Assertion

RELEVANT = {"metric": "answer_relevancy", "at_least": 0.7}
GEVAL = {"metric": "geval", "name": "politeness", "steps": ["Is it polite?"], "at_least": 0.6}
TOXIC = {"metric": "toxicity", "at_most": 0.5}


def assertion(params, *, negate=False):
    return Assertion("judge", params, negate)


def banded(*bands):
    return GEVAL | {"rubric": [{"range": list(band), "expect": "as said"} for band in bands]}


@pytest.mark.parametrize(
    "params",
    [
        RELEVANT,
        GEVAL,
        {"metric": "geval", "name": "x", "criteria": "Be kind.", "at_most": 0.2},
        TOXIC,
        {"metric": "bias", "at_most": 0},
        {"metric": "misuse", "domain": "retail", "at_most": 0.1},
        {"metric": "pii_leakage", "at_most": 0.1},
        {"metric": "prompt_alignment", "instructions": ["Answer in English."], "at_least": 1},
        {"metric": "exact_match", "expected": "yes", "at_least": 1},
        {"metric": "pattern_match", "pattern": "a+", "at_least": 1},
        banded((0, 3), (4, 10)),
        banded((4, 10), (0, 3)),
        GEVAL | {"expected_output": "It ships.", "context": ["a"], "retrieval_context": ["b"]},
        GEVAL | {"expected_tools": ["lookup", {"name": "refund", "arguments": {"id": 1}}]},
        {"metric": "deepeval.FaithfulnessMetric", "retrieval_context": ["a"], "at_least": 0.5},
        {
            "metric": "deepeval.role_adherence",
            "params": {"strict_mode": True},
            "chatbot_role": "a clerk",
            "at_least": 1,
        },
    ],
)
def test_what_can_be_meant_is_accepted(params):
    judge.check(params)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"at_least": 0.5}, "unknown metric None"),
        ({"metric": "answer_relevance", "at_least": 0.5}, "did you mean 'answer_relevancy'? known: answer_relevancy"),
        ({"metric": ["geval"], "at_least": 0.5}, "unknown metric"),
        (RELEVANT | {"treshold": 1}, "unknown parameter 'treshold'"),
        (RELEVANT | {"steps": ["x"]}, "unknown parameter 'steps'"),
        ({"metric": "answer_relevancy"}, "exactly one of at_least and at_most"),
        (RELEVANT | {"at_most": 0.9}, "exactly one of at_least and at_most"),
        (RELEVANT | {"at_least": 1.1}, "from 0 to 1"),
        (RELEVANT | {"at_least": True}, "from 0 to 1"),
        (RELEVANT | {"at_least": "0.7"}, "from 0 to 1"),
        (RELEVANT | {"at_least": float("nan")}, "from 0 to 1"),
        (RELEVANT | {"at_least": 0}, "true of every answer"),
        ({"metric": "toxicity", "at_most": 1}, "true of every answer"),
        ({"metric": "toxicity", "at_least": 0.5}, "at_least would demand toxicity"),
        ({"metric": "geval", "steps": ["x"], "at_least": 0.5}, "name is missing"),
        ({"metric": "geval", "name": "x", "at_least": 0.5}, "exactly one of steps and criteria"),
        (GEVAL | {"criteria": "Be kind."}, "exactly one of steps and criteria"),
        (GEVAL | {"steps": []}, "steps: a list of texts"),
        (GEVAL | {"steps": "Is it polite?"}, "steps: a list of texts"),
        (GEVAL | {"steps": ["ok", " "]}, "none may be empty"),
        (GEVAL | {"name": ""}, "name: a text"),
        ({"metric": "misuse", "at_most": 0.1}, "domain is missing"),
        ({"metric": "pattern_match", "pattern": "(", "at_least": 1}, "no regular expression"),
        (GEVAL | {"rubric": []}, "not a list of bands"),
        (GEVAL | {"rubric": [{"range": [0, 3]}]}, "not a list of bands"),
        (banded((0, 11)), "not a list of bands"),
        (banded((3, 0)), "not a list of bands"),
        (banded((0, 4), (4, 10)), "two bands overlap"),
        (banded((5, 5)), "a single number"),
        (RELEVANT | {"expected_output": "x"}, "unknown parameter 'expected_output'"),
        (GEVAL | {"context": "a text"}, "context: a list of texts"),
        (GEVAL | {"expected_tools": [{"tool": "x"}]}, "a list of tools"),
        ({"metric": "deepeval.", "at_least": 0.5}, "names no class"),
        ({"metric": "deepeval.a.b", "at_least": 0.5}, "names no class"),
        ({"metric": "deepeval.GEval", "steps": ["x"], "at_least": 0.5}, "unknown parameter 'steps'"),
        ({"metric": "deepeval.GEval", "params": ["x"], "at_least": 0.5}, "must be a mapping"),
        ({"metric": "deepeval.GEval", "params": {"threshold": 0.4}, "at_least": 0.5}, "give at_least or at_most"),
        ({"metric": "deepeval.GEval", "params": {"model": "gpt-5"}, "at_least": 0.5}, "not the assertion's to set"),
        ({"metric": "deepeval.GEval", "params": {"_x": 1}, "at_least": 0.5}, "not the assertion's to set"),
        ({"metric": "deepeval.GEval"}, "exactly one of at_least and at_most"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(params, says):
    with pytest.raises(ConfigError) as refused:
        judge.check(params)
    assert says in f"{refused.value.message} {refused.value.hint}"


def test_neither_the_check_nor_require_imports_deepeval():
    code = (
        "import sys\nfrom agentops.evals.metrics import judge\n"
        "judge.check({'metric': 'toxicity', 'at_most': 0.5})\n"
        "try: judge.require()\nexcept Exception: pass\n"
        "sys.exit(any(m.split('.')[0] in ('deepeval', 'pydantic', 'openai') for m in sys.modules))"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def test_require_names_the_extra(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(ConfigError, match="needs deepeval") as refused:
        judge.require()
    assert "agentops-gate[judge]" in refused.value.hint


def test_require_returns_the_version(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"deepeval": "4.3.1"}[name])
    assert judge.require() == "4.3.1"


def test_labels_say_what_was_demanded():
    assert judge.label(assertion(RELEVANT)) == "judge answer_relevancy >= 0.7"
    assert judge.label(assertion(GEVAL)) == "judge geval politeness >= 0.6"
    assert judge.label(assertion(TOXIC, negate=True)) == "not judge toxicity <= 0.5"
    named = {"metric": "deepeval.GEval", "params": {"name": "kind"}, "at_least": 0.6}
    assert judge.label(assertion(named)) == "judge deepeval.GEval kind >= 0.6"
