"""What was seen held against its case. This is the one place that catches what a metric throws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from agentops.contracts import Judgement, MetricKind, Unjudgeable
from agentops.evals.metrics import ASKED, CUSTOM, DETERMINISTIC, JOINS, custom, policy
from agentops.model.case import Assertion, Case, Score
from agentops.model.outcome import Outcome, worst
from agentops.model.seen import Seen
from agentops.text import one_line

SILENCE = "the answer is empty, and silence proves nothing"

Custom = Mapping[str, MetricKind]
_NONE: Custom = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Asked:
    """An assertion of a case and the turn, counted from 0, whose answer it is held against. `where` tells people."""

    assertion: Assertion
    turn: int
    where: str = ""


def asked(case: Case) -> Iterator[Asked]:
    """Every assertion of the case: those of its turns in order, then those on the whole."""
    for number, turn in enumerate(case.turns):
        yield from (Asked(a, number, f"turn {number + 1}: ") for a in turn.expect)
    yield from (Asked(a, len(case.turns) - 1) for a in case.expect)


def judged(case: Case) -> tuple[Asked, ...]:
    """Those that a judge model or a content-safety service has to look at; their kind says which."""
    return tuple(a for a in asked(case) if a.assertion.kind in ASKED)


def score(case: Case, seen: Seen, *, custom_metrics: Custom = _NONE) -> tuple[Score, ...]:
    """A score for every assertion but those of `judged`, in the case's order; then the agent-wide tool policy's, where
    there is one. `custom_metrics` are the user's, by name."""
    scores = []
    for item in asked(case):
        if item.assertion.kind not in ASKED:
            so_far = Seen(seen.turns[: item.turn + 1], seen.answers[: item.turn + 1], seen.context)
            scores.append(hold(item.assertion, so_far, where=item.where, custom_metrics=custom_metrics))
    if seen.context.tools is not None:
        scores.append(policy.judge(seen.context.tools, seen))
    return tuple(scores)


def outcome(case: Case, scores: Sequence[Score]) -> Outcome:
    """The attempt's outcome: every assertion must have been judged; one that was not is an error."""
    waiting = [Outcome.ERROR] * len(judged(case))
    return worst([s.outcome for s in scores] + waiting)


def hold(assertion: Assertion, seen: Seen, *, where: str = "", custom_metrics: Custom = _NONE) -> Score:
    """One assertion on what was seen, negation and joined parts included. Never raises."""
    join = assertion.kind in JOINS
    result = _joined(assertion, seen, custom_metrics) if join else _plain(assertion, seen, custom_metrics)
    return Score(where + result.assertion, result.outcome, one_line(result.reason, 400), result.value)


def _plain(assertion: Assertion, seen: Seen, custom_metrics: Custom) -> Score:
    params, name, kind = assertion.params, assertion.label, DETERMINISTIC.get(assertion.kind)
    if assertion.kind == CUSTOM:
        own = str(params.get("metric"))
        params, kind, name = custom.parameters(params), custom_metrics.get(own), f"{name} {one_line(own, 60)}"
    if kind is None:
        return Score(name, Outcome.ERROR, "no metric of this name can be asked here")
    try:
        judgement = kind.judge(params, seen)
    except Unjudgeable as error:
        return Score(name, Outcome.ERROR, str(error))
    except Exception as error:  # noqa: BLE001  a metric that breaks is data, not the end of the run
        return Score(name, Outcome.ERROR, f"the metric broke: {one_line(f'{type(error).__name__}: {error}')}")
    passed = judgement.holds is not assertion.negate
    if passed and kind.reads_text and not seen.text.strip() and (assertion.negate or kind.true_of_silence):
        return Score(name, Outcome.ERROR, SILENCE)
    return Score(name, Outcome.PASS if passed else Outcome.FAIL, judgement.reason, judgement.value)


def _joined(assertion: Assertion, seen: Seen, custom_metrics: Custom) -> Score:
    """`all`, `any` or `weighted` over the parts. A part that could not be judged counts only where it could turn the
    result."""
    parts = [hold(part, seen, custom_metrics=custom_metrics) for part in assertion.parts]
    if not parts:
        return Score(assertion.label, Outcome.ERROR, "it joins nothing")
    sure, possible = (_join(assertion, parts, unknown=unknown) for unknown in (False, True))
    if sure.holds is not possible.holds:
        open_parts = [p for p in parts if p.outcome is Outcome.ERROR]
        return Score(assertion.label, Outcome.ERROR, _reasons(open_parts))
    passed = sure.holds is not assertion.negate
    if passed and assertion.negate and not seen.text.strip() and _reads_text(assertion, custom_metrics):
        return Score(assertion.label, Outcome.ERROR, SILENCE)
    # What speaks for the result: of a join that holds its parts that hold, else those that do not.
    told = [p for p in parts if (p.outcome is Outcome.PASS) is sure.holds] or parts
    return Score(assertion.label, Outcome.PASS if passed else Outcome.FAIL, _reasons(told), sure.value)


def _reasons(parts: Sequence[Score]) -> str:
    return "; ".join(f"{p.assertion}: {one_line(p.reason, 160)}" for p in parts)


def _reads_text(assertion: Assertion, custom_metrics: Custom) -> bool:
    """Whether the answer's text has a part in the result. What is not known may have."""
    if assertion.kind in JOINS:
        return any(_reads_text(part, custom_metrics) for part in assertion.parts)
    own = custom_metrics.get(str(assertion.params.get("metric"))) if assertion.kind == CUSTOM else None
    kind = DETERMINISTIC.get(assertion.kind, own)
    return kind is None or kind.reads_text


def _join(assertion: Assertion, parts: Sequence[Score], *, unknown: bool) -> Judgement:
    """The join, with `unknown` for the parts that were not judged."""
    held = [unknown if p.outcome is Outcome.ERROR else p.outcome is Outcome.PASS for p in parts]
    if assertion.kind == "weighted":
        weights = [part.weight for part in assertion.parts]
        value = sum(w for w, holds in zip(weights, held, strict=True) if holds) / sum(weights)
        # Weights such as 0.1 have no exact form: what is met on paper must be met here.
        return Judgement(value >= assertion.params["at_least"] - 1e-9, "", value)
    return Judgement(all(held) if assertion.kind == "all" else any(held), "")
