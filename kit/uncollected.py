"""Without the collector: for work that makes hundreds of thousands of values, none of which refer to each other."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector of cycles from going through all of it again and again: a quarter of the time went there.

    It goes on at the end of the first of several that do so at once, so that it is never left off.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
