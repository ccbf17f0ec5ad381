"""Puts the machine of a rollout together from what the environment says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentops.contracts import Cluster, TrafficRouter
from agentops.model.rollout import Phase, Sample, State
from agentops.model.rollout_settings import Place
from agentops.model.settings import Settings
from agentops.reports.rollout import view
from agentops.rollout import analysis, guardrails, watchdog, workload
from agentops.rollout.deployments import Deployments
from agentops.rollout.execute import Runner
from agentops.rollout.parts import Herald, Look, Parts, Progress, Silence, Told, Trial
from agentops.rollout.traffic import choose, services

if TYPE_CHECKING:
    from agentops.rollout.shadow.sessions import Recorded
    from agentops.rollout.shadow.trials import Fence, MirrorTrial, ReplayTrial
    from agentops.rollout.sources.watch import Watch


@dataclass(frozen=True, slots=True)
class Team:
    """What a whole rollout needs beside the cluster: the configuration, what is asked again of its record, the evals,
    who is told, and the recorded sessions, where somebody read them already."""

    settings: Settings
    admitted: Callable[[State], None]
    evals: Trial | None = None
    herald: Herald | None = None
    recorded: Recorded | None = None


def parts(
    cluster: Cluster, place: Place, runner: Runner, opened: ExitStack, *, elsewhere: choose.Elsewhere | None = None,
    team: Team | None = None,
) -> Parts:  # fmt: skip
    """The parts of the rollout in the runner's journal. What they open is closed with `opened`. Without `team` they can
    do no more than go back, which is all that a watchdog or an abort from elsewhere needs. Raises UsageError."""
    hands, state = runner.hands, runner.hands.state
    router = choose.router(state.plan.traffic, hands, place, route=state.plan.route, elsewhere=elsewhere)
    _close(router, opened)
    work = _as_it_was(workload.read(cluster, place))
    labels = workload.canary_labels(work, shared_entry=state.plan.traffic == "replicas")
    deployments = Deployments(hands, place, labels=labels)
    if team is None:
        return Parts(hands, place, deployments, router, analyse=_blind, clock=runner.clock)
    from agentops.rollout.sources.watch import Watch

    fence = _fence(runner, place)
    watch = opened.enter_context(Watch(cluster, place, work, router=router))
    return Parts(
        hands,
        place,
        deployments,
        router,
        analyse=_Analyse(watch, place, runner.clock),
        trials=_trials(cluster, place, team, router, fence, state=state),
        admitted=team.admitted,
        fence=fence or (lambda: ""),
        watch_over=lambda: watchdog.ensure(cluster, place, hands.state),
        diagnose=lambda: guardrails.diagnosis(deployments.canary_pods()),
        herald=team.herald or Silence(),
        clock=runner.clock,
    )


def _as_it_was(work: workload.Workload) -> workload.Workload:
    """The team's objects with the way in as the team wrote it, whatever a rollout did to it since."""
    spec = {**work.service["spec"], services.SELECTOR: services.own_selector(work.service)}
    return replace(work, service={**work.service, "spec": spec})


def _close(router: TrafficRouter, opened: ExitStack) -> None:
    close = getattr(router, "close", None)
    if close is not None:
        opened.callback(close)


def _blind(_state: State, /, **_how: Any) -> Look:
    """Who only goes back looks at no metrics."""
    return Told({}, missing="nobody looks", frozen="nobody looks")


class _Analyse:
    """Samples both versions and holds the canary against stable. See parts.Analyse."""

    def __init__(self, watch: Watch, place: Place, clock: Callable[[], float]) -> None:
        self._watch, self._place, self._clock = watch, place, clock
        self._since: tuple[tuple[Phase, int], Sample] | None = None

    def __call__(self, state: State, /, *, share: float, step: bool) -> Look:
        sample = self._watch.sample(self._clock())
        at = (state.phase, state.step)
        if self._since is None or self._since[0] != at:
            self._since = (at, sample)
        found = analysis.look(
            self._place.analysis, self._place.step, state.evidence.get(analysis.NAME) or {}, sample, share=share,
            stage=f"{state.phase.value} {state.step}" if step else state.phase.value, allowed=(state.image,),
            memory_limit=self._watch.memory_limit,
        )  # fmt: skip
        kept = {analysis.NAME: found.evidence, view.SEEN: view.kept(sample, self._since[1])}
        return Told(kept, found.harm, found.settled, found.missing, found.frozen, found.told)


class _Shadowing:
    """Shadow traffic as a trial. See parts.Trial."""

    def __init__(self, trial: ReplayTrial | MirrorTrial) -> None:
        self._trial = trial

    def look(self, state: State) -> Progress:
        """See parts.Trial."""
        found = self._trial.look(state)
        over = bool(found.missing) and found.told == found.missing
        kept = {Phase.SHADOW.value: found.evidence}
        return Told(kept, found.harm, found.settled, found.missing, found.frozen, found.told, over)

    def stop(self) -> None:
        """See parts.Trial."""
        self._trial.stop()


def _trials(
    cluster: Cluster, place: Place, team: Team, router: TrafficRouter, fence: Fence | None, *, state: State
) -> dict[Phase, Trial]:
    made: dict[Phase, Trial] = {}
    if team.evals is not None and place.evals.suites:
        made[Phase.CHECK] = team.evals
    if fence is not None:
        from agentops.rollout.shadow import sessions, trials

        prices = team.settings.evals.prices if team.settings.evals else {}
        stand = trials.Stand(cluster, workload.names_of(place), place, team.settings.agent, prices, fence.keep)
        if place.shadow.mode == "replay":
            if state.phase not in (Phase.CANARY_UP, Phase.SHADOW) or state.desired != "go":
                # They were replayed, or never will be: a file that is gone by now must not stand in the way back.
                return made
            recorded = team.recorded or sessions.read(place.shadow.sessions, root=Path(team.settings.root))
            made[Phase.SHADOW] = _Shadowing(trials.ReplayTrial(stand, recorded))
        else:
            made[Phase.SHADOW] = _Shadowing(trials.MirrorTrial(stand, router))
    return made


def _fence(runner: Runner, place: Place) -> Fence | None:
    if place.shadow.mode == "off":
        return None
    from agentops.rollout.shadow.trials import Fence

    image = place.watchdog.image or runner.hands.state.image
    return Fence(runner.hands, workload.names_of(place), place, image=image)
