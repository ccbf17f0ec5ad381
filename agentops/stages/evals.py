"""The behavioural evals: start the agent where it can be measured, ask it, judge the answers, reduce.

The model behind the agent is either its own provider's (mode `direct`) or a script played from here, which every
report names. The stage starts when all others have ended: latency is measured, and scanners on the same cores would
disturb it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agentops.agents.http import OpenAIChatAgent
from agentops.contracts import Bench
from agentops.errors import ConfigError, MeasurementError, Unavailable
from agentops.evals import reduce, runner, scoring
from agentops.evals.metrics import judge
from agentops.model import records
from agentops.model.case import Attempt, Suite
from agentops.model.codec import encode
from agentops.model.events import Note, Progress
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, StageResult
from agentops.model.settings import Agent, Evals, Judge
from agentops.stages import target

if TYPE_CHECKING:
    from agentops.gateway.script import Script
    from agentops.gateway.server import ScriptServer

# The judge looks at many answers with one process; each answer gets its share of time.
_JUDGE_START_S = 30.0

_ALONE = "no earlier evidence was looked up: the verdict rests on this run alone"
_NOT_CONTAINED = {
    "process": ("the agent ran as a local process, not as the image that would be shipped",),
    "url": ("the agent was running already; nothing is known of its image",),
}


class EvalsStage:
    """Asks every case as often as configured. See contracts.Stage."""

    name = "evals"
    after: tuple[str, ...] = ("build", "prompts", "code", "dependencies", "unit")

    def __init__(self, evals: Evals, agent: Agent, *, root: Path, suites: tuple[Suite, ...]) -> None:
        self._evals = evals
        self._agent = agent
        self._root = root
        self._suites = suites
        self._cases = {case.id: case for suite in suites for case in suite.cases}

    def plan(self) -> str:
        """What will be asked. Raises ConfigError where a judge is needed and there is none."""
        for script in (self._agent.model.script, self._evals.judge.script if self._evals.judge else None):
            if script is not None:
                _load_script(self._root / script)
        asks_judge = next((c for c in self._cases.values() if scoring.judged(c)), None)
        if asks_judge is not None:
            if self._evals.judge is None:
                raise ConfigError(
                    f"{asks_judge.location}: the case asks a judge, but evals.judge is not configured",
                    hint="name a judge model under evals.judge, or take the assertion out",
                )
            judge.require()
        missing = [name for name in self._agent.secret_env if not os.environ.get(name)]
        if missing:
            raise ConfigError(
                f"agent.secret_env: {', '.join(missing)} is missing from the environment, or empty",
                hint="set it where agentops is started; its value is handed to the agent and never written down",
            )
        calls = len(self._cases) * self._evals.runs
        cases = "1 case" if len(self._cases) == 1 else f"{len(self._cases)} cases"
        return f"{cases} x {self._evals.runs} runs = {calls} calls of the agent"

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:
        """Measure. Raises MeasurementError where the agent could not even be started."""
        try:
            with ExitStack() as stack:
                site = stack.enter_context(target.prepare(self._agent, _image(self._agent, done), bench))
                model = self._play_model(stack, site)
                running = stack.enter_context(site.start(_way_to(model, site)))
                attempts, stopped = asyncio.run(self._ask(running, bench))
                of_the_agent = [*_NOT_CONTAINED.get(site.kind, ()), *running.notices()]
        except Unavailable as error:
            # The agent's behaviour is what the gate is for: an engine that went away excuses nothing.
            raise MeasurementError(error.message, hint=error.hint) from None
        attempts, of_the_judge = self._judge(attempts, bench)
        scripted = {"model": model is not None, "judge": bool(of_the_judge)}
        return replace(
            self._result(attempts, stopped),
            containerised=running.containerised,
            logs=(running.log,) if running.log else (),
            notices=(*self._said_of(model), *of_the_judge, *of_the_agent, *_retried(attempts), _ALONE),
            scripted=tuple(name for name, played in scripted.items() if played),
        )

    def _play_model(self, stack: ExitStack, site: target.Site) -> ScriptServer | None:
        """Start the scripted model where one is configured, where the agent can reach it."""
        if self._agent.model.script is None:
            return None
        from agentops.gateway.server import ScriptServer

        script = _load_script(self._root / self._agent.model.script)
        return stack.enter_context(ScriptServer(script, host=site.model_host, token=secrets.token_urlsafe(24)))

    def _said_of(self, model: ScriptServer | None) -> list[str]:
        """What every report must say of the scripted model."""
        if model is None:
            return []
        named = f"scripted model: {model.name} ({self._agent.model.script})"
        if not model.calls:
            return [f"{named} was never asked: the agent does not use OPENAI_BASE_URL, or needs no model"]
        notices = [f"{named} answered, no real model did"]
        if model.misses:
            count = "1 question" if len(model.misses) == 1 else f"{len(model.misses)} questions"
            notices.append(f"{model.name} had no rule for {count}; the first: {model.misses[0]}")
        return notices

    async def _ask(self, running: target.Target, bench: Bench) -> tuple[list[Attempt], str]:
        evals = self._evals
        plan = runner.Plan(
            cases=tuple(self._cases.values()),
            runs=evals.runs,
            concurrency=evals.concurrency,
            timeout_s=evals.timeout_s,
            retries=evals.retries,
            seed=evals.seed,
            session_prefix=bench.run_id,
        )
        bench.journal.append("evals", {"seed": plan.seed, "planned": plan.attempts})

        def progress(done: int, failed: int, errors: int) -> None:
            bench.emit(Progress(self.name, done, plan.attempts, failed, errors))

        url = _endpoint(running.base_url, self._agent.path)
        async with OpenAIChatAgent(url, model=self._agent.name, connections=evals.concurrency) as agent:
            return await runner.run(
                plan,
                agent,
                journal=bench.journal,
                cancel=bench.cancel,
                on_attempt=progress,
                trouble=running.trouble,
                secrets=[os.environ[name] for name in self._agent.secret_env],
            )

    def _judge(self, attempts: list[Attempt], bench: Bench) -> tuple[list[Attempt], list[str]]:
        """Let the judge look at the answers whose cases ask for it. Returns the attempts, completed by its scores, and
        what every report must say of a judge that a script plays."""
        requests = [
            judge.JudgeRequest(key=f"{a.seq}:{i}", assertion=assertion, input=case.input, output=a.answer.text)
            for a in attempts
            if a.answer is not None
            for case in [self._cases[a.case_id]]
            for i, assertion in enumerate(scoring.judged(case))
        ]
        if not requests or self._evals.judge is None:
            return attempts, []
        settings = self._evals.judge
        bench.emit(Note(self.name, f"the judge looks at {len(requests)} answers"))
        with ExitStack() as stack:
            endpoint, said = self._judge_endpoint(settings, stack)
            limit_s = _JUDGE_START_S + settings.timeout_s * (1 + len(requests) / 4)
            scores = judge.score(requests, endpoint, out=bench.out, cancel=bench.cancel, timeout_s=limit_s)
        completed = []
        for attempt in attempts:
            case = self._cases[attempt.case_id]
            if attempt.answer is not None and scoring.judged(case):
                added = tuple(scores[f"{attempt.seq}:{i}"] for i in range(len(scoring.judged(case))))
                attempt = records.judged(attempt, added)
                bench.journal.append("judged", {"seq": attempt.seq, "scores": encode(added)})
            completed.append(attempt)
        return completed, [said] if said else []

    def _judge_endpoint(self, settings: Judge, stack: ExitStack) -> tuple[judge.JudgeEndpoint, str]:
        """Where the judge is, and what every report must say of it."""
        if settings.script is not None:
            from agentops.gateway.server import ScriptServer

            token = secrets.token_urlsafe(24)
            script = _load_script(self._root / settings.script)
            server = stack.enter_context(ScriptServer(script, token=token))
            said = f"scripted judge: {script.name} ({settings.script}) judged, no real model did"
            return judge.JudgeEndpoint(f"scripted:{script.name}", server.base_url, token, settings.timeout_s), said
        key = os.environ.get(settings.key_env, "") if settings.key_env else ""
        return judge.JudgeEndpoint(settings.model, settings.base_url or "", key, settings.timeout_s), ""

    def _result(self, attempts: Sequence[Attempt], stopped: str) -> StageResult:
        runs = self._evals.runs
        results = reduce.cases(self._suites, attempts, runs=runs, needed=self._evals.needed or runs)
        errors = reduce.errors(results, stopped=stopped, max_error_rate=self._evals.max_error_rate)
        measured = sum(a.outcome in (Outcome.PASS, Outcome.FAIL) for a in attempts)
        return StageResult(
            name=self.name,
            outcome=Outcome.ERROR if errors else Outcome.PASS,
            counts=Counts(len(self._cases) * runs, measured, unit="attempts"),
            cases=results,
            errors=errors,
            values=reduce.values(results),
        )


def _retried(attempts: Sequence[Attempt]) -> list[str]:
    count = sum(bool(a.retries) for a in attempts)
    return [f"{count} of {len(attempts)} attempts were asked again after trouble on the way"] if count else []


def _endpoint(base_url: str, path: str) -> str:
    """Where to post: the path is added, but for what of it the URL says already (`http://host/v1`)."""
    url = base_url.rstrip("/")
    said = urlsplit(url).path
    return url.removesuffix(said) + path if said and (path + "/").startswith(said + "/") else url + path


def _way_to(model: ScriptServer | None, site: target.Site) -> dict[str, str]:
    """The variables that lead an agent to its model."""
    if model is None:
        return {}
    url = f"http://{site.model_address(model.port)}/v1"
    return {"OPENAI_BASE_URL": url, "OPENAI_API_BASE": url, "OPENAI_API_KEY": model.token}


def _load_script(path: Path) -> Script:
    from agentops.gateway import script_file

    return script_file.load(path)


def _image(agent: Agent, done: Mapping[str, StageResult]) -> str | None:
    """The image to run, None where the agent runs without one. Raises MeasurementError where the build failed."""
    build = done.get("build")
    if build is None:
        return None
    if build.subject is not None and build.subject.image_id is not None:
        return build.subject.image_id
    if agent.command and all(e.unavailable for e in build.errors):
        return None
    raise MeasurementError("there is no image to run", hint="mend the build first")
