"""What `agentops prompts` was asked, and the plan it comes to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.errors import ConfigError, UsageError
from agentops.text import said

if TYPE_CHECKING:
    from agentops.model.settings import Settings
    from agentops.pipeline import Plan


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says of the analysis. Paths are relative to where the command was called."""

    dirs: tuple[str, ...]
    config_path: Path | None
    environment: str | None
    threshold: float | None
    strict: bool
    baseline: Path | None
    write_baseline: Path | None
    cache: Path | None


def check_mending(*, fixing: bool, showing: bool, form: str, more: bool, writing: bool) -> None:
    """Raises UsageError where --fix and --diff are asked for together with what they do not do, or `more` without
    them."""
    if fixing and showing:
        raise UsageError("--fix and --diff exclude each other", hint="look with --diff, then write with --fix")
    if not (fixing or showing):
        if more:
            raise UsageError("--split, --fix-roles and --escape say how to mend", hint="add --fix or --diff")
        return
    option = "--fix" if fixing else "--diff"
    if form != "text":
        raise UsageError(f"{option} prints no {form}", hint=f"leave out --format, or run it without {option}")
    if writing:
        raise UsageError(f"{option} writes no baseline", hint=f"leave out --write-baseline, or {option}")


def check_there(paths: Sequence[str], option: str) -> None:
    """Raises ConfigError where one of the paths, given by that option, does not exist."""
    for path in paths:
        if not os.path.exists(path):  # noqa: PTH110 - also for what is no path at all
            raise ConfigError(f"{said(path, 300)} does not exist", hint=f"correct {option}, or create the folder")


def planned(asked: Asked) -> tuple[Settings, Plan]:
    """The settings and the plan of the one stage. Raises ConfigError or UsageError."""
    from dataclasses import replace

    from agentops import pipeline
    from agentops.cli import options
    from agentops.cli.standalone import settings_for
    from agentops.gate import policy
    from agentops.model.verdict import Criterion

    flags = {"prompts.strict": True} if asked.strict else {}
    settings = settings_for(
        asked.config_path, "prompts", "paths", asked.dirs, option="PATH or --prompts-dir", flags=flags
    )
    if settings.prompts is not None:
        prompts = replace(settings.prompts, cache=str(asked.cache) if asked.cache else None)
        if asked.threshold is not None:
            prompts, settings = replace(prompts, fail_at=asked.threshold), replace(settings, gate=())
        if asked.baseline is not None:
            prompts = replace(prompts, baseline=_below(asked.baseline, settings.root))
        if asked.write_baseline is not None:
            prompts = replace(prompts, write_baseline=_below(asked.write_baseline, settings.root))
        settings = replace(settings, prompts=prompts)
    rules = policy.build(settings, options.the_environment(asked.environment))
    if asked.threshold is not None:
        strict = settings.prompts is not None and settings.prompts.strict
        metric = "prompt_risk_high" if strict else "prompt_risk"
        limit = policy.checked(Criterion(metric, at_most=asked.threshold, origin="--threshold"))
        rules = policy.policy(rules.environment, (limit,), rules.allowance)
    return settings, pipeline.plan(settings, rules, only=("prompts",))


def _below(path: Path, root: Path) -> str:
    """The path from the project's folder, as messages name it."""
    return path.as_posix() if path.is_absolute() else os.path.relpath(path.absolute(), root)
