"""What the objects of a rollout are called."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """The names of everything that a rollout of the Deployment `app` makes or keeps."""

    app: str
    entry: str

    @property
    def canary(self) -> str:
        """The second Deployment."""
        return f"{self.app}-canary"

    @property
    def to_canary(self) -> str:
        """The Service that leads to the canary alone."""
        return f"{self.entry}-canary"

    @property
    def to_stable(self) -> str:
        """The Service that leads to stable alone, where the way in leads elsewhere."""
        return f"{self.entry}-stable"

    @property
    def splitter(self) -> str:
        """The Deployment, ConfigMap and PodDisruptionBudget of our own splitter."""
        return f"{self.app}-splitter"

    @property
    def journal(self) -> str:
        """The ConfigMap of the journal, and the Lease."""
        return f"{self.app}-rollout"

    @property
    def watchdog(self) -> str:
        """The Job that watches over the runner."""
        return f"{self.app}-rollout-watchdog"
