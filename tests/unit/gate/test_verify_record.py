"""Admission: every step refuses with a reason of its own, in the order that is promised, and nothing else gets out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_maker import (
    COMMIT,
    IMAGE,
    IMAGE_ID,
    INDEX,
    MANIFEST,
    NOW,
    OTHER,
    Ground,
    a_run,
    edited,
    ground,
    made,
    nobody,
    signed,
    single,
)

from agentops.drivers import git
from agentops.drivers.registry import Identity, Platform
from agentops.errors import AgentopsError, ExitCode, Unavailable, UsageError
from agentops.gate import admission, record_envelope
from agentops.gate import record as r
from agentops.gate.admission import Admitted, NotAdmitted, Reason
from agentops.gate.record_folder import DECISION, EVIDENCE, keep, revoke
from agentops.model.rollout_settings import Place

__all__ = ["ground"]


def place(ground: Ground, name: str = "lone", **changes: Any) -> Place:
    found = ground.settings.rollout[name]
    return replace(found, admission=replace(found.admission, **changes)) if changes else found


def admit(ground: Ground, image: str = IMAGE, *, now: float = NOW, look: Any = nobody, **changes: Any) -> Admitted:
    return admission.admit(place(ground, **changes), image, settings=ground.settings, now=now, look=look)


def refused(ground: Ground, *args: Any, **more: Any) -> Reason:
    with pytest.raises(NotAdmitted) as found:
        admit(ground, *args, **more)
    assert found.value.hint
    assert found.value.exit_code is ExitCode.USAGE
    return found.value.reason


def payload(path: Path) -> dict[str, Any]:
    import base64

    return dict(json.loads(base64.b64decode(json.loads(path.read_text())["payload"])))


def forge(ground: Ground, path: Path, change: Callable[[dict[str, Any]], Any], *, key: Any = None) -> None:
    """The statement in the file, changed and signed anew by the pinned key."""
    statement = payload(path)
    change(statement)
    path.write_bytes(record_envelope.seal(statement, key or ground.key))


def rebuilt(ground: Ground, made: Any, *, decision: Any = None, evidence: Any = None) -> None:
    """Evidence changed and signed anew, and the decision that rests on it."""
    import hashlib

    if evidence:
        forge(ground, made.evidence, evidence)
    digest = hashlib.sha256(made.evidence.read_bytes()).hexdigest()

    def point(statement: dict[str, Any]) -> None:
        statement["predicate"]["inputAttestations"][0]["digest"]["sha256"] = digest
        if decision:
            decision(statement)

    forge(ground, made.decision, point)


def test_a_fresh_pass_of_this_digest_is_admitted_without_asking_anybody(ground: Ground) -> None:
    made = signed(ground, a_run(ground, scripted=("model",)))
    found = admit(ground)
    assert (found.image, found.record_sha256, found.commit) == (IMAGE, made.sha256, COMMIT)
    assert (found.image_id, found.level, found.scripted) == (IMAGE_ID, "AGENTOPS_GATE_RELEASE", ("model",))
    assert found.expires_at == found.verified_at + 24 * 3600 == NOW - 3600 + 24 * 3600


@pytest.mark.parametrize("image", ["bot", "127.0.0.1:5000/team/bot:r1", "127.0.0.1:5000/team/bot:latest"])
def test_a_tag_is_refused(ground: Ground, image: str) -> None:
    signed(ground)
    assert refused(ground, image) is Reason.DIGEST


@pytest.mark.parametrize("image", ["", "bot@sha256:12", "a b@" + MANIFEST, "http://x/y@" + MANIFEST, "-@" + MANIFEST])
def test_what_is_no_image_is_refused(ground: Ground, image: str) -> None:
    with pytest.raises(UsageError):
        admit(ground, image)


def test_without_a_key_or_a_record_nothing_is_admitted(ground: Ground) -> None:
    assert refused(ground, keys=()) is Reason.KEYS
    assert refused(ground) is Reason.NO_RECORD
    ground.records.mkdir()
    assert refused(ground) is Reason.NO_RECORD
    signed(ground)
    with pytest.raises(UsageError, match="the key cannot be read"):
        admit(ground, keys=("keys/none.pub",))


def test_another_key_is_refused(ground: Ground) -> None:
    signed(ground)
    other = record_envelope.new_key()
    (ground.root / "keys/other.pub").write_bytes(record_envelope.public_pem(other.public_key))
    assert refused(ground, keys=("keys/other.pub",)) is Reason.SIGNATURE
    assert admit(ground, keys=("keys/other.pub", "keys/release.pub"))


@pytest.mark.parametrize("digest", [OTHER, INDEX])
def test_another_digest_is_refused(ground: Ground, digest: str) -> None:
    signed(ground)
    look = lambda image: single(digest, OTHER)  # noqa: E731
    assert refused(ground, f"127.0.0.1:5000/team/bot@{digest}", look=look) is Reason.SUBJECT


def test_a_digest_that_no_record_names_is_held_against_its_registry(ground: Ground) -> None:
    signed(ground, pushed="")
    image = f"127.0.0.1:5000/team/bot@{OTHER}"
    assert admit(ground, image, look=lambda _: single(OTHER, IMAGE_ID)).image == image
    one = Identity(OTHER, True, (Platform("linux/amd64", MANIFEST, IMAGE_ID),))
    assert admit(ground, image, look=lambda _: one)
    two = Identity(OTHER, True, (*one.platforms, Platform("linux/arm64", INDEX, INDEX)))
    assert refused(ground, image, look=lambda _: two) is Reason.SUBJECT

    # An engine whose store is containerd's calls an image by the digest of its manifest.
    assert admit(ground, f"127.0.0.1:5000/team/bot@{IMAGE_ID}", look=lambda _: single(IMAGE_ID, INDEX))

    def down(_image: str) -> Identity:
        raise Unavailable("the registry does not answer")

    with pytest.raises(Unavailable):
        admit(ground, image, look=down)


STEPS: list[tuple[Reason, Callable[[dict[str, Any]], Any]]] = [
    (Reason.STATEMENT, lambda s: s.update(_type="https://in-toto.io/Statement/v0.1")),
    (Reason.SUBJECT, lambda s: s["subject"][1]["digest"].update(sha256="1" * 64)),
    (Reason.PREDICATE, lambda s: s.update(predicateType="https://slsa.dev/verification_summary/v0.2")),
    (Reason.RESOURCE, lambda s: s["predicate"].update(resourceUri="pkg:generic/other")),
    (Reason.RESULT, lambda s: s["predicate"].update(verificationResult="FAILED")),
    (Reason.LEVEL, lambda s: s["predicate"].update(verifiedLevels=["AGENTOPS_GATE_CI"])),
    (Reason.POLICY, lambda s: s["predicate"]["policy"]["digest"].update(sha256="0" * 64)),
    (Reason.AGE, lambda s: s["predicate"].update(timeVerified="2026-03-01T11:00:00Z")),
    (Reason.REVOKED, lambda s: s["subject"][2]["digest"].update(gitCommit="e" * 40)),
    (Reason.INPUTS, lambda s: s["predicate"].update(inputAttestations=[])),
]


@pytest.mark.parametrize("first", range(len(STEPS)), ids=[reason.name for reason, _ in STEPS])
def test_each_step_refuses_and_the_earlier_one_speaks(ground: Ground, first: int) -> None:
    """Everything from this step on is wrong: the reason is this step's."""
    made = signed(ground)
    revoke(ground.root / "revoked.txt", "e" * 40, why="leaked", by="me", now=NOW)
    assert admit(ground, look=lambda _: single(MANIFEST, OTHER)), "the premise"

    def change(statement: dict[str, Any]) -> None:
        for _, step in STEPS[first:]:
            step(statement)

    forge(ground, made.decision, change)
    assert refused(ground, look=lambda _: single(MANIFEST, OTHER)) is STEPS[first][0]


@pytest.mark.parametrize("number", range(len(STEPS)), ids=[reason.name for reason, _ in STEPS])
def test_each_step_is_enough_to_refuse(ground: Ground, number: int) -> None:
    made = signed(ground)
    revoke(ground.root / "revoked.txt", "e" * 40, why="leaked", by="me", now=NOW)
    reason, change = STEPS[number]
    forge(ground, made.decision, change)
    assert refused(ground, look=lambda _: single(MANIFEST, OTHER)) is reason


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - 3600 - 299, None),
        (NOW - 3600 - 301, Reason.AGE),
        (NOW + 23 * 3600, None),
        (NOW + 23 * 3600 + 1, Reason.AGE),
        (float("nan"), Reason.AGE),
    ],
)
def test_age_by_the_claimed_time_with_five_minutes_of_skew(ground: Ground, now: float, reason: Reason | None) -> None:
    signed(ground)
    if reason is None:
        assert admit(ground, now=now)
    else:
        assert refused(ground, now=now) is reason


@pytest.mark.parametrize("told", [None, 5, "", "2026-03-04", "2026-03-04T11:00:00+00:00", "0000-00-00T00:00:00Z"])
def test_a_record_without_a_time_is_refused(ground: Ground, told: Any) -> None:
    made = signed(ground)
    forge(ground, made.decision, lambda s: s["predicate"].update(timeVerified=told))
    assert refused(ground) is Reason.AGE


@pytest.mark.parametrize("what", ["record", "evidence", "image", "manifest", "commit"])
def test_what_was_revoked_is_refused(ground: Ground, what: str) -> None:
    import hashlib

    made = signed(ground)
    digest = {
        "record": made.sha256, "evidence": hashlib.sha256(made.evidence.read_bytes()).hexdigest(),
        "image": IMAGE_ID, "manifest": MANIFEST, "commit": COMMIT,
    }[what]  # fmt: skip
    assert admit(ground)
    revoke(ground.root / "revoked.txt", digest, why="a key leaked\n# no comment", by="me", now=NOW)
    assert refused(ground) is Reason.REVOKED


def test_a_list_that_cannot_be_read_admits_nothing(ground: Ground) -> None:
    signed(ground)
    listed = ground.root / "revoked.txt"
    for content in (b"nonsense\n", b"sha256:12\n", b"\xff\xfe", b"0" * 63 + b"\n"):
        listed.write_bytes(content)
        with pytest.raises(UsageError):
            admit(ground)
    listed.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        admit(ground)


def test_evidence_has_to_be_there_unchanged_signed_and_of_the_same_image(ground: Ground) -> None:
    made = signed(ground)
    whole = made.evidence.read_bytes(), made.decision.read_bytes()
    made.evidence.unlink()
    assert refused(ground) is Reason.INPUTS
    for change in (
        lambda s: s["predicate"].update(result="FAILED"),
        lambda s: s["predicate"].update(result="WARNED"),
        lambda s: s["predicate"].update(failedTests=["pass_rate"]),
        lambda s: s["predicate"].update(passedTests=[]),
        lambda s: s["predicate"].pop("configuration"),
        lambda s: s.update(predicateType=r.SUMMARY),
        lambda s: s["subject"].pop(),
        lambda s: s["subject"][0]["digest"].update(sha256="5" * 64),
    ):
        made.evidence.write_bytes(whole[0])
        made.decision.write_bytes(whole[1])
        rebuilt(ground, made, evidence=change)
        assert refused(ground) is Reason.INPUTS
    made.evidence.write_bytes(whole[0])
    forge(ground, made.evidence, lambda _: None, key=record_envelope.new_key())
    rebuilt(ground, made)
    assert refused(ground) is Reason.INPUTS, "evidence that another key signed"
    made.evidence.write_bytes(whole[0])
    rebuilt(ground, made)
    assert admit(ground)


def test_a_key_does_not_speak_for_another(ground: Ground) -> None:
    made = signed(ground)
    other = record_envelope.new_key()
    (ground.root / "keys/other.pub").write_bytes(record_envelope.public_pem(other.public_key))
    forge(ground, made.decision, lambda _: None, key=other)
    assert refused(ground, keys=("keys/release.pub", "keys/other.pub")) is Reason.RESOURCE


def test_evidence_alone_is_no_decision(ground: Ground) -> None:
    made = signed(ground)
    made.decision.write_bytes(made.evidence.read_bytes())
    assert refused(ground) is Reason.PREDICATE


def test_a_policy_of_another_name_is_refused(ground: Ground) -> None:
    made = signed(ground)
    forge(ground, made.decision, lambda s: s["predicate"]["policy"].update(uri=r.policy_uri("ci")))
    assert refused(ground) is Reason.POLICY


def test_a_policy_that_changed_since_is_refused(ground: Ground) -> None:
    signed(ground)
    with edited(ground.root / "agentops.yaml", "0.85", "0.80"):
        ground.load()
        assert refused(ground) is Reason.POLICY
    with edited(ground.root / "suite.yaml", "hello", "hallo"):
        assert refused(ground) is Reason.POLICY
    ground.load()
    assert admit(ground)


def test_a_later_failure_of_the_same_image_takes_the_pass_back(ground: Ground) -> None:
    signed(ground)
    earlier = a_run(ground, failed=30, finished_at="2026-03-04T10:00:00+00:00")
    signed(ground, earlier, failure_too=True)
    assert admit(ground), "what failed before the pass is settled by it"
    later = a_run(ground, failed=30, finished_at="2026-03-04T11:30:00+00:00")
    failure = signed(ground, later, failure_too=True, pushed="")
    assert refused(ground) is Reason.RESULT
    revoke(ground.root / "revoked.txt", failure.sha256, why="the judge was down", by="me", now=NOW)
    assert admit(ground)


def test_the_newest_of_several_admits_and_bad_ones_do_not_hide_it(ground: Ground) -> None:
    old = signed(ground, a_run(ground, finished_at="2026-03-04T09:00:00+00:00"))
    new = signed(ground)
    assert admit(ground).record_sha256 == new.sha256
    (ground.records / "zz.decision.dsse.json").write_text("{}")
    (ground.records / "huge.decision.dsse.json").write_bytes(b" " * (2 * record_envelope.MAX_BYTES))
    (ground.records / "folder.decision.dsse.json").mkdir()
    assert admit(ground).record_sha256 == new.sha256
    new.decision.unlink()
    assert admit(ground).record_sha256 == old.sha256


def test_it_is_asked_again_of_the_very_record(ground: Ground) -> None:
    old = signed(ground, a_run(ground, finished_at="2026-03-04T09:00:00+00:00"))
    new = signed(ground)

    def again(digest: str, now: float = NOW) -> Any:
        return admission.check_again(
            place(ground), IMAGE, record_sha256=digest, settings=ground.settings, now=now, look=nobody
        )

    def why(digest: str, now: float = NOW) -> Reason:
        with pytest.raises(NotAdmitted) as found:
            again(digest, now)
        return found.value.reason

    assert again(old.sha256).record_sha256 == old.sha256
    assert again(new.sha256).record_sha256 == new.sha256
    assert why("") is Reason.CHANGED
    assert why("0" * 64) is Reason.CHANGED
    assert why(old.sha256, NOW + 22 * 3600) is Reason.AGE
    whole = old.decision.read_bytes()
    old.decision.write_bytes(whole[:-1])
    assert why(old.sha256) is Reason.CHANGED
    old.decision.write_bytes(whole)
    revoke(ground.root / "revoked.txt", old.sha256, why="wrong", by="me", now=NOW)
    assert why(old.sha256) is Reason.REVOKED
    assert again(new.sha256)


def test_an_environment_that_has_to_be_passed_first(ground: Ground) -> None:
    made = signed(ground)

    def production(now: float = NOW) -> Admitted:
        look = lambda _image: single(MANIFEST, OTHER)  # noqa: E731
        return admission.admit(
            ground.settings.rollout["production"], IMAGE, settings=ground.settings, now=now, look=look
        )

    def why(now: float = NOW) -> Reason:
        with pytest.raises(NotAdmitted, match="has not passed staging") as found:
            production(now)
        return found.value.reason

    assert why() is Reason.REQUIRED
    rolled = admission.keep_rolled_out(
        ground.settings.rollout["staging"], IMAGE, record_sha256=made.sha256, key=ground.key,
        settings=ground.settings, now=NOW - 60,
    )  # fmt: skip
    assert set(production().passed) == {"staging"}
    whole = rolled.read_bytes()
    for change in (
        lambda s: s["predicate"].update(verifiedLevels=["AGENTOPS_ROLLED_OUT_LONE"]),
        lambda s: s["predicate"].update(verificationResult="FAILED"),
        lambda s: s["predicate"].update(timeVerified="2026-03-01T00:00:00Z"),
        lambda s: s["predicate"]["inputAttestations"][0]["digest"].update(sha256="7" * 64),
        lambda s: s["subject"][1]["digest"].update(sha256="1" * 64),
        lambda s: s["subject"].pop(),
    ):
        forge(ground, rolled, change)
        assert why() is Reason.REQUIRED
        rolled.write_bytes(whole)
    assert production()
    rolled.rename(ground.records / rolled.name.replace("rollout", "decision"))
    assert why() is Reason.REQUIRED, "a decision is no rollout"


def test_a_rollout_by_another_digest_of_the_image_names_what_it_deployed(ground: Ground) -> None:
    made = signed(ground, pushed="")
    image = f"127.0.0.1:5000/team/bot@{OTHER}"
    look = lambda _image: single(OTHER, IMAGE_ID)  # noqa: E731
    admission.keep_rolled_out(
        ground.settings.rollout["staging"], image, record_sha256=made.sha256, key=ground.key,
        settings=ground.settings, now=NOW, look=look,
    )  # fmt: skip
    found = admission.admit(ground.settings.rollout["production"], image, settings=ground.settings, now=NOW, look=look)
    assert set(found.passed) == {"staging"}


def keep_rolled(ground: Ground, made: Any, image: str = IMAGE, *, key: Any = None, look: Any = nobody) -> Path:
    return admission.keep_rolled_out(
        ground.settings.rollout["staging"], image, record_sha256=made.sha256, key=key or ground.key,
        settings=ground.settings, now=NOW, look=look,
    )  # fmt: skip


def test_what_is_not_admitted_any_more_leaves_no_record_of_a_rollout(ground: Ground) -> None:
    made = signed(ground)
    other = f"127.0.0.1:5000/team/bot@{OTHER}"
    with pytest.raises(NotAdmitted) as found:
        keep_rolled(ground, made, other, look=lambda _: single(OTHER, INDEX))
    assert found.value.reason is Reason.SUBJECT
    revoke(ground.root / "revoked.txt", made.sha256, why="leaked", by="me", now=NOW)
    with pytest.raises(NotAdmitted) as found:
        keep_rolled(ground, made)
    assert found.value.reason is Reason.REVOKED
    assert not [p for p in ground.records.iterdir() if "rollout" in p.name]


def test_what_was_deployed_says_nothing_of_what_was_measured(ground: Ground) -> None:
    """A record of a rollout that calls itself a decision must not bind its digest to the image of a sound one."""
    made = signed(ground)
    deployed = f"127.0.0.1:5000/team/bot@{OTHER}"
    rolled = keep_rolled(ground, made, deployed, look=lambda _: single(OTHER, IMAGE_ID))
    rolled.rename(ground.records / rolled.name.replace("rollout", "decision"))
    assert refused(ground, deployed, look=lambda _: single(OTHER, INDEX)) is Reason.SUBJECT
    assert admit(ground, deployed, look=lambda _: single(OTHER, IMAGE_ID)).record_sha256 == made.sha256


def test_the_key_of_rollouts_is_apart_from_those_that_admit(ground: Ground) -> None:
    rollouts = record_envelope.new_key()
    (ground.root / "keys/rollouts.pub").write_bytes(record_envelope.public_pem(rollouts.public_key))

    def production(**changes: Any) -> Admitted:
        return admit(ground, name="production", **changes)

    def why(**changes: Any) -> Reason:
        with pytest.raises(NotAdmitted) as found:
            production(**changes)
        return found.value.reason

    apart = {"rollout_keys": ("keys/rollouts.pub",)}
    made = signed(ground)
    whole = made.decision.read_bytes(), made.evidence.read_bytes()
    rolled = keep_rolled(ground, made, key=rollouts)
    assert set(production(**apart).passed) == {"staging"}
    assert why() is Reason.REQUIRED, "without rollout_keys the keys that admit sign rollouts too"
    # What it signs admits nothing, and bears no record of a rollout either.
    forge(ground, made.decision, lambda _: None, key=rollouts)
    assert why(**apart) is Reason.SIGNATURE
    made.decision.write_bytes(whole[0])
    forge(ground, made.evidence, lambda _: None, key=rollouts)
    rebuilt(ground, made)
    assert why(**apart) is Reason.INPUTS
    made.decision.write_bytes(whole[0])
    made.evidence.write_bytes(whole[1])
    decision = payload(made.decision)
    forged = ground.records / "forged.decision.dsse.json"
    forged.write_bytes(record_envelope.seal(decision, rollouts))
    import hashlib

    digest = hashlib.sha256(forged.read_bytes()).hexdigest()
    before = rolled.read_bytes()
    rests = lambda s: s["predicate"]["inputAttestations"][0]["digest"].update(sha256=digest)  # noqa: E731
    forge(ground, rolled, rests, key=rollouts)
    assert why(**apart) is Reason.REQUIRED
    rolled.write_bytes(before)
    assert production(**apart)
    # A key that admits signs no rollout where others do.
    forge(ground, rolled, lambda s: s["predicate"]["verifier"].update(id=r.verifier_id(ground.key.public_key.keyid)))
    assert why(**apart) is Reason.REQUIRED
    assert production(), "the premise: it is sound by that key"
    with pytest.raises(UsageError, match="the key cannot be read"):
        production(rollout_keys=("keys/none.pub",))


@pytest.mark.parametrize("name", ["keys/release.pub", "keys/copy.pub"])
def test_one_key_under_both_names_is_refused_whatever_its_file_is_called(ground: Ground, name: str) -> None:
    signed(ground)
    pem = (ground.root / "keys/release.pub").read_bytes()
    (ground.root / "keys/copy.pub").write_bytes(b"# for rollouts\n" + pem.replace(b"\n", b"\r\n"))
    other = record_envelope.public_pem(record_envelope.new_key().public_key)
    (ground.root / "keys/other.pub").write_bytes(other)
    assert admit(ground, rollout_keys=("keys/other.pub",)), "the premise: it is admitted where they are apart"
    with pytest.raises(UsageError) as found:
        admit(ground, rollout_keys=("keys/other.pub", name))
    assert f"{name} under rollout_keys holds the public key of keys/release.pub" in found.value.message
    assert "new-key" in found.value.hint
    assert not isinstance(found.value, NotAdmitted)


def test_a_rollout_that_no_record_admitted_leaves_none(ground: Ground) -> None:
    signed(ground)
    for digest in ("", "0" * 64):
        with pytest.raises(NotAdmitted) as found:
            admission.keep_rolled_out(
                ground.settings.rollout["staging"], IMAGE, record_sha256=digest, key=ground.key,
                settings=ground.settings, now=NOW,
            )  # fmt: skip
        assert found.value.reason is Reason.CHANGED


def test_admission_writes_nothing(ground: Ground) -> None:
    signed(ground)
    before = {p: p.read_bytes() for p in ground.root.rglob("*") if p.is_file()}
    admit(ground)
    refused(ground, now=NOW + 10**6)
    assert {p: p.read_bytes() for p in ground.root.rglob("*") if p.is_file()} == before


# Hostile statements, signed by the very key that is pinned: the refusal and nothing else comes out.

LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(MANIFEST[7:])
VALUE = st.recursive(
    LEAF, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=6), v, max_size=3), max_leaves=6
)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(git, "state", lambda _root: git.GitState(commit=COMMIT, dirty=False))
        ground = made(tmp_path_factory.mktemp("standing"))
        yield ground, signed(ground)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(p for key, child in inner for p in places(child, (*at, key)))]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=VALUE, both=st.booleans())
def test_nothing_but_the_refusal_comes_out_of_a_signed_statement(
    standing: Any, data: st.DataObject, value: Any, both: bool
) -> None:
    ground, record = standing
    whole = record.evidence.read_bytes(), record.decision.read_bytes()
    statement = payload(record.evidence if both else record.decision)
    at = data.draw(st.sampled_from(places(statement)[1:]))
    change = data.draw(st.sampled_from(["set", "gone"]))

    def edit(found: dict[str, Any]) -> None:
        inner: Any = found
        for key in at[:-1]:
            inner = inner[key]
        if change == "gone":
            del inner[at[-1]]
        else:
            inner[at[-1]] = copy.deepcopy(value)

    try:
        try:
            if both:
                rebuilt(ground, record, evidence=edit)
            else:
                forge(ground, record.decision, edit)
        except ValueError:
            return  # no JSON
        changed = payload(record.evidence if both else record.decision) != statement
        try:
            admit(ground, look=lambda _: single(MANIFEST, OTHER))
        except AgentopsError as error:
            assert isinstance(error, NotAdmitted)
        else:
            # What is told besides: names, which tests passed, with what. None of it decides.
            told = {"name", "configuration", "passedTests", "warnedTests", "uri", "annotations", r.KIND}
            assert not changed or any(word in told for word in at), at
    finally:
        record.evidence.write_bytes(whole[0])
        record.decision.write_bytes(whole[1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), evidence=st.booleans())
def test_any_changed_byte_of_a_record_is_refused(standing: Any, data: st.DataObject, evidence: bool) -> None:
    ground, record = standing
    path = record.evidence if evidence else record.decision
    whole = path.read_bytes()
    at, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    if changed == whole:
        return
    path.write_bytes(changed)
    try:
        reason = refused(ground)
        assert reason in ((Reason.INPUTS,) if evidence else (Reason.ENVELOPE, Reason.SIGNATURE))
    finally:
        path.write_bytes(whole)


def test_records_of_others_do_not_stand_in_the_way(ground: Ground) -> None:
    other = record_envelope.new_key()
    for kind in (DECISION, EVIDENCE):
        statement = {"_type": r.STATEMENT, "subject": [{"digest": {"sha256": "9" * 64}}], "predicateType": "x"}
        keep(ground.records, record_envelope.seal(statement, other), statement=statement, word="release", kind=kind)
    signed(ground)
    assert admit(ground)
