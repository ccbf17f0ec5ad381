"""The numbers of the team's own objectives: by PromQL, or by an address that answers JSON."""

from __future__ import annotations

import http.client
import math
from collections.abc import Callable, Sequence
from typing import Any

from agentops.errors import ConfigError
from agentops.model.rollout_settings import Slo
from agentops.rollout.sources import prometheus
from agentops.rollout.sources.arms import Arms
from agentops.text import said
from agentops.wire import shape

Values = dict[str, tuple[float | None, float | None]]
Reader = Callable[[Any], float | None]


class Objectives:
    """Asks for every objective of both versions. `client` is Prometheus'. Raises ConfigError for a JMESPath expression
    that is none, and for PromQL without a Prometheus."""

    def __init__(self, slos: Sequence[Slo], client: prometheus.Client | None) -> None:
        self._client = client
        self._slos = [(slo, _reader(slo) if slo.url else None) for slo in slos]
        for slo in slos:
            if slo.url is None and client is None:
                raise ConfigError(f"the objective {slo.name} asks PromQL", hint="say where: analysis.prometheus")

    def read(self, arms: Arms) -> tuple[Values, str]:
        """The values for canary and stable, None where there is none; and why the first of those is not there."""
        values: Values = {}
        why = ""
        for slo, reader in self._slos:
            pair: list[float | None] = []
            for name, pods in arms.each():
                try:
                    if reader is not None:
                        pair.append(_asked(str(slo.url), name, reader))
                    else:
                        assert self._client is not None  # noqa: S101  refused at the start
                        pair.append(self._client.number(str(slo.promql), arm=name, pods=pods))
                except prometheus.QueryError as error:
                    pair.append(None)
                    why = why or said(f"objective {slo.name} of {name}: {error}", 200)
            values[slo.name] = (pair[0], pair[1])
        return values, why


def _asked(url: str, arm: str, reader: Reader) -> float | None:
    try:
        address = url.replace("{arm}", arm)
        status, body = prometheus.by_url(address)("")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise prometheus.QueryError(said(str(error) or type(error).__name__, 120)) from None
    if status != 200:
        raise prometheus.QueryError(f"the address answers {status}")
    if len(body) > prometheus.MOST_BYTES:
        raise prometheus.QueryError("the answer is too long")
    try:
        return reader(shape.load(body, "the answer"))
    except shape.ShapeError as error:
        raise prometheus.QueryError(said(str(error), 120)) from None


def _reader(slo: Slo) -> Reader:
    import jmespath
    from jmespath import exceptions

    try:
        path = jmespath.compile(slo.value)
    except exceptions.JMESPathError as error:
        raise ConfigError(
            f"the objective {slo.name}: {said(slo.value, 80)!r} is no JMESPath expression: {said(str(error), 120)}",
            hint="see https://jmespath.org for the language",
        ) from None

    def read(data: Any) -> float | None:
        try:
            found = path.search(data)
        # What jmespath raises for values that an expression was not made for; some of it is plain Python.
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise prometheus.QueryError(f"`value` cannot be applied: {said(str(error), 80)}") from None
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise prometheus.QueryError("`value` finds what is no number")
        return float(found)

    return read
