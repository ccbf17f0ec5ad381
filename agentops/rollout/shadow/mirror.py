"""Live requests that are copied to the canary, compared out of band.

A mirror throws answers away, so both sides tell afterwards what they answered: each keeps a bounded record (see
records.py), and the two are joined by the id that the proxy gave to a request. Where stable keeps no record the
canary's answers are judged alone: errors, format, cost, and what must never happen; evidence says so.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from agentops.contracts import Cluster
from agentops.errors import AgentopsError
from agentops.model.case import Answer, Case, Turn
from agentops.model.finding import Location
from agentops.model.rollout_settings import Spend
from agentops.model.seen import ToolPolicy
from agentops.rollout.shadow import records, verdict
from agentops.rollout.shadow.compare import Came, Pair, Trouble, compare
from agentops.rollout.shadow.records import Record
from agentops.rollout.shadow.sessions import Session
from agentops.text import said

Pods = Callable[[], tuple[Sequence[str], Sequence[str]]]
_EVERY_S = 2.0
_WAIT_S = 20.0
"""So long does one side of a pair wait for the other."""
_KEPT = 2000


class Mirror:
    """Reads the records of both sides until the budget is used up. `pods` gives the names of the canary's pods and of
    stable's. `trouble` says why nothing was read just now, "" where all is well."""

    def __init__(
        self,
        cluster: Cluster,
        pods: Pods,
        *,
        port: int,
        budget: Spend,
        rules: ToolPolicy | None,
        done: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._pods, self._port = cluster, pods, port
        self._budget, self._rules, self._clock = budget, rules, clock
        self._evidence: verdict.Evidence = copy.deepcopy(dict(done)) if done else verdict.begun("mirror", planned=0)
        self._open: dict[str, tuple[ExitStack, int]] = {}
        self._after: dict[str, int] = {}
        self._shadow: OrderedDict[str, tuple[float, Record]] = OrderedDict()
        self._live: OrderedDict[str, tuple[float, Record]] = OrderedDict()
        self._untold = False
        self._told: set[bool] = set()
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble = ""

    def start(self) -> None:
        """Begin to read. Returns at once."""
        if self._thread is None and not self._evidence["ended"]:
            self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
            self._thread.start()

    def poll(self) -> dict[str, Any]:
        """The evidence so far."""
        with self._lock:
            return copy.deepcopy(dict(self._evidence))

    def stop(self) -> None:
        """Read no more."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join(0.1)

    def _run(self) -> None:
        try:
            while not self._halt.is_set() and not self._evidence["ended"]:
                self.look()
                self._halt.wait(_EVERY_S)
        except Exception as error:  # noqa: BLE001  a thread has nobody to raise to
            self.trouble = f"the mirror broke: {said(f'{type(error).__name__}: {error}')}"
        finally:
            for stack, _ in self._open.values():
                stack.close()
            self._open.clear()

    def look(self) -> None:
        """Read every pod once, and compare what has met its other side."""
        try:
            shadow, live = self._pods()
        except AgentopsError as error:
            self.trouble = said(error.message)
            return
        self.trouble = ""
        for gone in set(self._open) - {*shadow, *live}:
            self._open.pop(gone)[0].close()
        self._untold = False
        for pod in shadow:
            page = self._read(pod)
            self._untold |= page is None
            for record in page or ():
                _keep(self._shadow, record, self._clock())
                self._spend(record)
        self._told = set()
        for pod in live:
            found = self._read(pod)
            self._told.add(found is not None)
            for record in found or ():
                _keep(self._live, record, self._clock())
        self._join()
        self._cap()

    def _read(self, pod: str) -> tuple[Record, ...] | None:
        """What the pod told since the last time; None where it keeps no record, or does not answer."""
        try:
            if pod not in self._open:
                stack = ExitStack()
                self._open[pod] = stack, stack.enter_context(self._cluster.forward(pod, self._port))
            page = records.fetch(self._open[pod][1], after=self._after.get(pod, 0))
        except AgentopsError as error:
            self.trouble = f"{pod}: {said(error.message)}"
            if pod in self._open:
                self._open.pop(pod)[0].close()
            return ()
        if page.broken:
            self.trouble = f"{pod}: {page.broken} records could not be read"
        if page.records:
            self._after[pod] = max(record.seq for record in page.records)
        return page.records

    def _join(self) -> None:
        now = self._clock()
        for name, (since, shadow) in list(self._shadow.items()):
            live = self._live.pop(name, None)
            if live is None and True in self._told and now - since < _WAIT_S:
                continue
            del self._shadow[name]
            pair, answers = self._pair(shadow, live[1] if live else None)
            before = (live[1].answer if live else None,)
            with self._lock:
                found = verdict.add(self._evidence, pair, name=name, before=before, now=answers)
                alone = found["alone"] + (live is None and True not in self._told)
                self._evidence = {**found, "alone": alone}
        for name in [n for n, (since, _) in self._live.items() if now - since > _WAIT_S]:
            # Not mirrored: most live requests are not.
            del self._live[name]

    def _pair(self, shadow: Record, live: Record | None) -> tuple[Pair, tuple[Answer, ...]]:
        alone = live is None
        recorded = live.answer if live else None
        calls = recorded.tool_calls if recorded else None
        case = Case(shadow.request_id, (Turn(""),), (), (), Location("live"))
        session = Session(shadow.request_id, case, (recorded,), calls, selected=alone, origin="live")
        answers = (shadow.answer,) if shadow.answer is not None else ()
        trouble, why = _trouble(shadow)
        pair = compare(session, answers, rules=self._rules, trouble=trouble, why=why)
        return replace(pair, **_weighed(pair, shadow, live, told=True in self._told)), answers

    def _spend(self, record: Record) -> None:
        with self._lock:
            spent = dict(self._evidence["spent"])
            spent["calls"] += 1
            if record.answer is not None:
                usage = record.answer.usage
                spent["tokens"] += usage.input_tokens + usage.output_tokens if usage else 0
                spent["usd"] += record.answer.cost_usd or 0.0
            self._evidence = {**self._evidence, "spent": spent}
            untold = record.answer is not None and (
                (self._budget.tokens is not None and record.answer.usage is None)
                or (self._budget.usd is not None and record.answer.cost_usd is None)
            )
            if untold:
                self._evidence["ended"] = verdict.UNTOLD

    def _cap(self) -> None:
        """What was mirrored is seen a moment later: the budget may be overrun by as much as comes in that moment."""
        with self._lock:
            spent = self._evidence["spent"]
            limits = {"calls": self._budget.calls, "tokens": self._budget.tokens, "usd": self._budget.usd}
            over = any(limit is not None and spent[key] >= limit for key, limit in limits.items())
            blind = self._untold and any(limit is not None for limit in limits.values())
            if (over or blind) and not self._evidence["ended"]:
                # A canary that keeps no record cannot be held to a limit.
                self._evidence = {**self._evidence, "ended": verdict.BUDGET if over else verdict.UNTOLD}


def _keep(kept: OrderedDict[str, tuple[float, Record]], record: Record, now: float) -> None:
    kept[record.request_id] = now, record
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _trouble(shadow: Record) -> tuple[Trouble, str]:
    if shadow.answer is not None:
        return Trouble.NONE, ""
    why = f"HTTP {shadow.status}" + (f" ({shadow.cause})" if shadow.cause else "")
    return (Trouble.UNANSWERED if shadow.cause == records.MODEL else Trouble.FAILED), why


def _weighed(pair: Pair, shadow: Record, live: Record | None, *, told: bool) -> dict[str, Any]:
    """What the pair came to once the live side is taken into account, as changes to it."""
    if live is None:
        if told:
            return {"came": Came.UNSCORED, "why": "stable told nothing of this request"}
        return {"came": Came.BOTH, "why": ""} if _well(pair) else {}
    if live.answer is None:
        if pair.trouble is Trouble.UNANSWERED:
            return {}
        return {"came": Came.WIN if _well(pair) else Came.NEITHER, "why": f"stable answered HTTP {live.status}"}
    if pair.came is not Came.LOSS and live.history != shadow.history:
        return {"came": Came.UNSCORED, "why": "the conversations before it were not the same"}
    return {}


def _well(pair: Pair) -> bool:
    return pair.trouble is Trouble.NONE and not pair.malformed
