"""Epochs: closed once each, one after another, kept with the file that anybody can make anew."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from kit.errors import Conflict, NotFound
from kit.identifiers import ServerName
from payments.rewards.epoch_file import Closed
from payments.rewards.gathering import Known
from payments.rewards.store import Epoch, RewardStore

LENGTH: Final = timedelta(days=28)
"""How long an epoch is."""
SETTLES: Final = timedelta(hours=1)
"""How long after its end an epoch is closed: what was measured in its last hour is written by then."""
_PIECE: Final = 512 * 1024
_PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Span:
    """Which epoch is next, and from when to when it is."""

    number: int
    begins: datetime
    ends: datetime


class Epochs:
    """All epochs, in one transaction."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``."""
        self._now = now
        self._store = RewardStore(session)

    def next(self, first: datetime) -> Span:
        """Return the epoch that is to be closed next, where the first begins at ``first``."""
        last = self._store.last_epoch()
        number = 1 if last is None else last.number + 1
        begins = first if last is None else last.ends
        return Span(number, begins, begins + LENGTH)

    def is_due(self, span: Span) -> bool:
        """Tell whether an epoch is over, and all of it is written."""
        return self._now >= span.ends + SETTLES

    def known(self, span: Span, seen: Mapping[ServerName, int]) -> list[Known]:
        """Return what is known of each server in an epoch; ``seen``: how many of its people somebody here knows."""
        since, before = span.begins.date(), span.ends.date()
        looks, users = self._store.looks(since, before), self._store.daily_users(since, before)
        known, after = [], 0
        while page := self._store.all(after=after, limit=_PAGE):
            after = page[-1].id
            for server in page:
                if server.id not in looks or (server.left_at is not None and server.left_at < span.ends):
                    continue
                epochs = max(0, (span.begins - server.enrolled_at) // LENGTH)
                reported, its = users.get(server.id, 0), seen.get(server.server, 0)
                known.append(Known(server, looks[server.id], reported, its, epochs))
        return known

    def servers(self, limit: int = 1_000_000) -> list[ServerName]:
        """Return the names of all servers that take part."""
        return [one.server for one in self._store.all(limit=limit) if one.left_at is None]

    def keep(self, span: Span, closed: Closed) -> Epoch:
        """Keep a closed epoch with its file. Raises ``Conflict`` where it was closed before."""
        packed = zlib.compress(closed.encoded(), 6)
        pieces = [packed[place : place + _PIECE] for place in range(0, len(packed), _PIECE)]
        epoch = Epoch(
            number=span.number,
            begins=span.begins,
            ends=span.ends,
            servers=len(closed.counted),
            budget=closed.budget,
            paid=closed.shares.paid,
            forfeited=closed.shares.forfeited,
            root=closed.root,
            closed_at=self._now,
        )
        if not self._store.keep_epoch(epoch, pieces):
            raise Conflict("epoch_closed", f"Epoch {span.number} was closed already.")
        return epoch

    def file(self, number: int) -> bytes:
        """Return the file of an epoch, as it is published. Raises ``NotFound``."""
        return b"".join(self.stream(number))

    def stream(self, number: int) -> Iterator[bytes]:
        """Give the file of an epoch piece by piece; all of it is read before the first. Raises ``NotFound``."""
        packed = self._store.epoch_file(number)
        if not packed:
            raise NotFound("epoch_unknown", f"Epoch {number} is not closed.")
        return _unpacked(packed)

    def all(self) -> list[Epoch]:
        """Return all closed epochs, the newest first."""
        return self._store.epochs()

    def last(self) -> Epoch | None:
        """Return the newest closed epoch."""
        return self._store.last_epoch()


def _unpacked(packed: list[bytes]) -> Iterator[bytes]:
    unpacking = zlib.decompressobj()
    for piece in packed:
        rest = piece
        while rest:
            yield unpacking.decompress(rest, _PIECE)
            rest = unpacking.unconsumed_tail
    yield unpacking.flush()
