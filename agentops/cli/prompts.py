"""agentops prompts."""

from __future__ import annotations

from pathlib import Path

import click

from agentops.cli import options
from agentops.cli.prompts_asked import Asked, check_mending, check_there, planned


@click.command("prompts")
@click.argument("places", nargs=-1, type=click.Path(), metavar="[PATH]...")
@options.config
@options.environment
@click.option("--prompts-dir", "dirs", multiple=True, type=click.Path(), help="The same as PATH.")
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
@click.option("--fix", "fixing", is_flag=True, help="Mend the templates: marks and a declaration. See docs.")
@click.option("--diff", "showing", is_flag=True, help="Print what --fix would change, and change nothing.")
@click.option("--split", is_flag=True, help="With --fix or --diff: may cut a text without roles into roles.")
@click.option("--fix-roles", is_flag=True, help="With --fix or --diff: may move a value out of system text.")
@click.option("--escape", is_flag=True, help="With --fix or --diff: may add an escaping filter.")
@click.option("--no-cache", is_flag=True, help="Analyse every file, changed or not.")
@options.sarif
@options.output
def command(
    config_path: Path | None,
    environment: str | None,
    places: tuple[str, ...],
    dirs: tuple[str, ...],
    threshold: float | None,
    strict: bool,
    form: str,
    baseline: Path | None,
    write_baseline: Path | None,
    fixing: bool,
    showing: bool,
    split: bool,
    fix_roles: bool,
    escape: bool,
    no_cache: bool,
    out_base: Path,
    junit_path: Path | None,
    sarif_path: Path | None,
    quiet: bool,
) -> int:
    """Analyse the prompt templates in each PATH, a folder or a file, for injection risk.

    Without a PATH, those that the configuration names. Needs no configuration where a PATH is given.
    """
    mending = fixing or showing
    check_mending(
        fixing=fixing, showing=showing, form=form, more=split or fix_roles or escape, writing=write_baseline is not None
    )
    check_there(dirs, "--prompts-dir")
    check_there(places, "PATH")
    dirs = (*places, *dirs)
    # Absolute without links resolved: the cache refuses to lie behind a link.
    cache = None if no_cache else out_base.absolute() / "cache" / "prompts"
    asked = Asked(dirs, config_path, environment, threshold, strict, baseline, write_baseline, cache)
    if form == "json" and not mending and junit_path is None and sarif_path is None:
        from agentops.cli import prompts_quick

        if (answer := prompts_quick.answer(asked)) is not None:
            return prompts_quick.tell(answer, quiet=quiet)
    settings, plan = planned(asked)
    if mending and settings.prompts is not None:
        from agentops.cli import fix

        some = settings.prompts
        return fix.carry_out(
            [Path(p) for p in some.paths], write=fixing, root=settings.root, exclude=some.exclude,
            trust=some.trust, markers=some.markers, baseline=some.baseline, fail_at=some.fail_at, strict=some.strict,
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
