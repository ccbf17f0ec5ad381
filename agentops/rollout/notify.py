"""Tell people and machines what becomes of a rollout: which events, to whom, and never in the rollout's way.

`due` says what is to be told, from the journal alone. A `Teller` tells it from a thread of its own a target: its calls
return at once, it never raises, and what could not be told comes back in words for the journal.
"""

from __future__ import annotations

import hashlib
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentops.model.rollout import Phase, State
from agentops.model.rollout_settings import Notify
from agentops.reports.rollout.view import View
from agentops.rollout.messages import Answer, Message, message

TOLD = "told"
"""Where the journal's evidence keeps the keys of what was told."""

_KEPT = 60
_WAITING = 50
_PAUSES_S = (1.0, 4.0)
_LONGEST_PAUSE_S = 30.0
_MOMENT_S = 0.05
_NUMBERS = re.compile(r"[0-9.]+")


Send = Callable[[Message], Answer]


def keys(state: State) -> tuple[str, ...]:
    """What is worth telling of the rollout as it stands: the event, and behind a colon which one of several it is."""
    found = ["started"] if not state.phase.ended else []
    if state.phase is Phase.WAIT and not state.approvals:
        found.append(f"waiting:{state.step}")
    found += [f"promoted:{i}" for i, _ in enumerate(state.approvals, 1)]
    if state.frozen:
        # The same reason freezes now and again: once a step is enough. Numbers in it change all the time.
        reason = hashlib.sha256(_NUMBERS.sub("0", state.frozen).encode("utf-8", "backslashreplace")).hexdigest()[:8]
        found.append(f"frozen:{state.phase.value}:{state.step}:{reason}")
    if state.rollback_failed:
        found.append(f"failed:{state.epoch}")
    elif state.phase is Phase.DONE:
        found.append("done")
    elif state.phase is Phase.ABORTED:
        found.append("rolled-back")
    return tuple(found)


def event(key: str) -> str:
    """The event of a key, as `Notify.on` names it."""
    return key.partition(":")[0]


def due(before: State | None, after: State) -> tuple[str, ...]:
    """The keys of what is to be told now: everything that the state is worth and that was not told yet, by this runner
    or by an earlier one. `before` is the state at the last look, None at a runner's first."""
    done = {*_told(after), *(_told(before) if before is not None and before.id == after.id else ())}
    return tuple(key for key in keys(after) if key not in done)


def told(state: State, done: Iterable[str]) -> State:
    """The state that remembers these keys. Save it, then tell: where saving fails, another runner holds the rollout and
    tells."""
    kept = dict.fromkeys([*_told(state), *done])
    if len(kept) == len(_told(state)):
        return state
    return replace(state, evidence={**state.evidence, TOLD: list(kept)[-_KEPT:]})


def lacking(targets: Sequence[Notify], env: Mapping[str, str]) -> tuple[str, ...]:
    """What the targets need and do not have, one line each, for a look before the rollout."""
    from agentops.rollout import sending

    return tuple(f"{name(target)}: {text}" for target in targets for text in sending.lacking(target, env))


def name(target: Notify) -> str:
    """What a target is called where people read it: never its address, which may be a secret."""
    whose = target.url_env or target.key_env or target.host or ", ".join(target.to[:1])
    return f"{target.kind} ({whose})" if whose else target.kind


@dataclass(slots=True, eq=False)
class _Target:
    """One target with its thread and what waits for it."""

    notify: Notify
    send: Send
    waiting: queue.Queue[Message | None] = field(default_factory=lambda: queue.Queue(_WAITING))
    thread: threading.Thread | None = None


class Teller:
    """Tells targets in the background. Make one a runner, `close` it at the end.

    `env` holds the secrets that the settings name. `attempts` is how often one message is tried, each for `timeout_s`
    at most between two signs of life. `send` is how a message is sent, for tests.
    """

    def __init__(
        self,
        targets: Sequence[Notify],
        env: Mapping[str, str],
        *,
        timeout_s: float = 10.0,
        attempts: int = 3,
        send: Callable[[Notify], Send] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._attempts = attempts
        self._closing = threading.Event()
        self._sleep = sleep or self._closing.wait
        self._lock = threading.Lock()
        self._said: list[str] = []
        self._targets = [
            _Target(target, send(target) if send else _sender(target, env, timeout_s)) for target in targets
        ]

    def tell(self, events: Iterable[str], view: View) -> None:
        """Tell every target what it wants to know of these keys. Returns at once."""
        for key in events:
            for target in self._targets:
                if event(key) in target.notify.on:
                    self._put(target, key, view)

    def heard(self) -> tuple[str, ...]:
        """What could not be told since the last call, in words for the journal."""
        with self._lock:
            said, self._said = tuple(self._said), []
        return said

    def close(self, *, wait_s: float = 15.0) -> tuple[str, ...]:
        """Wait until everything was told, `wait_s` at most in all; returns what was not, as `heard` does."""
        deadline = time.monotonic() + wait_s
        working = [(target, target.thread) for target in self._targets if target.thread is not None]
        full = [target for target, _ in working if not _end(target, 0.0)]
        for target, thread in working:
            if target in full:
                _end(target, max(deadline - time.monotonic(), 0.0))
            thread.join(max(deadline - time.monotonic(), _MOMENT_S))
            if thread.is_alive():
                self._say(f"{name(target.notify)} did not answer: what it was to be told may be lost")
        self._closing.set()
        return self.heard()

    def _put(self, target: _Target, key: str, view: View) -> None:
        try:
            made = message(key, view)
        except Exception as error:  # noqa: BLE001  a message never stands in the way of a rollout
            self._say(f"{name(target.notify)}: {event(key)} could not be put into words ({type(error).__name__})")
            return
        if target.thread is None:
            # Daemons: a target that never answers does not keep the process.
            target.thread = threading.Thread(target=self._work, args=(target,), name="notify", daemon=True)
            target.thread.start()
        try:
            target.waiting.put_nowait(made)
        except queue.Full:
            self._say(f"{name(target.notify)} is too slow: what it was to be told is lost")

    def _work(self, target: _Target) -> None:
        while (item := target.waiting.get()) is not None:
            trouble = self._deliver(target.send, item)
            if trouble:
                self._say(f"{name(target.notify)} was not told {item.event}: {trouble}")

    def _deliver(self, send: Send, item: Message) -> str:
        trouble = ""
        for attempt in range(1, self._attempts + 1):
            try:
                answer = send(item)
            except Exception as error:  # noqa: BLE001  nor does a target; an error's own words may hold its address
                answer = Answer(f"it could not be sent ({type(error).__name__})")
            trouble = answer.trouble
            if not trouble or not answer.again or attempt == self._attempts or self._closing.is_set():
                break
            pause = answer.pause_s if answer.pause_s is not None else _PAUSES_S[min(attempt, len(_PAUSES_S)) - 1]
            self._sleep(min(max(pause, 0.0), _LONGEST_PAUSE_S))
        return trouble

    def _say(self, text: str) -> None:
        with self._lock:
            if text not in self._said:
                self._said.append(text)


def _end(target: _Target, wait_s: float) -> bool:
    """Let the thread end behind what waits already; false where so much waits that there is no room to say so."""
    try:
        target.waiting.put(None, block=wait_s > 0, timeout=wait_s or None)
    except queue.Full:
        return False
    return True


def _sender(target: Notify, env: Mapping[str, str], timeout_s: float) -> Send:
    from agentops.rollout import sending

    return sending.sender(target, env, timeout_s=timeout_s)


def _told(state: State) -> tuple[str, ...]:
    held = state.evidence.get(TOLD)
    return tuple(str(key) for key in held) if isinstance(held, (list, tuple)) else ()
