"""Metrics of the user's: a Python file that the config names, or an installed entry point that it names.

Either holds METRICS, a mapping from a metric's name to a function of the assertion's parameters and what was seen
(model.seen.Seen). The function returns True or False, a pair of that and a reason, or a Judgement; it raises
Unjudgeable where it cannot tell. In place of a function a MetricKind may stand. The code runs in the tool's process.
"""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from agentops.contracts import Judgement, MetricKind
from agentops.errors import ConfigError
from agentops.evals.metrics import ASKED, CUSTOM, DETERMINISTIC, JOINS
from agentops.model.seen import Seen
from agentops.text import one_line

GROUP = "agentops.metrics"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_HINT = "METRICS maps the name of a metric to a function of its parameters and what was seen; see docs/metrics.md"


def load(files: Sequence[str], plugins: Sequence[str], root: Path) -> Mapping[str, MetricKind]:
    """The metrics of these files, relative to `root`, and of the entry points of these names in GROUP, by name.

    Raises ConfigError naming the file or entry point and the cause: it is missing, breaks when it is loaded, holds no
    METRICS, or names a metric by a name that is taken.
    """
    found: dict[str, MetricKind] = {}
    sources: dict[str, str] = {}
    for place, metrics in [
        *((f, _file(root / f, f)) for f in files),
        *((f"entry point {p}", _plugin(p)) for p in plugins),
    ]:
        for name, given in metrics.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ConfigError(f"{place}: {one_line(repr(name), 80)} is no name of a metric", hint=_HINT)
            if name in DETERMINISTIC or name in (*JOINS, *ASKED, CUSTOM, "not"):
                raise ConfigError(
                    f"{place}: the name {name!r} is taken by a metric of the tool's own", hint="rename it"
                )
            if name in sources:
                raise ConfigError(f"{place}: the name {name!r} is taken by {sources[name]}", hint="rename one of them")
            if not isinstance(given, MetricKind) and not callable(given):
                raise ConfigError(f"{place}: METRICS[{name!r}] is no function", hint=_HINT)
            found[name] = given if isinstance(given, MetricKind) else MetricKind(_metric(given))
            sources[name] = place
    return found


def check(params: Mapping[str, Any], known: Mapping[str, MetricKind]) -> None:
    """Refuse an assertion of kind `custom` whose metric is not among the loaded ones, or refuses its parameters."""
    name = params["metric"]
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise ConfigError(
            f"unknown custom metric {name!r}; known: {listed}", hint="name its file in evals.metrics, or mend the name"
        )
    known[name].check(parameters(params))


def parameters(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the metric itself is given: all but its name."""
    return {key: value for key, value in params.items() if key != "metric"}


def _file(path: Path, shown: str) -> Mapping[str, Any]:
    if not path.is_file():
        raise ConfigError(f"{shown}: no such file", hint="correct evals.metrics")
    # Beside the names that could be imported: a file must not stand in for a library by its name.
    name = f"_agentops_metrics_{abs(hash(str(path.resolve()))):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{shown}: no Python file", hint="correct evals.metrics")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        line = _line(error, str(path))
        raise ConfigError(f"{shown}{line}: cannot be loaded: {_cause(error)}", hint="mend the file") from error
    return _metrics(getattr(module, "METRICS", None), shown)


def _plugin(name: str) -> Mapping[str, Any]:
    place = f"entry point {name}"
    points = tuple(metadata.entry_points(group=GROUP, name=name))
    if not points:
        raise ConfigError(f"{place}: none of this name in the group {GROUP}", hint="install it beside agentops")
    if len(points) > 1:
        raise ConfigError(f"{place}: {len(points)} packages bring it", hint="uninstall one of them")
    try:
        loaded = points[0].load()
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{place}: cannot be loaded: {_cause(error)}", hint="mend or remove the plug-in") from error
    return _metrics(loaded if isinstance(loaded, Mapping) else getattr(loaded, "METRICS", None), place)


def _metrics(found: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping) or not found:
        raise ConfigError(f"{place}: holds no METRICS", hint=_HINT)
    return found


def _metric(function: Callable[..., Any]) -> Callable[[Mapping[str, Any], Seen], Judgement]:
    def judge(params: Mapping[str, Any], seen: Seen) -> Judgement:
        result = function(params, seen)
        holds, reason = result if isinstance(result, tuple) and len(result) == 2 else (result, "")
        if isinstance(result, Judgement):
            if isinstance(result.holds, bool) and (result.value is None or math.isfinite(result.value)):
                return result
        elif isinstance(holds, bool) and isinstance(reason, str):
            return Judgement(holds, reason or ("it holds" if holds else "it does not hold"))
        raise TypeError(f"the metric gave {one_line(repr(result), 60)}, no bool, no (bool, reason), no Judgement")

    return judge


def _line(error: BaseException, path: str) -> str:
    """`:N` of the file's own line at which it broke."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f":{error.lineno}"
    trace, line = error.__traceback__, None
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else line
        trace = trace.tb_next
    return "" if line is None else f":{line}"


def _cause(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}", 200)
