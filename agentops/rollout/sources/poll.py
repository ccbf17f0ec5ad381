"""Slow questions, asked again and again beside the runner, which takes the last answer there is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Poll(Generic[Question, Answer]):
    """Calls `ask` every `every_s` seconds with the question last put, in a thread of its own. `ask` must not raise for
    what others do; what it raises all the same is raised by `latest`."""

    def __init__(self, ask: Callable[[Question], Answer], *, every_s: float) -> None:
        self._ask, self._every_s = ask, every_s
        self._question: Question | None = None
        self._answer: tuple[float, Answer] | None = None
        self._error: Exception | None = None
        self._stop, self._put = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def latest(self, question: Question) -> tuple[float, Answer] | None:
        """Put the question; the last answer to any, and its age in seconds. None before the first."""
        self._question = question
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
            self._thread.start()
        self._put.set()
        if self._error is not None:
            raise self._error
        if self._answer is None:
            return None
        at, answer = self._answer
        return time.monotonic() - at, answer

    def close(self) -> None:
        """Ask no more."""
        self._stop.set()
        self._put.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._put.wait()
            self._put.clear()
            question = self._question
            if self._stop.is_set() or question is None:
                continue
            try:
                self._answer = (time.monotonic(), self._ask(question))
            except Exception as error:  # noqa: BLE001  raised again where somebody hears it
                self._error = error
                return
            self._stop.wait(self._every_s)
