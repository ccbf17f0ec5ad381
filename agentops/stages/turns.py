"""Agents of the protocol `command`: nothing runs between turns, each turn is a process or a container of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agentops.agents.command import LocalRunner
from agentops.contracts import Bench
from agentops.drivers.process import Finished
from agentops.drivers.spec import ContainerSpec
from agentops.errors import ConfigError
from agentops.model.settings import Agent
from agentops.stages.site import LOOPBACK, ContainerPlace, Target, free_name

if TYPE_CHECKING:
    from agentops.drivers.container import Engine, Network

_INPUT = "{input}"
_SLOTS = 64


class TurnsAsProcesses:
    """Each turn is a process of this machine, in the project's folder. See site.Site."""

    kind = "process"
    model_host = LOOPBACK

    def __init__(self, agent: Agent, bench: Bench, *, secrets: Mapping[str, str]) -> None:
        self._agent = agent
        self._bench = bench
        self._secrets = secrets

    def model_address(self, port: int) -> str:
        """See site.Site."""
        return f"{LOOPBACK}:{port}"

    @contextlib.contextmanager
    def start(self, env: Mapping[str, str]) -> Iterator[Target]:
        """See site.Site. Nothing is started before the first turn."""
        whole = {**self._agent.env, **self._secrets, **env}
        runner = LocalRunner(self._bench.root, env=whole, slots=_SLOTS)
        yield Target("", containerised=False, log="", trouble=lambda: None, runner=runner)


class TurnsInContainers(ContainerPlace):
    """Each turn is a container of the image. See site.Site.

    Raises ConfigError where the command does not say where the text goes: nothing is written to a container's standard
    input.
    """

    def __init__(
        self, agent: Agent, image_id: str, bench: Bench, *, engine: Engine, network: Network, secrets: Mapping[str, str]
    ) -> None:
        super().__init__(network)
        if not any(_INPUT in word for word in agent.command):
            raise ConfigError(
                "agent.command: in a container the text goes where {input} stands, and it stands nowhere",
                hint="add {input} to agent.command, or evaluate without an image",
            )
        self._bench = bench
        self._engine = engine
        self._spec = self.spec(agent, image_id, run_id=bench.run_id, secrets=secrets)

    @contextlib.contextmanager
    def start(self, env: Mapping[str, str]) -> Iterator[Target]:
        """See site.Site. Nothing is started before the first turn."""
        log = free_name(self._bench.out)
        spec = replace(self._spec, env={**self._spec.env, **env})
        runner = _InContainers(spec, self._engine, cancel=self._bench.cancel, log=self._bench.out / log)
        yield Target("", containerised=True, log=log, trouble=lambda: None, runner=runner)


class _InContainers:
    """See agents.command.Runner. What the containers write to standard error goes to the log."""

    def __init__(self, spec: ContainerSpec, engine: Engine, *, cancel: threading.Event, log: Path) -> None:
        self._spec = spec
        self._engine = engine
        self._cancel = cancel
        self._log = log
        self._lock = threading.Lock()

    async def __call__(
        self, argv: Sequence[str], *, stdin: bytes, env: Mapping[str, str], timeout_s: float
    ) -> Finished:
        del stdin  # The text is among the arguments.
        return await asyncio.to_thread(self._run, tuple(argv), env, timeout_s)

    def _run(self, argv: tuple[str, ...], env: Mapping[str, str], timeout_s: float) -> Finished:
        spec = replace(self._spec, command=argv, program=True, env={**self._spec.env, **env})
        container = self._engine.create(spec)
        began = time.monotonic()
        try:
            container.start()
            state = container.wait(timeout_s, cancel=self._cancel)
            said, errors = container.logs(streams="stdout"), container.logs(streams="stderr")
        finally:
            container.remove()
        with self._lock, self._log.open("a", encoding="utf-8") as log:
            log.write(errors)
        code = state.exit_code if state.exit_code is not None else -1
        return Finished(argv, code, said, errors, time.monotonic() - began)
