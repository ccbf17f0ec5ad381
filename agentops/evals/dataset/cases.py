"""Checked data into cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from agentops.config import document
from agentops.config.document import Document, Keys
from agentops.errors import ConfigError
from agentops.evals.dataset.assertions import Assertions
from agentops.evals.dataset.attached import Named
from agentops.evals.dataset.check import Entry
from agentops.evals.dataset.columns import SCHEMA
from agentops.model.case import Assertion, Attachment, Case, Step, Turn
from agentops.model.finding import Location


class Cases:
    """Makes the cases of one document, whose data the schema allows."""

    def __init__(self, found: Document, assertions: Assertions, named: Named) -> None:
        self._found = found
        self._assertions = assertions
        self._named = named
        self._tags: Sequence[str] = found.data.get("tags", ())
        self._defaults: Mapping[str, Any] = found.data.get("defaults", {})
        # The same for every case: made, and complained of, once.
        at: Keys = ("defaults",)
        self._expect = assertions.of(self._defaults.get("expect", ()), (*at, "expect"))
        self._steps = {key: self._made(self._defaults.get(key, ()), (*at, key), "") for key in ("setup", "after")}

    def of(self, entry: Entry) -> Case:
        """The case. Raises ConfigError with its place where nothing, or no single thing, is asked, nothing is expected,
        more runs have to pass than are made, or something cannot be meant."""
        data, keys = entry.data, entry.keys
        self._refuse(entry)
        told = f"{entry.label.partition(' ')[2]}: " if " " in entry.label else ""
        turns = self._turns(data, keys, told)
        setup, after = (
            self._made(data[key], (*keys, key), told) if key in data else self._steps[key] for key in ("setup", "after")
        )
        expect = self._assertions.of(data.get("expect", ()), (*keys, "expect"), told=told) + self._expect
        if not expect and not after and not any(turn.expect for turn in turns):
            raise ConfigError(
                f"{entry.location}: the case {data['id']!r} expects nothing",
                hint="write expect with at least one assertion, on the case or a turn, or look at something after it",
            )
        runs, needed = (data.get(key, self._defaults.get(key)) for key in ("runs", "needed"))
        if runs is not None and needed is not None and needed > runs:
            raise ConfigError(
                f"{entry.location}: the case {data['id']!r} needs {needed} passed of {runs} runs",
                hint="lower needed, or raise runs",
            )
        return Case(
            id=data["id"],
            turns=turns,
            tags=tuple(dict.fromkeys((*self._tags, *data.get("tags", ())))),
            expect=expect,
            location=entry.location,
            weight=float(data.get("weight", self._defaults.get("weight", 1.0))),
            runs=None if runs is None else int(runs),
            needed=None if needed is None else int(needed),
            setup=setup,
            after=after,
            origin=data.get("origin", ""),
        )

    def _refuse(self, entry: Entry) -> None:
        data, place = entry.data, entry.location
        for word in (data["id"], *data.get("tags", ()), *self._tags):
            if word.endswith("\n"):  # a pattern's end lets one through
                raise ConfigError(f"{place}: {word.strip()!r} ends in a line break", hint="write it on one line")
        if ("input" in data) == ("turns" in data):
            what = "both input and turns" if "input" in data else "neither input nor turns"
            raise ConfigError(f"{place}: the case {data['id']!r} has {what}", hint="give exactly one of them")
        if "files" in data and "turns" in data:
            raise ConfigError(
                f"{place}: the case {data['id']!r} has files beside turns", hint="give the files to one of the turns"
            )

    def _turns(self, data: Mapping[str, Any], keys: Keys, told: str) -> tuple[Turn, ...]:
        if "turns" not in data:
            return (Turn(data["input"], self._files(data, keys)),)
        return tuple(
            Turn(
                turn["input"],
                self._files(turn, (*keys, "turns", i)),
                self._assertions.of(turn.get("expect", ()), (*keys, "turns", i, "expect"), told=told),
            )
            for i, turn in enumerate(data["turns"])
        )

    def _files(self, data: Mapping[str, Any], keys: Keys) -> tuple[Attachment, ...]:
        return tuple(
            self._named.attachment(name, place=self._found.place((*keys, "files", i)))
            for i, name in enumerate(data.get("files", ()))
        )

    def _made(self, steps: Sequence[Mapping[str, Any]], keys: Keys, told: str) -> tuple[Step, ...]:
        return tuple(self._step(step, (*keys, i), told) for i, step in enumerate(steps))

    def _step(self, data: Mapping[str, Any], keys: Keys, told: str) -> Step:
        ((kind, value),) = data.items()
        line = next((self._found.lines[k] for k in (keys, keys[:-1], keys[:2]) if k in self._found.lines), None)
        location = Location(self._found.path, line)
        if not isinstance(value, dict):
            return Step(kind, {"value": value}, location)
        expect: tuple[Assertion, ...] = self._assertions.of(
            value.get("expect", ()), (*keys, kind, "expect"), told=told, judged=False
        )
        return Step(kind, {**_defaults_of(kind), **value, "expect": expect}, location)


@cache
def _defaults_of(kind: str) -> Mapping[str, Any]:
    """What the schema says of a step where the case does not."""
    parts = document.load_schema(SCHEMA)["$defs"][kind]["properties"]
    return {key: part["default"] for key, part in parts.items() if "default" in part}
