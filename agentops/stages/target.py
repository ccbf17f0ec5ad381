"""Open the agent under test: as a container, as a local process, or where it runs already."""

from __future__ import annotations

import contextlib
import os
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agentops import text
from agentops.contracts import Bench
from agentops.drivers import http, process
from agentops.drivers.instance import Container, exit_words
from agentops.errors import ConfigError, MeasurementError, TargetError, Unavailable
from agentops.model.settings import Agent
from agentops.stages.site import LOOPBACK, ContainerPlace, Site, Target, free_name
from agentops.stages.turns import TurnsAsProcesses, TurnsInContainers

if TYPE_CHECKING:
    from agentops.drivers.container import Engine, Network

__all__ = ["Site", "Target", "prepare"]

_STOP_S = 2


@contextlib.contextmanager
def prepare(agent: Agent, image_id: str | None, bench: Bench) -> Iterator[Site]:
    """The place for the agent: `agent.url` where it is given, else a container where there is an image, else a process.

    Raises ConfigError for a secret that is not in the environment, Unavailable where no engine is in reach.
    """
    if agent.url is not None:
        yield _Elsewhere(agent)
    elif image_id is not None:
        from agentops.drivers.container import Engine

        secrets = _secrets(agent)
        with Engine.connect() as engine:
            if engine.remote:
                raise Unavailable(
                    f"the Docker engine at {engine.host} is another machine: the agent's port cannot be reached there",
                    hint="use an engine on this machine, or agent.url",
                )
            with engine.network(bench.run_id) as network:
                place = TurnsInContainers if agent.protocol == "command" else _InContainer
                yield place(agent, image_id, bench, engine=engine, network=network, secrets=secrets)
    elif agent.command:
        place_here = TurnsAsProcesses if agent.protocol == "command" else _AsProcess
        yield place_here(agent, bench, secrets=_secrets(agent))
    else:
        raise MeasurementError("there is no image of the agent to start", hint="mend the build, or give agent.command")


class _InContainer(ContainerPlace):
    def __init__(
        self,
        agent: Agent,
        image_id: str,
        bench: Bench,
        *,
        engine: Engine,
        network: Network,
        secrets: Mapping[str, str],
    ) -> None:
        super().__init__(network)
        self._agent = agent
        self._image_id = image_id
        self._bench = bench
        self._engine = engine
        self._secrets = secrets

    @contextlib.contextmanager
    def start(self, env: Mapping[str, str]) -> Iterator[Target]:
        log = free_name(self._bench.out)
        container = self._create(env)
        try:
            try:
                container.start()
                host, port = container.address
            except MeasurementError as error:
                # A process that ends at once has given its port back already.
                end = _died(container)
                said = f"{end} before it was ready" if end else f"the agent did not start: {error.message}"
                raise TargetError(said, hint=_log_hint(container)) from None
            http.wait_ready(
                (host, port),
                self._agent.ready,
                timeout_s=self._agent.ready_timeout_s,
                cancel=self._bench.cancel,
                died=lambda: _died(container),
                hint=lambda: _log_hint(container),
            )
            yield Target(
                f"http://{host}:{port}",
                containerised=True,
                log=log,
                trouble=lambda: _trouble(container),
                notices=lambda: _notices(container),
            )
            # Asked to end, so that what it still has to write is written.
            if container.state().running:
                container.stop(_STOP_S)
        finally:
            try:
                with contextlib.suppress(MeasurementError):
                    container.save_logs(self._bench.out / log)
            finally:
                container.remove()

    def _create(self, env: Mapping[str, str]) -> Container:
        spec = self.spec(self._agent, self._image_id, run_id=self._bench.run_id, secrets=self._secrets)
        return self._engine.create(replace(spec, env={**spec.env, **env}, publish=self._agent.port))


class _AsProcess:
    kind = "process"
    model_host = LOOPBACK

    def __init__(self, agent: Agent, bench: Bench, *, secrets: Mapping[str, str]) -> None:
        self._agent = agent
        self._bench = bench
        self._secrets = secrets

    def model_address(self, port: int) -> str:
        return f"{LOOPBACK}:{port}"

    @contextlib.contextmanager
    def start(self, env: Mapping[str, str]) -> Iterator[Target]:
        log = free_name(self._bench.out)
        path = self._bench.out / log
        port = http.free_port()
        argv = [word.replace("{port}", str(port)) for word in self._agent.command]
        whole = process.clean_env({**self._agent.env, **self._secrets, **env, "PORT": str(port)})
        try:
            with contextlib.ExitStack() as stack:
                try:
                    child = stack.enter_context(process.running(argv, cwd=self._bench.root, env=whole, log=path))
                except Unavailable as error:
                    # The user named the program: what is missing is the agent, no instrument of ours.
                    said = f"the agent's process did not start: {error.message}"
                    raise TargetError(said, hint=error.hint) from None

                def died() -> str | None:
                    code = child.poll()
                    return None if code is None else f"the agent's process {exit_words(code)}"

                def trouble() -> str | None:
                    said = died()
                    return None if said is None else _with_last_line(said, _read(path, self._secrets))

                http.wait_ready(
                    (LOOPBACK, port),
                    self._agent.ready,
                    timeout_s=self._agent.ready_timeout_s,
                    cancel=self._bench.cancel,
                    died=died,
                    hint=lambda: _hint(_read(path, self._secrets)),
                )
                yield Target(f"http://{LOOPBACK}:{port}", containerised=False, log=log, trouble=trouble)
        finally:
            if self._secrets and path.is_file():
                path.write_text(_read(path, self._secrets), encoding="utf-8")


class _Elsewhere:
    kind = "url"
    model_host = LOOPBACK

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._url = (agent.url or "").rstrip("/")

    def model_address(self, port: int) -> str:
        return f"{LOOPBACK}:{port}"

    @contextlib.contextmanager
    def start(self, env: Mapping[str, str]) -> Iterator[Target]:
        del env  # It runs already: nothing can be handed to it.
        if said := self._unreachable():
            raise TargetError(f"nothing answers at {self._url}: {said}", hint="start the agent, or correct agent.url")

        def trouble() -> str | None:
            now = self._unreachable()
            return f"nothing answers at {self._url} any more: {now}" if now else None

        yield Target(self._url, containerised=False, log="", trouble=trouble)

    def _unreachable(self) -> str:
        url = urllib.parse.urlsplit(self._url)
        try:
            port = url.port or (443 if url.scheme == "https" else 80)
        except ValueError:
            port = 0
        if url.scheme not in ("http", "https") or not url.hostname or not port:
            raise ConfigError(f"agent.url: {text.one_line(self._url)} is no http address")
        return http.accepts(url.hostname, port, timeout_s=min(5.0, self._agent.ready_timeout_s))


def _died(container: Container) -> str | None:
    state = container.state()
    return None if state.running else f"the agent's container {state.sentence}"


def _trouble(container: Container) -> str | None:
    said = _died(container)
    return None if said is None else _with_last_line(said, _logs(container))


def _notices(container: Container) -> tuple[str, ...]:
    state = container.state()
    return (f"the agent's container {state.sentence}",) if state.oom_killed else ()


def _logs(container: Container) -> str:
    with contextlib.suppress(MeasurementError):
        return container.logs()
    return ""


def _log_hint(container: Container) -> str:
    return _hint(_logs(container))


def _hint(log: str) -> str:
    last = text.tail(log, 10, 2000)
    return f"its last lines:\n{last}" if last else "it printed nothing"


def _with_last_line(said: str, log: str) -> str:
    last = text.tail(log, 1)
    return f"{said}; its last line: {text.one_line(last)}" if last else said


def _read(path: Path, secrets: Mapping[str, str]) -> str:
    try:
        return text.redact(path.read_text(encoding="utf-8", errors="replace"), secrets.values())
    except OSError:
        return ""


def _secrets(agent: Agent) -> dict[str, str]:
    missing = [name for name in agent.secret_env if name not in os.environ]
    if missing:
        raise ConfigError(
            f"agent.secret_env: {', '.join(missing)} is not in the environment",
            hint="set it where agentops is started; its value is handed to the agent and never written down",
        )
    return {name: os.environ[name] for name in agent.secret_env}
