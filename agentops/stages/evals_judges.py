"""Who judges what no rule can: a judge model, and a content-safety classifier."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack

from agentops.contracts import AskJudge, Bench
from agentops.errors import ConfigError
from agentops.evals import scoring
from agentops.evals.metrics import JUDGE, MODERATION, judge
from agentops.evals.metrics.judge import Calibration, JudgeEndpoint
from agentops.model.case import Assertion
from agentops.model.events import Note
from agentops.model.settings import Evals, Judge, Moderation
from agentops.stages.evals_model import load_script
from agentops.stages.evals_plan import Asked


class Judges:
    """The judges that the cases ask for, opened once a run."""

    def __init__(self, evals: Evals, asked: Asked) -> None:
        self._evals = evals
        self._root = asked.root
        self._cases = [case for suite in asked.suites for case in suite.cases]
        self._calibration: Calibration | None = None
        self._asks: AskJudge | None = None
        self._scripted = ""

    @property
    def scripted(self) -> bool:
        """Whether a script plays the judge."""
        return self._scripted != ""

    def check(self) -> None:
        """Raise ConfigError where a judge is asked for that nobody configured, or that this installation lacks."""
        for kind, configured, section in (
            (JUDGE, self._evals.judge, "judge"), (MODERATION, self._evals.moderation, "moderation"),
        ):  # fmt: skip
            place = self._first(kind)
            if place is not None and configured is None:
                raise ConfigError(
                    f"{place}: the case asks for {kind}, but evals.{section} is not configured",
                    hint=f"configure evals.{section}, or take the assertion out",
                )
        if self._first(JUDGE) is not None:
            judge.require()
        settings = self._evals.judge
        if settings is not None and settings.calibration is not None:
            judge.load_examples(self._root / settings.calibration, shown=settings.calibration)
        for name in (self._evals.judge and self._evals.judge.key_env, _key_env(self._evals.moderation)):
            if name and not os.environ.get(name):
                raise ConfigError(f"{name} is missing from the environment, or empty", hint="set it: a judge needs it")

    async def open(self, stack: AsyncExitStack, bench: Bench) -> Mapping[str, AskJudge]:
        """The judges by the kind of assertion that they answer, for as long as the stack lives."""
        judges: dict[str, AskJudge] = {}
        settings, moderation = self._evals.judge, self._evals.moderation
        if settings is not None and (self._first(JUDGE) is not None or settings.calibration):
            bench.emit(Note("evals", "the judge is starting"))
            session = judge.open_session(
                settings,
                self._endpoint(settings, stack),
                out=bench.out,
                cancel=bench.cancel,
                root=self._root,
                assertions=self._assertions(JUDGE),
            )
            judges[JUDGE] = self._asks = await stack.enter_async_context(session)
        if moderation is not None and self._first(MODERATION) is not None:
            from agentops.evals.metrics.moderation import Moderator

            key = os.environ.get(moderation.key_env, "") if moderation.key_env else ""
            judges[MODERATION] = Moderator(moderation, key)
        return judges

    async def calibrate(self) -> dict[str, float]:
        """Hold the judge against answers whose labels are known; {} where there are none."""
        settings = self._evals.judge
        if settings is None or settings.calibration is None or self._asks is None:
            return {}
        examples = judge.load_examples(self._root / settings.calibration, shown=settings.calibration)
        found = self._calibration = await judge.calibrate(self._asks, examples)
        return {
            "judge_agreement": found.agreement, "judge_agreement_low": found.low,
            "judge_agreement_high": found.high, "judge_kappa": found.kappa,
        }  # fmt: skip

    def said(self) -> list[str]:
        """What every report must say of the judge."""
        told = [self._scripted] if self._scripted else []
        if (found := self._calibration) is not None:
            told.append(
                f"the judge agreed with {round(found.agreement * found.n)} of {found.n} labels ({found.agreement:.2f}, "
                f"95% interval {found.low:.2f} to {found.high:.2f}, kappa {found.kappa:.2f}): {found.false_pass} of "
                f"{found.bad} bad answers let through, {found.false_fail} of {found.good} good ones refused"
            )
            told += [f"the judge disagreed: {line}" for line in found.disagreements[:5]]
        return told

    def _assertions(self, kind: str) -> list[Assertion]:
        return [item.assertion for case in self._cases for item in scoring.judged(case) if item.assertion.kind == kind]

    def _first(self, kind: str) -> object:
        """Where the first case stands that asks for it, None where none does."""
        asking = (c for c in self._cases if any(i.assertion.kind == kind for i in scoring.judged(c)))
        return next((case.location for case in asking), None)

    def _endpoint(self, settings: Judge, stack: AsyncExitStack) -> JudgeEndpoint:
        if settings.script is None:
            key = os.environ.get(settings.key_env, "") if settings.key_env else ""
            return JudgeEndpoint(settings.model, settings.base_url or "", key, settings.timeout_s)
        from agentops.gateway.server import ScriptServer

        path = self._root / settings.script
        script, token = load_script(path), secrets.token_urlsafe(24)
        server = stack.enter_context(ScriptServer(script, token=token))
        self._scripted = f"scripted judge: {script.name} ({settings.script}) judged, no real model did"
        identity = hashlib.sha256(path.read_bytes()).hexdigest()
        return JudgeEndpoint(f"scripted:{script.name}", server.base_url, token, settings.timeout_s, identity)


def _key_env(moderation: Moderation | None) -> str | None:
    return moderation.key_env if moderation is not None else None
