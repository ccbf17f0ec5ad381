"""Files as the protocols carry them: text inside the message where it is text, base64 where it is not."""

from __future__ import annotations

import base64

from agentops.model.case import Attachment

_TEXTS = frozenset(
    {"application/json", "application/yaml", "application/x-yaml", "application/xml", "application/toml"}
)


def encoded(file: Attachment) -> str:
    """The content in base64."""
    return base64.b64encode(file.content).decode("ascii")


def data_url(file: Attachment) -> str:
    """The content as a `data:` URL (RFC 2397)."""
    return f"data:{file.media_type};base64,{encoded(file)}"


def is_image(file: Attachment) -> bool:
    """Whether a model takes it as a picture."""
    return file.media_type.startswith("image/")


def inlined(file: Attachment) -> str | None:
    """A text file as text under its name, None where it is none. Chat APIs take few kinds of files, and text always."""
    kind = file.media_type.partition(";")[0].strip().lower()
    if not kind.startswith("text/") and kind not in _TEXTS:
        return None
    try:
        return f"File {file.name}:\n\n{file.content.decode('utf-8')}"
    except UnicodeDecodeError:
        return None


def listed(files: tuple[Attachment, ...]) -> list[dict[str, str]]:
    """Objects with `name`, `media_type` and `base64`, for protocols that leave the form open."""
    return [{"name": f.name, "media_type": f.media_type, "base64": encoded(f)} for f in files]
