"""How much memory pods use, as metrics.k8s.io tells it, and how much they may."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from agentops.contracts import Cluster, Doc
from agentops.errors import ApiDown, ClusterError

_QUANTITY = re.compile(
    r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})"
    r"(Ki|Mi|Gi|Ti|Pi|Ei|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,2})?\Z"
)
_SCALE = {
    "": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    **{f"{unit}i": 1024.0 ** (power + 1) for power, unit in enumerate("KMGTPE")},
}  # fmt: skip
_EVERY_S = 10.0


def quantity(text: object) -> float | None:
    """A quantity as Kubernetes writes it (512Mi, 1.5G, 1e9); None for what is none.
    (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)"""
    found = _QUANTITY.match(str(text))
    if found is None:
        return None
    unit = found[2] or ""
    if unit[:1] in ("e", "E") and unit[1:] and unit != "Ei":
        return float(found[1] + unit)
    return float(found[1]) * _SCALE[unit]


def limit_of(container: Doc) -> float | None:
    """The limit of memory of a container in bytes; None where it has none."""
    limits = (container.get("resources") or {}).get("limits") or {}
    return quantity(limits["memory"]) if "memory" in limits else None


class Memory:
    """Asks for the memory of one container of the pods, every ten seconds. Where metrics.k8s.io is not there or not
    allowed, nobody measures it."""

    def __init__(self, cluster: Cluster, container: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster, self._container, self._clock = cluster, container, clock
        self._used: dict[str, int] = {}
        self._next = 0.0
        self._barred = False

    def used(self, labels: Mapping[str, str]) -> Mapping[str, int]:
        """Bytes by the pod's name, of the pods with these labels."""
        now = self._clock()
        if now < self._next or self._barred:
            return self._used
        self._next = now + _EVERY_S
        try:
            found = self._cluster.list("PodMetrics", labels=labels)
        except ApiDown:
            # An aggregated API that is down answers 503; the pods are listed without it.
            return {}
        except ClusterError:
            self._barred = True
            return {}
        self._used = {doc["metadata"]["name"]: used for doc in found if (used := self._of(doc)) is not None}
        return self._used

    def _of(self, doc: Doc) -> int | None:
        for container in doc.get("containers") or ():
            if container.get("name") == self._container:
                used = quantity((container.get("usage") or {}).get("memory"))
                return round(used) if used is not None else None
        return None
