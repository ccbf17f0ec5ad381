"""From a file to a suite."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from agentops.config import document
from agentops.contracts import MetricKind
from agentops.errors import ConfigError
from agentops.evals.dataset import check, formats, tables
from agentops.evals.dataset.assertions import Assertions
from agentops.evals.dataset.attached import Named
from agentops.evals.dataset.cases import Cases
from agentops.evals.dataset.check import Entry
from agentops.evals.dataset.columns import SCHEMA
from agentops.evals.dataset.source import Source
from agentops.model.case import Case, Suite
from agentops.model.finding import Location

_MOST = 12


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """No search for garbage meanwhile. What is read here stays, and the collector looking at it again and again takes
    more than half of the time that a large file takes."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def suite(path: Path, *, shown: str, metrics: Mapping[str, MetricKind], files: Source) -> Suite:
    """Read one evalset. `shown` is how messages call it. Raises ConfigError naming file and line."""
    known = document.load_schema(SCHEMA)["$defs"]["assertion"]["properties"]
    own = frozenset(metrics) - frozenset(known)
    written = formats.read(path, shown=shown, kinds=(*known, *sorted(own)), files=files)
    found = written.document
    check.head(found, own)
    named = Named(path.parent, files)
    entries = tables.entries(found, named, numbered=written.numbered)
    check.cases(found, entries, own)
    make = Cases(found, Assertions(found, metrics), named)
    cases = tuple(_made(make, entries))
    return Suite(found.data.get("name") or path.stem, shown, named.digest(found.sha256), cases)


def _made(make: Cases, entries: Iterable[Entry]) -> Iterator[Case]:
    """The cases. Raises ConfigError with what is wrong in up to so many of them."""
    errors: list[ConfigError] = []
    for entry in entries:
        try:
            case = make.of(entry)
        except ConfigError as error:
            errors.append(error)
            if len(errors) == _MOST:
                break
        else:
            yield case
    if len(errors) == 1:
        raise errors[0]
    if errors:
        hints = dict.fromkeys(error.hint for error in errors if error.hint)
        told = tuple(error.message if len(hints) == 1 else f"{error.message}; {error.hint}" for error in errors)
        raise ConfigError(errors[0].message, problems=told, hint=next(iter(hints)) if len(hints) == 1 else "")


def unique(suites: Iterable[Suite]) -> None:
    """Refuse two cases of one id: reports know a case by it. Raises ConfigError."""
    seen: dict[str, Location] = {}
    for case in (case for suite in suites for case in suite.cases):
        if case.id in seen:
            raise ConfigError(
                f"{case.location}: the case id {case.id!r} is taken by {seen[case.id]}",
                hint="give every case an id of its own",
            )
        seen[case.id] = case.location
