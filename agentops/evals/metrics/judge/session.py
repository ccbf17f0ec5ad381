"""A judge that answers while the run goes on: one worker process, several requests in flight.

Only infrastructure is tried again: a request whose worker died is asked once more in a new one, and workers are
started again so often and no more. What the judge said is never asked anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agentops import text
from agentops.errors import ConfigError, Interrupted, MeasurementError
from agentops.evals.metrics.judge import request as judge_request
from agentops.evals.metrics.judge import worker as judge_worker
from agentops.evals.metrics.judge.cache import JudgeCache
from agentops.evals.metrics.judge.endpoint import JudgeEndpoint
from agentops.evals.metrics.judge.metrics import FIELDS, METRICS, check
from agentops.evals.metrics.judge.process import Worker, WorkerDied
from agentops.model.case import Assertion, Score
from agentops.model.seen import Seen
from agentops.model.settings import Judge

EVIDENCE = "judge.jsonl"
"""The file in the run's folder that keeps what led to each score."""
_START_S = 90.0
_RESTARTS = 3
# A metric asks several times; a request may take as long as so many calls, and its worker a little longer to say so.
_CALLS = 4
_GRACE_S = 5.0
_WATCH_S = 0.05
# Changes of our own prompts or of what is made of an answer, which must not meet older answers.
_FORM = 1


class Session:
    """Asks the judge. Of the shape of contracts.AskJudge; made by `opened`."""

    def __init__(
        self,
        settings: Judge,
        endpoint: JudgeEndpoint,
        *,
        version: str,
        out: Path,
        cancel: threading.Event,
        root: Path,
        parallel: int,
        limit_s: float,
    ) -> None:
        self._endpoint = endpoint
        self._blind = settings.blind
        # Behind a script of no identity the same address may be another judge tomorrow.
        anonymous = endpoint.model.startswith("scripted:") and not endpoint.identity
        self._cache = JudgeCache(root / settings.cache) if settings.cache and not anonymous else None
        self._version = version
        self._evidence = out / EVIDENCE
        self._cancel = cancel
        self._parallel = parallel
        self._limit_s = limit_s
        self._slots = asyncio.Semaphore(parallel)
        self._starting = asyncio.Lock()
        self._worker: Worker | None = None
        self._started = 0
        self._gone = ""

    async def __call__(self, assertion: Assertion, seen: Seen, /) -> Score:
        """See contracts.AskJudge. Raises Interrupted when the user stops the run, ConfigError for an assertion that
        cannot be meant."""
        check(assertion.params)
        request = judge_request.build(assertion, seen, blind=self._blind)
        score = judge_request.settled(assertion, request)
        if score is not None:
            self._keep(assertion, request, {}, score, seconds=0.0)
            return score
        key, started = self._key(request), time.monotonic()
        result = self._cache.get(key) if self._cache else None
        cached = result is not None
        if result is None:
            result = await self._asked(request)
            if self._cache:
                await asyncio.to_thread(self._cache.put, key, result)
        score = judge_request.scored(assertion, result, secret=self._endpoint.api_key, cached=cached)
        self._keep(assertion, request, result, score, seconds=time.monotonic() - started, cached=cached)
        return score

    async def start(self, assertions: Sequence[Assertion]) -> None:
        """Start the worker and let it look at what will be asked. Raises ConfigError that names what deepeval does not
        know, MeasurementError where the worker does not start."""
        asked = []
        for assertion in assertions:
            check(assertion.params)
            said = assertion.params
            spec = METRICS.get(said["metric"])
            params = said.get("params", {}) if spec is None else {k: said[k] for k in spec.parameters if k in said}
            given = [key for key in FIELDS if key in said]
            asked.append({"metric": said["metric"], "params": dict(params), "given": given})
        try:
            problems = await self._start(_distinct(asked))
        except WorkerDied as error:
            raise MeasurementError(f"the judge did not start: {error}", hint="see whether deepeval is whole") from None
        if problems:
            raise ConfigError(problems[0], hint="see docs/judges.md", problems=tuple(problems))

    async def watch(self) -> None:
        """Look at the user's wish to stop, for ever."""
        while not self._cancel.is_set():
            await asyncio.sleep(_WATCH_S)
        if self._worker is not None:
            self._worker.fail(Interrupted("the judge was stopped"))

    async def close(self) -> None:
        """End the worker with everything it started."""
        worker, self._worker, self._gone = self._worker, None, "the judge's session is closed"
        if worker is not None:
            await asyncio.to_thread(worker.close)

    async def _asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        cause = ""
        async with self._slots:
            for _ in range(2):
                self._look_for_stop()
                worker = await self._living()
                if worker is None:
                    return {"error": self._gone or cause}
                try:
                    return await worker.ask(request, limit_s=self._limit_s, timeout_s=self._limit_s + _GRACE_S)
                except WorkerDied as error:
                    cause = str(error)
                except TimeoutError:
                    # Its thread hangs for good; the others are asked again in a new process.
                    worker.dead = True
                    worker.fail(WorkerDied("the judge's process hung and was stopped"))
                    return {"error": f"the judge gave no result within {self._limit_s:g} s"}
        self._look_for_stop()
        return {"error": cause}

    async def _living(self) -> Worker | None:
        """The worker, started again where it died; None where it died too often."""
        async with self._starting:
            if self._worker is not None and not self._worker.dead:
                return self._worker
            if self._gone or self._started > _RESTARTS:
                self._gone = self._gone or f"the judge's process was started {self._started} times and did not last"
                return None
            try:
                await self._start([])
            except (WorkerDied, MeasurementError) as error:
                self._gone = f"the judge's process could not be started again: {error}"
            return self._worker

    async def _start(self, asked: list[dict[str, Any]]) -> list[str]:
        old, self._worker = self._worker, None
        if old is not None:
            await asyncio.to_thread(old.close)
        self._look_for_stop()
        self._started += 1
        self._worker = worker = Worker(self._endpoint, parallel=self._parallel)
        try:
            return await worker.hello(asked, timeout_s=_START_S)
        except TimeoutError:
            worker.dead = True
            raise MeasurementError(f"the judge's process was not ready within {_START_S:g} s") from None

    def _look_for_stop(self) -> None:
        if self._cancel.is_set():
            raise Interrupted("the judge was stopped")

    def _key(self, request: Mapping[str, Any]) -> str:
        """What an answer is kept under: everything that could have led to another. The request holds the output."""
        address = self._endpoint.identity or self._endpoint.base_url
        judge = [self._endpoint.model, address, self._version, judge_worker.SYSTEM, _FORM]
        return judge_request.digest(judge, judge_request.output_digest(request), request)

    def _keep(
        self,
        assertion: Assertion,
        request: Mapping[str, Any],
        result: Mapping[str, Any],
        score: Score,
        *,
        seconds: float,
        cached: bool = False,
    ) -> None:
        """Append the evidence, without what the agent said: its digest stands for it."""
        fields = {k: v for k, v in request["fields"].items() if k in FIELDS}
        line = {
            "assertion": score.assertion,
            "metric": request["metric"],
            "params": request["params"] | fields,
            "negate": assertion.negate,
            "outcome": score.outcome.value,
            "score": score.value,
            "reason": score.reason,
            "model": result.get("model", ""),
            **{k: result.get(k) for k in ("steps", "calls", "input_tokens", "output_tokens")},
            "cached": cached,
            "seconds": round(seconds, 3),
            "output_sha256": judge_request.output_digest(request),
            "deepeval": self._version,
        }
        with self._evidence.open("a", encoding="ascii") as sink:
            sink.write(text.redact(json.dumps(line), [self._endpoint.api_key]) + "\n")


@contextlib.asynccontextmanager
async def opened(
    settings: Judge,
    endpoint: JudgeEndpoint,
    *,
    version: str,
    out: Path,
    cancel: threading.Event,
    root: Path,
    assertions: Sequence[Assertion],
    parallel: int,
    limit_s: float | None,
) -> AsyncIterator[Session]:
    """See judge.open_session."""
    address = urlsplit(endpoint.base_url)
    if address.scheme not in ("http", "https") or not address.hostname or "@" in address.netloc:
        # Not shown: it may hold a password.
        raise ConfigError("the judge's base_url must be an http or https address without user or password")
    session = Session(
        settings,
        endpoint,
        version=version,
        out=out,
        cancel=cancel,
        root=root,
        parallel=parallel,
        limit_s=limit_s or _CALLS * endpoint.timeout_s,
    )
    watch = asyncio.create_task(session.watch())
    try:
        await session.start(assertions)
        yield session
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await session.close()


def _distinct(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({judge_request.digest(one): one for one in asked}.values())
