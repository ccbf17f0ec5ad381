"""Records: what a run showed, and what was decided on it, as in-toto statements.

evidence   in-toto test-result v0.1: which criteria held, over which image and commit, with which suites and models
decision   SLSA verification summary v1: may this image pass under this policy; names the evidence by digest
rollout    a verification summary too: this digest went through an environment; names the decision by digest

Sources: in-toto attestation framework, statement v1 and predicate test-result v0.1; SLSA 1.0, verification summary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from agentops.model.outcome import Outcome
from agentops.model.run import RunResult
from agentops.model.verdict import Verdict
from agentops.version import VERSION

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
PASSED = "PASSED"
FAILED = "FAILED"

KIND = "agentops-kind"
"""The annotation that says what a subject is: config, manifest, index, deployed."""
MEASURED_KINDS = ("manifest", "index")
REGISTRY_KINDS = (*MEASURED_KINDS, "deployed")
"""Kinds of subjects by whose digest a registry gives an image."""

_GATE = "AGENTOPS_GATE_"
_ROLLED_OUT = "AGENTOPS_ROLLED_OUT_"


@dataclass(frozen=True, slots=True)
class Subjects:
    """What a record speaks of; digests are "sha256:" and 64 hex digits. `image_id` is the digest of the image's config,
    `manifest` and `index` are those of a registry where they are known, under the `repository`."""

    agent: str
    image_id: str
    commit: str
    repository: str = ""
    manifest: str = ""
    index: str = ""
    deployed: str = ""

    def descriptors(self) -> list[dict[str, Any]]:
        """As in-toto resource descriptors."""
        images = (
            (self.agent, "config", self.image_id), (self.repository, "manifest", self.manifest),
            (self.repository, "index", self.index), (self.repository, "deployed", self.deployed),
        )  # fmt: skip
        told = [
            {"name": name or self.agent, "digest": {"sha256": _hex(digest)}, "annotations": {KIND: kind}}
            for name, kind, digest in images
            if digest
        ]
        return [*told, {"name": "commit", "digest": {"gitCommit": self.commit}}]


def gate_level(environment: str) -> str:
    """What a decision of this environment's policy attests: AGENTOPS_GATE_RELEASE."""
    return _GATE + _word(environment)


def rolled_out_level(environment: str) -> str:
    """What a rollout that went through this environment attests: AGENTOPS_ROLLED_OUT_STAGING."""
    return _ROLLED_OUT + _word(environment)


def resource_uri(agent: str) -> str:
    """The agent, wherever its images lie: a package URL."""
    return f"pkg:generic/{quote(agent, safe='')}"


def verifier_id(keyid: str) -> str:
    """Who decided: each key is a verifier of its own, so that a key never speaks for another."""
    return f"urn:agentops-gate:key:{keyid}"


def policy_uri(environment: str) -> str:
    """The policy of an environment by name; its content is told by its digest."""
    return f"urn:agentops-gate:policy:{quote(environment, safe='')}"


def stamp(seconds: float) -> str:
    """Unix time as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def evidence_statement(
    run: RunResult, verdict: Verdict, subjects: Subjects, *, files: Mapping[str, str], url: str = ""
) -> dict[str, Any]:
    """What the run showed. `files` are sha256 (hex) of what the run left, by name; they bind its journal."""
    by_outcome: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for result in verdict.results:
        key = "passedTests" if result.outcome is Outcome.PASS else "warnedTests" if result.warned else "failedTests"
        by_outcome[key].append(result.name)
    passed = verdict.outcome is Outcome.PASS
    predicate: dict[str, Any] = {
        "result": (PASSED if not verdict.warnings else "WARNED") if passed else FAILED,
        "configuration": _configuration(run, files),
        **({"url": url} if url else {}),
        **by_outcome,
    }
    return _statement(subjects.descriptors(), TEST_RESULT, predicate)


def decision_statement(
    subjects: Subjects,
    *,
    keyid: str,
    verified_at: str,
    environment: str,
    policy_sha256: str,
    evidence: tuple[str, str],
    passed: bool,
) -> dict[str, Any]:
    """Whether the image passes under the policy. `evidence` is the file name and the sha256 (hex) of its envelope;
    `verified_at` the end of the run: signing later does not make it any younger."""
    return _statement(
        subjects.descriptors(),
        SUMMARY,
        _summary(
            resource_uri(subjects.agent), keyid=keyid, verified_at=verified_at, policy=(environment, policy_sha256),
            inputs=(evidence,), level=gate_level(environment) if passed else None,
        ),
    )  # fmt: skip


def rolled_out_statement(
    decision: Mapping[str, Any],
    *,
    keyid: str,
    image_digest: str,
    environment: tuple[str, str],
    policy_sha256: str,
    admitted_by: tuple[str, str],
    now: float,
) -> dict[str, Any]:
    """That the image went through an environment of the rollout, to the end.

    `decision` is the statement that admitted it, `admitted_by` that envelope's file name and sha256; `environment` is
    the name of the rollout's environment and that of its gate policy; `image_digest` is what was deployed.
    """
    known = [dict(subject) for subject in decision["subject"]]
    of_registry = {_hex(image_digest)} & {str((s.get("digest") or {}).get("sha256")) for s in known if _is_pulled(s)}
    if not of_registry:
        deployed = {"name": "deployed", "digest": {"sha256": _hex(image_digest)}, "annotations": {KIND: "deployed"}}
        known.append(deployed)
    place, policy = environment
    predicate = _summary(
        str(decision["predicate"]["resourceUri"]), keyid=keyid, verified_at=stamp(now),
        policy=(policy, policy_sha256), inputs=(admitted_by,), level=rolled_out_level(place),
    )  # fmt: skip
    return _statement(known, SUMMARY, predicate)


def _is_pulled(subject: Mapping[str, Any]) -> bool:
    return (subject.get("annotations") or {}).get(KIND) in REGISTRY_KINDS


def _summary(
    resource: str,
    *,
    keyid: str,
    verified_at: str,
    policy: tuple[str, str],
    inputs: Sequence[tuple[str, str]],
    level: str | None,
) -> dict[str, Any]:
    return {
        "verifier": {"id": verifier_id(keyid)},
        "timeVerified": verified_at,
        "resourceUri": resource,
        "policy": {"uri": policy_uri(policy[0]), "digest": {"sha256": policy[1]}},
        "inputAttestations": [{"uri": name, "digest": {"sha256": digest}} for name, digest in inputs],
        "verificationResult": FAILED if level is None else PASSED,
        "verifiedLevels": [FAILED if level is None else level],
    }


def _statement(subject: list[dict[str, Any]], kind: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    return {"_type": STATEMENT, "subject": subject, "predicateType": kind, "predicate": dict(predicate)}


def _configuration(run: RunResult, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the run was measured with: inputs by digest, models by name, what a script played, the tool itself."""
    told: list[dict[str, Any]] = [
        {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(run.subject.hashes.items())
    ]
    told += [{"name": f"run/{name}", "digest": {"sha256": digest}} for name, digest in sorted(files.items())]
    models = {a.model for stage in run.stages for case in stage.cases for a in case.attempts if a.model}
    told += [{"name": "model", "uri": f"urn:agentops-gate:model:{quote(m, safe='')}"} for m in sorted(models)]
    told += [{"name": "scripted", "uri": f"urn:agentops-gate:scripted:{quote(s, safe='')}"} for s in run.scripted]
    version = run.agentops_version or VERSION
    return [*told, {"name": "agentops-gate", "uri": f"pkg:pypi/agentops-gate@{quote(version, safe='.')}"}]


def scripted_of(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """What a script played in the run behind a sound evidence statement: "model", "judge"."""
    found = evidence["predicate"]["configuration"]
    return tuple(str(c.get("uri", "")).rpartition(":")[2] for c in found if c.get("name") == "scripted")


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _word(name: str) -> str:
    """An environment's name as part of a level."""
    return "".join(c.upper() if re.fullmatch(r"[a-z0-9]", c) else "_" if c == "-" else f"_{ord(c):X}_" for c in name)
