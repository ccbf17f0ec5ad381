"""What shadow traffic adds up to, and what that says of the canary.

Evidence is plain JSON for the journal: counts, sums, and a handful of examples. It grows pair by pair, so that another
runner goes on where this one stopped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentops.model.case import Answer
from agentops.model.rollout_settings import Analysis, Shadow
from agentops.rollout.shadow.compare import Came, Pair, Trouble
from agentops.rollout.shadow.pairs import log_e_above, log_e_worse, most_lost
from agentops.secrets.detector import mask
from agentops.stats.intervals import trials_needed
from agentops.text import said

_EXAMPLES = 5
_EXAMPLE_CHARS = 300
_COSTLY = 10
"""Answers that told what they cost, before their mean is held against the limit."""

Evidence = Mapping[str, Any]
ALL, BUDGET, TIME, SILENT, UNTOLD = "all", "budget", "time", "silent", "untold"
"""Why it ended. SILENT: the canary did not answer any more. UNTOLD: answers do not tell what the budget limits."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What one look told; see `rollout.parts.Look`. Once it is over without being settled, `told` is `missing`."""

    evidence: Evidence
    harm: str = ""
    settled: bool = False
    missing: str = ""
    frozen: str = ""
    told: str = ""


def begun(mode: str, *, planned: int, inputs: str = "") -> dict[str, Any]:
    """Evidence before the first pair. `planned` pairs are to come, 0 where nobody knows; `inputs` is a digest of what
    is put to the canary."""
    return {
        "mode": mode, "inputs": inputs, "planned": planned, "done": 0, "ended": "",
        "pairs": {came.value: 0 for came in Came}, "paired": {"losses": 0, "wins": 0, "pairs": 0},
        "violations": 0, "failed": 0, "unanswered": 0, "malformed": 0, "unjudged_tools": 0,
        "tools": {"same": 0, "differ": 0, "unknown": 0}, "told_usd": {"n": 0, "usd": 0.0},
        "both_usd": {"n": 0, "before": 0.0, "now": 0.0}, "both_s": {"n": 0, "before": 0.0, "now": 0.0},
        "spent": {"calls": 0, "tokens": 0, "usd": 0.0}, "unscored": {}, "examples": [], "alone": 0,
    }  # fmt: skip


def add(
    evidence: Evidence, pair: Pair, *, name: str, before: Sequence[Answer | None], now: Sequence[Answer]
) -> Evidence:
    """The evidence with one pair more. `before` and `now` are the answers; `name` is the session's or request's."""
    found: dict[str, Any] = {k: dict(v) if isinstance(v, Mapping) else v for k, v in evidence.items()}
    found["done"] += 1
    found["pairs"][pair.came.value] += 1
    if pair.came is not Came.UNSCORED and not pair.selected:
        found["paired"]["pairs"] += 1
        found["paired"]["losses"] += pair.came is Came.LOSS
        found["paired"]["wins"] += pair.came is Came.WIN
    found["violations"] += bool(pair.violation)
    found["failed"] += pair.trouble is Trouble.FAILED
    found["unanswered"] += pair.trouble is Trouble.UNANSWERED
    found["malformed"] += pair.malformed
    found["unjudged_tools"] += not pair.judged_tools
    found["tools"][pair.tools] += 1
    if pair.came is Came.UNSCORED:
        why = said(mask(pair.why or pair.trouble.value or "not told"), 80)
        why = why if why in found["unscored"] or len(found["unscored"]) < _EXAMPLES else "other reasons"
        found["unscored"][why] = found["unscored"].get(why, 0) + 1
    _sum(found, before, now)
    found["examples"] = _examples(evidence["examples"], pair, name)
    return found


def judge(evidence: Evidence, shadow: Shadow, analysis: Analysis) -> Shadowed:
    """What the evidence says.

    Harm: anything that must never happen; failures above `max_error_rate` or pairs lost, for certain but for `alpha`
    (both may be looked at after every pair), the latter at `max_loss` or more; a mean cost above the limit. Pairs whose
    recording was chosen for being good tell no harm: a random agent does worse than that by chance.
    Settled, once it is over: as many pairs scored as the claim takes, and the bound of the loss below `max_loss`.
    """
    harm = _harm(evidence, shadow, analysis)
    told = _told(evidence)
    if harm:
        return Shadowed(evidence, harm=harm, missing=harm, told=told)
    missing = _missing(evidence, shadow, analysis)
    if not evidence["ended"]:
        return Shadowed(evidence, missing=missing or "it is not over yet", told=told)
    return Shadowed(evidence, settled=not missing, missing=missing, told=missing or told)


def needed(shadow: Shadow, analysis: Analysis) -> int:
    """How many pairs without a single loss it takes to say that the loss is below `max_loss`."""
    return trials_needed(1.0 - shadow.max_loss, analysis.confidence)


def _scored(evidence: Evidence) -> int:
    return sum(count for came, count in evidence["pairs"].items() if came != Came.UNSCORED.value)


def _harm(evidence: Evidence, shadow: Shadow, analysis: Analysis) -> str:
    if evidence["violations"]:
        first = next((e["why"] for e in evidence["examples"] if e["kind"] == "violation"), "")
        return f"in shadow mode, {_count(evidence['violations'], 'time')}: {first}"
    certain = -math.log(analysis.alpha)
    asked, failed = evidence["done"] - evidence["unanswered"], evidence["failed"]
    limit = analysis.max_error_rate
    if limit is not None and _above(failed, asked, limit, certain):
        return f"in shadow mode {failed} of {asked} sessions failed, {limit:.0%} are allowed"
    paired = evidence["paired"]
    losses, wins, pairs = paired["losses"], paired["wins"], paired["pairs"]
    if pairs and losses - wins >= shadow.max_loss * pairs and log_e_worse(losses, wins) >= certain:
        return f"in shadow mode the canary did worse in {losses} and better in {wins} of {pairs} pairs"
    cost, most = evidence["told_usd"], analysis.cost_usd_per_request
    if most is not None and cost["n"] >= _COSTLY and cost["usd"] > most * cost["n"]:
        return f"in shadow mode an answer costs {cost['usd'] / cost['n']:.4f} USD on average, {most:g} are allowed"
    return ""


def _above(events: int, trials: int, limit: float, certain: float) -> bool:
    if not 0.0 < limit < 1.0:
        return events > limit * trials
    return log_e_above(events, trials, limit) >= certain


def _missing(evidence: Evidence, shadow: Shadow, analysis: Analysis) -> str:
    """What it takes to be settled, "" where nothing is missing."""
    pairs, least = evidence["pairs"], needed(shadow, analysis)
    scored, ended = _scored(evidence), evidence["ended"]
    if ended == SILENT:
        return "the canary did not answer any more"
    if ended == UNTOLD:
        return "answers do not tell their tokens or cost, so that the budget of shadow traffic cannot be kept"
    if scored < least:
        cut = {BUDGET: ", and the budget is used up", TIME: ", and the time is over"}.get(ended, "")
        return f"{scored} of the {least} comparisons that it takes were made{cut}"
    if evidence["unjudged_tools"]:
        return f"{_count(evidence['unjudged_tools'], 'answer')} did not tell the tools that were called"
    bound = most_lost(pairs["losses"], pairs["wins"], scored, analysis.confidence)
    if bound >= shadow.max_loss:
        return (
            f"the canary did worse in {pairs['losses']} and better in {pairs['wins']} of {scored}: a loss of up to "
            f"{bound:.1%} is not ruled out, {shadow.max_loss:.1%} are allowed"
        )
    return ""


def _told(evidence: Evidence) -> str:
    pairs, tools = evidence["pairs"], evidence["tools"]
    total = f" of {evidence['planned']}" if evidence["planned"] else ""
    words = [
        f"{evidence['mode']}: {evidence['done']}{total} compared",
        f"{pairs['losses']} worse, {pairs['wins']} better",
    ]
    if pairs["unscored"]:
        words.append(f"{pairs['unscored']} unscored")
    if tools["differ"]:
        words.append(f"other tools or arguments in {tools['differ']}")
    if evidence["both_usd"]["n"] and evidence["both_usd"]["before"] > 0:
        words.append(f"cost x{evidence['both_usd']['now'] / evidence['both_usd']['before']:.2f}")
    if evidence["alone"]:
        words.append("stable keeps no record: only errors, format, cost and what must never happen were judged")
    return "; ".join(words)


def _sum(found: dict[str, Any], before: Sequence[Answer | None], now: Sequence[Answer]) -> None:
    """Costs and times. Those of both sides are added up only where both tell."""
    for answer in now:
        if answer.cost_usd is not None:
            found["told_usd"] = {"n": found["told_usd"]["n"] + 1, "usd": found["told_usd"]["usd"] + answer.cost_usd}
    for key, part in (("both_usd", "cost_usd"), ("both_s", "latency_s")):
        for old, new in zip(before, now, strict=False):
            told = getattr(old, part, None), getattr(new, part, None)
            if told[0] is not None and told[1] is not None:
                kept = found[key]
                found[key] = {
                    "n": kept["n"] + 1, "before": kept["before"] + told[0], "now": kept["now"] + told[1],
                }  # fmt: skip


def _examples(kept: Sequence[Evidence], pair: Pair, name: str) -> list[Evidence]:
    """A handful: what must never happen first, then losses, then differences of tools."""
    order = {"violation": 0, "loss": 1, "tools": 2}
    new = []
    if pair.violation:
        new.append(("violation", pair.violation))
    if pair.came is Came.LOSS:
        new.append(("loss", pair.why or pair.trouble.value))
    elif pair.diff:
        new.append(("tools", pair.diff))
    told = [{"kind": k, "session": said(name, 80), "why": said(mask(why), _EXAMPLE_CHARS)} for k, why in new]
    return sorted([*kept, *told], key=lambda e: order.get(e["kind"], 3))[:_EXAMPLES]


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
