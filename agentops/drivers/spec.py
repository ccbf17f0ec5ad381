"""What a container is started with, and the same in the words of the Docker Engine API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentops.drivers import labels

_LOG_MIB = 16


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A hardened container: all capabilities dropped, no new privileges, an init process, limits on everything.

    `image` is an image id. `command` are the arguments that the image's entrypoint gets (None: the image's own);
    with `program` they are the whole command and the entrypoint is not used. `secrets` are environment variables
    too, and are taken out of logs. `memory_bytes` is also the limit with swap. With `read_only` only `writable`
    paths can be written to, each a tmpfs of `tmpfs_bytes` on which nothing can be executed. `network` is "none", the
    id of a network, or "container:<id>". `publish` is a port of the container; a random one on 127.0.0.1 leads to it.
    """

    image: str
    run_id: str
    memory_bytes: int
    cpus: float
    pids: int
    command: tuple[str, ...] | None = None
    program: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    read_only: bool = True
    writable: tuple[str, ...] = ()
    tmpfs_bytes: int = 64 * 1024 * 1024
    network: str = "none"
    publish: int | None = None
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.program and not self.command:
            raise ValueError("a container whose program is named needs a command")
        shared = self.network == "none" or self.network.startswith("container:")
        if shared and (self.publish is not None or self.extra_hosts):
            raise ValueError(f"network {self.network} has no ports and no hosts of the container's own")


def body(spec: ContainerSpec) -> dict[str, Any]:
    """The body of POST /containers/create (Engine API 1.41)."""
    environment = {**spec.env, **spec.secrets}
    data: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in environment.items()],
        # Ours come last: no label of a caller's may hide whose the container is.
        "Labels": {**spec.labels, **labels.of_run(spec.run_id)},
        # An image's own health check would run beside the agent and eat its limits.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(spec),
    }
    if spec.command is not None and spec.program:
        data["Entrypoint"] = [spec.command[0]]
        data["Cmd"] = list(spec.command[1:])
    elif spec.command is not None:
        data["Cmd"] = list(spec.command)
    if spec.publish is not None:
        data["ExposedPorts"] = {f"{spec.publish}/tcp": {}}
    return data


def _host_config(spec: ContainerSpec) -> dict[str, Any]:
    config: dict[str, Any] = {
        "Memory": spec.memory_bytes,
        "MemorySwap": spec.memory_bytes,
        "NanoCpus": round(spec.cpus * 1e9),
        "PidsLimit": spec.pids,
        "ReadonlyRootfs": spec.read_only,
        "Tmpfs": dict.fromkeys(spec.writable, f"rw,noexec,nosuid,nodev,mode=1777,size={spec.tmpfs_bytes}"),
        "NetworkMode": spec.network,
        "Init": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        # Whatever the daemon's default, logs must be readable and must not fill its disk.
        "LogConfig": {"Type": "json-file", "Config": {"max-size": f"{_LOG_MIB}m", "max-file": "1"}},
        "ExtraHosts": [f"{name}:{address}" for name, address in spec.extra_hosts.items()],
    }
    if spec.publish is not None:
        config["PortBindings"] = {f"{spec.publish}/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    return config
