"""Work that makes many objects and drops none: a tree, its names, what is read from them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Put off the search for cyclic garbage until the end of the block.

    A tree of a large file makes the collector walk through all objects of the process again and again, and find none to
    free. What the block makes must be bounded by other means.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
