"""Where an evalset that was made goes: a file that nothing of the user's is lost in, or standard output."""

from __future__ import annotations

from pathlib import Path

import click


def target(path: Path | None, *, force: bool) -> None:
    """Refuse a file that is there already, before anything is spent. Raises UsageError."""
    from agentops.errors import UsageError

    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"--out: {path} is a folder", hint="name a file")
    if path.is_file() and not force:
        raise UsageError(f"--out: {path} is there already", hint="name another file, or overwrite it with --force")
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(f"--out: {path} would be read as something else than YAML", hint="name it .yaml")


def write(text: str, path: Path | None) -> None:
    """Write the file whole or not at all, or print it. Raises ReportError."""
    from agentops.drivers import folder

    if path is None:
        click.echo(text, nl=False)
    else:
        folder.write(path, text)
