"""Envelopes: a statement, signed. DSSE with one ed25519 signature, in one form alone.

An envelope's bytes are what the product itself writes of its content. Whatever differs by a byte is refused, so that
the sha256 of the file names it. What lies in an envelope is parsed after its signature was found to be good.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from agentops.errors import UsageError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_BYTES = 1024 * 1024
"""No envelope is larger."""

_KEYID = re.compile(r"[0-9a-f]{64}")
_SIGNATURE_BYTES = 64
_MOST_DEPTH = 32


class Unreadable(ValueError):
    """The bytes are no envelope, or its content is no JSON object; the message says why in a few words."""


class BadSignature(ValueError):
    """No key that is pinned made the signature."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a good envelope held. `keyid` is the key that signed, `sha256` that of the envelope's bytes (hex)."""

    statement: Mapping[str, Any]
    keyid: str
    sha256: str


def seal(statement: Mapping[str, Any], key: CryptoSigner) -> bytes:
    """The envelope of a statement. The same statement and key give the same bytes."""
    from securesystemslib.dsse import Envelope

    payload = json.dumps(statement, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    signature = envelope.sign(key)
    raw = _bytes(payload, keyid=signature.keyid, signature=bytes.fromhex(signature.signature))
    if len(raw) > MAX_BYTES:
        raise UsageError(
            f"the record would be larger than {MAX_BYTES // 1024} KiB", hint="split the suites, or shorten their names"
        )
    return raw


def unseal(raw: bytes, keys: Sequence[SSlibKey]) -> Opened:
    """The statement in an envelope that one of the keys signed. Raises Unreadable or BadSignature, and nothing else,
    whatever the bytes are."""
    payload, keyid, signature = _parts(raw)
    _check_signature(payload, keyid, signature, keys)
    statement = parse(payload)
    if not isinstance(statement, dict):
        raise Unreadable("what was signed is no JSON object")
    return Opened(statement, keyid, hashlib.sha256(raw).hexdigest())


def parse(raw: bytes) -> Any:
    """JSON without duplicate keys, NaN, infinity or deep nesting. Raises Unreadable."""
    try:
        data = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"it is no JSON: {error}") from None
    if _is_deep(data):
        raise Unreadable("it is nested too deeply")
    return data


def new_key() -> CryptoSigner:
    """A new pair of ed25519 keys."""
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

    return CryptoSigner.generate_ed25519()


def signing_key(pem: bytes, *, shown: str) -> CryptoSigner:
    """The private key in PEM (PKCS 8) without a passphrase. Raises UsageError that never repeats the key; `shown` is
    where it came from."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

    hint = "make one with `agentops record new-key`"
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise UsageError(f"{shown}: the key is locked by a passphrase", hint="give it unlocked, from a store") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{shown}: holds no private key in PEM", hint=hint) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{shown}: is no ed25519 key", hint=hint)
    return CryptoSigner(key)


def public_key(pem: bytes, *, shown: str) -> SSlibKey:
    """The public key in PEM. Raises UsageError; `shown` is where it came from."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

    hint = "name the public half that `agentops record new-key` wrote"
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UsageError(f"{shown}: holds no public key in PEM", hint=hint) from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{shown}: is no ed25519 key", hint=hint)
    return SSlibKey.from_crypto(key)


def public_pem(key: SSlibKey) -> bytes:
    """The public key as a PEM file has it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = bytes.fromhex(str(key.keyval["public"]))
    made = Ed25519PublicKey.from_public_bytes(raw)
    return made.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _parts(raw: bytes) -> tuple[bytes, str, bytes]:
    """Payload, key id and signature. Raises Unreadable."""
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES // 1024} KiB")
    data = parse(raw)
    if not isinstance(data, dict) or set(data) != {"payload", "payloadType", "signatures"}:
        raise Unreadable("it is no DSSE envelope")
    if data["payloadType"] != PAYLOAD_TYPE:
        raise Unreadable("its payload is of another type than an in-toto statement")
    signatures = data["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise Unreadable("it does not have exactly one signature")
    first = signatures[0]
    if not isinstance(first, dict) or set(first) != {"keyid", "sig"} or not isinstance(first["keyid"], str):
        raise Unreadable("its signature is no signature of DSSE")
    if not _KEYID.fullmatch(first["keyid"]):
        raise Unreadable("its key has no id that is a sha256")
    payload, signature = _decoded(data["payload"]), _decoded(first["sig"])
    if len(signature) != _SIGNATURE_BYTES:
        raise Unreadable("its signature is no ed25519 signature")
    if _bytes(payload, keyid=first["keyid"], signature=signature) != raw:
        raise Unreadable("it is not written as agentops writes it")
    return payload, first["keyid"], signature


def _check_signature(payload: bytes, keyid: str, signature: bytes, keys: Sequence[SSlibKey]) -> None:
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
    from securesystemslib.signer import Signature  # type: ignore[attr-defined]

    envelope = Envelope(payload, PAYLOAD_TYPE, {keyid: Signature(keyid, signature.hex())})
    if keyid not in {key.keyid for key in keys}:
        raise BadSignature(f"it is signed by the key {keyid[:12]}, which is not pinned")
    try:
        envelope.verify(list(keys), 1)
    except (VerificationError, UnverifiedSignatureError):
        raise BadSignature(f"the signature of the key {keyid[:12]} does not hold") from None


def _bytes(payload: bytes, *, keyid: str, signature: bytes) -> bytes:
    told = {
        "payload": base64.standard_b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": keyid, "sig": base64.standard_b64encode(signature).decode()}],
    }
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _decoded(value: Any) -> bytes:
    if not isinstance(value, str):
        raise Unreadable("a part of it is no text")
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Unreadable("a part of it is no base64") from None


def _is_deep(data: Any) -> bool:
    level = [data]
    for _ in range(_MOST_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
