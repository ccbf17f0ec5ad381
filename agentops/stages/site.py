"""Where the agent under test runs, and the agent once it is there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agentops.agents.command import Runner
from agentops.drivers import http
from agentops.drivers.spec import ContainerSpec
from agentops.model.settings import Agent

if TYPE_CHECKING:
    from agentops.drivers.container import Network

LOOPBACK = "127.0.0.1"
HOST_NAME = "host.docker.internal"
"""What this machine is called in a container where its address is not known."""


class ContainerPlace:
    """A network in which the agent's containers run, and what this machine is called there."""

    kind = "container"

    def __init__(self, network: Network) -> None:
        self.network = network
        # With Docker Desktop the bridge lies in a virtual machine, and its gateway is no address of this one.
        self._direct = http.can_bind(network.gateway)

    @property
    def model_host(self) -> str:
        """See Site."""
        return self.network.gateway if self._direct else LOOPBACK

    def model_address(self, port: int) -> str:
        """See Site."""
        return f"{self.network.gateway if self._direct else HOST_NAME}:{port}"

    def spec(self, agent: Agent, image_id: str, *, run_id: str, secrets: Mapping[str, str]) -> ContainerSpec:
        """A container of the agent's in this network."""
        return ContainerSpec(
            image=image_id,
            run_id=run_id,
            memory_bytes=agent.limits.memory_bytes,
            cpus=agent.limits.cpus,
            pids=agent.limits.pids,
            env=agent.env,
            secrets=secrets,
            writable=agent.writable,
            network=self.network.id,
            extra_hosts={} if self._direct else {HOST_NAME: "host-gateway"},
        )


class Target:
    """The agent, ready to be called at `base_url`. `log` is its file in the run's folder, or "" where there is none.

    An agent that is a command has no address: `runner` runs it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        containerised: bool,
        log: str,
        trouble: Callable[[], str | None],
        notices: Callable[[], tuple[str, ...]] = tuple,
        runner: Runner | None = None,
    ) -> None:
        self.base_url = base_url
        self.runner = runner
        self.containerised = containerised
        self.log = log
        self._trouble = trouble
        self._notices = notices

    def trouble(self) -> str | None:
        """One line if it died: exit code, lack of memory, its last line. None while it lives."""
        return self._trouble()

    def notices(self) -> tuple[str, ...]:
        """What a report must say of it though it lives, e.g. that one of its processes ran out of memory."""
        return self._notices()


class Site(Protocol):
    """Where the agent runs. Known before it starts, so that a model server can listen where the agent reaches it."""

    @property
    def kind(self) -> str:
        """ "container", "process" or "url"."""

    @property
    def model_host(self) -> str:
        """The address of this machine on which a model server must listen."""

    def model_address(self, port: int) -> str:
        """ "host:port" by which the agent reaches that server."""

    def start(self, env: Mapping[str, str]) -> contextlib.AbstractContextManager[Target]:
        """The agent with this environment on top of its own, ready; gone after the block, its log kept.

        Raises TargetError where it dies or does not get ready, Interrupted.
        """


def free_name(folder: Path) -> str:
    """agent.log, or agent-2.log where the agent was started before in this run; the file is there afterwards."""
    number = 1
    while True:
        name = "agent.log" if number == 1 else f"agent-{number}.log"
        try:
            (folder / name).touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return name
