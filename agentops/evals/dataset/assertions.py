"""Assertions as data into Assertion objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agentops.config.document import Document, Keys
from agentops.contracts import MetricKind
from agentops.errors import ConfigError
from agentops.evals.metrics import ASKED, CUSTOM, DETERMINISTIC, JOINS, JUDGE
from agentops.model.case import Assertion
from agentops.text import one_line

# Metrics whose parameter is a mapping as a whole.
_WHOLE = ("json_schema",)


class Assertions:
    """Makes assertions of one document. `metrics` are the kinds that there are, besides joins and the judge."""

    def __init__(self, found: Document, metrics: Mapping[str, MetricKind]) -> None:
        self._found = found
        self._metrics = metrics
        self._own = {name: kind for name, kind in metrics.items() if name not in DETERMINISTIC}
        self._checked: set[tuple[str, str]] = set()

    def of(self, expect: Any, keys: Keys, *, told: str = "", judged: bool = True) -> tuple[Assertion, ...]:
        """The assertions in a list that stands at `keys`. `told` names the case where the keys do not; `judged` says
        whether a judge may look at what they are held against.

        Raises ConfigError that names the place for parameters that could never be judged.
        """
        return tuple(self._one(item, (*keys, i), told, judged) for i, item in enumerate(expect))

    def _one(self, data: Mapping[str, Any], keys: Keys, told: str, judged: bool) -> Assertion:
        kind, value = next((k, v) for k, v in data.items() if k != "weight")
        weight = data.get("weight", 1.0)
        if kind == "not":
            inner = self._one(value, (*keys, "not"), told, judged)
            return replace(inner, negate=not inner.negate, weight=weight)
        if kind in JOINS:
            # Parts are scored where they stand; a judge is asked for a whole attempt, later.
            at, inner_keys = (value["of"], (*keys, kind, "of")) if kind == "weighted" else (value, (*keys, kind))
            parts = self.of(at, inner_keys, told=told, judged=False)
            params = {k: v for k, v in value.items() if k != "of"} if kind == "weighted" else {}
            return Assertion(kind, params, parts=parts, weight=weight)
        params = value if isinstance(value, dict) and kind not in _WHOLE else {"value": value}
        if kind in ASKED and not judged:
            raise ConfigError(
                f"{self._found.place((*keys, kind))}: {told}{kind}: no model can be asked here",
                hint="ask it by an assertion of its own on the answer, outside of joins and steps",
            )
        place = f"{self._found.place((*keys, kind))}: {told}{kind}"
        if kind in self._own:
            # The short way to write a metric of the user's; it is scored by the long one.
            if "metric" in params:
                raise ConfigError(f"{place}: no parameter can be called metric here", hint="rename it in the metric")
            kind, params = CUSTOM, {"metric": kind, **params}
        self._refuse(kind, params, place)
        return Assertion(kind, params, weight=weight)

    def _refuse(self, kind: str, params: Mapping[str, Any], place: str) -> None:
        """Raise ConfigError for parameters that the schema lets through and that could never be judged."""
        sign = (kind, repr(params))
        if sign in self._checked:
            return
        try:
            self._check(kind)(params)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error.message}", hint=error.hint) from None
        except Exception as error:  # noqa: BLE001  a metric of the user's, or a pattern that is too much for the engine
            raise ConfigError(
                f"{place}: its parameters cannot be checked: {one_line(repr(error), 120)}",
                hint="write them simpler, or mend the metric",
            ) from None
        self._checked.add(sign)

    def _check(self, kind: str) -> Callable[[Mapping[str, Any]], None]:
        if kind == CUSTOM:
            from agentops.evals.metrics import custom

            return lambda params: custom.check(params, self._own)
        if kind == JUDGE:
            from agentops.evals.metrics import judge

            return judge.check
        if kind in self._metrics:
            return self._metrics[kind].check
        if kind in ASKED:
            return lambda _params: None
        raise ConfigError("there is no such metric here", hint="take the assertion out")
