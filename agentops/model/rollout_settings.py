"""How an image is rolled out, as the configuration says it: one `Place` an environment, every default in its place.

The keys of `rollout` are those of `Place`; `rollout.environments.NAME` lays its own over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MODES = ("auto", "replicas", "splitter", "gateway-api", "istio", "delegate")
STRATEGIES = ("canary", "blue-green")


@dataclass(frozen=True, slots=True)
class Step:
    """How long a canary step lasts: until so many requests of the canary were seen and their errors judged, or the
    minutes are over; then `extend` more such times. A step that is over without enough is INCONCLUSIVE."""

    samples: int = 100
    minutes: float = 10.0
    extend: int = 1


@dataclass(frozen=True, slots=True)
class Spend:
    """What shadow traffic may spend, by the usage that the answers report; None where there is no limit."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the canary is shown before it serves anybody. `mode` is "replay" (recorded sessions, put to it again),
    "mirror" (a copy of live requests) or "off".

    `sessions` are files of recorded sessions: a run's journal or an evalset imported from traces. `percent` of live
    requests is mirrored, for `minutes`. `blocked` is a Service NAME:PORT that the egress policy of the shadow pods must
    not let them reach: before any traffic, the attempt is made from such a pod and has to fail. `max_loss` is the share
    by which the canary may do worse than what was recorded or answered live. `env` and `service_account` hold for the
    shadow pods alone: a memory of their own, rights to read and no more.
    """

    mode: str = "off"
    sessions: tuple[str, ...] = ()
    percent: float = 10.0
    minutes: float = 10.0
    budget: Spend = Spend(calls=500)
    blocked: str | None = None
    max_loss: float = 0.05
    env: Mapping[str, str] = field(default_factory=dict)
    service_account: str | None = None


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Where PromQL is asked: a `url`, or a `service` NAMESPACE/NAME:PORT that is reached through the API server.
    `queries` overrule the built-in ones by name. A query says {arm}, {namespace} and {window} where these belong."""

    url: str | None = None
    service: str | None = None
    queries: Mapping[str, str] = field(default_factory=dict)
    stale_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """Where the agent's own pods tell metrics in Prometheus' text format."""

    port: int
    path: str = "/metrics"


@dataclass(frozen=True, slots=True)
class Slo:
    """An objective of the team's own. Either `promql`, or `url` with a JMESPath `value`, gives a number for the canary
    (`{arm}` stands for the version). It must be `at_least` or `at_most` a bound, and `max_loss` limits how much worse
    than stable it may be. Without `after_samples` values it is not judged."""

    name: str
    promql: str | None = None
    url: str | None = None
    value: str = ""
    at_least: float | None = None
    at_most: float | None = None
    max_loss: float | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Analysis:
    """When the canary counts as worse, as good, or as unsettled.

    `alpha` is the chance, over a whole rollout, of turning back an image that is as good as stable. The share of errors
    may be `margin` above stable's at most, with `confidence`. Latency may be `latency_ratio` times stable's at the 95th
    percentile. Absolute guardrails fire alone: `max_error_rate`, `latency_p95_s`, `cost_usd_per_request`, `restarts` of
    canary pods, memory that would reach its limit within `memory_hours` at the slope seen. `outage_minutes` without
    metrics end the rollout, inconclusive.
    """

    alpha: float = 0.01
    margin: float = 0.02
    confidence: float = 0.95
    interval_s: float = 1.0
    max_error_rate: float | None = 0.5
    latency_ratio: float | None = 1.5
    latency_p95_s: float | None = None
    cost_usd_per_request: float | None = None
    restarts: int | None = 0
    memory_hours: float | None = 4.0
    outage_minutes: float = 10.0
    prometheus: Prometheus | None = None
    scrape: Scrape | None = None
    slos: tuple[Slo, ...] = ()


@dataclass(frozen=True, slots=True)
class CanaryEvals:
    """Behavioural evals put to the canary's own pods before it serves anybody: `suites`, none where it is empty, or of
    them the cases with the tag `smoke` alone. The gate of agentops.yaml decides."""

    suites: tuple[str, ...] = ()
    smoke: str | None = None


@dataclass(frozen=True, slots=True)
class Splitter:
    """Our own small Envoy between the Service and both versions. A session is told by the header `session`."""

    image: str = ""
    replicas: int = 2
    session: str = "x-session-id"


@dataclass(frozen=True, slots=True)
class Watchdog:
    """A Job that brings traffic back when the runner dies and nobody goes on. Without an `image` (the tool's own, by
    digest) there is none. It steps in `grace_s` after the lease ran out."""

    image: str | None = None
    service_account: str = "agentops-rollout"
    grace_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Every limit in seconds: `ready_s` until pods are ready, `progress_s` for a rolling update of stable, `drain_s`
    for requests in flight. The lease lasts `lease_s` and is renewed every `renew_s`."""

    ready_s: float = 300.0
    progress_s: float = 600.0
    drain_s: float = 60.0
    lease_s: float = 60.0
    renew_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Admission:
    """Which records admit an image: envelopes signed by one of `keys` (PEM files of public ed25519 keys), in the folder
    `records`, at most `max_age_hours` old, not named in the file `revoked`. `requires` names environments of the
    rollout that the same digest must have passed before; records of that are signed by one of `rollout_keys`, by one of
    `keys` where there are none. A key of the former never admits an image."""

    keys: tuple[str, ...] = ()
    rollout_keys: tuple[str, ...] = ()
    records: str = ".agentops/records"
    revoked: str | None = None
    max_age_hours: float = 24.0
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notify:
    """Whom to tell. `kind` is slack, pagerduty, webhook or smtp; secrets are named by their variable. `on` are the
    events that are told: started, waiting, promoted, done, rolled-back, failed, frozen."""

    kind: str
    url_env: str | None = None
    url: str | None = None
    key_env: str | None = None
    host: str | None = None
    port: int = 587
    user: str | None = None
    password_env: str | None = None
    sender: str | None = None
    to: tuple[str, ...] = ()
    on: tuple[str, ...] = ("waiting", "done", "rolled-back", "failed", "frozen")


@dataclass(frozen=True, slots=True)
class Place:
    """One environment: where the agent lives in a cluster and how a new image comes to serve there.

    `deployment` and `service` are the team's own objects; `namespace` None is that of the context, `context` None the
    current one. `policy` is the environment of the gate whose verdict admits. `canary` are the shares of traffic in
    percent, one a step; all of it is the bake, which lasts `bake_minutes`. With `approval` somebody says `promote`
    before the canary takes any traffic. `low_capacity` does without the canary at full size: the way back is then
    slower. `route` names the HTTPRoute or VirtualService. `egress` are rules of a NetworkPolicy: what the pods may
    reach in shadow mode beside DNS.
    """

    name: str
    deployment: str
    namespace: str | None = None
    context: str | None = None
    service: str | None = None
    container: str | None = None
    policy: str = "release"
    traffic: str = "auto"
    strategy: str = "canary"
    canary: tuple[int, ...] = (5, 25, 50)
    route: str | None = None
    approval: bool = False
    low_capacity: bool = False
    bake_minutes: float = 10.0
    step: Step = Step()
    shadow: Shadow = Shadow()
    analysis: Analysis = Analysis()
    evals: CanaryEvals = CanaryEvals()
    splitter: Splitter = Splitter()
    watchdog: Watchdog = Watchdog()
    timing: Timing = Timing()
    admission: Admission = Admission()
    notify: tuple[Notify, ...] = ()
    egress: tuple[Mapping[str, Any], ...] = ()

    @property
    def entry(self) -> str:
        """The Service that clients call."""
        return self.service or self.deployment
