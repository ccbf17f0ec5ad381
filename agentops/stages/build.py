"""Build the agent's image, or look at the one that the config names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agentops.contracts import Bench
from agentops.drivers import git, image
from agentops.drivers.git import GitState
from agentops.errors import ConfigError, MeasurementError, Unavailable
from agentops.model.outcome import Outcome
from agentops.model.run import Counts, StageError, StageResult, Subject
from agentops.model.settings import Agent, Build

_LOG = "build.log"


class BuildStage:
    """Gives the run its subject: the image and the commit. An agent without an image is skipped."""

    def __init__(self, agent: Agent, root: Path) -> None:
        self._agent = agent
        self._root = root

    @property
    def name(self) -> str:
        """ "build"."""
        return "build"

    @property
    def after(self) -> tuple[str, ...]:
        """Nothing comes before."""
        return ()

    def plan(self) -> str:
        """What is built. Raises ConfigError for a missing context or Dockerfile, or an agent with nothing to run."""
        agent = self._agent
        if agent.build is not None:
            image.check_build(self._root / agent.build.context, self._root / agent.build.dockerfile)
            target = f", target {agent.build.target}" if agent.build.target else ""
            return f"build {agent.build.dockerfile}{target}"
        if agent.image is not None:
            return f"take the image {agent.image}"
        if agent.command or agent.url:
            return "no image: " + (
                "the agent runs as a local process" if agent.command else f"{agent.url} runs already"
            )
        raise ConfigError(
            "agent: nothing says what runs",
            hint="give agent.build or agent.image, or agent.command for a local process, or agent.url",
        )

    def run(self, bench: Bench, done: Mapping[str, StageResult]) -> StageResult:
        """Build or fetch. The result's subject holds image, image id, digest where known, commit."""
        del done
        state = git.state(self._root)
        subject = Subject(commit=state.commit, dirty=state.dirty)
        if self._agent.build is None and self._agent.image is None:
            return StageResult(name=self.name, outcome=Outcome.SKIPPED, subject=subject)
        try:
            return self._image(bench, state, subject)
        except MeasurementError as error:
            trouble = StageError(error.message, error.hint, unavailable=isinstance(error, Unavailable))
            return StageResult(
                name=self.name,
                outcome=Outcome.ERROR,
                counts=Counts(1, 0, unit="images"),
                errors=(trouble,),
                subject=subject,
                logs=(_LOG,) if (bench.out / _LOG).is_file() else (),
            )

    def _image(self, bench: Bench, state: GitState, subject: Subject) -> StageResult:
        from agentops.drivers.container import Engine

        agent = self._agent
        with Engine.connect() as engine:
            if agent.build is not None:
                name = f"{image.repository(agent.name)}:{tag(state)}"
                request = build_request(agent.build, self._root, bench, tag=name, target=agent.build.target)
                found = engine.build(request, log=bench.out / _LOG, cancel=bench.cancel)
                subject = replace(subject, image=name, image_id=found.id, hashes={"inputs": found.inputs})
            else:
                name = agent.image or ""
                known = engine.inspect(name)
                found = known if known is not None else engine.pull(name, cancel=bench.cancel)
                hashes = {"inputs": found.id.removeprefix("sha256:")}
                subject = replace(subject, image=name, image_id=found.id, digest=found.digest(name), hashes=hashes)
            return StageResult(
                name=self.name,
                outcome=Outcome.PASS,
                counts=Counts(1, 1, unit="images"),
                tools={"docker": engine.info()["docker"]},
                logs=(_LOG,) if agent.build is not None else (),
                subject=subject,
            )


def tag(state: GitState) -> str:
    """The image's tag: the commit, and whether the work tree held more than it."""
    if state.commit is None:
        return "nocommit"
    return state.commit[:12] + ("-dirty" if state.dirty else "")


def build_request(build: Build, root: Path, bench: Bench, *, tag: str, target: str | None) -> image.BuildRequest:
    """What the engine is asked to build. Our own runs stay out of the context: they differ from run to run, and the
    same inputs must give the same image."""
    context, runs = (root / build.context).resolve(), bench.out.resolve().parents[1]
    own = runs.relative_to(context).as_posix() if runs.is_relative_to(context) and runs != context else ""
    return image.BuildRequest(
        context=root / build.context,
        dockerfile=root / build.dockerfile,
        tag=tag,
        target=target,
        args=build.args,
        exclude=tuple(f"{own}/{name}" for name in ("runs", "latest", "lock")) if own else (),
    )
