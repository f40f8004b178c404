"""A question that is put before anybody waits for its answer: one at a time, in a thread, dropped where it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from kit.errors import ChainUnavailable

T = TypeVar("T")
_FRESH_SECONDS: Final = 30.0


class Ahead(Generic[T]):
    """Holds one answer at most, for whoever asks for that very thing next. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing yet."""
        self._clock = clock
        self._lock = threading.Lock()
        self._asking: _Asking[T] | None = None

    def begin(self, key: object, ask: Callable[[], T]) -> None:
        """Ask, while the caller does something else; nothing is done while an earlier question is still under way."""
        with self._lock:
            if self._asking is not None and self._asking.thread.is_alive():
                return
            self._asking = _Asking(key, ask, self._clock())
            self._asking.thread.start()

    def take(self, key: object) -> T | None:
        """Return the answer to what was asked by this key, once; waits for one that is under way.

        ``None`` where something else was asked, or it failed, or it was asked 30 s ago: then ask anew.
        """
        with self._lock:
            asking = self._asking
            if asking is None or asking.key != key:
                return None
            self._asking = None
        asking.thread.join()
        return asking.answer if self._clock() - asking.since < _FRESH_SECONDS else None

    def close(self, stop: Callable[[], None]) -> None:
        """Have ``stop`` end whatever is under way, and wait for that; what it began meanwhile is ended, too."""
        stop()
        with self._lock:
            asking, self._asking = self._asking, None
        if asking is not None:
            asking.thread.join()
            stop()


class _Asking(Generic[T]):
    def __init__(self, key: object, ask: Callable[[], T], since: float) -> None:
        self.key = key
        self.since = since
        self.answer: T | None = None
        self._ask = ask
        self.thread = threading.Thread(target=self._run, name="ahead", daemon=True)

    def _run(self) -> None:
        try:
            self.answer = self._ask()
        except ChainUnavailable:
            return  # whoever wants it asks again, and hears what is wrong
