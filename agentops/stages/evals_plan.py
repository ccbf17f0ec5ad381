"""What the evals are asked to measure, as it was planned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentops.contracts import MetricKind, StopRule
from agentops.evals import dataset, packs
from agentops.evals.dataset.choice import Choice, choose
from agentops.evals.metrics import DETERMINISTIC, custom
from agentops.model.case import Assertion, Suite
from agentops.model.codec import encode
from agentops.model.settings import Evals, Runs, Settings
from agentops.version import VERSION

# Metrics that look at the texts of the agent's templates; reading these takes time that others need not spend.
_OF_PROMPTS = ("prompt_leak",)
_FOR_BASE = 12


@dataclass(frozen=True, slots=True)
class Read:
    """The suites as they will be run: files and packs, and the part of them that was chosen."""

    suites: tuple[Suite, ...]
    metrics: Mapping[str, MetricKind]
    prompts: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """The suites, how often their cases are run, and the rule that ends a run of so many runs a case early.

    `identity` are the inputs other than the image that could change an outcome; `prompts` the fixed texts of the
    agent's templates; `metrics` those that the user brought; `notices` what every report must say.
    """

    root: Path
    suites: tuple[Suite, ...]
    runs: Runs
    rule: Callable[[Runs], StopRule]
    identity: Mapping[str, Any] = field(default_factory=dict)
    prompts: tuple[str, ...] = ()
    metrics: Mapping[str, MetricKind] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def read(settings: Settings, evals: Evals, choice: Choice | None) -> Read:
    """Read the suites, render the packs, choose. Raises ConfigError or UsageError for what cannot be meant."""
    own = custom.load(evals.metrics, evals.plugins, settings.root)
    metrics = {**DETERMINISTIC, **own}
    files = [path for path in evals.suites if not path.startswith(packs.PREFIX)]
    suites = list(dataset.load(files, root=settings.root, metrics=metrics))
    named = [path for path in evals.suites if path.startswith(packs.PREFIX)]
    asks = bool(named) or bool(_kinds(suites) & set(_OF_PROMPTS))
    prompts = _fixed_texts(settings) if asks else ()
    notices: list[str] = []
    for name in named:
        pack = packs.load(name, _target(settings, evals, suites, prompts), seed=evals.seed)
        suites.append(Suite(pack.path, pack.path, pack.sha256, pack.cases))
        notices += [f"{name}: {line}" for line in pack.skipped]
    dataset.unique(suites)
    if choice is None or not choice.given:
        return Read(tuple(suites), own, prompts, tuple(notices))
    chosen = choose(suites, choice, settings=settings, metrics=metrics)
    return Read(chosen.suites, own, prompts, (*notices, *chosen.notices))


def asked(settings: Settings, evals: Evals, found: Read, *, runs: Runs, rule: Callable[[Runs], StopRule]) -> Asked:
    """What the evals measure of the suites that were read."""
    identity = _identity(settings, evals, found)
    return Asked(settings.root, found.suites, runs, rule, identity, found.prompts, found.metrics, found.notices)


def _target(settings: Settings, evals: Evals, suites: Sequence[Suite], prompts: tuple[str, ...]) -> packs.Target:
    plain = [
        case for suite in suites if not suite.path.startswith(packs.PREFIX) for case in suite.cases
        if len(case.turns) == 1 and not case.setup and not case.after and "malicious" not in case.tags
    ]  # fmt: skip
    typical = [c for c in plain if "typical" in c.tags] or plain
    agent = settings.agent
    return packs.Target.of(
        agent,
        prompts=prompts,
        base=typical[:_FOR_BASE],
        context_tokens=agent.context_tokens,
        reports_tool_calls=agent.protocol != "http" or bool(agent.http and agent.http.tool_calls),
        has_moderation=evals.moderation is not None,
    )


def _kinds(suites: Sequence[Suite]) -> set[str]:
    """The kinds of assertions in use, those inside of joins too."""

    def unfold(assertions: Sequence[Assertion]) -> Iterator[str]:
        for assertion in assertions:
            yield assertion.kind
            yield from unfold(assertion.parts)

    cases = [case for suite in suites for case in suite.cases]
    return {kind for c in cases for group in (c.expect, *(t.expect for t in c.turns)) for kind in unfold(group)}


def _fixed_texts(settings: Settings) -> tuple[str, ...]:
    """What the agent's templates say, without what is filled in."""
    if settings.prompts is None:
        return ()
    from agentops.injection import fixed

    paths = [Path(p) for p in settings.prompts.paths]
    return fixed.texts(paths, root=settings.root, exclude=settings.prompts.exclude)


def _identity(settings: Settings, evals: Evals, found: Read) -> dict[str, Any]:
    """Everything beside the image that could change an outcome. Environment variables count by their configured
    values; those named in secret_env by name alone."""
    agent, judge = settings.agent, evals.judge
    scripts = [path for path in (agent.model.script, judge and judge.script, judge and judge.calibration) if path]
    mine = ("env", "secret_env", "protocol", "path", "stream", "headers", "app", "http", "canary_env", "tools", "model")
    return {
        "agent": {name: encode(getattr(agent, name)) for name in mine},
        "suites": {suite.path: suite.sha256 for suite in found.suites},
        "cases": sorted(case.id for suite in found.suites for case in suite.cases),
        "plugins": list(evals.plugins),
        "files": {path: _sha256(settings.root / path) for path in (*scripts, *evals.metrics)},
        "judge": encode(replace(judge, cache=None, timeout_s=0.0)) if judge else None,
        "moderation": encode(evals.moderation),
        "agentops": VERSION,
    }


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
