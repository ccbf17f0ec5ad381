"""The terms of verification: at which step an image is refused, what is demanded of a record, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from agentops.errors import UsageError
from agentops.gate import record as r
from agentops.gate.record_envelope import Opened
from agentops.gate.record_folder import DECISION

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

SKEW_S = 300.0
"""How far ahead the clock of whoever signed may be."""


class Reason(Enum):
    """At which step an image was refused, in the order of the steps."""

    DIGEST = "no digest"
    KEYS = "no key"
    NO_RECORD = "no record"
    ENVELOPE = "no envelope"
    SIGNATURE = "signature"
    STATEMENT = "statement"
    SUBJECT = "subject"
    PREDICATE = "predicate type"
    RESOURCE = "resource"
    RESULT = "result"
    LEVEL = "level"
    POLICY = "policy"
    AGE = "age"
    REVOKED = "revoked"
    INPUTS = "inputs"
    REQUIRED = "environment not passed"
    CHANGED = "another record"

    @property
    def step(self) -> int:
        """How far verification came."""
        return list(Reason).index(self)


class NotAdmitted(UsageError):
    """The image may not be rolled out. `reason` is the step at which it was refused."""

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Demand:
    """What a record has to say. `image` is the digest to be rolled out; `resource`, `level` and `policy_sha256` those
    of gate.record and gate.record_policy. `revoked` are reasons by digest (hex). `kind` of records is looked at, and
    what these rest on is signed by one of `inner_keys` (`keys` unless given). `now` is Unix time."""

    image: str
    resource: str
    level: str
    policy_uri: str
    policy_sha256: str
    keys: Sequence[SSlibKey]
    max_age_s: float
    now: float
    revoked: Mapping[str, str] = field(default_factory=dict)
    kind: str = DECISION
    inner_keys: Sequence[SSlibKey] | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """A record that admits. `sha256` is that of its envelope (hex), `at` the Unix time from which it ages."""

    name: str
    sha256: str
    keyid: str
    statement: Mapping[str, Any]
    at: float
    inputs: tuple[Opened, ...]


def digests(statement: Mapping[str, Any]) -> frozenset[str]:
    """Every digest (hex) of a sound statement's subjects, that of the commit too."""
    return frozenset(d for s in statement["subject"] for d in s["digest"].values())


def subject_of(statement: Mapping[str, Any], kind: str) -> str:
    """The digest (hex) of a sound statement's subject of a kind; the commit's for "gitCommit"; "" where none."""
    for subject in statement["subject"]:
        if kind == "gitCommit" and kind in subject["digest"]:
            return str(subject["digest"][kind])
        if _kind(subject) == kind:
            return str(subject["digest"].get("sha256", ""))
    return ""


def unsound(statement: Mapping[str, Any]) -> str:
    """What keeps the data from being an in-toto statement of ours, "" where nothing."""
    if statement.get("_type") != r.STATEMENT:
        return "it is no in-toto statement v1"
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or not subjects or not all(_is_subject(s) for s in subjects):
        return "its subjects have no digests"
    if not isinstance(statement.get("predicateType"), str) or not isinstance(statement.get("predicate"), dict):
        return "it has no predicate"
    return ""


def _is_subject(subject: Any) -> bool:
    found = subject.get("digest") if isinstance(subject, dict) else None
    return isinstance(found, dict) and bool(found) and all(isinstance(v, str) for v in found.values())


def _kind(subject: Mapping[str, Any]) -> str:
    notes = subject.get("annotations")
    return str(notes.get(r.KIND, "")) if isinstance(notes, dict) else ""


def image_digests(statement: Mapping[str, Any], *, kinds: Sequence[str]) -> set[str]:
    """The sha256 (hex) of images among the subjects, of these kinds."""
    of = [s for s in statement["subject"] if _kind(s) in kinds]
    return {s["digest"]["sha256"] for s in of if "sha256" in s["digest"]}
