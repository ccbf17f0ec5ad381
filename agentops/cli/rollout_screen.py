"""Where a rollout stands, on a terminal or in a log."""

from __future__ import annotations

import shutil
import sys
from types import TracebackType
from typing import Self

import click

from agentops.cli.run import coloured, columns
from agentops.reports.rollout import console, document
from agentops.reports.rollout.told import Lines
from agentops.reports.rollout.view import View


class Screen:
    """Shows one view after another. On a terminal the view is redrawn in place as long as `live`; in a log only what is
    new is printed, on standard error where `progress`. A context manager."""

    def __init__(
        self, *, as_json: bool = False, live: bool = False, quiet: bool = False, progress: bool = False
    ) -> None:
        self._as_json, self._live, self._quiet, self._progress = as_json, live, quiet, progress
        self._terminal = (sys.stderr if progress else sys.stdout).isatty()
        self._lines = Lines()
        self._drawn = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left behind: the last view stays on the screen."""

    def show(self, view: View) -> None:
        """Show where it stands now."""
        if self._quiet:
            return
        if self._as_json and not self._progress:
            click.echo(document.render(view))
        elif self._live and self._terminal:
            size = shutil.get_terminal_size()
            text = console.screen(view, width=size.columns, height=size.lines, colour=coloured(self._terminal))
            click.echo(console.redrawn(self._drawn, text), nl=False, err=self._progress, color=True)
            self._drawn = text
        elif self._live:
            for line in self._lines(view):
                click.echo(line, err=self._progress)
        else:
            click.echo(report(view), nl=False)


def report(view: View) -> str:
    """The report for standard output."""
    terminal = sys.stdout.isatty()
    return console.render(view, width=columns(terminal), colour=coloured(terminal))
