"""agentops prompts."""

from __future__ import annotations

from pathlib import Path

import click

from agentops.cli import options
from agentops.cli.prompts_asked import Asked, planned
from agentops.errors import UsageError


@click.command("prompts")
@options.config
@options.environment
@click.option("--prompts-dir", "dirs", multiple=True, type=click.Path(), help="A folder or file (may be repeated).")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, max_open=True),
    default=None,
    help="A risk above this fails.  [default: 0.8]",
)
@click.option("--strict", is_flag=True, help="Unknown variables count at their worst.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True,
    help="What stands on standard output. json and sarif leave no folder of the run.",
)  # fmt: skip
@click.option(
    "--baseline", type=click.Path(path_type=Path, dir_okay=False), default=None,
    help="Findings in this file were there before and do not count.",
)  # fmt: skip
@click.option(
    "--write-baseline", type=click.Path(path_type=Path, dir_okay=False), default=None,
    help="Write the findings of this run as a baseline, and judge by it.",
)  # fmt: skip
@click.option("--fix", "mending", flag_value="fix", help="Mend the templates: marks and a declaration. See docs.")
@click.option("--diff", "mending", flag_value="diff", help="Print what --fix would change, and change nothing.")
@click.option("--split", is_flag=True, help="With --fix or --diff: may cut a text without roles into roles.")
@click.option("--fix-roles", is_flag=True, help="With --fix or --diff: may move a value out of system text.")
@click.option("--escape", is_flag=True, help="With --fix or --diff: may add an escaping filter.")
@click.option("--no-cache", is_flag=True, help="Analyse every file, changed or not.")
@options.sarif
@options.output
def command(
    config_path: Path | None,
    environment: str | None,
    dirs: tuple[str, ...],
    threshold: float | None,
    strict: bool,
    form: str,
    baseline: Path | None,
    write_baseline: Path | None,
    mending: str | None,
    split: bool,
    fix_roles: bool,
    escape: bool,
    no_cache: bool,
    out_base: Path,
    junit_path: Path | None,
    sarif_path: Path | None,
    quiet: bool,
) -> int:
    """Analyse prompt templates for injection risk. Needs no configuration where --prompts-dir is given."""
    # Absolute without links resolved: the cache refuses to lie behind a link.
    cache = None if no_cache else out_base.absolute() / "cache" / "prompts"
    asked = Asked(dirs, config_path, environment, threshold, strict, baseline, write_baseline, cache)
    if mending is None and (split or fix_roles or escape):
        raise UsageError("--split, --fix-roles and --escape say how to mend", hint="add --fix or --diff")
    if form == "json" and mending is None and junit_path is None and sarif_path is None:
        from agentops.cli import prompts_quick

        if (answer := prompts_quick.answer(asked)) is not None:
            return prompts_quick.tell(answer, quiet=quiet)
    settings, plan = planned(asked)
    if mending is not None and settings.prompts is not None:
        from agentops.cli import fix

        some = settings.prompts
        return fix.carry_out(
            [Path(p) for p in some.paths], write=mending == "fix", root=settings.root, exclude=some.exclude,
            trust=some.trust, markers=some.markers, fail_at=some.fail_at, strict=some.strict,
            split=split or None, roles=fix_roles, escape=escape,
        )  # fmt: skip
    if form == "text":
        from agentops.cli.run import carry_out

        return carry_out(plan, out_base=out_base, junit_path=junit_path, sarif_path=sarif_path, quiet=quiet)
    from agentops.cli.prompts_paths import Given
    from agentops.cli.prompts_run import carry_out_to_stdout

    paths = settings.prompts.paths if settings.prompts else ()
    given = Given(dirs, Path.cwd(), root=settings.root) if dirs else Given(paths, settings.root, root=settings.root)
    return carry_out_to_stdout(
        plan, form=form, given=given, junit_path=junit_path, sarif_path=sarif_path, quiet=quiet
    )  # fmt: skip
