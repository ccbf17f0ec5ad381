"""Files that go to the agent with a turn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from agentops.errors import ConfigError
from agentops.evals.dataset.source import Source, named
from agentops.model.case import Attachment

MAX_FILE = 5 * 1024 * 1024
MAX_ALL = 100 * 1024 * 1024

# By name first: a file that is not what its name says may be what a case is about. The platform's own tables differ
# from machine to machine and would change what the agent is sent.
_BY_NAME: Mapping[str, str] = {
    ".txt": "text/plain", ".log": "text/plain", ".md": "text/markdown", ".csv": "text/csv",
    ".tsv": "text/tab-separated-values", ".html": "text/html", ".htm": "text/html",
    ".xml": "application/xml", ".json": "application/json",
    ".jsonl": "application/jsonl", ".yaml": "application/yaml", ".yml": "application/yaml", ".py": "text/x-python",
    ".js": "text/javascript", ".css": "text/css", ".eml": "message/rfc822", ".ics": "text/calendar",
    ".rtf": "application/rtf",
    ".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/gzip",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff", ".svg": "image/svg+xml",
    ".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".flac": "audio/flac", ".m4a": "audio/mp4",
    ".mp4": "video/mp4", ".webm": "video/webm",
}  # fmt: skip

# The first bytes of the commonest formats.
_BY_CONTENT = (
    (b"%PDF-", "application/pdf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"), (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"), (b"ID3", "audio/mpeg"),
)  # fmt: skip


def media_type(name: str, content: bytes) -> str:
    """The media type by the name's ending, else by the first bytes; text where it is UTF-8, else plain bytes."""
    known = _BY_NAME.get(PurePosixPath(name).suffix.lower())
    if known:
        return known
    for start, kind in _BY_CONTENT:
        if content.startswith(start):
            return kind
    if content[:4] == b"RIFF" and content[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if content[8:12] == b"WEBP" else "audio/wav"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "application/octet-stream" if "\0" in text else "text/plain"


class Named:
    """The files that one evalset names, each read once. `folder` is the evalset's."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder
        self._source = source
        self._read: dict[str, tuple[Path, bytes]] = {}
        self._attached: dict[str, Attachment] = {}
        self._sizes: dict[Path, int] = {}
        self._all = 0

    def attachment(self, name: str, *, place: str) -> Attachment:
        """The file as it goes to the agent. Raises ConfigError that begins with the place where it is named."""
        if name not in self._attached:
            content = self.content(name, place=place, limit=MAX_FILE)
            title = PurePosixPath(name.replace("\\", "/")).name
            self._attached[name] = Attachment(title, media_type(title, content), content)
        return self._attached[name]

    def content(self, name: str, *, place: str, limit: int) -> bytes:
        """The file's bytes, at most `limit`. Raises ConfigError that begins with the place where it is named."""
        if name not in self._read:
            path, content = self._read[name] = named(self._source, self._folder, name, place=place, limit=limit)
            self._all += 0 if path in self._sizes else len(content)
            self._sizes[path] = len(content)
            if self._all > MAX_ALL:
                raise ConfigError(
                    f"{place}: the evalset's files are larger than {MAX_ALL // 2**20} MiB together",
                    hint="take fewer or smaller files, or split the evalset",
                )
        return self._read[name][1]

    def digest(self, own: str) -> str:
        """The sha256 of the suite whose file alone has the sha256 `own`: the same, where it names no files."""
        if not self._read:
            return own
        whole = hashlib.sha256(own.encode())
        for name, (_, content) in sorted(self._read.items()):
            whole.update(b"\0" + name.encode("utf-8", "surrogatepass") + b"\0" + hashlib.sha256(content).digest())
        return whole.hexdigest()
