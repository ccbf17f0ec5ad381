"""The key that signs: from a file or a variable, never from the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]


def the_key(path: Path | None, variable: str | None) -> CryptoSigner:
    """The private key in the file, or in the variable of this name, which is taken out of the environment: nothing that
    is started afterwards sees it. Raises UsageError."""
    from agentops.errors import UsageError
    from agentops.gate import record_envelope

    if (path is None) == (variable is None):
        raise UsageError("needs exactly one of --key and --key-env", hint="name the file, or the variable, of the key")
    if variable is not None:
        value = os.environ.pop(variable, "")
        if not value.strip():
            raise UsageError(f"the variable {variable} is not set", hint="hand the key over in it, as PEM")
        return record_envelope.signing_key(value.encode("utf-8", "replace"), shown=f"the variable {variable}")
    assert path is not None  # noqa: S101  one of the two is given
    try:
        pem, mode = path.read_bytes(), path.stat().st_mode
    except OSError as error:
        raise UsageError(f"{path}: the key cannot be read: {error.strerror}", hint="correct --key") from None
    key = record_envelope.signing_key(pem, shown=str(path))
    if mode & 0o077:
        click.echo(f"warning: {path} can be read by others on this machine (chmod 600)", err=True)
    return key
