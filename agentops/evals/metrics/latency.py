"""Assertions on the time, the tokens and the money that answers took. What was not told is unmeasured, never zero."""

from __future__ import annotations

from collections.abc import Sequence

from agentops.contracts import Judgement, Unjudgeable
from agentops.errors import ConfigError
from agentops.evals.metrics.text import Params, within
from agentops.model.case import Usage
from agentops.model.seen import Seen, total


def latency(params: Params, seen: Seen) -> Judgement:
    """The answers were there in time: all of them together within `at_most_s`, each within `turn_at_most_s`, the first
    piece of each within `first_token_at_most_s`."""
    firsts = [answer.first_token_s for answer in seen.answers]
    each = [answer.latency_s for answer in seen.answers]
    return _bounded(
        params,
        [
            ("at_most_s", seen.latency_s, "took"),
            ("turn_at_most_s", _most(each), "for the slowest answer took"),
            ("first_token_at_most_s", _most(firsts), "to the first token took"),
        ],
        unit="s",
        lacking={"first_token_at_most_s": "no time of a first token was told: the protocol does not stream"},
    )


def tokens(params: Params, seen: Seen) -> Judgement:
    """The conversation took so many tokens at most: `at_most` in all, `input_at_most`, `output_at_most`."""
    usages = [answer.usage for answer in seen.answers]
    known: list[Usage] = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        raise Unjudgeable("the agent does not tell its tokens")
    read, written = sum(u.input_tokens for u in known), sum(u.output_tokens for u in known)
    bounds = [("at_most", read + written, ""), ("input_at_most", read, "read"), ("output_at_most", written, "written")]
    return _bounded(params, bounds, unit="tokens", lacking={})


def cost(params: Params, seen: Seen) -> Judgement:
    """The conversation cost at most `at_most_usd`, as the agent tells it or by the configured prices."""
    usd = total([answer.cost_usd for answer in seen.answers])
    lacking = {"at_most_usd": "no cost is known: the agent tells none, and no price of its model is in evals.prices"}
    return _bounded(params, [("at_most_usd", usd, "spent")], unit="USD", lacking=lacking)


def turns(params: Params, seen: Seen) -> Judgement:
    """The conversation had so many answers."""
    return within(len(seen.answers), params, "turns")


def check(params: Params) -> None:
    """Refuse an assertion without a bound."""
    if not any("at_most" in key or "at_least" in key for key in params):
        raise ConfigError("no bound", hint="say how much is allowed")


def _bounded(
    params: Params, measured: Sequence[tuple[str, float | None, str]], *, unit: str, lacking: dict[str, str]
) -> Judgement:
    """Each measured value held against its bound. A bound that is broken decides, whatever else was not told."""
    asked = [(key, value, words) for key, value, words in measured if key in params]
    told = [
        f"{_number(value)} {unit} {words}".rstrip() + f", at most {params[key]:g} allowed"
        for key, value, words in asked
        if value is not None
    ]
    if any(value is not None and value > params[key] for key, value, _ in asked):
        return Judgement(False, "; ".join(told))
    for key, value, _ in asked:
        if value is None:
            raise Unjudgeable(lacking.get(key, "the answer was not timed"))
    return Judgement(True, "; ".join(told))


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}" if value >= 0.1 else f"{value:.6f}"


def _most(values: list[float | None]) -> float | None:
    """The largest value; None where one is missing."""
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None
