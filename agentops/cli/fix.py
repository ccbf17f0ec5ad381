"""What `agentops prompts --fix` and `--diff` do: mend templates in place, or show what would be mended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path

import click

from agentops.errors import ExitCode
from agentops.text import clean, inert, said


def carry_out(
    paths: Sequence[Path],
    *,
    write: bool,
    root: Path,
    exclude: Sequence[str] = (),
    trust: Mapping[str, str] | None = None,
    markers: Sequence[tuple[str, str]] = (),
    baseline: str | None = None,
    fail_at: float = 0.8,
    strict: bool = False,
    split: bool | None = None,
    roles: bool = False,
    escape: bool = False,
) -> ExitCode:
    """Mend the templates below the paths, or with `write` off print the unified diff; say what was done and left.

    The diff goes to standard output, remarks to standard error. Returns what a check of the mended files would: FAIL
    where one is above `fail_at`, ERROR where one could not be measured, else PASS. What the file
    `baseline` (relative to `root`) holds does not count. Raises ConfigError for the paths,
    for `trust` and for `baseline`, ReportError where a file cannot be written.
    """
    from agentops import suppress
    from agentops.injection.accepted import gate_risk
    from agentops.injection.mend import Options, mend_files
    from agentops.injection.mend import write as write_file
    from agentops.injection.risk import WARN_AT
    from agentops.stages.prompts import waived_by

    known = None if baseline is None else suppress.read_baseline(root / baseline, shown=baseline)
    options = Options(strict=strict, threshold=min(fail_at, WARN_AT), split=split, roles=roles, escape=escape)
    done = mend_files(paths, root=root, exclude=exclude, trust=trust, markers=markers, options=options)
    mended = [f for f in done.files if f.changed]
    for file in mended:
        if write:
            write_file(file.path, file.mend.edits, text=file.before, root=root)
            for line in file.mend.done:
                click.echo(f"mended {said(line, 1000)}")
        else:
            click.echo("".join(diff(file.name, file.before, file.mend.text)), nl=False)
    for file in done.files:
        for line in file.mend.left:
            click.echo(f"left {said(line, 1000)}", err=True)
    for error in done.errors:
        click.echo(f"error: {said(error.message, 1000)}", err=True)
    templates = done.templates if known is None else waived_by(known, done.templates)
    risks = [(t, gate_risk(t)) for t in templates]
    over = [(t, r.high if strict else r.low) for t, r in risks if (r.high if strict else r.low) > fail_at]
    for one, risk in over:
        click.echo(f"above {fail_at:g}: {said(one.path, 300)}:{one.line} risk {risk:.2f}", err=True)
    verb = "mended" if write else "to mend"
    files = "file" if len(mended) == 1 else "files"
    click.echo(
        f"{len(mended)} {files} {verb}, {len(over)} above {fail_at:g}, {len(done.errors)} not measured", err=True
    )
    if done.errors:
        return ExitCode.ERROR
    return ExitCode.FAIL if over else ExitCode.PASS


def diff(name: str, before: str, after: str) -> Iterator[str]:
    """The unified diff, line by line, safe to print."""
    shown = said(name, 300)
    old, new = ([f"{line}\n" for line in _lines(text)] for text in (before, after))
    for line in unified_diff(old, new, f"a/{shown}", f"b/{shown}"):
        yield inert(clean(line))


def _lines(text: str) -> list[str]:
    """The lines as the file counts them: str.splitlines would break at more than \\n."""
    return text.removesuffix("\n").split("\n")
