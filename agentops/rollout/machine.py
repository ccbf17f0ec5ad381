"""The rollout as a machine that looks, does one thing, and looks again.

`tick` may be called by any runner at any time: what is to be done follows from the journal and from the cluster alone.
A phase says what the cluster should be like, writes what is missing, and goes on once the data plane shows it. Whatever
is written, was written before, or is half written when a runner dies, the next tick converges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from agentops.errors import AgentopsError, ApiDown, Conflict
from agentops.model.rollout import Cause, Phase, State
from agentops.rollout import back, moves, sizes
from agentops.rollout.journal import Fenced, noted
from agentops.rollout.parts import Look, Parts

_SAVE_S = 5.0
"""How often what was seen is written down while nothing else happens."""
_BACK = (Phase.ABORTING, Phase.ABORTED)
_AT_ONCE = 4
"""So many phases may follow each other within one tick: the way back begins the moment it is decided."""


class Machine:
    """Carries a rollout from one phase to the next. The journal is the memory; an object of this holds none but what
    can be found out again."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._saved_at = 0.0
        self._sure: tuple[Phase, int] | None = None
        self._begun = parts.hands.state
        self._contested_at: float | None = None
        self._unready: tuple[Phase, int, float] | None = None
        self._phases: Mapping[Phase, Callable[[State], State]] = {
            Phase.CANARY_UP: self._canary_up,
            Phase.SHADOW: self._trial,
            Phase.CHECK: self._trial,
            Phase.WAIT: self._wait,
            Phase.CANARY: self._canary,
            Phase.BAKE: self._bake,
            Phase.COMMIT: self._commit,
            Phase.RESTORE: self._restore,
            Phase.ABORTING: lambda state: back.tick(self._parts, state),
        }

    def tick(self) -> State:
        """One look and what follows from it; returns where the rollout stands. Raises ApiDown and Conflict (look again
        later), Fenced (another runner holds the rollout)."""
        hands = self._parts.hands
        was = hands.state
        hands.journal.check(was.epoch, was.id)
        state = hands.state
        for _ in range(_AT_ONCE):
            if state.phase.ended:
                break
            after = self._step(state)
            moved = (after.phase, after.step) != (state.phase, state.step)
            state = self._keep(state, after)
            if not moved:
                break
        return state

    def _step(self, state: State) -> State:
        forged = moves.forged(self._begun, state)
        if forged and state.phase not in _BACK:
            # What admits an image was looked at when this runner began; the journal is no place to change it.
            kept = replace(state, image=self._begun.image, before=self._begun.before, plan=self._begun.plan)
            return self._go_back(kept, Cause.BROKEN, f"somebody changed {forged} in the journal")
        if state.desired == "abort" and state.phase not in _BACK:
            return self._go_back(state, state.cause or Cause.ASKED, state.reason or "asked for")
        try:
            after = self._phases[state.phase](state)
        except Conflict as error:
            return self._contested(state, error)
        except (ApiDown, Fenced):
            raise
        except AgentopsError as error:
            hint = f" ({error.hint})" if error.hint else ""
            if state.phase in _BACK:
                return back.stuck(self._parts, self._latest(state), error.message + hint)
            return self._go_back(self._latest(state), Cause.BROKEN, error.message + hint)
        self._contested_at = None
        return after

    def _contested(self, state: State, error: Conflict) -> State:
        """Somebody else writes to what we write to: look again, but not for ever."""
        now, limit = self._parts.clock(), self._parts.place.timing.ready_s
        self._contested_at = now if self._contested_at is None else self._contested_at
        if now - self._contested_at <= limit:
            raise error
        text = f"others write to what the rollout writes to: {error.message}"
        self._contested_at = None
        if state.phase in _BACK:
            return back.stuck(self._parts, self._latest(state), text)
        return self._go_back(self._latest(state), Cause.BROKEN, text)

    def _latest(self, state: State) -> State:
        """The state with what `Hands` wrote into the journal meanwhile."""
        return replace(state, touched=self._parts.hands.state.touched)

    def _keep(self, before: State, after: State) -> State:
        """Write down what is worth it."""
        now, herald = self._parts.clock(), self._parts.herald
        after, news = herald.due(before, self._latest(after))
        heavy = replace(before, evidence={}, seen_at=0.0, awaiting="", touched=())
        plain = replace(after, evidence={}, seen_at=0.0, awaiting="", touched=())
        if news or heavy != plain or (before != after and now - self._saved_at >= _SAVE_S):
            self._parts.hands.journal.save(after)
            self._saved_at = now
        # Saved first: where that fails another runner holds the rollout, and tells.
        herald.tell(news, after)
        return after

    # The phases.

    def _canary_up(self, state: State) -> State:
        parts = self._parts
        shadowed = sizes.shadowed(parts, state)
        parts.deployments.take()
        parts.watch_over()
        # The way in first: by the team's own selector it may lead to the canary's pods as soon as there are any.
        waiting = [parts.router.prepare()]
        if not waiting[0]:
            waiting += [parts.fence()] if shadowed else []
            waiting.append(parts.deployments.raise_canary(sizes.first(parts, state), shadowed=shadowed))
        return self._ready(state, waiting) or self._following(state)

    def _trial(self, state: State) -> State:
        parts = self._parts
        trial = parts.trials.get(state.phase)
        if trial is None:
            return self._go_back(state, Cause.INCONCLUSIVE, f"{state.phase.value}: nothing carries it out")
        raised = parts.deployments.raise_canary(sizes.first(parts, state), shadowed=sizes.shadowed(parts, state))
        if raised:
            return self._ready(state, [raised]) or state
        look = trial.look(state)
        state = self._seen(state, look)
        if look.harm:
            return self._go_back(state, Cause.HARM, look.harm)
        if look.settled:
            trial.stop()
            return self._following(state)
        if look.over:
            trial.stop()
            return self._go_back(state, Cause.INCONCLUSIVE, f"{state.phase.value}: {look.missing}")
        return replace(state, awaiting=look.told or look.missing)

    def _wait(self, state: State) -> State:
        if state.approvals:
            by = state.approvals[-1]
            return self._following(noted(state, f"approved by {by.who}: {by.why}", now=self._parts.clock()))
        return replace(state, awaiting="somebody to say `agentops rollout promote`")

    def _canary(self, state: State) -> State:
        weight = state.plan.weights[state.step]
        serve = self._parts.router.replicas(weight, stable=state.plan.stable_replicas)
        state, look = self._serve(state, weight, serve)
        if look is None:
            return state
        place = self._parts.place
        if look.settled:
            return self._following(noted(state, f"{weight} %: {look.told}", now=self._parts.clock()))
        allowed = place.step.minutes * moves.MINUTE * (1 + state.extended)
        if self._parts.clock() - state.flowing_at < allowed:
            return replace(state, awaiting=look.missing)
        if state.extended < place.step.extend:
            text = f"{weight} %: not settled after {place.step.minutes:g} minutes ({look.missing}): once more"
            return noted(replace(state, extended=state.extended + 1), text, now=self._parts.clock())
        return self._go_back(state, Cause.INCONCLUSIVE, f"at {weight} %: {look.missing}")

    def _bake(self, state: State) -> State:
        place = self._parts.place
        weight, serve = sizes.bake(self._parts, state)
        state, look = self._serve(state, weight, serve)
        if look is None:
            return state
        spent = self._parts.clock() - state.flowing_at
        lasts = place.bake_minutes * moves.MINUTE
        if spent < lasts:
            return replace(state, awaiting=f"{(lasts - spent) / moves.MINUTE:.1f} minutes of bake")
        if look.settled:
            return self._following(noted(state, f"bake: {look.told}", now=self._parts.clock()))
        allowed = lasts + place.step.minutes * moves.MINUTE * (1 + state.extended)
        if spent < allowed:
            return replace(state, awaiting=look.missing)
        if state.extended < place.step.extend:
            return replace(state, extended=state.extended + 1)
        return self._go_back(state, Cause.INCONCLUSIVE, f"in the bake: {look.missing}")

    def _commit(self, state: State) -> State:
        parts = self._parts
        if not state.committing:
            parts.admitted(state)
            return noted(replace(state, committing=True), "stable takes the image", now=parts.clock())
        waiting = parts.deployments.commit()
        if not waiting:
            return self._following(state)
        if self._spent(state, parts.place.timing.progress_s):
            limit = parts.place.timing.progress_s
            return self._go_back(state, Cause.BROKEN, f"stable did not become available within {limit:g} s: {waiting}")
        look = parts.analyse(state, share=sizes.bake(parts, state)[0] / sizes.ALL, step=False)
        state = self._seen(state, look)
        if look.harm:
            return self._go_back(state, Cause.HARM, look.harm)
        return replace(state, awaiting=waiting)

    def _restore(self, state: State) -> State:
        parts = self._parts
        waiting = back.leave(parts, state, drain_s=parts.place.timing.drain_s)
        if waiting:
            limit = parts.place.timing.progress_s + parts.place.timing.drain_s
            if self._spent(state, limit):
                return back.stuck(parts, state, f"stable does not serve everybody after {limit:g} s: {waiting}")
            return replace(back.flowing(parts, state, waiting), awaiting=waiting)
        now = parts.clock()
        state = replace(state, rollback_failed="")
        return noted(moves.to(state, Phase.DONE, now=now), f"stable serves {state.image}", now=now)

    # What phases share.

    def _serve(self, state: State, weight: int, replicas: int) -> tuple[State, Look | None]:
        """See that `weight` percent goes to so many pods, and look at how they do. No look as long as that is awaited,
        or nothing can be decided; the state may then be that of the way back."""
        parts = self._parts
        share = weight / sizes.ALL
        drift = "; ".join(d for d in (parts.deployments.drift(), self._moved(state, weight)) if d)
        if drift:
            harm = parts.analyse(state, share=share, step=False).harm
            if harm:
                return self._go_back(state, Cause.HARM, harm), None
            return self._freeze(state, f"{moves.BY_HAND}: {drift}"), None
        if self._sure != (state.phase, state.step):
            state, sure = self._converged(state, weight, replicas)
            if not sure:
                return state, None
            self._sure = (state.phase, state.step)
        if not state.flowing_at:
            state = noted(
                replace(state, flowing_at=parts.clock(), awaiting=""),
                f"{weight} % flow to the canary",
                now=parts.clock(),
            )
        state = moves.caught_up(state, now=parts.clock(), interval_s=parts.place.analysis.interval_s)
        look = parts.analyse(state, share=share, step=True)
        state = self._seen(state, look)
        if look.harm:
            return self._go_back(state, Cause.HARM, look.harm), None
        state = self._freeze(state, look.frozen)
        return state, None if state.frozen or state.phase in _BACK else look

    def _converged(self, state: State, weight: int, replicas: int) -> tuple[State, bool]:
        """See that the pods are there and the traffic flows, at the beginning of a step and where another runner
        brought it here. The state otherwise, which may be that of the way back."""
        parts = self._parts
        # What may have changed meanwhile: an autoscaler gave stable more pods, a watchdog came to its end.
        parts.deployments.take()
        parts.watch_over()
        waiting = [parts.deployments.raise_canary(replicas, shadowed=False)]
        if not waiting[0] and not state.served:
            # The journal knows before the first request meets the canary.
            return replace(state, served=True), False
        if not waiting[0]:
            waiting.append(parts.router.shift(weight))
        if not (state.flowing_at and any(waiting)):
            unready = self._ready(state, waiting)
            return (state, True) if unready is None else (unready, False)
        # Another runner brought it here. The clocks stand still until the world is as the journal says.
        look = parts.analyse(state, share=weight / sizes.ALL, step=False)
        state = self._seen(state, look)
        if look.harm:
            return self._go_back(state, Cause.HARM, look.harm), False
        return self._freeze(state, "; ".join(text for text in waiting if text)), False

    def _moved(self, state: State, weight: int) -> str:
        return self._parts.router.drift(weight) if state.flowing_at else ""

    def _ready(self, state: State, waiting: list[str]) -> State | None:
        """Whether nothing is awaited any more (None), else the state: waiting, or on its way back. The traffic of the
        step before, if there is any, flows on and is looked at."""
        told = "; ".join(text for text in waiting if text)
        if not told:
            self._unready = None
            return None
        now = self._parts.clock()
        if self._unready is None or self._unready[:2] != (state.phase, state.step) or self._waits_for_node(state):
            self._unready = (state.phase, state.step, now)
        share = sizes.weight_before(state) / sizes.ALL
        look = self._parts.analyse(state, share=share, step=False)
        state = self._seen(state, look)
        if look.harm:
            return self._go_back(state, Cause.HARM if share else Cause.BROKEN, look.harm)
        limit = self._parts.place.timing.ready_s
        if now - self._unready[2] > limit:
            why = self._parts.diagnose()
            text = f"not ready within {limit:g} s: {told}" + (f" ({why})" if why else "")
            return self._go_back(state, Cause.BROKEN, text)
        return replace(state, awaiting=told)

    def _waits_for_node(self, state: State) -> bool:
        """Whether pods are awaited that were lost with a node. Not for ever: they may be told to wait for it."""
        return not self._spent(state, self._parts.place.timing.progress_s) and self._parts.deployments.lost()

    def _seen(self, state: State, look: Look) -> State:
        state = replace(state, evidence={**state.evidence, **look.evidence})
        return state if look.frozen else replace(state, seen_at=self._parts.clock())

    def _spent(self, state: State, limit_s: float) -> bool:
        return self._parts.clock() - state.phase_at > limit_s

    def _freeze(self, state: State, why: str) -> State:
        limit_s = self._parts.place.analysis.outage_minutes * moves.MINUTE
        return moves.freeze(state, why, now=self._parts.clock(), limit_s=limit_s)

    def _following(self, state: State) -> State:
        return moves.following(state, self._parts.place, now=self._parts.clock())

    def _go_back(self, state: State, cause: Cause, reason: str) -> State:
        trial = self._parts.trials.get(state.phase)
        if trial is not None:
            trial.stop()
        return moves.back(state, cause, reason, now=self._parts.clock())
