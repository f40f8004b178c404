"""Aside: what takes long is done in a thread of its own, once at a time, while whoever wants it goes on without."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Thread

import structlog

from kit.errors import Unavailable

LOG = structlog.get_logger(__name__)


class Aside:
    """One thing that is done aside; what goes wrong with it is logged, and whoever wants it next begins it anew."""

    def __init__(self, name: str, do: Callable[[], object]) -> None:
        """Do ``do`` in a thread of that name."""
        self._name = name
        self._do = do
        self._busy = Lock()

    def begin(self) -> None:
        """Begin, unless it is being done."""
        if self._busy.acquire(blocking=False):
            Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._do()
        except Unavailable as error:
            LOG.warning("aside_waits", doing=self._name, waits_for=type(error).__name__)
        except Exception:
            LOG.exception("aside_failed", doing=self._name)
        finally:
            self._busy.release()
