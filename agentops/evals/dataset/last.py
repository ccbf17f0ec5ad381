"""Which cases failed last, out of the folders that runs leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentops.errors import UsageError
from agentops.model.outcome import Outcome
from agentops.text import one_line

_BAD = (Outcome.FAIL.value, Outcome.ERROR.value)


def failed(base: Path, *, agent: str) -> tuple[str, frozenset[str]]:
    """The id of the agent's newest run below `base` that asked cases, and the cases in it that failed or were errors.

    Looks only, and passes by what is no run of this agent or did not end. Raises UsageError where there is none.
    """
    runs = base.resolve() / "runs"
    # The name of a run's folder begins with its time.
    for folder in sorted((f for f in _folders(runs)), key=lambda f: f.name, reverse=True):
        cases = _cases(folder / "run.json", agent)
        if cases:
            return one_line(folder.name, 60), frozenset(name for name, outcome in cases if outcome in _BAD)
    raise UsageError(
        f"{runs} holds no run of the agent {one_line(agent, 60)!r} that asked cases",
        hint="run agentops eval once without --last-failed, or name the folder of its runs with --out",
    )


def _folders(runs: Path) -> Iterator[Path]:
    try:
        yield from (path for path in runs.iterdir() if path.is_dir())
    except OSError:
        return


def _cases(path: Path, agent: str) -> list[tuple[str, Any]]:
    """Id and outcome of each case in a run's document; nothing where it is none of this agent's.

    It is read as plain data: what a run of another version looks like besides is of no concern here.
    """
    try:
        run = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(run, dict) or run.get("agent") != agent or not isinstance(run.get("stages"), list):
        return []
    return [
        (case["case_id"], case.get("outcome"))
        for stage in run["stages"]
        if isinstance(stage, dict) and stage.get("name") == "evals" and isinstance(stage.get("cases"), list)
        for case in stage["cases"]
        if isinstance(case, dict) and isinstance(case.get("case_id"), str)
    ]
