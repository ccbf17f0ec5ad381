"""What tests of the rollout share."""

from __future__ import annotations

import pytest
from fake_cluster import FakeCluster


@pytest.fixture
def make_cluster() -> type[FakeCluster]:
    """The class of the API in memory: make_cluster(doc, doc, namespace=...)."""
    return FakeCluster
