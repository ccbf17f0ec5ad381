"""What the agent counts, in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
NO_CAUSE = "none"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters since the process started. `prices` are US dollars for a million tokens in and out."""

    def __init__(self, *, version: str, prices: tuple[float, float]) -> None:
        self._version = version
        self._prices = prices
        self._requests: Counter[tuple[str, str]] = Counter()
        self._below = [0] * len(BOUNDS_S)
        self._count = 0
        self._seconds = 0.0
        self._tokens = 0
        self._cost_usd = 0.0
        self._writes: Counter[tuple[str, str]] = Counter()
        self.in_flight = 0

    def request(self, status: int, *, cause: str, took_s: float) -> None:
        """One turn ended. `cause` says whose failure it was: none, client, model, timeout or agent."""
        self._requests[str(status), cause] += 1
        self._count += 1
        self._seconds += took_s
        for i, bound in enumerate(BOUNDS_S):
            self._below[i] += took_s <= bound

    def model(self, *, input_tokens: int, output_tokens: int) -> float:
        """A turn used so many tokens of the model. Returns what they cost in US dollars, by the configured prices."""
        cost_usd = (input_tokens * self._prices[0] + output_tokens * self._prices[1]) / 1e6
        self._tokens += input_tokens + output_tokens
        self._cost_usd += cost_usd
        return cost_usd

    def write(self, tool: str, done: str) -> None:
        """A tool that acts on the world was `executed`, or only `recorded`."""
        self._writes[tool, done] += 1

    def text(self) -> str:
        """Everything that was counted."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield "# TYPE agent_info gauge"
        yield f"agent_info{_labels({'version': self._version})} 1"
        yield "# TYPE agent_requests_total counter"
        for (code, cause), count in sorted(self._requests.items()):
            yield f"agent_requests_total{_labels({'code': code, 'cause': cause})} {count}"
        yield "# TYPE agent_request_seconds histogram"
        for bound, count in zip(BOUNDS_S, self._below, strict=True):
            yield f'agent_request_seconds_bucket{{le="{bound:g}"}} {count}'
        yield f'agent_request_seconds_bucket{{le="+Inf"}} {self._count}'
        yield f"agent_request_seconds_sum {self._seconds:.6f}"
        yield f"agent_request_seconds_count {self._count}"
        yield "# TYPE agent_tokens_total counter"
        yield f"agent_tokens_total {self._tokens}"
        yield "# TYPE agent_cost_usd_total counter"
        yield f"agent_cost_usd_total {self._cost_usd:.9f}"
        yield "# TYPE agent_requests_in_flight gauge"
        yield f"agent_requests_in_flight {self.in_flight}"
        yield "# TYPE agent_writes_total counter"
        for (tool, done), count in sorted(self._writes.items()):
            yield f"agent_writes_total{_labels({'tool': tool, 'done': done})} {count}"


def _labels(values: Mapping[str, str]) -> str:
    escaped = {k: v.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for k, v in values.items()}
    return "{" + ",".join(f'{k}="{v}"' for k, v in escaped.items()) + "}"
