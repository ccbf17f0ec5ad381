"""What the splitter's Envoy is told. That a real Envoy takes it and does so, the cluster tests show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops.rollout.traffic import envoy
from agentops.rollout.traffic.envoy import Split, Way

WAYS = (Way(80, 8080, "10.96.0.1", "10.96.0.2"), Way(9090, 9090, "10.96.0.1", "10.96.0.2"))


def made(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"session": "x-session-id", "split": Split(), "drain_s": 60.0, **more}
    return envoy.bootstrap(WAYS, **given)


def clusters(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in config["static_resources"]["clusters"]}


def manager(config: dict[str, Any], at: int = 0) -> dict[str, Any]:
    listener: dict[str, Any] = config["static_resources"]["listeners"][at]
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def route(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manager(config)["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    return found


def options(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(item["typed_extension_protocol_options"].values()))
    return found


@given(weight=st.integers(0, 100), mirror=st.floats(0, 100), ports=st.sets(st.integers(1, 65535), min_size=1))
def test_the_split_can_be_read_back(weight: int, mirror: float, ports: set[int]) -> None:
    ways = [Way(port, port, "10.0.0.1", "10.0.0.2") for port in ports]
    config = envoy.bootstrap(ways, session="s", split=Split(weight, mirror), drain_s=1)
    found = envoy.split_of(json.loads(json.dumps(config)))
    assert found is not None
    assert found.weight == weight
    assert found.mirror == pytest.approx(mirror, abs=0.0001)


@given(weight=st.integers(0, 100), ports=st.sets(st.integers(1, 65535), min_size=1))
def test_shares_make_a_hundred_on_every_port(weight: int, ports: set[int]) -> None:
    values = envoy.values(Split(weight), sorted(ports))
    for port in ports:
        arms = [values[f"agentops.split.{envoy.cluster(arm, port)}"] for arm in ("canary", "stable")]
        assert arms == [weight, 100 - weight]


def junk() -> Iterator[dict[str, Any]]:
    yield {}
    yield {"layered_runtime": None}
    for change in ({"agentops.split.canary-80": "many"}, {"agentops.split.stable-80": 7}, {"agentops.mirror": 3}):
        config = made()
        config["layered_runtime"]["layers"][0]["static_layer"].update(change)
        yield config


@pytest.mark.parametrize("config", list(junk()))
def test_a_configuration_that_makes_no_split_is_none(config: dict[str, Any]) -> None:
    assert envoy.split_of(config) is None


def test_the_session_picks_the_version_and_the_canary_stands_first() -> None:
    found = route(made())
    weighted = found["weighted_clusters"]
    assert weighted["use_hash_policy"] is True
    assert found["hash_policy"] == [{"header": {"header_name": "x-session-id"}}]
    # The pick is hash modulo a hundred, counted from the first: so raising its weight only adds sessions.
    assert [item["name"] for item in weighted["clusters"]] == ["canary-80", "stable-80"]
    keys = [f"{weighted['runtime_key_prefix']}.{item['name']}" for item in weighted["clusters"]]
    assert set(keys) <= set(envoy.values(Split(), [80]))


def test_nothing_is_timed_out_and_streams_may_last() -> None:
    config = made()
    found, http = route(config), manager(config)
    assert (found["timeout"], found["idle_timeout"], http["stream_idle_timeout"]) == ("0s", "0s", "0s")
    assert "per_try_timeout" not in found["retry_policy"]
    assert http["upgrade_configs"] == [{"upgrade_type": "websocket"}]
    assert [f["name"] for f in http["http_filters"]] == ["envoy.filters.http.router"], "nothing that buffers"


def test_only_what_was_not_sent_is_sent_again() -> None:
    safe = {"connect-failure", "refused-stream", "reset-before-request"}
    assert set(route(made())["retry_policy"]["retry_on"].split(",")) == safe


def test_connections_of_clients_end_politely_before_a_leaving_pod_does() -> None:
    http = manager(made(drain_s=60.0))
    assert http["common_http_protocol_options"]["max_connection_duration"] == "30s"
    assert http["http1_safe_max_connection_duration"] is True


def test_the_admin_interface_is_on_loopback_alone() -> None:
    assert made()["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": envoy.ADMIN_PORT}


def test_stable_alone_mirrors_and_copies_are_marked() -> None:
    found = clusters(made(split=Split(0, 12.5)))
    assert "request_mirror_policies" not in options(found["canary-80"])
    (policy,) = options(found["stable-80"])["request_mirror_policies"]
    assert policy["cluster"] == "canary-80"
    assert policy["runtime_fraction"]["runtime_key"] == envoy.MIRROR_KEY
    assert policy["runtime_fraction"]["default_value"]["numerator"] == 0
    mark = policy["request_headers_mutations"][0]["append"]
    assert mark["header"] == {"key": "x-agentops-shadow", "value": "1"}
    assert mark["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"


def test_the_mark_is_taken_from_whoever_forges_it() -> None:
    http = manager(made())
    assert "x-agentops-shadow" in http["route_config"]["request_headers_to_remove"]
    # Nobody's address makes a request internal: those alone that Envoy itself made count as such.
    assert http["internal_address_config"] == {"unix_sockets": False}


def test_each_request_has_a_connection_of_its_own_and_there_is_no_limit_of_them() -> None:
    for arm in ("stable-80", "canary-9090"):
        item = clusters(made())[arm]
        assert options(item)["common_http_protocol_options"] == {"max_requests_per_connection": 1}
        assert {t["max_connections"] for t in item["circuit_breakers"]["thresholds"]} == {1_000_000}
        assert "health_checks" not in item, "health would steer the split"


def test_whether_a_version_can_be_reached_is_asked_apart() -> None:
    found = clusters(made())
    for arm, host in (("stable", "10.96.0.1"), ("canary", "10.96.0.2")):
        item = found[envoy.reach(arm, 9090)]
        assert item["health_checks"][0]["tcp_health_check"] == {}
        endpoint = item["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        assert endpoint["address"]["socket_address"] == {"address": host, "port_value": 9090}


@pytest.mark.parametrize(
    ("families", "bound"),
    [
        (("IPv4",), {"address": "0.0.0.0"}),
        (("IPv6",), {"address": "::", "ipv4_compat": False}),
        (("IPv6", "IPv4"), {"address": "::", "ipv4_compat": True}),
    ],
)
def test_it_listens_in_the_families_of_the_service(families: tuple[str, ...], bound: dict[str, Any]) -> None:
    listeners = made(families=families)["static_resources"]["listeners"]
    found = [item["address"]["socket_address"] for item in listeners]
    assert found == [{**bound, "port_value": port} for port in (8080, 9090, envoy.READY_PORT)]


def test_latency_bounds_rise_by_a_quarter() -> None:
    bounds = envoy.buckets_ms()
    assert bounds[0] == 5
    assert bounds[-1] == 600_000
    assert all(1 < b / a < 1.3 for a, b in pairwise(bounds))
