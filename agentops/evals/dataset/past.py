"""The files of a repository as git remembers them, and what changed since."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from agentops.drivers import process
from agentops.errors import ConfigError, MeasurementError, UsageError
from agentops.evals.dataset.source import WorkTree, within
from agentops.text import one_line, tail

_TIMEOUT_S = 60.0


class Past:
    """The state at a commit, branch or tag of the repository that `folder` lies in. A Source: it reads as files were.

    Raises UsageError where git is missing, the folder lies in no repository, or git does not know the commit.
    """

    def __init__(self, folder: Path, ref: str) -> None:
        self.ref = one_line(ref, 60)
        self._tree = WorkTree()
        top = _git(folder, "rev-parse", "--show-toplevel")
        if top is None:
            raise UsageError(f"--since: {folder} lies in no git repository", hint="choose by --tag or --id instead")
        self.top = Path(top.removesuffix("\n")).resolve()
        commit = _git(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if commit is None:
            raise UsageError(
                f"--since: git knows no commit {self.ref!r} here",
                hint="correct the name; in a shallow clone fetch it first (actions/checkout: fetch-depth: 0)",
            )
        self._commit = commit.strip()

    @cached_property
    def changed(self) -> frozenset[str]:
        """Paths, relative to the repository, that are not now as they were, new and removed ones too. What git ignores
        does not count."""
        tracked = self._list("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", self._commit, "--")
        return tracked | self._list("ls-files", "--others", "--exclude-standard", "-z")

    @cached_property
    def _known(self) -> frozenset[str]:
        return self._list("ls-tree", "-r", "-z", "--name-only", "--full-tree", self._commit)

    def inside(self, path: Path) -> str | None:
        """The path relative to the repository, None outside of it. Links are not followed."""
        lexical = Path(os.path.normpath(path))
        return lexical.relative_to(self.top).as_posix() if lexical.is_relative_to(self.top) else None

    def read(self, path: Path, *, shown: str, limit: int) -> bytes:
        """See Source."""
        names = [name for name in (self.inside(path), self.inside(path.resolve())) if name is not None]
        then = next((name for name in names if name in self.changed), None)
        if then is None and names and names[-1] in self._known:
            return self._tree.read(path, shown=shown, limit=limit)
        # Bytes that are no text do not survive the door for processes. They differ then, as they should.
        found = _git(self.top, "cat-file", "blob", f"{self._commit}:{then}") if then in self._known else None
        if found is None:
            raise ConfigError(f"{shown}: was not there at {self.ref}")
        return within(found.encode("utf-8", "surrogatepass"), shown=shown, limit=limit)

    def below(self, folder: Path, name: str) -> Path | None:
        """See Source."""
        lexical = Path(os.path.normpath(folder / name))
        if self.inside(lexical) in self.changed:
            return lexical if lexical.is_relative_to(os.path.normpath(folder)) else None
        return self._tree.below(folder, name)

    def _list(self, *words: str) -> frozenset[str]:
        found = _git(self.top, *words)
        if found is None:
            raise MeasurementError(
                f"git {words[0]} failed in {self.top}", hint="look at the repository with git status"
            )
        return frozenset(name for name in found.split("\0") if name)


def _git(folder: Path, *words: str) -> str | None:
    """What git prints, or None where it refuses."""
    try:
        done = process.run(
            # A repository's own file-system monitor is a program of its choice; looking must not run it.
            ["git", "-c", "core.fsmonitor=false", *words],
            cwd=folder,
            env=process.clean_env({"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}),
            timeout_s=_TIMEOUT_S,
        )
    except MeasurementError as error:
        raise UsageError(f"--since: {tail(error.message, 1)}", hint=error.hint or "choose by --tag or --id") from None
    return done.stdout if done.code == 0 else None
