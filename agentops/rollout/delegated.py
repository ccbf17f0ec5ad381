"""The machine of a rollout that Argo Rollouts or Flagger carries out: the image is set, their word is followed.

canary-up   the owner and its target are marked as ours
wait        somebody says `promote`, where the environment asks for it
canary      the image is set; from then on the owner takes the steps
aborting    by the owner's means; where it is gone the former image comes back all the same
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agentops.errors import AgentopsError, ApiDown, Conflict
from agentops.model.rollout import Cause, Phase, State
from agentops.reports.rollout import owner
from agentops.rollout import moves
from agentops.rollout.delegate import Delegate
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Fenced, noted
from agentops.rollout.parts import Herald
from agentops.text import one_line

_MINUTE = 60.0
_SAVE_S = 5.0
"""How often the owner's word is written down while nothing else happens."""


class Delegated:
    """Sets the image, watches, and aborts by the owner's own means. Ticks as `machine.Machine` does."""

    def __init__(
        self, hands: Hands, delegate: Delegate, *, admitted: Callable[[State], None], herald: Herald,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._hands, self._delegate, self._admitted = hands, delegate, admitted
        self._herald, self._clock = herald, clock
        self._place = delegate.place
        self._begun = hands.state
        self._saved_at = 0.0

    def tick(self) -> State:
        """One look and what follows from it. Raises ApiDown, Conflict and Fenced; a Conflict that lasts for longer than
        the phase may is no reason to look again any more, but an error."""
        was = self._hands.state
        self._hands.journal.check(was.epoch, was.id)
        state = self._hands.state
        if state.phase.ended:
            return state
        try:
            after = self._step(state)
        except (ApiDown, Fenced):
            raise
        except Conflict as error:
            if not self._late(state):
                raise
            after = self._hindered(error)
        except AgentopsError as error:
            after = self._hindered(error)
        return self._keep(state, after)

    def _keep(self, before: State, after: State) -> State:
        """Write down what is worth it."""
        now = self._clock()
        after, news = self._herald.due(before, replace(after, touched=self._hands.state.touched))
        heavy, plain = (replace(s, evidence={}, seen_at=0.0, awaiting="", touched=()) for s in (before, after))
        if news or heavy != plain or (before != after and now - self._saved_at >= _SAVE_S):
            self._hands.journal.save(after)
            self._saved_at = now
        self._herald.tell(news, after)
        return after

    def _step(self, state: State) -> State:
        if state.phase is Phase.ABORTING:
            return self._back(state)
        forged = moves.forged(self._begun, state)
        if forged:
            kept = replace(state, image=self._begun.image, before=self._begun.before, plan=self._begun.plan)
            return self._go_back(kept, Cause.BROKEN, f"somebody changed {forged} in the journal")
        if state.desired == "abort":
            return self._go_back(state, state.cause or Cause.ASKED, state.reason or "asked for")
        if state.phase is Phase.CANARY_UP:
            self._delegate.take()
            return self._to(state, Phase.WAIT if self._place.approval else Phase.CANARY)
        if state.phase is Phase.WAIT:
            return self._wait(state)
        return self._watch(state) if state.flowing_at else self._set(state)

    # The phases.

    def _wait(self, state: State) -> State:
        if state.approvals:
            by = state.approvals[-1]
            return self._to(noted(state, f"approved by {by.who}: {by.why}", now=self._clock()), Phase.CANARY)
        return replace(state, awaiting="somebody to say `agentops rollout promote`")

    def _set(self, state: State) -> State:
        """Set the image. A runner that dies in between sets it again: what is so already is not written."""
        self._admitted(state)
        now = self._clock()
        if not state.committing:
            # The journal knows before the owner does: on the way back it tells whether there is anything to undo.
            return noted(replace(state, committing=True), f"{self._delegate.owner.told} takes the image", now=now)
        waiting = self._delegate.start()
        if not waiting:
            return replace(state, flowing_at=now, seen_at=now, awaiting="")
        if self._late(state):
            limit = self._place.timing.ready_s
            return self._go_back(state, Cause.BROKEN, f"the image was not set within {limit:g} s: {waiting}")
        return replace(state, awaiting=one_line(waiting, 300))

    def _watch(self, state: State) -> State:
        drift = self._delegate.drift()
        if drift:
            return self._freeze(state, f"changed by hand: {drift}")
        said, told, now = self._delegate.look(), self._delegate.owner.told, self._clock()
        state = replace(self._thaw(state), awaiting=said.text, served=state.served or bool(said.weight))
        # What a former image came to is no word of this one.
        word, share = (said.text, said.weight) if said.heard else ("", None)
        state = replace(state, evidence={**state.evidence, **owner.kept(told, word=word, weight=share)})
        if said.phase is Phase.DONE:
            self._delegate.let_go()
            return noted(self._to(state, Phase.DONE), f"{told}: {said.text}", now=now)
        if said.phase in (Phase.ABORTED, Phase.ABORTING):
            return self._go_back(state, said.cause or Cause.HARM, f"{told}: {said.text}")
        if said.heard:
            return replace(state, seen_at=now)
        limit = self._place.timing.progress_s
        if now - max(state.seen_at, state.flowing_at) > limit:
            return self._go_back(state, Cause.BROKEN, f"{told} said nothing of the image for {limit:g} s: {said.text}")
        return state

    def _back(self, state: State) -> State:
        waiting = self._delegate.abort() if state.committing else ""
        if waiting:
            return self._awaited(state, waiting)
        left, now = self._delegate.left(), self._clock()
        self._delegate.let_go()
        # A person who reads no log has to learn of it too.
        reason = one_line(f"{state.reason} ({left})", 400) if left else state.reason
        done = replace(
            state, phase=Phase.ABORTED, phase_at=now, committing=False, awaiting="", frozen="", rollback_failed="",
            reason=reason,
        )  # fmt: skip
        return noted(done, left or "stable serves as before", now=now)

    # What phases share.

    def _hindered(self, error: AgentopsError) -> State:
        """What an error comes to: the way back, or on it one more thing that is awaited."""
        text = error.message + (f" ({error.hint})" if error.hint else "")
        # The journal may have been read anew since the tick began.
        state = self._hands.state
        if state.phase is Phase.ABORTING:
            return self._awaited(state, text)
        return self._go_back(state, Cause.BROKEN, text)

    def _awaited(self, state: State, waiting: str) -> State:
        """The way back while it goes on. One that lasts for too long failed, and is tried on all the same."""
        if not self._late(state) or state.rollback_failed:
            return replace(state, awaiting=one_line(waiting, 300))
        text = one_line(f"not back within {self._place.timing.progress_s:g} s: {waiting}", 400)
        told = replace(state, awaiting=one_line(waiting, 300), rollback_failed=text)
        return noted(told, f"the way back failed: {text}", now=self._clock())

    def _late(self, state: State) -> bool:
        """Whether a phase that we carry out ourselves lasts for longer than it may."""
        timing = self._place.timing
        limit = timing.progress_s if state.phase is Phase.ABORTING else timing.ready_s
        ours = state.phase in (Phase.ABORTING, Phase.CANARY_UP) or (
            state.phase is Phase.CANARY and not state.flowing_at
        )
        return ours and self._clock() - state.phase_at > limit

    def _freeze(self, state: State, why: str) -> State:
        """Follow the owner no more until the image is ours again. What stays frozen for too long goes back."""
        now, minutes = self._clock(), self._place.analysis.outage_minutes
        why = one_line(why, 300)
        if not state.frozen:
            return noted(replace(state, frozen=why, frozen_at=now), f"frozen: {why}", now=now)
        if now - state.frozen_at > minutes * _MINUTE:
            return self._go_back(state, Cause.INCONCLUSIVE, f"frozen for more than {minutes:g} minutes: {why}")
        return replace(state, frozen=why)

    def _thaw(self, state: State) -> State:
        if not state.frozen:
            return state
        now = self._clock()
        text = f"goes on after {now - state.frozen_at:.0f} s"
        return noted(replace(state, frozen="", frozen_at=0.0, seen_at=now), text, now=now)

    def _to(self, state: State, phase: Phase) -> State:
        now = self._clock()
        fresh = replace(state, phase=phase, phase_at=now, flowing_at=0.0, awaiting="", frozen="")
        return noted(fresh, f"{phase.value} begins", now=now)

    def _go_back(self, state: State, cause: Cause, reason: str) -> State:
        now = self._clock()
        told = replace(
            state, cause=cause, reason=one_line(reason, 400), phase=Phase.ABORTING, phase_at=now, flowing_at=0.0,
            awaiting="", frozen="",
        )  # fmt: skip
        return noted(told, f"going back ({cause.value}): {reason}", now=now)
