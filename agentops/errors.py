"""The one exception tree. An error carries what happened, how to mend it, and the exit code it leads to.

AgentopsError
├── UsageError            2    the command line or the environment it was called in
│   └── ConfigError       2    a file of the user's: names file, line and key
├── MeasurementError      4    something could not be measured
│   ├── Unavailable       4    it is not on this machine or not in reach; a policy may allow that by name
│   ├── TargetError       4    the agent under test did not start, answer, or speak its protocol
│   └── ClusterError      4    the Kubernetes API refused
│       ├── ApiDown       4    it did not answer: may be tried again
│       └── Conflict      4    somebody else wrote first: look again, decide again
├── ReportError           4    a result could not be written down
└── Interrupted         130    the user stopped the run
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process returns; documented in docs/exit-codes.md."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    ERROR = 4
    ROLLED_BACK = 5
    ROLLBACK_FAILED = 6
    INTERRUPTED = 130


class AgentopsError(Exception):
    """An error that a user can act on.

    `message` says what happened and where; `hint` says how to mend it.
    """

    exit_code: ExitCode = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AgentopsError):
    """The command cannot be carried out as it was given."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A file of the user's says something that cannot be meant. `problems` holds one line a place."""

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class MeasurementError(AgentopsError):
    """A measurement was tried and failed. Never a pass."""


class Unavailable(MeasurementError):
    """An instrument is missing here: no engine, no scanner, no advisory service in reach."""


class TargetError(MeasurementError):
    """The agent under test did not start, did not answer, or answered something else than its protocol.

    `retryable` is true for trouble on the way (refused, reset, 429, 502-504), never for what the agent said.
    `throttled` where the target said that it is too busy, `retry_after_s` is the pause that it asked for, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        throttled: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable
        self.throttled = throttled
        self.retry_after_s = retry_after_s


class ClusterError(MeasurementError):
    """The Kubernetes API refused what was asked; the message says what it said."""


class ApiDown(ClusterError):
    """The API server, or the way to it, did not answer. Whether a write took place is not known."""


class Conflict(ClusterError):
    """The object is not as it was thought to be: changed meanwhile, there already, or gone."""


class ReportError(AgentopsError):
    """A report could not be written."""


class Interrupted(AgentopsError):
    """The user or the system stopped the run."""

    exit_code = ExitCode.INTERRUPTED
