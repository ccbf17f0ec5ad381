"""The behavioural evals put to a pod of the canary, as a trial of the rollout. The gate of agentops.yaml decides."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentops import pipeline
from agentops.cli import run as running
from agentops.contracts import Cluster
from agentops.drivers import folder
from agentops.errors import AgentopsError, ApiDown, UsageError
from agentops.evals.dataset import Choice
from agentops.gate import policy
from agentops.gate.decide import decide
from agentops.model.events import Event, Progress
from agentops.model.outcome import Outcome
from agentops.model.rollout import State
from agentops.model.rollout_settings import Place
from agentops.model.settings import Settings
from agentops.rollout import workload
from agentops.rollout.parts import Told
from agentops.text import one_line

EVIDENCE = "evals"
"""The name under which the journal keeps what came of it."""


@dataclass
class CanaryEvals:
    """Runs the evals in a thread, once for each image. See rollout.parts.Trial."""

    cluster: Cluster
    place: Place
    settings: Settings
    out_base: Path
    _thread: threading.Thread | None = None
    _cancel: threading.Event = field(default_factory=threading.Event)
    _told: str = "the evals begin"
    _end: dict[str, Any] | None = None

    def check(self) -> None:
        """Refuse, before anything is written, what could never be measured. Raises ConfigError and UsageError."""
        if self.place.evals.suites:
            self._plan("http://localhost")

    def look(self, state: State) -> Told:
        """See rollout.parts.Trial. A runner that takes over runs them again, unless they had ended."""
        known = state.evidence.get(EVIDENCE)
        end = self._end or (known if isinstance(known, dict) and known.get("image") == state.image else None)
        if end is None:
            self._start(state)
            return Told({}, missing="the evals to end", told=self._told)
        evidence = {EVIDENCE: end}
        if end["outcome"] == Outcome.PASS.value:
            return Told(evidence, settled=True, told=end["reason"])
        if end["outcome"] == Outcome.FAIL.value:
            return Told(evidence, harm=f"the evals on the canary's pods: {end['reason']}", told=end["reason"])
        return Told(evidence, missing=end["reason"], told=end["reason"], over=True)

    def stop(self) -> None:
        """See rollout.parts.Trial."""
        self._cancel.set()

    def _start(self, state: State) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, args=(state.image,), name="canary-evals", daemon=True)
            self._thread.start()

    def _work(self, image: str) -> None:
        try:
            outcome, reason = self._measure()
        except AgentopsError as error:
            outcome, reason = Outcome.ERROR, f"the evals on the canary's pods could not be carried out: {error.message}"
        except Exception as error:  # noqa: BLE001  a thread has nobody to raise to
            outcome, reason = Outcome.ERROR, f"the evals on the canary's pods broke: {type(error).__name__}: {error}"
        self._end = {"image": image, "outcome": outcome.value, "reason": one_line(reason, 300)}

    def _measure(self) -> tuple[Outcome, str]:
        names = workload.names_of(self.place)
        pods = [pod for pod in workload.pods(self.cluster, workload.canary_selector(names)) if pod.ready]
        if not pods:
            raise ApiDown("no pod of the canary is ready")
        with self.cluster.forward(pods[0].name, self.settings.agent.port) as port:
            plan = self._plan(f"http://127.0.0.1:{port}")
            run_id = folder.new_run_id()
            with folder.run_folder(self.out_base.resolve(), run_id, exists=False) as out:
                run = pipeline.measure(plan, out=out, run_id=run_id, emit=self._progress, cancel=self._cancel)
                verdict = decide(run, plan.policy, baselines=plan.baselines)
                running.write_reports(run, verdict, out, None, None)
        return verdict.outcome, f"{verdict.outcome.value} ({verdict.line}), run {run_id}"

    def _plan(self, url: str) -> pipeline.Plan:
        evals = self.settings.evals
        if evals is None:
            raise UsageError("rollout.evals names suites and there is no section evals", hint="write one")
        agent = replace(self.settings.agent, url=url, build=None, image=None, command=())
        settings = replace(self.settings, agent=agent, evals=replace(evals, suites=self.place.evals.suites))
        rules = policy.build(settings, self.place.policy)
        asked = tuple(c for c in rules.criteria if "evals" in policy.stages_of(c))
        rules = policy.policy(rules.environment, asked, rules.allowance)
        smoke = self.place.evals.smoke
        choice = Choice((smoke,), (), False, None, self.out_base) if smoke else None
        return pipeline.plan(settings, rules, only=("evals",), choice=choice)

    def _progress(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._told = f"evals: {event.done} of {event.planned}"
