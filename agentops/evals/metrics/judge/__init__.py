"""The judge: metrics that a model scores, through deepeval, in a process of their own.

`check` and `label` look at an assertion, `open_session` gives what asks the judge while the run goes on, `calibrate`
tells how far that judge agrees with people. deepeval itself is imported in the worker alone (deepeval.py).

Whatever deepeval's own scale is, the value of a metric of the table reads as the metric is called: 1 is the most of
it. The share of relevant statements is `answer_relevancy`, the share of toxic opinions is `toxicity`. deepeval turned
the scale of its fault metrics round within version 4, so their value is counted from the verdicts and checked against
deepeval's score. A metric named `deepeval.ClassName` keeps deepeval's scale.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from agentops.contracts import AskJudge
from agentops.errors import ConfigError
from agentops.evals.metrics.judge.calibration import Calibration, Example, calibrate, load_examples
from agentops.evals.metrics.judge.endpoint import JudgeEndpoint
from agentops.evals.metrics.judge.metrics import METRICS, JudgeMetric, check, label
from agentops.model.case import Assertion
from agentops.model.settings import Judge

__all__ = [
    "METRICS", "Calibration", "Example", "JudgeEndpoint", "JudgeMetric", "calibrate", "check", "label", "load_examples",
    "open_session", "require",
]  # fmt: skip

PARALLEL = 4
"""How many requests are in flight where nobody says otherwise."""


def require() -> str:
    """The version of deepeval. Raises ConfigError where it is not installed; does not import it."""
    from importlib import metadata

    try:
        return metadata.version("deepeval")
    except metadata.PackageNotFoundError:
        raise ConfigError("the assertion judge needs deepeval", hint="pip install 'agentops-gate[judge]'") from None


def open_session(
    settings: Judge,
    endpoint: JudgeEndpoint,
    *,
    out: Path,
    cancel: threading.Event,
    root: Path | None = None,
    assertions: Sequence[Assertion] = (),
    parallel: int = PARALLEL,
    limit_s: float | None = None,
) -> AbstractAsyncContextManager[AskJudge]:
    """The judge for as long as the block lasts: `await session(assertion, seen)` gives a Score, from several tasks.

    The worker starts with the block and is gone with it, with all that it started. `assertions` are those that will
    be asked: what deepeval does not know of them is told at the start. `parallel` requests are in flight at once, each
    may take `limit_s` seconds (four calls of the endpoint's time limit where that is None). Evidence goes to
    `out/judge.jsonl`; `settings.cache` is relative to `root` (the working folder where that is None).

    Entering raises ConfigError for what cannot be asked, MeasurementError where the worker does not start, and
    Interrupted when `cancel` is set. Inside, a judge that errs, hangs or dies is a Score of outcome ERROR; only
    `cancel` raises.
    """
    from agentops.evals.metrics.judge.session import opened

    return opened(
        settings,
        endpoint,
        version=require(),
        out=out,
        cancel=cancel,
        root=root or Path(),
        assertions=assertions,
        parallel=parallel,
        limit_s=limit_s,
    )
