"""What our own splitter tells Envoy: its configuration as data, and the values that are changed while it runs.

Written for Envoy 1.36 and later (https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/api). Decisions:

- A weighted cluster picks by the hash of the session header, the canary first: raising its weight moves sessions to it
  and none away. Without the header the pick is by request. Weights are runtime keys.
- Every request has an upstream connection of its own. So a Service's new selector holds from the next request on, the
  pods share the load evenly, and no request meets a connection that the other side has just closed.
- Nothing is timed out, rewritten or held back until it is whole. A request is tried again only where nothing of it was
  sent. What is added: x-forwarded-proto and x-request-id, where they are missing.
- The stable clusters mirror, so that no request of the canary is copied to it as well. Copies carry SHADOW; whoever
  sends that header from outside loses it.
- Whether a backend can be reached is asked of clusters of their own (`reach-...`), by opening connections. Their health
  does not steer traffic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ADMIN_PORT = 19000
"""Envoy's admin interface, on the pod's loopback alone."""
READY_PORT = 19001
SHADOW = "x-agentops-shadow"
"""The header that copies of live requests carry."""
PREFIX = "agentops"
"""What the statistics of our listeners begin with."""

MIRROR_KEY = "agentops.mirror"
_SPLIT_KEY = "agentops.split"
_MILLION = 1_000_000
_ALL = 100
_UNLIMITED = 1_000_000
_FINEST_MS, _COARSEST_MS, _STEP = 5.0, 600_000.0, 1.25
_V3 = "type.googleapis.com/envoy.extensions"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True, slots=True)
class Way:
    """One port of the Service: the splitter listens on `listen`, where the agent's pods would; `stable` and `canary`
    are addresses of Services with the port `port`."""

    port: int
    listen: int
    stable: str
    canary: str


@dataclass(frozen=True, slots=True)
class Split:
    """Percent of the requests: `weight` whole ones go to the canary, `mirror` of stable's are copied to it."""

    weight: int = 0
    mirror: float = 0.0


def cluster(arm: str, port: int) -> str:
    """What Envoy calls the way to one version (canary or stable) on a port of the Service."""
    return f"{arm}-{port}"


def reach(arm: str, port: int) -> str:
    """What Envoy calls the cluster that finds out whether a version can be reached."""
    return f"reach-{arm}-{port}"


def values(split: Split, ports: Sequence[int]) -> dict[str, int | dict[str, int | str]]:
    """The runtime keys of a split and what they are set to."""
    found: dict[str, int | dict[str, int | str]] = {}
    for port in ports:
        found[f"{_SPLIT_KEY}.{cluster('canary', port)}"] = split.weight
        found[f"{_SPLIT_KEY}.{cluster('stable', port)}"] = _ALL - split.weight
    found[MIRROR_KEY] = {"numerator": _parts(split.mirror), "denominator": "MILLION"}
    return found


def bootstrap(
    ways: Sequence[Way], *, session: str, split: Split, drain_s: float, families: Sequence[str] = ("IPv4",)
) -> dict[str, Any]:
    """Envoy's whole configuration. Connections of clients end politely within half of `drain_s`, so that a pod that
    leaves has none left."""
    bind = {"address": "::", "ipv4_compat": "IPv4" in families} if "IPv6" in families else {"address": "0.0.0.0"}  # noqa: S104
    return {
        "admin": {"address": _address({"address": "127.0.0.1"}, ADMIN_PORT)},
        "layered_runtime": {
            "layers": [
                {"name": "start", "static_layer": values(split, [way.port for way in ways])},
                {"name": "pushed", "admin_layer": {}},
            ]
        },
        # A sample is a second; and the buckets that Envoy comes with are too wide to compare two versions by.
        "stats_flush_interval": "1s",
        "stats_config": {
            "histogram_bucket_settings": [{"match": {"suffix": "upstream_rq_time"}, "buckets": buckets_ms()}]
        },
        "static_resources": {
            "listeners": [
                *(_listener(way, bind, session=session, drain_s=drain_s) for way in ways),
                _ready_listener(bind),
            ],
            "clusters": [item for way in ways for item in _clusters(way)],
        },
    }


def buckets_ms() -> list[float]:
    """The upper bounds of the latency histogram in milliseconds, each a quarter above the one before."""
    bounds, bound = [], _FINEST_MS
    while bound < _COARSEST_MS:
        bounds.append(round(bound, 1))
        bound *= _STEP
    return [*bounds, _COARSEST_MS]


def split_of(config: Mapping[str, Any]) -> Split | None:
    """The split that a configuration starts with; None where it cannot be told."""
    try:
        layer = config["layered_runtime"]["layers"][0]["static_layer"]
        weights = {int(v) for k, v in layer.items() if k.startswith(f"{_SPLIT_KEY}.canary-")}
        others = {int(v) for k, v in layer.items() if k.startswith(f"{_SPLIT_KEY}.stable-")}
        mirror = int(layer[MIRROR_KEY]["numerator"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
    if len(weights) != 1 or others != {_ALL - next(iter(weights))}:
        return None
    return Split(next(iter(weights)), mirror * _ALL / _MILLION)


def _parts(percent: float) -> int:
    return round(percent * _MILLION / _ALL)


def _address(host: Mapping[str, Any], port: int) -> dict[str, Any]:
    return {"socket_address": {**host, "port_value": port}}


def _listener(way: Way, bind: Mapping[str, Any], *, session: str, drain_s: float) -> dict[str, Any]:
    route = {
        "weighted_clusters": {
            "use_hash_policy": True,
            "runtime_key_prefix": _SPLIT_KEY,
            "clusters": [
                # Envoy refuses weights that are all nothing; those in force are the runtime keys.
                {"name": cluster("canary", way.port), "weight": 0},
                {"name": cluster("stable", way.port), "weight": _ALL},
            ],
        },
        "hash_policy": [{"header": {"header_name": session}}],
        "timeout": "0s",
        "idle_timeout": "0s",
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 5,
            "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
        },
    }
    routes = {
        "name": f"port-{way.port}",
        "request_headers_to_remove": [SHADOW],
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}],
    }
    # A pod that leaves goes on for `drain_s`: by half of it no client holds a connection to it any more.
    lasts = {"idle_timeout": "3600s", "max_connection_duration": f"{max(drain_s / 2, 1):.0f}s"}
    more = {
        "common_http_protocol_options": lasts,
        "http1_safe_max_connection_duration": True,
        "http_protocol_options": {
            "accept_http_10": True, "default_host_for_http_10": "localhost", "enable_trailers": True,
        },
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    }  # fmt: skip
    return _http_listener(f"port-{way.port}", _address(bind, way.listen), prefix=PREFIX, routes=routes, more=more)


def _http_listener(
    name: str,
    address: Mapping[str, Any],
    *,
    prefix: str,
    routes: Mapping[str, Any],
    more: Mapping[str, Any],
    before: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_V3}.filters.http.router.v3.Router", "suppress_envoy_headers": True},
    }
    manager = {
        "@type": f"{_V3}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": prefix,
        "codec_type": "AUTO",
        "server_header_transformation": "PASS_THROUGH",
        "preserve_external_request_id": True,
        "stream_idle_timeout": "0s",
        "max_request_headers_kb": 96,
        # Nobody is trusted: headers by which clients could steer Envoy are dropped, and mirrored requests alone count
        # as internal.
        "internal_address_config": {"unix_sockets": False},
        "route_config": dict(routes),
        "http_filters": [*before, router],
        **more,
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"name": name, "address": dict(address), "filter_chains": [chain]}


def _ready_listener(bind: Mapping[str, Any]) -> dict[str, Any]:
    """Where the kubelet asks whether the pod takes traffic: it does until it was told to drain."""
    check = {
        "name": "envoy.filters.http.health_check",
        "typed_config": {
            "@type": f"{_V3}.filters.http.health_check.v3.HealthCheck",
            "pass_through_mode": False,
            "headers": [{"name": ":path", "string_match": {"exact": "/ready"}}],
        },
    }
    routes = {"name": "ready", "virtual_hosts": []}
    return _http_listener(
        "ready", _address(bind, READY_PORT), prefix="ready", routes=routes, more={}, before=[check]
    )  # fmt: skip


def _clusters(way: Way) -> list[dict[str, Any]]:
    made = []
    for arm, host in (("stable", way.stable), ("canary", way.canary)):
        mirrors = {"request_mirror_policies": [_mirror(way)]} if arm == "stable" else {}
        options = {
            "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
            "use_downstream_protocol_config": {
                "http_protocol_options": {"enable_trailers": True}, "http2_protocol_options": {},
            },
            "common_http_protocol_options": {"max_requests_per_connection": 1},
            **mirrors,
        }  # fmt: skip
        made.append({
            **_cluster(cluster(arm, way.port), host, way.port),
            "circuit_breakers": {"thresholds": [_limits("DEFAULT"), _limits("HIGH")]},
            "typed_extension_protocol_options": {_HTTP_OPTIONS: options},
        })  # fmt: skip
        often = {"timeout": "1s", "interval": "1s", "no_traffic_interval": "1s"}
        check = {**often, "unhealthy_threshold": 1, "healthy_threshold": 1, "tcp_health_check": {}}
        made.append({**_cluster(reach(arm, way.port), host, way.port), "health_checks": [check]})
    return made


def _cluster(name: str, host: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address({"address": host}, port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _limits(priority: str) -> dict[str, Any]:
    """No limit of Envoy's own: 1024 calls of a minute each are an ordinary load here."""
    kinds = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return {"priority": priority, **dict.fromkeys(kinds, _UNLIMITED)}


def _mirror(way: Way) -> dict[str, Any]:
    return {
        "cluster": cluster("canary", way.port),
        "runtime_fraction": {
            "runtime_key": MIRROR_KEY,
            "default_value": {"numerator": 0, "denominator": "MILLION"},
        },
        "request_headers_mutations": [{"append": _set(SHADOW, "1")}],
    }


def _set(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
