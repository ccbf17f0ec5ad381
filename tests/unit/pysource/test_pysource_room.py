"""The collector rests while a tree is read, and goes on afterwards."""

from __future__ import annotations

import gc

import pytest

from agentops.pysource.room import uncollected


def test_the_collector_rests_within_the_block_and_goes_on_behind_it() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_collector_goes_on_after_an_error() -> None:
    with pytest.raises(ValueError, match="broken"), uncollected():
        raise ValueError("broken")
    assert gc.isenabled()
