"""A real engine for the tests that need one."""

from collections.abc import Iterator

import pytest

from agentops.drivers.container import Engine
from agentops.errors import Unavailable


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The Docker engine; the test is skipped, with the reason, where none answers."""
    try:
        engine = Engine.connect()
    except Unavailable as error:
        pytest.skip(error.message)
    with engine:
        yield engine
