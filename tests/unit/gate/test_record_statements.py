"""The statements have the shape that in-toto and SLSA ask for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from record_maker import IMAGE, MANIFEST, NOW, Ground, a_run, ground, signed

from agentops.gate import admission
from agentops.gate import record as r

__all__ = ["ground"]

# By the field tables of: in-toto statement v1, ResourceDescriptor v1, predicate test-result v0.1; SLSA 1.0, VSA.
HEX = {"type": "string", "pattern": "^[0-9a-f]{40,64}$"}
DIGESTS = {"type": "object", "minProperties": 1, "additionalProperties": HEX}
DESCRIPTOR = {
    "type": "object",
    "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}, {"required": ["content"]}],
    "properties": {"name": {"type": "string"}, "uri": {"type": "string", "format": "uri"}, "digest": DIGESTS},
}
STATEMENT = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "additionalProperties": False,
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": {**DESCRIPTOR, "required": ["digest"]}},
        "predicateType": {"type": "string", "format": "uri"},
        "predicate": {"type": "object"},
    },
}
NAMES = {"type": "array", "items": {"type": "string"}}
TEST_RESULT = {
    "type": "object",
    "required": ["result", "configuration"],
    "additionalProperties": False,
    "properties": {
        "result": {"enum": ["PASSED", "WARNED", "FAILED"]},
        "configuration": {"type": "array", "items": DESCRIPTOR},
        "url": {"type": "string"},
        **dict.fromkeys(("passedTests", "warnedTests", "failedTests"), NAMES),
    },
}
REFERENCE = {"type": "object", "required": ["uri", "digest"], "properties": {"digest": DIGESTS}}
SUMMARY = {
    "type": "object",
    "required": ["verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"],
    "additionalProperties": False,
    "properties": {
        "verifier": {"type": "object", "required": ["id"], "properties": {"id": {"pattern": "^urn:"}}},
        "timeVerified": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
        "resourceUri": {"type": "string", "pattern": "^pkg:"},
        "policy": REFERENCE,
        "inputAttestations": {"type": "array", "minItems": 1, "items": REFERENCE},
        "verificationResult": {"enum": ["PASSED", "FAILED"]},
        # A value of one's own must not begin as those of SLSA do.
        "verifiedLevels": {"type": "array", "items": {"type": "string", "pattern": "^(?!SLSA_)"}, "minItems": 1},
    },
}


def statement(path: Path) -> dict[str, Any]:
    found = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    Draft202012Validator(STATEMENT).validate(found)
    return dict(found)


@pytest.fixture(params=["pass", "fail", "rolled out"])
def three(request: pytest.FixtureRequest, ground: Ground) -> tuple[dict[str, Any], dict[str, Any]]:
    """A summary and the evidence below it."""
    made = signed(ground, a_run(ground, failed=30 if request.param == "fail" else 0), failure_too=True)
    summary = made.decision
    if request.param == "rolled out":
        summary = admission.keep_rolled_out(
            ground.settings.rollout["staging"], IMAGE, record_sha256=made.sha256, key=ground.key,
            settings=ground.settings, now=NOW,
        )  # fmt: skip
    return statement(summary), statement(made.evidence)


def test_statements_are_what_the_specifications_ask_for(three: tuple[dict[str, Any], dict[str, Any]]) -> None:
    summary, evidence = three
    assert (summary["predicateType"], evidence["predicateType"]) == (r.SUMMARY, r.TEST_RESULT)
    Draft202012Validator(SUMMARY).validate(summary["predicate"])
    Draft202012Validator(TEST_RESULT).validate(evidence["predicate"])


def test_statements_are_read_by_the_library_of_in_toto(three: tuple[dict[str, Any], dict[str, Any]]) -> None:
    pytest.importorskip("in_toto_attestation", reason="the package in-toto-attestation is not installed")
    from google.protobuf import json_format
    from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
    from in_toto_attestation.predicates.vsa.v1 import vsa_pb2
    from in_toto_attestation.v1 import statement_pb2

    for data, message in zip(three, (vsa_pb2.VerificationSummary(), test_result_pb2.TestResult()), strict=True):
        data = {**data, "type": data["_type"]}
        data.pop("_type")
        json_format.ParseDict({**data, "_type": data.pop("type")}, statement_pb2.Statement())
        predicate = dict(data["predicate"])
        if "verifiedLevels" in predicate:
            # The bindings of 0.9 know this list as one value.
            predicate["verifiedLevels"] = predicate["verifiedLevels"][0]
        json_format.ParseDict(predicate, message)


def test_a_pass_says_of_what_under_what_and_on_what_grounds(ground: Ground) -> None:
    made = signed(ground, a_run(ground, scripted=("model",)), url="https://ci.example/7")
    evidence, decision = statement(made.evidence), statement(made.decision)
    assert evidence["subject"] == decision["subject"]
    kinds = {s.get("annotations", {}).get(r.KIND): s["digest"] for s in decision["subject"]}
    assert kinds == {
        "config": {"sha256": "ab" * 32}, "manifest": {"sha256": MANIFEST[7:]}, None: {"gitCommit": "c" * 40},
    }  # fmt: skip
    told = {c["name"]: c for c in evidence["predicate"]["configuration"]}
    assert {"config", "suite.yaml", "prompts", "run/journal.jsonl", "run/run.json", "model"} <= set(told)
    assert told["model"]["uri"].endswith(":gpt-x")
    assert r.scripted_of(evidence) == ("model",)
    assert evidence["predicate"]["url"] == "https://ci.example/7"
    assert evidence["predicate"]["passedTests"] == ["pass_rate >= 0.85", "prompt_risk <= 0.8"]
    predicate = decision["predicate"]
    assert predicate["timeVerified"] == "2026-03-04T11:00:00Z", "the end of the run, whenever it is signed"
    assert predicate["verifiedLevels"] == ["AGENTOPS_GATE_RELEASE"]
    assert predicate["inputAttestations"][0]["uri"] == made.evidence.name


def test_a_failure_is_recorded_as_one(ground: Ground) -> None:
    made = signed(ground, a_run(ground, failed=30), failure_too=True)
    assert not made.passed
    evidence, decision = statement(made.evidence)["predicate"], statement(made.decision)["predicate"]
    assert evidence["result"] == "FAILED"
    assert evidence["failedTests"] == ["pass_rate >= 0.85"]
    assert decision["verificationResult"] == "FAILED"
    assert decision["verifiedLevels"] == ["FAILED"]


@pytest.mark.parametrize(
    ("name", "level"), [("release", "AGENTOPS_GATE_RELEASE"), ("eu-west", "AGENTOPS_GATE_EU_WEST")]
)
def test_levels_are_named_after_the_environment(name: str, level: str) -> None:
    assert r.gate_level(name) == level
    assert r.rolled_out_level(name) == level.replace("GATE", "ROLLED_OUT")
