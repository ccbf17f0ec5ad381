"""What counts already when the evals begin: a run that was stopped and goes on, or evidence of earlier runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentops.contracts import AgentAdapter, Bench
from agentops.drivers import git
from agentops.errors import MeasurementError, TargetError
from agentops.evals import evidence
from agentops.model.case import Attempt, Case, Turn
from agentops.model.codec import encode
from agentops.model.records import Unfinished
from agentops.model.settings import Evals, Runs
from agentops.stages.evals_plan import Asked

_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Past:
    """The attempts that count already, the schedule that they were made along, and what reports must say of them.

    `lost` counts how often a run of a case was asked for by a job that did not see its end. `resumed` where the
    attempts lie in this run's own journal.
    """

    seed: int
    runs: Runs
    attempts: tuple[Attempt, ...] = ()
    lost: Mapping[tuple[str, int], int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    resumed: bool = False


class Inputs:
    """What is measured, as far as it can be told: what went into the image, or the state of the sources that a process
    runs from."""

    def __init__(self, image: str, bench: Bench, asked: Asked) -> None:
        self.image = image
        self._source = "" if image else git.fingerprint(bench.root)
        self._asked = asked.identity

    def begun(self, past: Past, runs: Runs) -> dict[str, Any]:
        """The record that begins the evals."""
        return {
            "seed": past.seed, "runs": encode(runs), "identity": self._asked, "image": self.image,
            "source": self._source, "earlier": 0 if past.resumed else len(past.attempts),
        }  # fmt: skip

    def refuse_others(self, before: Unfinished) -> str:
        """What to tell of a run that goes on, "" where nothing. Raises MeasurementError where it measured something
        else than what would be measured now."""
        told = before.begun
        if told.get("image") != self.image or (self._source and told.get("source") != self._source):
            raise MeasurementError(
                "the run that was stopped measured another agent: its image or its sources changed since",
                hint="start a new run",
            )
        if self.image or self._source:
            return ""
        return "whether the agent is still the one that was asked before could not be told"


def store_of(evals: Evals, asked: Asked, image: str) -> evidence.Store | None:
    """Where attempts on the same inputs are kept; None where nothing is, or the agent's inputs are not known. Raises
    MeasurementError where another job holds it."""
    if evals.evidence is None or not image:
        return None
    kept = evals.evidence
    name = evidence.key({"image": image, "asked": asked.identity})
    secret = os.environ.get(kept.key_env, "") if kept.key_env else ""
    return evidence.Store(asked.root / kept.folder, name, max_age_days=kept.max_age_days, secret=secret)


async def look_up(
    agent: AgentAdapter, store: evidence.Store | None, *, evals: Evals, asked: Asked, bench: Bench, inputs: Inputs
) -> Past:
    """What counts already. Raises MeasurementError where a stopped run cannot go on, TargetError where the agent does
    not answer."""
    fresh = Past(evals.seed, asked.runs)
    before = bench.resumed
    cases = [case for suite in asked.suites for case in suite.cases]
    if before is not None and before.begun:
        said = inputs.refuse_others(before)
        runs = Runs(**before.begun["runs"])
        if before.attempts and (
            other := await _other_model(agent, before.attempts, cases[0], evals=evals, bench=bench)
        ):
            raise MeasurementError(f"the run that was stopped is {other}", hint="start a new run")
        told = f"{len(before.attempts)} attempts were made before the run was stopped"
        return Past(before.begun["seed"], runs, before.attempts, before.lost, tuple(filter(None, (told, said))), True)
    if store is None:
        why = "" if evals.evidence is None else " (nothing identifies an agent without an image)"
        return replace(fresh, notices=(f"no earlier evidence was looked up: the verdict rests on this run alone{why}",))
    found = store.find()
    other = await _other_model(agent, found.attempts, cases[0], evals=evals, bench=bench)
    if other:
        found = evidence.Found(refused=store.drop(f"it is {other}"))
    if found.refused:
        return replace(fresh, notices=(found.refused,))
    if not found.attempts and not found.lost:
        return replace(fresh, notices=("there is no earlier evidence of the same inputs",))
    jobs = "1 earlier run" if found.jobs == 1 else f"{found.jobs} earlier runs"
    told = f"{len(found.attempts)} attempts of {jobs} of the same inputs count"
    inorder = tuple(replace(a, seq=i) for i, a in enumerate(found.attempts, 1))
    return Past(found.seed, found.runs, inorder, found.lost, (told,))


async def _other_model(
    agent: AgentAdapter, attempts: Sequence[Attempt], case: Case, *, evals: Evals, bench: Bench
) -> str:
    """Which models answered before and which answers now, "" where it is one and the same: only an answer tells."""
    known = {a.model for a in attempts if a.latency_s is not None}
    if not known:
        return ""
    answered = await _asked_once(agent, case, evals=evals, bench=bench)
    if known == {answered}:
        return ""
    names = ", ".join(sorted(str(model or "a model without a name") for model in known))
    return f"of {names}, now {answered or 'a model without a name'} answers"


async def _asked_once(agent: AgentAdapter, case: Case, *, evals: Evals, bench: Bench) -> str | None:
    """The model that answers a first question of the suite, in a conversation that counts for nothing."""
    for left in range(evals.retries, -1, -1):
        try:
            dialogue = agent.dialogue(f"{bench.run_id}-probe-{left}")
            return (await dialogue.say(Turn(case.input), timeout_s=evals.timeout_s)).model
        except TargetError as error:
            if not error.retryable or left == 0:
                raise
            await asyncio.sleep(error.retry_after_s if error.retry_after_s is not None else _PAUSE_S)
    return None
