"""A case as the data that an evalset has for it: what the loader makes a case of, the other way round.

Reading what is written here gives the same case again, but for the places in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentops.evals.metrics import JOINS
from agentops.model.case import Assertion, Attachment, Case, Step, Turn

FilePath = Callable[[Attachment], str]
"""Where a file of a case is found, relative to the evalset."""


def case(one: Case, *, file_path: FilePath) -> dict[str, Any]:
    """The case as data. `file_path` is asked for every file that goes to the agent."""
    data: dict[str, Any] = {"id": one.id}
    if one.tags:
        data["tags"] = list(one.tags)
    if one.weight != 1.0:
        data["weight"] = one.weight
    data |= {key: value for key, value in (("runs", one.runs), ("needed", one.needed)) if value is not None}
    if one.origin:
        data["origin"] = one.origin
    if one.setup:
        data["setup"] = [_step(step) for step in one.setup]
    if len(one.turns) == 1 and not one.turns[0].expect:
        data |= _turn(one.turns[0], file_path)
    else:
        data["turns"] = [_turn(turn, file_path) for turn in one.turns]
    if one.expect:
        data["expect"] = [assertion(a) for a in one.expect]
    if one.after:
        data["after"] = [_step(step) for step in one.after]
    return data


def assertion(one: Assertion) -> dict[str, Any]:
    """The assertion as data; its weight is its parent's to write."""
    if one.kind in JOINS:
        parts = [assertion(part) for part in one.parts]
        if one.kind == "weighted":
            of = [{**part, "weight": a.weight} for part, a in zip(parts, one.parts, strict=True)]
            data: dict[str, Any] = {one.kind: {**one.params, "of": of}}
        else:
            data = {one.kind: parts}
    elif set(one.params) == {"value"}:
        data = {one.kind: one.params["value"]}
    else:
        data = {one.kind: dict(one.params)}
    return {"not": data} if one.negate else data


def _turn(turn: Turn, file_path: FilePath) -> dict[str, Any]:
    data: dict[str, Any] = {"input": turn.text}
    if turn.files:
        data["files"] = [file_path(file) for file in turn.files]
    if turn.expect:
        data["expect"] = [assertion(a) for a in turn.expect]
    return data


def _step(step: Step) -> dict[str, Any]:
    if step.kind == "say":
        return {step.kind: step.params["value"]}
    params: Mapping[str, Any] = step.params
    data = {key: value for key, value in params.items() if key != "expect"}
    if params.get("expect"):
        data["expect"] = [assertion(a) for a in params["expect"]]
    return {step.kind: data}
