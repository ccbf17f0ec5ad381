"""Earlier runs that a regression is measured against."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agentops.errors import ConfigError
from agentops.gate.gauges.base import Baseline
from agentops.model.codec import DecodeError, decode
from agentops.model.outcome import Outcome
from agentops.model.run import RunResult
from agentops.model.verdict import Criterion, Policy


def load(criteria: Sequence[Criterion], *, folder: Path, root: Path) -> Mapping[str, Baseline]:
    """The baselines that the criteria name, by name: a path to a run.json, or the name of one in the folder.

    Raises ConfigError for one that is not there, is no run, or holds no evals.
    """
    found: dict[str, Baseline] = {}
    for criterion in criteria:
        if criterion.against is None:
            continue
        # A criterion on some of the cases has the baseline of these under its own name.
        name = criterion.name if criterion.where.cases else criterion.against
        if name not in found:
            found[name] = _counts(_path(criterion, folder=folder, root=root), criterion)
    return found


def without(policy: Policy, name: str | None, *, folder: Path, root: Path) -> Policy:
    """The policy without regressions against a baseline that is about to be made and is not there yet."""
    new = {c for c in policy.criteria if name is not None and c.against == name and _find(c, folder, root) is None}
    kept = tuple(c for c in policy.criteria if c not in new)
    return replace(policy, criteria=kept, aside=(*policy.aside, *new)) if new else policy


def _find(criterion: Criterion, folder: Path, root: Path) -> Path | None:
    name = criterion.against or ""
    places = [root / name, root / name / "run.json", root / folder / f"{name}.json"]
    return next((place for place in places if place.is_file()), None)


def _path(criterion: Criterion, *, folder: Path, root: Path) -> Path:
    name = criterion.against or ""
    path = _find(criterion, folder, root)
    if path is None:
        raise ConfigError(
            f"{criterion.origin}: there is no baseline {name!r}: neither a run.json nor {folder}/{name}.json",
            hint=f"keep a run as a baseline with agentops check --save-baseline {name}",
        )
    return path


def _counts(path: Path, criterion: Criterion) -> Baseline:
    """Passes and failures of each case over the rounds that were full: a run that stopped early stopped because of
    what it showed."""
    try:
        run = decode(RunResult, json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, DecodeError, RecursionError) as error:
        raise ConfigError(f"{criterion.origin}: {path} is no run: {error}", hint="name a run.json") from None
    evals = run.stage("evals")
    if evals is None or not evals.cases:
        raise ConfigError(f"{criterion.origin}: {path} is a run without evals", hint="name another one")
    full = min((len(case.attempts) for case in evals.cases), default=0)
    counts = {}
    for case in evals.cases:
        if not criterion.where.takes(case.suite, case.tags):
            continue
        outcomes = [a.outcome for a in case.attempts if a.run <= full]
        counts[case.case_id] = (outcomes.count(Outcome.PASS), outcomes.count(Outcome.FAIL))
    return counts
