"""The feed: what happened, told to each person whom it concerns, in numbers that have the order of the commits.

Each person has events and a counter of their own: the same fact is one event for each of those who may know of it, with
what that one may know. So numbers are without gaps (a restore alone leaves one), tell nothing of others,
and whoever has read number N never meets a new event below it. An event is written in the transaction of its fact.

What rests on a block is told when it is seen. When the block becomes final it is told again, as final (``confirms``
names the first telling); when the block leaves the chain an event of another type, its own with ``.reversed`` at the
end, takes it back (``takes_back``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from contracts.events import BlockRef, Transferred
from kit.errors import Conflict
from kit.identifiers import PersonId
from ledger.model import Level
from ledger.store import events as store
from ledger.store import people
from ledger.telling import Fact, Mode, Page, Telling, transfer


class Feed:
    """Tells and shows events, in one transaction."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    # ------------------------------------------------------------------------------------------------- telling

    def tell(self, person: PersonId, fact: Fact, *, other: PersonId | None = None) -> None:
        """Tell a person of a fact; whoever is erased is told nothing."""
        self.tell_all([(person, fact, other)])

    def tell_all(self, tellings: Collection[Telling]) -> None:
        """Tell several."""
        there = store.there(self._session, {person for person, _, _ in tellings}) if tellings else set()
        store.add(self._session, [telling for telling in tellings if telling[0] in there], self._now)

    def told_lately(self, person: PersonId, kind: str, span: timedelta, *, most: int) -> bool:
        """Tell whether a person was told of ``most`` events of one type within ``span``."""
        return store.count_latest(self._session, person, kind, self._now - span, limit=most) >= most

    def was_told(self, person: PersonId, subject: str) -> bool:
        """Tell whether a person was told anything of this subject that is kept."""
        return store.has_subject(self._session, person, subject)

    def transfers(self, events: Iterable[Transferred]) -> None:
        """Tell of transfers from and to wallets that people linked; those of nothing are left out."""
        moved = [event for event in events if event.amount]
        if not moved:
            return
        owners = store.owners(self._session, {bytes(one) for event in moved for one in (event.sender, event.recipient)})
        if not owners:
            return
        tellings: list[Telling] = []
        for event in moved:
            for word, wallet, other in (
                ("sent", event.sender, event.recipient),
                ("received", event.recipient, event.sender),
            ):
                person = owners.get(bytes(wallet))
                if person is not None:
                    tellings.append((person, transfer(f"transfer.{word}", event, wallet, other), None))
        self.tell_all(tellings)

    def reverse(self, block: BlockRef) -> int:
        """Take back what was told of a block that left the chain; return how many events that were."""
        return store.follow_block(self._session, block.chain_id, block.hash, Level.ORPHANED, self._now)

    def levels_moved(self, chain_id: int) -> int:
        """Tell again, as final, what rests on blocks that have become so; return how many events that were."""
        return store.follow_final(self._session, chain_id, self._now)

    # ------------------------------------------------------------------------------------------------- showing

    def page(
        self,
        person: PersonId,
        after: int | None,
        *,
        limit: int,
        mode: Mode = Mode.ALL,
        types: Collection[str] = (),
    ) -> Page:
        """Return a person's events after the one with that number (from the oldest that is kept, where ``None``).

        Raises ``Conflict``: ``events_gone`` where events that follow were taken away, ``cursor_ahead`` for a number
        that was never given.
        """
        last = store.counter(self._session, person).last  # read first: up to here nothing is missed below
        rows = store.after(self._session, person, after or 0, mode=mode, types=types, limit=limit + 1)
        pruned = store.counter(self._session, person).pruned  # read last: what was taken away meanwhile is told
        if after is not None and after < pruned:
            raise Conflict(
                "events_gone",
                f"The events after {after} are no longer kept; the oldest that may be is {pruned + 1}.",
                oldest=pruned + 1,
            )
        if after is not None and after > last:
            raise Conflict("cursor_ahead", f"No event of yours has the number {after} yet: begin anew.", last=last)
        found = tuple(rows[:limit])
        more = len(rows) > limit
        reached = found[-1].number if more else max(last, found[-1].number if found else 0)
        return Page(found, reached, more)

    def bounds(self, person: PersonId) -> tuple[int, int]:
        """Return the last number given to a person's events, and up to which they are gone."""
        counter = store.counter(self._session, person)
        return counter.last, counter.pruned

    def last_numbers(self, people: Collection[PersonId]) -> dict[PersonId, int]:
        """Return the last number given to the events of each of these people."""
        return store.last_numbers(self._session, people)

    # ------------------------------------------------------------------------------------------------- keeping

    def forget(self, person: PersonId) -> None:
        """Take away all that a person was told. What others were told of them stays, under a number without a name."""
        store.forget(self._session, person)

    def prune(self, kept: timedelta, *, limit: int) -> set[PersonId]:
        """Take away some of what is older; return who was in it. Call it until that is nobody.

        The names go along that nothing else refers to: once their events are gone nobody would look for them again.
        """
        named, highest = store.drop_older(self._session, self._now - kept, limit=limit)
        people.drop_unreferred(self._session, named)
        store.note_gone(self._session, highest)
        return named
