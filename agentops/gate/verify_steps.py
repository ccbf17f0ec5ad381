"""What one signed statement of the image says, step by step: from its type to what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agentops.gate import record as r
from agentops.gate.record_envelope import BadSignature, Opened, Unreadable, unseal
from agentops.gate.record_folder import DECISION, EVIDENCE, Found, Records
from agentops.gate.verify_terms import SKEW_S, Demand, NotAdmitted, Reason, Verified, digests, subject_of, unsound
from agentops.text import said

if TYPE_CHECKING:
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]


def opened(file: Found, keys: Sequence[SSlibKey]) -> Opened:
    """The sound statement in an envelope. Raises NotAdmitted."""
    name = said(file.name, 120)
    try:
        found = unseal(file.raw, keys)
    except Unreadable as error:
        raise NotAdmitted(
            Reason.ENVELOPE, f"{name}: {said(str(error))}", hint="bring the file back as it was signed"
        ) from None
    except BadSignature as error:
        raise NotAdmitted(
            Reason.SIGNATURE, f"{name}: {said(str(error))}", hint="pin the key that signs, or sign with one that is"
        ) from None
    problem = unsound(found.statement)
    if problem:
        raise NotAdmitted(Reason.STATEMENT, f"{name}: {problem}", hint="sign the run again with this version")
    return found


def judged(file: Found, one: Opened, records: Records, demand: Demand) -> Verified:
    """Steps 4 to 11 on a statement of this image. Raises NotAdmitted."""
    name = said(file.name, 120)

    def refuse(reason: Reason, text: str, *, hint: str) -> NotAdmitted:
        return NotAdmitted(reason, f"{name}: {text}", hint=hint)

    if one.statement["predicateType"] != r.SUMMARY:
        told = said(one.statement["predicateType"], 100)
        raise refuse(Reason.PREDICATE, f"is no decision but {told}", hint="sign the run with `agentops record sign`")
    predicate = one.statement["predicate"]
    verifier = predicate.get("verifier")
    own = isinstance(verifier, dict) and verifier.get("id") == r.verifier_id(one.keyid)
    if predicate.get("resourceUri") != demand.resource or not own:
        told = said(str(predicate.get("resourceUri")), 100)
        raise refuse(
            Reason.RESOURCE,
            f"speaks of {told}, not of {demand.resource}" if own else "its verifier is not the key that signed",
            hint="sign a run of this agent",
        )
    if predicate.get("verificationResult") != r.PASSED:
        raise refuse(Reason.RESULT, "says that the gate was not passed", hint="mend the image and measure it again")
    levels = predicate.get("verifiedLevels")
    if not isinstance(levels, list) or demand.level not in levels:
        told = said(", ".join(map(str, levels)) if isinstance(levels, list) else "nothing", 100)
        raise refuse(Reason.LEVEL, f"attests {told}, {demand.level} is demanded", hint=_LEVEL_HINT)
    if not is_policy(predicate.get("policy"), demand):
        raise refuse(
            Reason.POLICY,
            "was decided under another policy than today's",
            hint="criteria, suites, prompts or thresholds changed since: measure the image again",
        )
    at = time_of(predicate.get("timeVerified"))
    _check_age(refuse, at, demand)
    _check_revoked(refuse, one, demand)
    inputs = _inputs(refuse, one, records, demand)
    return Verified(file.name, one.sha256, one.keyid, one.statement, at or 0.0, inputs)


_LEVEL_HINT = "sign the run under that policy: `agentops record sign RUN --environment NAME`"
_Refuse = Callable[..., NotAdmitted]


def is_policy(policy: Any, demand: Demand) -> bool:
    """Whether the data names the policy that is demanded, by name and content."""
    if not isinstance(policy, dict) or policy.get("uri") != demand.policy_uri:
        return False
    digest = policy.get("digest")
    return isinstance(digest, dict) and digest.get("sha256") == demand.policy_sha256


def time_of(value: Any) -> float | None:
    """An RFC 3339 time in UTC as Unix time; None for anything else."""
    if not isinstance(value, str) or len(value) != len("2000-01-01T00:00:00Z"):
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _check_age(refuse: _Refuse, at: float | None, demand: Demand) -> None:
    if at is None:
        raise refuse(Reason.AGE, "does not say when it was decided", hint="sign the run again")
    if at > demand.now + SKEW_S:
        raise refuse(Reason.AGE, "was decided in the future", hint="set the clocks of both machines")
    age = demand.now - at
    # Written so that a time that is no number is refused too.
    if not age <= demand.max_age_s:
        raise refuse(
            Reason.AGE,
            f"is {age / 3600:.1f} hours old, {demand.max_age_s / 3600:g} are allowed",
            hint="measure the image again",
        )


def _check_revoked(refuse: _Refuse, one: Opened, demand: Demand) -> None:
    for digest in sorted({one.sha256, *digests(one.statement)}):
        if digest in demand.revoked:
            why = said(demand.revoked[digest], 200)
            raise refuse(Reason.REVOKED, f"{said(digest, 12)} was revoked: {why}", hint="roll out another image")


def _inputs(refuse: _Refuse, one: Opened, records: Records, demand: Demand) -> tuple[Opened, ...]:
    """What the decision rests on, each signed by a pinned key, passed, of the same image, and none of it revoked."""
    rests = EVIDENCE if demand.kind == DECISION else DECISION
    named = one.statement["predicate"].get("inputAttestations")
    if not isinstance(named, list) or not named:
        raise refuse(Reason.INPUTS, "rests on nothing", hint="sign the run again")
    found: list[Opened] = []
    for item in named:
        digest = item.get("digest") if isinstance(item, dict) else None
        wanted = digest.get("sha256") if isinstance(digest, dict) else None
        file = next((f for f in records.of(rests) if isinstance(wanted, str) and f.sha256 == wanted), None)
        if file is None:
            shown = said(str(wanted), 12)
            raise refuse(Reason.INPUTS, f"its {rests} {shown} is not there", hint="keep both files of a record")
        try:
            inner = opened(file, demand.keys if demand.inner_keys is None else demand.inner_keys)
        except NotAdmitted as error:
            raise refuse(Reason.INPUTS, error.message, hint=error.hint) from None
        _check_revoked(refuse, inner, demand)
        problem = _unlike(one.statement, inner.statement, decision=rests == DECISION)
        if problem:
            raise refuse(Reason.INPUTS, f"its {rests} {problem}", hint="sign the run again")
        found.append(inner)
    return tuple(found)


def _unlike(outer: Mapping[str, Any], inner: Mapping[str, Any], *, decision: bool) -> str:
    """Why what a record rests on does not bear it, "" where it does."""
    kind, key = (r.SUMMARY, "verificationResult") if decision else (r.TEST_RESULT, "result")
    if inner["predicateType"] != kind:
        return "is of another type"
    if inner["predicate"].get(key) != r.PASSED:
        return "was not passed"
    if not decision and (problem := _incomplete(inner["predicate"])):
        return problem
    deployed = {subject_of(outer, "deployed")} if decision else set()
    if digests(outer) - deployed != digests(inner) - deployed:
        return "speaks of another image or commit"
    return ""


def _incomplete(evidence: Mapping[str, Any]) -> str:
    """What is wrong with a result that says PASSED, "" where nothing."""
    configuration = evidence.get("configuration")
    if not isinstance(configuration, list) or not all(isinstance(c, dict) for c in configuration):
        return "does not say with what it was measured"
    if evidence.get("failedTests") != [] or not evidence.get("passedTests"):
        return "names criteria that failed, or none that held"
    return ""
