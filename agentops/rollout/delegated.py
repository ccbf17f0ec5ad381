"""The machine of a rollout that Argo Rollouts or Flagger carries out: the image is set, their word is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agentops.errors import ApiDown, ClusterError, Conflict
from agentops.model.rollout import Cause, Phase, State
from agentops.rollout.delegate import Delegate
from agentops.rollout.hands import Hands
from agentops.rollout.journal import noted
from agentops.rollout.parts import Herald


class Delegated:
    """Sets the image, watches, and aborts by the owner's own means. Ticks as `machine.Machine` does."""

    def __init__(
        self, hands: Hands, delegate: Delegate, *, admitted: Callable[[State], None], herald: Herald,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._hands, self._delegate, self._admitted = hands, delegate, admitted
        self._herald, self._clock = herald, clock

    def tick(self) -> State:
        """One look and what follows from it. Raises ApiDown, Conflict and Fenced."""
        was = self._hands.state
        self._hands.journal.check(was.epoch, was.id)
        state = self._hands.state
        if state.phase.ended:
            return state
        try:
            after = self._step(state)
        except (ApiDown, Conflict):
            raise
        except ClusterError as error:
            if state.phase is Phase.ABORTING:
                after = replace(state, rollback_failed=error.message)
            else:
                after = self._go_back(state, Cause.BROKEN, error.message)
        after, news = self._herald.due(state, replace(after, touched=self._hands.state.touched))
        if after != state:
            self._hands.journal.save(after)
        self._herald.tell(news, after)
        return after

    def _step(self, state: State) -> State:
        if state.phase is Phase.ABORTING:
            return self._back(state)
        if state.desired == "abort":
            return self._go_back(state, state.cause or Cause.ASKED, state.reason or "asked for")
        if state.phase is Phase.CANARY_UP:
            self._admitted(state)
            waiting = self._delegate.start()
            return replace(state, awaiting=waiting) if waiting else self._to(state, Phase.CANARY)
        drift = self._delegate.drift()
        if drift:
            return replace(state, frozen=drift)
        said = self._delegate.look()
        state = replace(state, awaiting=said.text, frozen="")
        if said.phase is Phase.DONE:
            self._delegate.let_go()
            return noted(self._to(state, Phase.DONE), f"{self._delegate.owner.told}: {said.text}", now=self._clock())
        if said.phase in (Phase.ABORTED, Phase.ABORTING):
            return self._go_back(state, said.cause or Cause.HARM, f"{self._delegate.owner.told}: {said.text}")
        return state

    def _back(self, state: State) -> State:
        waiting = self._delegate.abort()
        if waiting:
            return replace(state, awaiting=waiting)
        self._delegate.let_go()
        return noted(self._to(state, Phase.ABORTED), "stable serves as before", now=self._clock())

    def _to(self, state: State, phase: Phase) -> State:
        now = self._clock()
        return noted(replace(state, phase=phase, phase_at=now, awaiting=""), f"{phase.value} begins", now=now)

    def _go_back(self, state: State, cause: Cause, reason: str) -> State:
        now = self._clock()
        told = replace(state, cause=cause, reason=reason, phase=Phase.ABORTING, phase_at=now, awaiting="", frozen="")
        return noted(told, f"going back ({cause.value}): {reason}", now=now)
