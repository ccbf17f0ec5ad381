"""Envelopes: whatever differs by a byte, a key or a shape is refused, and nothing but the refusal comes out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentops.errors import UsageError
from agentops.gate import record_envelope as e

KEY = e.new_key()
OTHER = e.new_key()
PUBLIC = KEY.public_key
STATEMENT = {"_type": "t", "subject": [{"digest": {"sha256": "ab" * 32}}], "word": "häß\u202e\ud800"}
RAW = e.seal(STATEMENT, KEY)


def enveloped(payload: bytes, /, **changes: Any) -> bytes:
    """What an envelope holds, signed by KEY over exactly this payload."""
    from securesystemslib.dsse import Envelope

    envelope = Envelope(payload, e.PAYLOAD_TYPE, {})
    signature = envelope.sign(KEY)
    data = {
        "payload": base64.standard_b64encode(payload).decode(),
        "payloadType": e.PAYLOAD_TYPE,
        "signatures": [
            {
                "keyid": signature.keyid,
                "sig": base64.standard_b64encode(bytes.fromhex(signature.signature)).decode(),
            }
        ],
    }
    return json.dumps({**data, **changes}, separators=(",", ":")).encode() + b"\n"


def test_what_was_sealed_comes_out_and_is_the_same_every_time() -> None:
    opened = e.unseal(RAW, [OTHER.public_key, PUBLIC])
    assert opened.statement == STATEMENT
    assert opened.keyid == PUBLIC.keyid
    assert e.seal(STATEMENT, KEY) == RAW
    assert enveloped(base64.b64decode(json.loads(RAW)["payload"])) == RAW, "the premise of the tests below"


@settings(deadline=None)
@given(at=st.integers(0, len(RAW) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_is_refused(at: int, byte: int) -> None:
    changed = RAW[:at] + bytes([byte]) + RAW[at + 1 :]
    if changed == RAW:
        return
    with pytest.raises((e.Unreadable, e.BadSignature)):
        e.unseal(changed, [PUBLIC])


@settings(deadline=None)
@given(at=st.integers(0, len(RAW)), more=st.binary(min_size=1, max_size=3), cut=st.integers(1, 50))
def test_any_byte_more_or_less_is_refused(at: int, more: bytes, cut: int) -> None:
    for changed in (RAW[:at] + more + RAW[at:], RAW[:at] + RAW[at + cut :]):
        if changed != RAW:
            with pytest.raises((e.Unreadable, e.BadSignature)):
                e.unseal(changed, [PUBLIC])


@pytest.mark.parametrize("keys", [[], [OTHER.public_key]], ids=["no key", "another key"])
def test_another_key_does_not_open(keys: list[Any]) -> None:
    with pytest.raises(e.BadSignature, match="not pinned"):
        e.unseal(RAW, keys)


def test_a_signature_of_another_key_under_the_pinned_keys_name_does_not_hold() -> None:
    forged = json.loads(e.seal(STATEMENT, OTHER))
    forged["signatures"][0]["keyid"] = PUBLIC.keyid
    with pytest.raises(e.BadSignature, match="does not hold"):
        e.unseal(json.dumps(forged, separators=(",", ":")).encode() + b"\n", [PUBLIC, OTHER.public_key])


def test_the_payload_is_not_parsed_before_its_signature_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    real = e.parse
    monkeypatch.setattr(e, "parse", lambda raw: (seen.append(raw), real(raw))[1])
    with pytest.raises(e.BadSignature):
        e.unseal(RAW, [OTHER.public_key])
    assert seen == [RAW], "the envelope alone"
    e.unseal(RAW, [PUBLIC])
    assert len(seen) == 3


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"null", b"1", b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":-Infinity}', b"\xff\xfe", b'{"a":',
        b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)  # fmt: skip
def test_hostile_content_with_a_good_signature_is_refused(payload: bytes) -> None:
    with pytest.raises(e.Unreadable):
        e.unseal(enveloped(payload), [PUBLIC])


@pytest.mark.parametrize(
    "changes",
    [
        {"payloadType": "application/json"}, {"payloadType": 1}, {"payloadType": "\ud800"}, {"payload": 7},
        {"payload": None}, {"payload": "*"}, {"payload": "ä"}, {"signatures": []}, {"signatures": {}},
        {"signatures": [1]}, {"signatures": None}, {"signatures": [{"keyid": "x", "sig": ""}]},
        {"signatures": [{"keyid": 1, "sig": ""}]}, {"signatures": [{"keyid": PUBLIC.keyid, "sig": "AAAA"}]},
        {"signatures": [{"keyid": PUBLIC.keyid, "sig": None}]}, {"extra": 1},
        {"signatures": json.loads(RAW)["signatures"] * 2},
    ],
)  # fmt: skip
def test_an_envelope_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(e.Unreadable):
        e.unseal(enveloped(b"{}", **changes), [PUBLIC])


def test_a_missing_part_is_refused() -> None:
    whole = json.loads(RAW)
    parts = [{k: v for k, v in whole.items() if k != gone} for gone in whole]
    for one in whole["signatures"][0]:
        parts.append({**whole, "signatures": [{k: v for k, v in whole["signatures"][0].items() if k != one}]})
    for part in parts:
        with pytest.raises(e.Unreadable):
            e.unseal(json.dumps(part, separators=(",", ":")).encode() + b"\n", [PUBLIC])


def test_what_is_too_large_is_neither_read_nor_written() -> None:
    with pytest.raises(e.Unreadable, match="larger than"):
        e.unseal(b" " * (e.MAX_BYTES + 1), [PUBLIC])
    with pytest.raises(UsageError, match="larger than"):
        e.seal({"a": "x" * e.MAX_BYTES}, KEY)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(raw=st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()))
def test_nothing_but_the_refusal_comes_out(raw: bytes) -> None:
    with pytest.raises((e.Unreadable, e.BadSignature)):
        e.unseal(raw, [PUBLIC])
    try:
        opened = e.unseal(enveloped(raw), [PUBLIC])
    except e.Unreadable:
        return
    assert isinstance(opened.statement, dict)


def test_keys_are_read_back_and_nothing_else_is_taken_for_one() -> None:
    read = e.signing_key(KEY.private_bytes, shown="k")
    assert e.seal(STATEMENT, read) == RAW
    assert e.public_key(e.public_pem(PUBLIC), shown="p").keyid == PUBLIC.keyid
    from securesystemslib.signer import CryptoSigner

    rsa = CryptoSigner.generate_ecdsa()
    for pem in (b"", b"x", e.public_pem(PUBLIC), rsa.private_bytes):
        with pytest.raises(UsageError) as refused:
            e.signing_key(pem, shown="the variable K")
        assert refused.value.message.startswith("the variable K")
    for pem in (b"", KEY.private_bytes):
        with pytest.raises(UsageError) as refused:
            e.public_key(pem, shown="p")
        assert "PRIVATE" not in refused.value.message + refused.value.hint


def test_a_locked_key_says_so() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    with pytest.raises(UsageError, match="passphrase"):
        e.signing_key(pem, shown="k")


def test_the_same_content_written_in_another_way_is_refused() -> None:
    """The signature would hold; but then two files, of two digests, were the same record."""
    data = json.loads(RAW)
    others = [
        RAW[:-1],
        RAW + b"\n",
        b" " + RAW,
        json.dumps(data).encode() + b"\n",
        json.dumps(dict(reversed(data.items())), separators=(",", ":")).encode() + b"\n",
        RAW.replace(b'"payload"', b'"\\u0070ayload"'),
    ]
    # The last letter before the padding holds bits that decode to nothing.
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = RAW.rindex(b"=") - (2 if RAW[RAW.rindex(b"=") - 1 : RAW.rindex(b"=")] == b"=" else 1)
    twin = letters[letters.index(RAW[at : at + 1]) ^ 1 : (letters.index(RAW[at : at + 1]) ^ 1) + 1]
    others.append(RAW[:at] + twin + RAW[at + 1 :])
    for other in others:
        assert other != RAW
        with pytest.raises(e.Unreadable, match="as agentops writes it"):
            e.unseal(other, [PUBLIC])
