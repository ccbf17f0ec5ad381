"""What went into an image: the same for the same inputs, another for another."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from agentops.drivers import archive, image


def packed(*files: tuple[str, bytes, int], time: int = 0) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode, time
            tar.addfile(entry, io.BytesIO(content))
    return buffer


A, B = ("a.py", b"1", 0o644), ("b.py", b"2", 0o644)


def test_order_and_times_do_not_count() -> None:
    assert archive.digest(packed(A, B)) == archive.digest(packed(B, A, time=99))


@pytest.mark.parametrize(
    "other", [(A,), (A, ("b.py", b"3", 0o644)), (A, ("c.py", b"2", 0o644)), (A, ("b.py", b"2", 0o755))]
)
def test_names_contents_and_modes_do(other: tuple[tuple[str, bytes, int], ...]) -> None:
    assert archive.digest(packed(A, B)) != archive.digest(packed(*other))


def test_the_stream_can_be_read_afterwards() -> None:
    stream = packed(A)
    stream.seek(7)
    archive.digest(stream)
    assert stream.tell() == 0


DOCKERFILE = """
ARG BASE=python:3.11-slim
ARG TAG="1.2"
FROM ${BASE} AS build
FROM --platform=linux/amd64 redis:${TAG:-7} as cache
FROM build
FROM $UNKNOWN
from alpine
"""


def test_the_images_that_a_build_starts_from() -> None:
    assert image.bases(DOCKERFILE, {}) == ("python:3.11-slim", "redis:1.2", "alpine")
    assert image.bases(DOCKERFILE, {"BASE": "mine@sha256:0", "UNKNOWN": "x"}) == (
        "mine@sha256:0", "redis:1.2", "x", "alpine"
    )  # fmt: skip


def test_everything_that_a_build_is_told_counts(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM x\n")
    request = image.BuildRequest(tmp_path, dockerfile, "n:t")

    def inputs(asked: image.BuildRequest, context: str = "c", **started: str) -> str:
        return image.inputs(asked, context=context, started=started or {"x": "1"})

    same = inputs(request)
    assert inputs(replace(request, tag="n:other")) == same, "a name is no input"
    assert inputs(replace(request, target="t")) != same
    assert inputs(replace(request, args={"A": "1"})) != same
    assert inputs(request, "d") != same
    assert inputs(request, x="2") != same
    dockerfile.write_text("FROM x\nRUN true\n")
    assert inputs(request) != same
