"""A rollout as JUnit XML: every stop of its way a test, beside them the whole rollout and the way back.

Harm is a failure. What could not be carried out, shown or gone on with is an error. What was not reached is skipped.
The file is valid by the schema of Jenkins' xUnit plug-in, as the report of a check is.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime

from agentops.model.rollout import Cause, Entry, Phase
from agentops.reports.rollout import owner as owners
from agentops.reports.rollout import view as views
from agentops.reports.rollout.outcome import NO_REASON, Kind, image_name, outcome, why
from agentops.reports.rollout.view import Mark, Stop, View
from agentops.text import clean, inert, said

_SUITE = "agentops.rollout"
_DETAIL = 8_000
_KINDS = {
    Cause.HARM: ("failure", "Harm"),
    Cause.BROKEN: ("error", "Broken"),
    Cause.ORPHANED: ("error", "Orphaned"),
    Cause.INCONCLUSIVE: ("error", "Inconclusive"),
    Cause.ASKED: ("error", "Aborted"),
}


@dataclass(frozen=True, slots=True)
class _Result:
    """One test. `tag` is "" where it passed."""

    name: str
    tag: str = ""
    kind: str = ""
    message: str = ""
    text: str = ""
    time_s: float = 0.0


def render(view: View) -> str:
    """The whole document."""
    tests = [_whole(view), *(_stop(view, stop) for stop in views.path(view)), *_back(view)]
    suite = ET.Element("testsuite", {"name": _SUITE, **_counts(tests), "skipped": _many(tests, "skipped")})
    if view.state.began_at > 0:
        suite.set("timestamp", datetime.fromtimestamp(view.state.began_at, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(view).items():
        ET.SubElement(properties, "property", {"name": f"agentops.rollout.{name}", "value": said(value, 400)})
    suite.extend(_case(test) for test in tests)
    root = ET.Element("testsuites", {"name": "agentops", **_counts(tests)})
    root.append(suite)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _many(tests: list[_Result], tag: str) -> str:
    return str(sum(test.tag == tag for test in tests))


def _counts(tests: list[_Result]) -> dict[str, str]:
    return {
        "tests": str(len(tests)),
        "failures": _many(tests, "failure"),
        "errors": _many(tests, "error"),
        # The whole rollout lasts as long as its parts together: it is not counted twice.
        "time": f"{sum(test.time_s for test in tests[1:]):.3f}",
    }


def _case(test: _Result) -> ET.Element:
    case = ET.Element("testcase", {"classname": _SUITE, "name": test.name, "time": f"{test.time_s:.3f}"})
    if test.tag:
        mark = ET.SubElement(case, test.tag, {"type": test.kind, "message": said(test.message, 500) or NO_REASON})
        mark.text = inert(clean(test.text[:_DETAIL])) or None
    return case


def _whole(view: View) -> _Result:
    """The rollout as a test of its own, so that one that did not come through never reads as all green."""
    found = outcome(view.state)
    end = views.ended_at(view.state) or view.now
    time_s = max(end - view.state.began_at, 0.0) if view.state.began_at else 0.0
    if found.kind is Kind.DONE:
        return _Result("rollout", time_s=time_s)
    if found.kind is Kind.UNDER_WAY:
        return _Result("rollout", "error", "UnderWay", found.headline, time_s=time_s)
    tag, kind = _KINDS[view.state.cause or Cause.BROKEN]
    if found.kind is Kind.ROLLBACK_FAILED:
        tag, kind = "error", "RollbackFailed"
    text = f"{found.reason}\nhint: {found.hint}" if found.hint else found.reason
    return _Result("rollout", tag, kind, found.headline, text, time_s)


def _stop(view: View, stop: Stop) -> _Result:
    name = said(stop.name, 100) if stop.step is None else f"{stop.phase.value} {stop.step + 1}: {stop.weight} %"
    time_s = _lasted(view, stop)
    if stop.mark is Mark.DONE:
        return _Result(name, time_s=time_s)
    if stop.mark is Mark.STOPPED:
        tag, kind = _KINDS[view.state.cause or Cause.BROKEN]
        reason = view.state.reason or why(view.state)
        text = _log(view, stop.phase)
        by = f" (asked for by {view.state.asked_by})" if view.state.asked_by else ""
        return _Result(name, tag, kind, reason + by, text, time_s)
    if stop.mark is Mark.CURRENT:
        return _Result(name, "skipped", "UnderWay", "under way", time_s=time_s)
    told = "still to come" if stop.mark is Mark.AHEAD else "not reached: the rollout went back before"
    return _Result(name, "skipped", "NotReached", told)


def _back(view: View) -> list[_Result]:
    """The way back, where it was taken."""
    state = view.state
    if state.phase not in (Phase.ABORTING, Phase.ABORTED) and not state.rollback_failed:
        return []
    began = next((e.at for e in state.entries if e.phase is Phase.ABORTING), state.phase_at)
    time_s = max((views.ended_at(state) or view.now) - began, 0.0)
    if state.rollback_failed:
        return [_Result("way back", "error", "RollbackFailed", state.rollback_failed, time_s=time_s)]
    if state.phase is Phase.ABORTING:
        return [_Result("way back", "skipped", "UnderWay", "under way", time_s=time_s)]
    return [_Result("way back", time_s=time_s)]


def _lasted(view: View, stop: Stop) -> float:
    """How long it lasted, by the journal's lines; 0 where they do not tell."""
    entries = view.state.entries
    first = next((i for i, entry in enumerate(entries) if _begins(entry, stop)), None)
    if first is None or stop.phase is Phase.DONE:
        return 0.0
    later = (e.at for e in entries[first + 1 :] if e.phase is not stop.phase or _begins_another(e, stop))
    return max(next(later, views.ended_at(view.state) or view.now) - entries[first].at, 0.0)


def _begins(entry: Entry, stop: Stop) -> bool:
    """Whether it is the first line of the stop, in the machine's words."""
    if entry.phase is not stop.phase:
        return False
    return stop.step is None or entry.text == f"{stop.phase.value} {stop.step + 1} begins"


def _begins_another(entry: Entry, stop: Stop) -> bool:
    return stop.step is not None and entry.text == f"{stop.phase.value} {stop.step + 2} begins"


def _log(view: View, phase: Phase) -> str:
    """What the journal says of the phase, last lines last."""
    lines = [said(e.text, 300) for e in view.state.entries if e.phase in (phase, Phase.ABORTING)]
    return "\n".join(lines[-20:])


def _properties(view: View) -> dict[str, str]:
    """What every reader must know of the rollout."""
    s = view.state
    facts = {
        "id": s.id,
        "app": s.app,
        "environment": s.environment,
        "namespace": s.namespace,
        "image": s.image,
        "before": image_name(s.before),
        "strategy": s.plan.strategy,
        "traffic": s.plan.traffic,
        "outcome": outcome(s).kind.value,
        "record": s.record or "none",
        "broke_glass": s.broke_glass,
    }
    found = owners.owner(s)
    if found is not None:
        facts.pop("strategy")
        facts |= {"owner": found.name, "owner.said": found.said, "owner.limits": found.limits}
    facts |= {f"approval.{i}": f"{a.who}: {a.why}" for i, a in enumerate(s.approvals, 1)}
    return {name: value for name, value in facts.items() if value}
