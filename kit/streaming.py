"""Streaming: answers of servers that strangers name, read part by part, never held whole, bounded in time and bytes.

As safe as ``kit.fetching``: the same addresses are refused, and redirects are answers like any other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

import h11

from kit.errors import PeerUnavailable
from kit.exchanges import Line, no_answer, open_line, why
from kit.fetching import PLAIN_PORT, PORT, Fetcher, said

ANSWER_SECONDS: Final = 10.0
"""How long a server may take until it begins to answer."""
PART_SECONDS: Final = 10.0
"""How long the next part of an answer may take."""
LONGEST_SECONDS: Final = 600.0
"""How long a whole answer may take."""
_BROKEN: Final = (OSError, h11.ProtocolError, ValueError)


class Streamed:
    """An answer that is being read: its status, its headers by names in lower case, and its parts.

    Whoever has it closes it. It may be read in several threads, in one at a time.
    """

    def __init__(self, line: Line, begun: h11.Response, opened: ExitStack, *, most_bytes: int, longest: float) -> None:
        """Read at most so many bytes, for so many seconds, of what was ``begun``; ``opened`` is closed at the end."""
        self.status: Final = begun.status_code
        headers: dict[str, str] = {}
        for name, value in begun.headers:
            headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        self.headers: Final[Mapping[str, str]] = headers
        self._line = line
        self._opened = opened
        self._left = most_bytes
        self._until = time.monotonic() + longest

    def read(self) -> bytes:
        """Return the next part, empty at the end. Raises ``PeerUnavailable`` beyond the bounds, or where it breaks."""
        self._line.hurry(min(self._until, time.monotonic() + PART_SECONDS))
        try:
            part = self._line.part()
        except _BROKEN as error:
            raise why(error, opened=True) from None
        self._left -= len(part)
        if self._left < 0:
            raise no_answer("too_large", "it says more than is read")
        return part

    def close(self) -> None:
        """Let go of the connection; a second time nothing happens."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StreamingFetcher(Fetcher):
    """A fetcher that also gives answers part by part."""

    def place_of(self, url: str) -> tuple[str, str]:
        """Return where a URL is (scheme, host, port), and the whole of it, each as it is asked for and signed.

        Raises as ``check`` does.
        """
        place, target = self._checked(url)
        usual = PORT if place.tls else PLAIN_PORT
        host = f"[{place.host}]" if ":" in place.host else place.host
        origin = f"{'https' if place.tls else 'http'}://{host}{'' if place.port == usual else f':{place.port}'}"
        return origin, origin + target

    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        most_bytes: int,
        longest: float = LONGEST_SECONDS,
    ) -> Streamed:
        """Ask by ``GET`` or ``HEAD`` and return the answer as soon as it begins, whatever its status.

        Raises as ``get`` does.
        """
        place, target = self._checked(url)
        until = time.monotonic() + min(ANSWER_SECONDS, longest)
        addresses, trust, opened = self._addresses(place, until), self._trust if place.tls else None, ExitStack()
        try:
            line = opened.enter_context(open_line(addresses, place.port, place.name, trust, until=until))
            begun = line.begin(method.encode(), target.encode(), said(place, headers))
        except PeerUnavailable:
            opened.close()
            raise
        except _BROKEN as error:
            opened.close()
            raise why(error, opened=True) from None
        return Streamed(line, begun, opened, most_bytes=most_bytes, longest=longest)
