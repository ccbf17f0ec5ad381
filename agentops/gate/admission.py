"""Whether an image may be rolled out to an environment: asked before the first write, when a rollout goes on, and
before it commits. Nothing in here writes to a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.drivers import registry
from agentops.drivers.registry import Identity
from agentops.errors import UsageError
from agentops.gate import record as r
from agentops.gate import record_envelope, record_folder
from agentops.gate.record_folder import DECISION, ROLLOUT, Records
from agentops.gate.record_policy import policy_sha256
from agentops.gate.verify import verify
from agentops.gate.verify_steps import opened
from agentops.gate.verify_terms import Demand, NotAdmitted, Reason, Verified, subject_of
from agentops.model.rollout_settings import Place
from agentops.model.settings import Settings

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

__all__ = ["Admitted", "NotAdmitted", "Reason", "admit", "check_again", "keep_rolled_out"]

Look = Callable[[str], Identity]
"""Asks a registry what NAME@sha256:... stands for."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An image that may be rolled out: `image` is NAME@sha256:... and to be deployed as it stands here.

    `record_sha256` (hex) names the envelope that admitted it, `policy_sha256` the policy. It is admitted up to
    `expires_at` (Unix time). `passed` are the environments that it went through before, with the sha256 of each
    record. `scripted` names what a script played in the run ("model"): such a pass says nothing of a real one.
    """

    image: str
    record_sha256: str
    policy_sha256: str
    commit: str
    image_id: str
    level: str
    verified_at: float
    expires_at: float
    scripted: tuple[str, ...] = ()
    passed: Mapping[str, str] = field(default_factory=dict)


def admit(place: Place, image: str, *, settings: Settings, now: float, look: Look = registry.identity) -> Admitted:
    """The record that admits the image to the environment, at Unix time `now`.

    Raises NotAdmitted with the step at which it was refused, UsageError or ConfigError for files that cannot be read,
    and Unavailable or MeasurementError where no record names the digest and its registry cannot tell which image it is.
    """
    return _admitted(place, image, settings=settings, now=now, look=look, only="")


def check_again(
    place: Place, image: str, *, record_sha256: str, settings: Settings, now: float, look: Look = registry.identity
) -> Admitted:
    """The same, for the one record (hex) that admitted the image before: it must still be there, unchanged, and still
    admit. Raises as `admit` does."""
    if not record_sha256:
        raise NotAdmitted(Reason.CHANGED, "no record admitted the image", hint="start the rollout again")
    return _admitted(place, image, settings=settings, now=now, look=look, only=record_sha256)


def keep_rolled_out(
    place: Place,
    image: str,
    *,
    record_sha256: str,
    key: CryptoSigner,
    settings: Settings,
    now: float,
    look: Look = registry.identity,
) -> Path:
    """Sign and keep a record that the image went through the environment to its end: what `admission.requires` of
    another environment asks for. `record_sha256` (hex) is the record that admitted it; a rollout without one (broken
    glass) leaves none, nor does one whose record does not admit it any more. Returns the envelope's file. Raises
    ReportError, and as `admit` does.
    """
    check_again(place, image, record_sha256=record_sha256, settings=settings, now=now, look=look)
    records = Records(settings.root / place.admission.records)
    file = next((f for f in records.of(DECISION) if f.sha256 == record_sha256), None)
    if file is None:
        raise NotAdmitted(
            Reason.CHANGED,
            f"the record {record_sha256[:12] or '(none)'} that admitted the image is not in {records.path}",
            hint="a rollout that no record admitted leaves no record",
        )
    decision = opened(file, keys_of(place, settings.root))
    statement = r.rolled_out_statement(
        decision.statement,
        keyid=key.public_key.keyid,
        image_digest=_digest(image),
        environment=(place.name, place.policy),
        policy_sha256=policy_sha256(settings, place.policy),
        admitted_by=(file.name, file.sha256),
        now=now,
    )
    raw = record_envelope.seal(statement, key)
    return record_folder.keep(records.path, raw, statement=statement, word=place.name, kind=ROLLOUT)


def keys_of(place: Place, root: Path) -> tuple[SSlibKey, ...]:
    """The keys that are pinned. Raises NotAdmitted where there are none, UsageError for one that cannot be read."""
    if not place.admission.keys:
        raise NotAdmitted(
            Reason.KEYS,
            f"no key is pinned for {place.name}: nobody could have signed a record",
            hint="name public keys under rollout.admission.keys; `agentops record new-key` makes a pair",
        )
    return tuple(read_public_key(root / path, shown=path) for path in place.admission.keys)


def read_public_key(path: Path, *, shown: str) -> SSlibKey:
    """The public key in a PEM file. Raises UsageError."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{shown}: the key cannot be read: {error.strerror}", hint="correct admission.keys") from None
    return record_envelope.public_key(pem, shown=shown)


def _pinned(place: Place, root: Path) -> dict[str, tuple[SSlibKey, ...]]:
    """The keys by the kind of record that they may sign. Raises as `keys_of` does, and UsageError for a key of
    `rollout_keys` that is one of `keys`: it would admit images, which those keys are kept apart for."""
    deciding, rolled = place.admission.keys, place.admission.rollout_keys
    keys = keys_of(place, root)
    # By what the key is, not by its file: a copy under another name is the same key.
    known = {str(key.keyval["public"]): path for key, path in zip(keys, deciding, strict=True)}
    apart = tuple(read_public_key(root / path, shown=path) for path in rolled)
    for key, path in zip(apart, rolled, strict=True):
        if (same := known.get(str(key.keyval["public"]))) is not None:
            raise UsageError(
                f"rollout.admission of {place.name}: {path} under rollout_keys holds the public key of {same} under "
                "keys: who may sign rollouts could admit any image",
                hint="make a pair for rollouts alone (`agentops record new-key`) and name its public half in its "
                "place; to have one list for both on purpose, leave rollout_keys out",
            )
    return {DECISION: keys, ROLLOUT: apart or keys}


def _admitted(place: Place, image: str, *, settings: Settings, now: float, look: Look, only: str) -> Admitted:
    digest = _digest(image)
    keys = _pinned(place, settings.root)
    listed = place.admission.revoked
    revoked = record_folder.revoked(settings.root / listed) if listed else {}
    records = Records(settings.root / place.admission.records)
    whose = _Registry(image, look)
    policies: dict[str, str] = {}

    def found(level: str, policy: str, *, kind: str, only: str = "") -> Verified:
        if policy not in policies:
            policies[policy] = policy_sha256(settings, policy)
        demand = Demand(
            image=digest,
            resource=r.resource_uri(settings.agent.name),
            level=level,
            policy_uri=r.policy_uri(policy),
            policy_sha256=policies[policy],
            keys=keys[kind],
            max_age_s=place.admission.max_age_hours * 3600,
            now=now,
            revoked=revoked,
            kind=kind,
            inner_keys=keys[DECISION],
        )
        return verify(records, demand, covers=whose.covers, only=only)

    decision = found(r.gate_level(place.policy), place.policy, kind=DECISION, only=only)
    passed: dict[str, Verified] = {}
    for other in place.admission.requires:
        try:
            policy = settings.rollout[other].policy
            passed[other] = found(r.rolled_out_level(other), policy, kind=ROLLOUT)
        except (KeyError, NotAdmitted) as error:
            why = error.message if isinstance(error, NotAdmitted) else "the configuration does not know it"
            raise NotAdmitted(
                Reason.REQUIRED,
                f"{digest[:19]} has not passed {other}, which {place.name} requires: {why}",
                hint=f"roll the same digest out to {other} first, to the end",
            ) from None
    oldest = min(verified.at for verified in (decision, *passed.values()))
    return Admitted(
        image=image,
        record_sha256=decision.sha256,
        policy_sha256=policies[place.policy],
        commit=subject_of(decision.statement, "gitCommit"),
        image_id=f"sha256:{subject_of(decision.statement, 'config')}",
        level=r.gate_level(place.policy),
        verified_at=decision.at,
        expires_at=oldest + place.admission.max_age_hours * 3600,
        scripted=tuple(dict.fromkeys(word for one in decision.inputs for word in r.scripted_of(one.statement))),
        passed={name: verified.sha256 for name, verified in passed.items()},
    )


class _Registry:
    """What the registry says of one digest, asked once."""

    def __init__(self, image: str, look: Look) -> None:
        self._image = image
        self._look = look
        self._known: Identity | None = None

    def covers(self, measured: set[str]) -> bool:
        """Whether the digest stands for an image among the measured ones alone."""
        if self._known is None:
            self._known = self._look(self._image)
        return self._known.within(measured)


def _digest(image: str) -> str:
    """The digest of NAME@sha256:... A tag is refused: what it names can change after it was looked at."""
    found = registry.parse(image)
    if not found.digest:
        raise NotAdmitted(
            Reason.DIGEST,
            f"{image} has no digest: a rollout takes NAME@sha256:...",
            hint=f"`agentops record verify {image}` tells what the tag stands for now",
        )
    return found.digest
