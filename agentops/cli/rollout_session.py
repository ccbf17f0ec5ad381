"""One environment of the rollout, opened for a command."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from agentops.cli.record_key import the_key
from agentops.config import load
from agentops.config.secret_names import secret_names
from agentops.contracts import Cluster
from agentops.drivers.kubectl import Kubectl
from agentops.errors import ConfigError, UsageError
from agentops.model.rollout import State
from agentops.model.rollout_settings import Place
from agentops.model.settings import Settings
from agentops.reports.rollout.view import View
from agentops.rollout import execute
from agentops.rollout.hands import Hands
from agentops.rollout.journal import Journal
from agentops.rollout.lease import Lease
from agentops.rollout.names import Names


class Session:
    """One environment, opened: the configuration, the cluster, the journal, the lock. A context manager."""

    def __init__(
        self,
        config_path: Path | None,
        environment: str | None,
        *,
        strategy: str | None = None,
        as_json: bool = False,
        out_base: Path = Path(".agentops"),
        junit_path: Path | None = None,
        quiet: bool = False,
        key: tuple[Path | None, str | None] = (None, None),
    ) -> None:
        self.settings, self.place = place_of(config_path, environment)
        if strategy is not None:
            weights = self.place.canary if strategy == "canary" else ()
            self.place = replace(self.place, strategy=strategy, canary=weights)
        self.as_json, self.out_base, self.junit_path, self.quiet = as_json, out_base, junit_path, quiet
        # Read before anything is written: a key that cannot be read is found out now.
        self.key = the_key(*key) if any(key) else None
        self._withheld = secret_names(self.settings) | ({key[1]} if key[1] else set())
        self.opened = ExitStack()

    def __enter__(self) -> Self:
        """Raises UsageError, Unavailable and ApiDown where the cluster cannot be entered."""
        place = self.place
        self.kubectl = self.opened.enter_context(
            Kubectl(context=place.context, namespace=place.namespace, withheld=self._withheld)
        )
        self.cluster: Cluster = self.kubectl
        names = Names(place.deployment, place.entry)
        self.journal = Journal(self.cluster, names)
        timing = place.timing
        self.lease = Lease(self.cluster, names, duration_s=timing.lease_s, renew_s=timing.renew_s)
        hands = Hands(self.cluster, self.journal, may_write=self.lease.held)
        self.runner = execute.Runner(self.journal, self.lease, hands, time.time)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.opened.close()

    def elsewhere(self, namespace: str) -> AbstractContextManager[Cluster]:
        """Another namespace of the same cluster."""
        return Kubectl(context=self.place.context, namespace=namespace, withheld=self._withheld)

    def view(self, state: State, trouble: str = "") -> View:
        """The state as it is shown."""
        return View(state, time.time(), place=self.place, trouble=trouble)


def place_of(config_path: Path | None, environment: str | None) -> tuple[Settings, Place]:
    """The configuration and the environment that is meant. Raises ConfigError and UsageError."""
    settings, _ = load.load(config_path or Path(load.DEFAULT_NAME))
    places = settings.rollout
    if not places:
        raise ConfigError("the configuration has no section rollout", hint="see docs/rollout.md")
    if environment is None and len(places) > 1:
        raise UsageError("which environment is not said", hint=f"--environment {' or '.join(places)}")
    name = environment or next(iter(places))
    if name not in places:
        raise UsageError(
            f"there is no environment {name!r} in rollout.environments", hint=f"there is {', '.join(places)}"
        )
    return settings, places[name]
