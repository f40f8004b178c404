"""Ctrl-C and its kin as a question that can be asked, so that nothing is torn apart half-way."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Remembers that somebody asked us to stop; a context manager that minds the signals for its block.

    An exception out of a signal handler could fall between starting a program and noting it; a flag cannot.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[signal.Signals, object] = {}

    @property
    def asked(self) -> bool:
        """Tell whether somebody asked."""
        return self._asked

    def heed(self) -> None:
        """Raise ``KeyboardInterrupt`` where somebody asked; call it where stopping is safe."""
        if self._asked:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave is what it takes

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signal module's own signature
        self._asked = True
