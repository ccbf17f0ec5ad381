"""The section `rollout` into one Place an environment."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from agentops.config.document import Document
from agentops.errors import ConfigError
from agentops.model.codec import DecodeError, decode
from agentops.model.rollout_settings import Place

DEFAULT = "production"
"""The environment where the section names none."""

_FULL = 100


def places(data: Mapping[str, Any] | None, found: Document, *, agent: str) -> dict[str, Place]:
    """The environments by name, in the order of the file; a Deployment is called like the agent unless told. Raises
    ConfigError."""
    if data is None:
        return {}
    common = {key: value for key, value in data.items() if key != "environments"}
    own = data.get("environments") or {DEFAULT: {}}
    made = {name: _place(name, _over(common, value), found, agent=agent) for name, value in own.items()}
    for name, place in made.items():
        unknown = [other for other in place.admission.requires if other not in made or other == name]
        if unknown:
            at = found.place(("rollout", "environments", name))
            raise ConfigError(
                f"{at}: admission.requires names {unknown[0]!r}, which is no other environment",
                hint=f"environments: {', '.join(made)}",
            )
    return made


def _place(name: str, data: dict[str, Any], found: Document, *, agent: str) -> Place:
    at = found.place(("rollout", "environments", name))
    if "canary" in data:
        shares = [share for share in data["canary"] if share < _FULL]
        if shares != sorted(set(shares)) or data["canary"][: len(shares)] != shares:
            raise ConfigError(f"{at}: canary: every share must be larger than the one before", hint="[5, 25, 50]")
        data["canary"] = shares
    try:
        place = decode(Place, {"deployment": agent, **data, "name": name}, where=f"rollout.{name}")
    except DecodeError as error:
        raise ConfigError(f"{at}: {error}") from None
    for problem, hint in _problems(place):
        raise ConfigError(f"{at}: {problem}", hint=hint)
    return place


def _problems(place: Place) -> list[tuple[str, str]]:
    """What no schema can tell."""
    told = []
    if place.shadow.mode == "replay" and not place.shadow.sessions:
        told.append(
            ("shadow.mode replay needs sessions", "name a run's journal, or an evalset made by `import traces`")
        )
    if place.shadow.mode != "off" and place.shadow.blocked is None:
        told.append((
            f"shadow.mode {place.shadow.mode} needs `blocked`",
            "name a Service of the namespace, as NAME:PORT, that pods in shadow mode must not reach: it is tried",
        ))  # fmt: skip
    if place.timing.renew_s * 2 > place.timing.lease_s:
        told.append(("timing.renew_s must be at most half of lease_s", "a lease that is renewed too late is lost"))
    prometheus = place.analysis.prometheus
    if prometheus is not None and (prometheus.url is None) == (prometheus.service is None):
        told.append(("analysis.prometheus needs url or service", "give one of them"))
    for slo in place.analysis.slos:
        if (slo.promql is None) == (slo.url is None):
            told.append((f"the objective {slo.name} needs promql or url", "give one of them"))
        if slo.promql is not None and prometheus is None:
            told.append((f"the objective {slo.name} asks PromQL", "say where: analysis.prometheus"))
        if slo.url is not None and not slo.value:
            told.append((f"the objective {slo.name} needs `value`", "a JMESPath expression that finds the number"))
        if slo.at_least is None and slo.at_most is None and slo.max_loss is None:
            told.append((f"the objective {slo.name} demands nothing", "give at_least, at_most or max_loss"))
    return told


def _over(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` laid over `common`, object by object; lists are replaced."""
    data = copy.deepcopy(dict(common))
    for key, value in own.items():
        both = isinstance(value, Mapping) and isinstance(data.get(key), Mapping)
        data[key] = _over(data[key], value) if both else copy.deepcopy(value)
    return data
