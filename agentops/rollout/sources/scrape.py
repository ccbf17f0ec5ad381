"""The agent's own pods, asked for their metrics through a forwarded port each."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable

from agentops.contracts import Cluster
from agentops.errors import AgentopsError
from agentops.model.rollout import Pod
from agentops.model.rollout_settings import Scrape
from agentops.rollout.sources import counters, exposition
from agentops.rollout.sources.arms import Arms, Found, silent
from agentops.text import said

MOST_PODS = 8
"""So many pods of a version are asked: each takes a process of kubectl. Shares of errors need no more."""
_TIMEOUT_S = 3.0
_AGAIN_S = 1.0
_STALE_S = 15.0
_CHUNK = 65536
_ACCEPT = "text/plain;version=0.0.4"


def fetch(port: int, path: str, *, timeout_s: float = _TIMEOUT_S) -> bytes:
    """GET the path on 127.0.0.1, no more than a sound page is long. Raises OSError, HTTPException, ExpositionError."""
    deadline = time.monotonic() + timeout_s
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path if path.startswith("/") else f"/{path}", headers={"Accept": _ACCEPT})
        answer = connection.getresponse()
        if answer.status != 200:
            raise exposition.ExpositionError(f"it answers {answer.status}")
        body = bytearray()
        while chunk := answer.read1(_CHUNK):
            body += chunk
            if len(body) > exposition.MOST_BYTES or time.monotonic() > deadline:
                raise exposition.ExpositionError("it is too long, or comes too slowly")
        return bytes(body)
    finally:
        connection.close()


class Line:
    """One pod, asked again and again by a thread of its own until `close`."""

    def __init__(self, cluster: Cluster, pod: str, scrape: Scrape, *, every_s: float) -> None:
        self._cluster, self._pod, self._scrape, self._every_s = cluster, pod, scrape, every_s
        self._stop = threading.Event()
        self._latest: tuple[float, counters.Reading] | None = None
        self.why = ""
        self._thread = threading.Thread(target=self._run, name=f"scrape-{pod}", daemon=True)
        self._thread.start()

    def latest(self) -> tuple[float, counters.Reading] | None:
        """The last reading and when it came, by time.monotonic."""
        return self._latest

    def close(self, *, wait_s: float = 0.0) -> None:
        """Ask no more."""
        self._stop.set()
        if wait_s:
            self._thread.join(wait_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._cluster.forward(self._pod, self._scrape.port) as port:
                    while not self._stop.is_set():
                        body = fetch(port, self._scrape.path)
                        found = counters.reading(exposition.parse(body, names=counters.NAMES))
                        self._latest, self.why = (time.monotonic(), found), ""
                        self._stop.wait(self._every_s)
            except (AgentopsError, OSError, http.client.HTTPException, ValueError) as error:
                self.why = said(str(error) or type(error).__name__, 120)
                self._stop.wait(_AGAIN_S)


class Scraped:
    """The Source over the pods' own metrics. `make` opens the line to a pod; tests hand another."""

    def __init__(
        self,
        cluster: Cluster,
        scrape: Scrape,
        *,
        every_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        make: Callable[[str], Line] | None = None,
    ) -> None:
        self._make = make or (lambda pod: Line(cluster, pod, scrape, every_s=every_s))
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._read: dict[str, float] = {}
        self._totals = {"canary": counters.Odometer(), "stable": counters.Odometer()}

    def read(self, arms: Arms) -> Found:
        """See arms.Source. The first time it opens the lines and knows nothing yet."""
        chosen = {name: self._chosen(pods) for name, pods in arms.each()}
        asked = {pod.name for pods in chosen.values() for pod in pods}
        # Those that are leaving are heard to the end: what they still serve counts.
        staying = asked | {pod.name for _, pods in arms.each() for pod in pods if pod.leaving}
        for name in [name for name in self._lines if name not in staying]:
            self._lines.pop(name).close()
            self._read.pop(name, None)
        for name in asked - self._lines.keys():
            self._lines[name] = self._make(name)
        why = []
        for name, pods in arms.each():
            heard = [pod.name for pod in pods if self._hear(arms, name, pod)]
            lacking = silent(arms, name, chosen[name], heard)
            if lacking:
                told = next((line.why for pod in chosen[name] if (line := self._lines[pod.name]).why), "")
                why.append(f"{lacking}: {told}" if told else lacking)
            else:
                why.append("")
        canary, stable = (
            None if lacking else self._totals[name].counts()
            for (name, _), lacking in zip(arms.each(), why, strict=True)
        )
        return Found(canary, stable, why="; ".join(text for text in why if text))

    def close(self) -> None:
        """End the threads and their ports."""
        for line in self._lines.values():
            line.close()
        for line in self._lines.values():
            line.close(wait_s=2.0)
        self._lines.clear()

    def _chosen(self, pods: tuple[Pod, ...]) -> list[Pod]:
        """The pods that are asked: those that were, then the oldest."""
        able = [pod for pod in pods if pod.ip and not pod.leaving and (pod.ready or pod.name in self._lines)]
        return sorted(able, key=lambda pod: (pod.name not in self._lines, pod.created_at, pod.name))[:MOST_PODS]

    def _hear(self, arms: Arms, name: str, pod: Pod) -> bool:
        """Take in what a pod told since the last time; whether it did so lately."""
        line = self._lines.get(pod.name)
        latest = line.latest() if line else None
        if latest is None:
            return False
        at, found = latest
        if self._read.get(pod.name) != at:
            self._read[pod.name] = at
            self._totals[name].add(pod.name, found, from_zero=arms.is_new(pod))
        return self._clock() - at <= _STALE_S
