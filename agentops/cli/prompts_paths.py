"""Paths of templates as people gave them: `--prompts-dir ../a` makes `../a/f.txt`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath


class Given:
    """Turns the paths of an analysis, which are relative to the project's folder `root` or absolute, into paths below
    `places` as they were written, relative to the folder `here`."""

    def __init__(self, places: Sequence[str], here: Path, *, root: Path) -> None:
        self._root = str(root.absolute())
        self._places = [(os.path.normpath(here.absolute() / p), PurePosixPath(p).as_posix()) for p in places]

    def __call__(self, path: str) -> str:
        """The path as given; the path itself where it lies below none of the places."""
        whole = path if path.startswith("/") else f"{self._root}/{path}"
        for base, written in self._places:
            if whole == base:
                return written
            if whole.startswith(base.rstrip("/") + "/"):
                rest = whole[len(base.rstrip("/")) + 1 :]
                return rest if written == "." else f"{written.rstrip('/')}/{rest}"
        return path
