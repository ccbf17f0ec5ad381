"""Whether a record admits an image: every step in one order, closed at each.

1 the image's digest   2 envelope and signature, by a key that is pinned   3 the subject contains the digest
4 the predicate's type   5 whose resource   6 PASSED   7 the level that is demanded   8 today's policy   9 its age
10 not revoked   11 what it rests on is there, signed, and speaks of the same image

Nothing of an envelope is parsed before its signature is found to be good, and nothing rests on a file's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentops.gate import record as r
from agentops.gate.record_envelope import Opened
from agentops.gate.record_folder import ROLLOUT, Found, Records
from agentops.gate.verify_steps import is_policy, judged, opened, time_of
from agentops.gate.verify_terms import Demand, NotAdmitted, Reason, Verified, image_digests, subject_of
from agentops.text import said

Covers = Callable[[set[str]], bool]
"""Whether the image to be rolled out is one of those with these digests, as its registry says."""


def verify(records: Records, demand: Demand, *, covers: Covers, only: str = "") -> Verified:
    """The newest record that admits the image. `only` is the sha256 of the one envelope that may. Raises NotAdmitted
    with the reason of the record that came furthest; what `covers` raises is let through."""
    files = records.of(demand.kind)
    if not any(not only or file.sha256 == only for file in files):
        raise _none(records, demand, only=only)
    refused: dict[str, NotAdmitted] = {}
    good: list[Verified] = []
    ours = _of_image(files, demand, covers, refused)
    for file, one in ours:
        if only and one.sha256 != only:
            continue
        try:
            good.append(judged(file, one, records, demand))
        except NotAdmitted as error:
            refused[file.name] = error
    if not good:
        told = [refused[f.name] for f in files if f.name in refused and (not only or f.sha256 == only)]
        raise max(told, key=lambda error: error.reason.step)
    best = max(good, key=lambda verified: (verified.at, verified.name))
    _refuse_newer_failure(best, [one for _, one in ours], demand)
    return best


def _of_image(
    files: Sequence[Found], demand: Demand, covers: Covers, refused: dict[str, NotAdmitted]
) -> list[tuple[Found, Opened]]:
    """Steps 2 and 3: the sound statements that speak of the image. Why others do not goes to `refused`, by file."""
    sound: list[tuple[Found, Opened]] = []
    for file in files:
        try:
            sound.append((file, opened(file, demand.keys)))
        except NotAdmitted as error:
            refused[file.name] = error
    wanted = demand.image.removeprefix("sha256:")
    # That something was rolled out says nothing of what was measured: such a statement admits by itself alone.
    kinds = r.REGISTRY_KINDS if demand.kind == ROLLOUT else r.MEASURED_KINDS
    direct = [o for _, o in sound if wanted in image_digests(o.statement, kinds=kinds)]
    configs = {config for o in direct if (config := subject_of(o.statement, "config"))}
    if configs:
        # Whoever names the digest says which image it is: records of that image speak of it too.
        ours = [(f, o) for f, o in sound if subject_of(o.statement, "config") in configs]
    else:
        told = ("config", *kinds)
        ours = [(f, o) for f, o in sound if covers({f"sha256:{d}" for d in image_digests(o.statement, kinds=told)})]
    names = {f.name for f, _ in ours}
    refused |= {f.name: _other_image(f, o, demand) for f, o in sound if f.name not in names}
    return ours


def _none(records: Records, demand: Demand, *, only: str) -> NotAdmitted:
    if only:
        return NotAdmitted(
            Reason.CHANGED,
            f"the record {only[:12]} that admitted the image is no longer in {records.path}",
            hint="bring the envelope back, or start again",
        )
    return NotAdmitted(
        Reason.NO_RECORD,
        f"there is no record in {records.path} that could admit {demand.image[:19]}",
        hint="`agentops check` the image in full, then `agentops record sign` the run",
    )


def _other_image(file: Found, one: Opened, demand: Demand) -> NotAdmitted:
    speaks = subject_of(one.statement, "manifest") or subject_of(one.statement, "config")
    return NotAdmitted(
        Reason.SUBJECT,
        f"{said(file.name, 120)} is of another image (sha256:{said(speaks, 12)}) than {demand.image[:19]}",
        hint="roll out the digest that was measured, or measure this one",
    )


def _refuse_newer_failure(best: Verified, others: Sequence[Opened], demand: Demand) -> None:
    """A failure under the same policy that was recorded after the pass takes it back."""
    for one in others:
        predicate = one.statement["predicate"]
        mine = one.statement["predicateType"] == r.SUMMARY and predicate.get("resourceUri") == demand.resource
        failed = mine and predicate.get("verificationResult") == r.FAILED
        if not failed or not is_policy(predicate.get("policy"), demand) or one.sha256 in demand.revoked:
            continue
        at = time_of(predicate.get("timeVerified"))
        if at is not None and at >= best.at:
            raise NotAdmitted(
                Reason.RESULT,
                f"a later run of the same image under the same policy did not pass (record {one.sha256[:12]})",
                hint="mend the image; to set that record aside, revoke it",
            )
