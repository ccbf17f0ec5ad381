from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.drivers import labels, spec
from agentops.drivers.spec import ContainerSpec


def box(**options: object) -> ContainerSpec:
    given = {"image": "sha256:1", "run_id": "r", "memory_bytes": 100, "cpus": 0.5, "pids": 7} | options
    return ContainerSpec(**given)  # type: ignore[arg-type]


def test_the_box_is_shut_by_default():
    data = spec.body(box())
    host = data["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (100, 100, 500_000_000, 7)
    assert (host["ReadonlyRootfs"], host["Init"], host["NetworkMode"], host["Tmpfs"]) == (True, True, "none", {})
    assert "PortBindings" not in host
    assert "Binds" not in host
    assert "Cmd" not in data
    assert "Entrypoint" not in data


def test_a_port_is_published_on_loopback_alone():
    data = spec.body(box(publish=8080, network="some-id"))
    assert data["HostConfig"]["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    assert data["ExposedPorts"] == {"8080/tcp": {}}


@pytest.mark.parametrize("network", ["none", "container:abc"])
def test_a_network_without_ports_takes_none(network):
    with pytest.raises(ValueError, match="no ports"):
        box(network=network, publish=8080)
    with pytest.raises(ValueError, match="no ports"):
        box(network=network, extra_hosts={"a": "b"})


def test_a_program_replaces_the_entrypoint_and_arguments_do_not():
    program = spec.body(box(command=("pytest", "-q"), program=True))
    assert (program["Entrypoint"], program["Cmd"]) == (["pytest"], ["-q"])
    arguments = spec.body(box(command=("serve", "-q")))
    assert "Entrypoint" not in arguments
    assert arguments["Cmd"] == ["serve", "-q"]
    with pytest.raises(ValueError, match="needs a command"):
        box(program=True)


def test_secrets_reach_the_container_and_no_repr():
    wanted = box(env={"A": "1"}, secrets={"KEY": "s3cr3t"})
    assert spec.body(wanted)["Env"] == ["A=1", "KEY=s3cr3t"]
    assert "s3cr3t" not in repr(wanted)


def test_our_labels_win_over_a_callers():
    data = spec.body(box(labels={"agentops.run": "forged", "mine": "x"}))
    assert data["Labels"]["agentops.run"] == "r"
    assert data["Labels"]["agentops.pid"] == str(os.getpid())
    assert data["Labels"]["mine"] == "x"


def test_an_orphan_is_of_this_host_and_of_a_process_that_is_gone():
    mine = labels.of_run("r")
    assert not labels.is_orphan(mine)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    gone = mine | {"agentops.pid": str(child.pid)}
    assert labels.is_orphan(gone)
    assert not labels.is_orphan(gone | {"agentops.host": "elsewhere"})
    for name in ("agentops.run", "agentops.pid", "agentops.host"):
        assert not labels.is_orphan({k: v for k, v in gone.items() if k != name})


@given(st.text(max_size=12))
def test_a_label_that_is_no_process_id_is_left_alone(pid):
    found = labels.of_run("r") | {"agentops.pid": pid}
    if not (pid.isascii() and pid.isdigit()):
        assert not labels.is_orphan(found)


def test_what_a_container_inherits_from_an_image_never_marks_it_as_ours():
    inherited = labels.of_image()
    assert not labels.belongs(inherited, "r")
    assert not set(inherited) & set(labels.of_run("r"))
    assert not labels.is_orphan(inherited)
    assert labels.belongs(labels.of_run("r"), "r")
    assert not labels.belongs(labels.of_run("r"), "other")
    assert not labels.belongs({}, "")
