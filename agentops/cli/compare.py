"""agentops compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from agentops.errors import ExitCode
    from agentops.reports.compare import Comparison

NEWLY_FAILING = "newly-failing"


@click.command("compare")
@click.argument("before_path", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("after_path", metavar="RUN_B", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True,
    help="How to tell it.",
)  # fmt: skip
@click.option(
    "--fail-on", type=click.Choice((NEWLY_FAILING,)), default=None,
    help="Exit with 1 where a case is newly failing, or the pass rate fell by its bound; with 4 where a case has no "
    "measured run on a side, with 3 where the runs are too few to tell of any case.",
)  # fmt: skip
def command(before_path: Path, after_path: Path, form: str, fail_on: str | None) -> int:
    """Tell two runs apart: which cases are newly failing or fixed, and which differences show nothing.

    RUN_A is the earlier, RUN_B the later one: a run.json, the journal.jsonl of a run that ended, a run's folder, or the
    folder that --out named, for its latest run.
    Nothing is asked or judged anew; the exit code is 0 unless --fail-on is given.
    """
    from agentops.cli import stored_run
    from agentops.cli.run import coloured, columns
    from agentops.errors import ExitCode
    from agentops.reports import compare, compare_told

    found = compare.compare(*(stored_run.read(_newest(path)) for path in (before_path, after_path)))
    if form == "json":
        click.echo(compare.document(found), nl=False)
    elif form == "markdown":
        click.echo(compare_told.markdown(found), nl=False)
    else:
        colour = coloured(sys.stdout.isatty())
        told = compare_told.render(found, width=columns(sys.stdout.isatty()), colour=colour)
        click.echo(told, nl=False, color=colour)
    return int(ExitCode.PASS if fail_on is None else _gated(found))


def _newest(path: Path) -> Path:
    """The latest run in a folder of runs; anything else as it is."""
    is_run = any((path / name).is_file() for name in ("run.json", "journal.jsonl"))
    return path / "latest" if not is_run and (path / "latest").is_dir() else path


def _gated(found: Comparison) -> ExitCode:
    """What was not measured, or could not have shown anything, must not read as "nothing is failing anew"."""
    from agentops.errors import ExitCode
    from agentops.stats.compare import Change

    if found.of(Change.NEWLY_FAILING) or found.has_lost:
        return ExitCode.FAIL
    if found.unmeasured:
        click.echo(f"error: {len(found.unmeasured)} cases have no measured run on a side", err=True)
        return ExitCode.ERROR
    if found.blind == len(found.cases):
        click.echo("inconclusive: no case has enough runs to be newly failing", err=True)
        click.echo("hint: 3 runs of a case on either side are the least, 5 tell more", err=True)
        return ExitCode.INCONCLUSIVE
    return ExitCode.PASS
