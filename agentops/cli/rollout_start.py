"""Everything between the command line and the first write: look, admit, plan, refuse."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from agentops.cli import rollout_inputs
from agentops.errors import AgentopsError, ExitCode, UsageError
from agentops.gate import admission
from agentops.model.rollout import Plan, State
from agentops.rollout import credentials, notify, preflight
from agentops.rollout.journal import noted
from agentops.rollout.lease import Locked
from agentops.rollout.plan import lines, longest_s, plan_document
from agentops.rollout.plan import plan as make_plan
from agentops.rollout.traffic import choose

if TYPE_CHECKING:
    from agentops.cli.rollout_session import Session
    from agentops.rollout.shadow.sessions import Recorded


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rollout before its first write. `refusals` are whole lines with their mend; `refused` is the one error where it
    is of its own kind (a record that does not admit), `recorded` the sessions that are replayed, if any."""

    state: State
    plan: Plan
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    refused: AgentopsError | None = None
    recorded: Recorded | None = None


def prepare(session: Session, image: str, *, broke_glass: str, who: str) -> Prepared:
    """Look at everything and decide; writes nothing. Raises ApiDown, Locked, UsageError; the latter also for files that
    are to be put to the canary and cannot be."""
    place, cluster, now = session.place, session.cluster, time.time()
    recorded = rollout_inputs.read(session)
    _not_under_way(session)
    choice = choose.choose(cluster, place)
    found = preflight.preflight(cluster, place, image, mode=choice.mode, route=choice.route or None)
    entered = credentials.read(session.kubectl, now=now)
    admitted, refused = _admit(session, image, broke_glass=broke_glass, now=now)
    stable = found.work.replicas if found.work is not None else 1
    left = credentials.seconds_left(entered, now=now)
    plan = make_plan(
        place, choice.mode, choice.why, stable, route=choice.route or place.route, credentials_s=left,
        record_s=admitted.expires_at - now if admitted else None,
    )  # fmt: skip
    plan = replace(plan, route=choice.route or place.route or "")
    warnings = [*found.warnings, *choice.warnings, *entered.warnings, *notify.lacking(place.notify, os.environ)]
    if left is None and (problem := credentials.outlives(entered, longest_s(place, choice.mode), now=now)):
        warnings.append(problem)
    if broke_glass:
        warnings.append(f"no record admits this image: the glass was broken by {who}: {broke_glass}")
    if admitted and admitted.scripted:
        warnings.append(f"in the run that admitted it a script played the {', '.join(admitted.scripted)}")
    state = State(
        id=secrets.token_hex(4), app=place.deployment, environment=place.name, namespace=cluster.namespace,
        image=admitted.image if admitted else image, before=found.work.image if found.work else "", plan=plan,
        record=admitted.record_sha256 if admitted else "", broke_glass=broke_glass,
        policy_sha256=admitted.policy_sha256 if admitted else "",
    )  # fmt: skip
    for text in warnings:
        state = noted(state, f"warning: {text}", now=now)
    refusals = (*found.problems, *choice.refusals, *plan.refusals)
    return Prepared(state, plan, tuple(dict.fromkeys(refusals)), tuple(dict.fromkeys(warnings)), refused, recorded)


def show_plan(session: Session, prepared: Prepared) -> int:
    """Print the plan, what it can show, and what refuses it."""
    plan = replace(
        prepared.plan,
        refusals=tuple(dict.fromkeys((*_told(prepared.refused), *prepared.refusals))),
        warnings=tuple(dict.fromkeys((*prepared.plan.warnings, *prepared.warnings))),
    )
    if session.as_json:
        click.echo(json.dumps(plan_document(plan), indent=2))
    else:
        for line in lines(plan):
            click.echo(line)
    return int(ExitCode.USAGE if plan.refusals else ExitCode.PASS)


def refuse(prepared: Prepared) -> None:
    """Raise what refuses the rollout; warnings are told."""
    for text in prepared.warnings:
        click.echo(f"warning: {text}", err=True)
    if prepared.refused is not None:
        raise prepared.refused
    if prepared.refusals:
        first, *rest = prepared.refusals
        raise UsageError("\n  ".join(("the rollout is refused; nothing was written:", first, *rest)))


def _admit(
    session: Session, image: str, *, broke_glass: str, now: float
) -> tuple[admission.Admitted | None, AgentopsError | None]:
    """The record that admits the image, or why none does. With a broken glass none is asked for."""
    if broke_glass:
        return None, None
    try:
        return admission.admit(session.place, image, settings=session.settings, now=now), None
    except AgentopsError as error:
        return None, error


def _told(error: AgentopsError | None) -> tuple[str, ...]:
    if error is None:
        return ()
    return (error.message + (f": {error.hint}" if error.hint else ""),)


def _not_under_way(session: Session) -> None:
    """A second rollout is refused before anything else, with whoever holds the first."""
    state = session.journal.refresh()
    if state is None or state.phase.ended:
        return
    holder = session.lease.look()
    held = f", held by {holder}" if holder else ", run by nobody just now"
    raise Locked(
        f"locked: the rollout {state.id} is under way in its phase {state.phase.value}{held}",
        hint="`agentops rollout status` shows it, `resume` goes on with it, `abort` goes back",
    )
