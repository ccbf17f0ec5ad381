"""Where an evalset and the files that it names are read from: the work tree, or what git remembers of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from agentops.config.document import MAX_BYTES
from agentops.errors import ConfigError
from agentops.text import one_line


class Source(Protocol):
    """Reads files. Paths are absolute."""

    def read(self, path: Path, *, shown: str, limit: int) -> bytes:
        """The file's bytes. Raises ConfigError, which calls the file `shown`, where it is missing, no regular file, or
        larger than `limit` bytes."""

    def below(self, folder: Path, name: str) -> Path | None:
        """The file of that name, links followed; None where it does not lie below the folder."""


class WorkTree:
    """Files as they lie there now."""

    def read(self, path: Path, *, shown: str, limit: int) -> bytes:
        """See Source."""
        try:
            # A pipe in the place of a file would be waited for without end.
            if path.exists() and not path.is_file():
                raise ConfigError(f"{shown}: no regular file", hint="name a file")
            with path.open("rb") as file:
                found = file.read(limit + 1)
        except FileNotFoundError:
            raise ConfigError(f"{shown}: no such file", hint="correct the path") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(f"{shown}: cannot be read: {reason}", hint="correct the path") from None
        return within(found, shown=shown, limit=limit)

    def below(self, folder: Path, name: str) -> Path | None:
        """See Source."""
        try:
            base, path = folder.resolve(), (folder / name).resolve()
        except (OSError, ValueError, RuntimeError):  # a circle of links, a NUL
            return None
        return path if path.is_relative_to(base) and path != base else None


def within(found: bytes, *, shown: str, limit: int) -> bytes:
    """The bytes, refused where they are more than the limit."""
    if len(found) > limit:
        what = f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit} bytes"
        raise ConfigError(f"{shown}: larger than {what}", hint="take a smaller file, or split it")
    return found


def text(found: bytes, *, shown: str) -> str:
    """The bytes as UTF-8, a byte order mark dropped. Raises ConfigError."""
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: not UTF-8 at byte {error.start}", hint="save the file as UTF-8") from None


def named(source: Source, folder: Path, name: str, *, place: str, limit: int = MAX_BYTES) -> tuple[Path, bytes]:
    """A file that an evalset in the folder names, with its bytes. Raises ConfigError that begins with the place where
    it is named, also for one that lies elsewhere than below the folder."""
    told = one_line(name, 120)
    path = None if os.path.isabs(name) else source.below(folder, name)  # noqa: PTH117
    if path is None:
        raise ConfigError(
            f"{place}: {told!r} lies outside the evalset's folder",
            hint="put the file beside the evalset or below it, and name it relative to the evalset",
        )
    return path, source.read(path, shown=f"{place}: {told}", limit=limit)
