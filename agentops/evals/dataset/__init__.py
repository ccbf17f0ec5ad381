"""Evalsets: files of cases, read and held against their schema before anything is spent; their composition; and the
choice of a part of them.

An evalset is YAML, JSON, JSON lines or CSV: docs/evalsets.md says how each is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agentops.contracts import MetricKind
from agentops.evals.dataset import loading
from agentops.evals.dataset.choice import Choice, Chosen, choose
from agentops.evals.dataset.composition import Composition, composition, render
from agentops.evals.dataset.loading import unique
from agentops.evals.dataset.source import WorkTree
from agentops.evals.metrics import DETERMINISTIC
from agentops.model.case import Suite

__all__ = ["Choice", "Chosen", "Composition", "Suite", "choose", "composition", "load", "render", "unique"]


def load(paths: Sequence[str], *, root: Path, metrics: Mapping[str, MetricKind] = DETERMINISTIC) -> tuple[Suite, ...]:
    """Read the evalsets. Case ids are unique over all of them: reports know a case by its id.

    `metrics` are the kinds of assertions that there are besides joins and the judge; one that the schema does not know
    takes any parameters that its own check lets through.

    Raises ConfigError naming file and line for a missing file, an empty suite, a case that asks or expects nothing, a
    duplicate id, or an assertion that cannot be meant.
    """
    files = WorkTree()
    with loading.without_collection():
        suites = tuple(loading.suite(root / path, shown=path, metrics=metrics, files=files) for path in paths)
    unique(suites)
    return suites
