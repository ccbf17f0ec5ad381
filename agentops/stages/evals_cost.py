"""What a run of the evals is likely to cost, going by the last one that told: an estimate before anything is spent."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agentops.drivers import folder
from agentops.errors import ReportError
from agentops.model.case import Attempt
from agentops.model.settings import Budget
from agentops.text import one_line

_FILE = Path(".agentops") / "spent.json"
_UNITS = (("tokens", "tokens", ",.0f"), ("usd", "USD", ".2g"))


def keep(root: Path, attempts: Iterable[Attempt], *, run_id: str) -> None:
    """Write down what an attempt of this run came to in the mean, as far as the agent told, where runs are kept below
    the root. A file that cannot be written costs the next estimate and nothing else."""
    made = [a for a in attempts if a.latency_s is not None and not a.earlier]
    told_by = [(a.input_tokens, a.output_tokens) for a in made]
    tokens = [given + back for given, back in told_by if given is not None and back is not None]
    usd = [a.cost_usd for a in made if a.cost_usd is not None]
    if not (tokens or usd) or not (root / _FILE.parent).is_dir():
        return
    told = {
        "run": run_id,
        "tokens": sum(tokens) / len(tokens) if tokens else None,
        "usd": sum(usd) / len(usd) if usd else None,
    }
    with contextlib.suppress(ReportError, OSError):
        folder.write(root / _FILE, (json.dumps(told),))


def estimate(root: Path, budget: Budget, *, fewest: int, utmost: int) -> str:
    """What so many attempts are likely to come to, or that nobody knows where the budget limits it; "" for nothing to
    tell."""
    told = _read(root)
    known, unknown = [], []
    for name, unit, form in _UNITS:
        if mean := told.get(name):
            low, high = (format(mean * attempts, form) for attempts in (fewest, utmost))
            known.append(f"{low} to {high} {unit}" if low != high else f"{high} {unit}")
        elif getattr(budget, name) is not None:
            unknown.append(unit)
    parts = [f"about {', '.join(known)}, going by run {told['run']}"] if known else []
    parts += [f"how many {' and '.join(unknown)} is not known before a run has told"] if unknown else []
    return "; ".join(parts)


def _read(root: Path) -> dict[str, Any]:
    """The means that were written down; empty where there are none that make sense."""
    try:
        told = json.loads((root / _FILE).read_text("utf-8"))
        means = {name: told[name] for name, _, _ in _UNITS}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    sound = all(m is None or (isinstance(m, int | float) and 0 <= m < math.inf) for m in means.values())
    return {**means, "run": one_line(str(told.get("run", "?")))} if sound else {}
