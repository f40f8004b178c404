"""Followed lists that another service signs, in transactions: whose key is believed, how far each was read, its labels.

Labels are kept whether or not their entries are: what they come to is what the list's author signed. They are written
slice by slice, like entries; whoever dies between two slices is made up for by reading again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session

from kit.canonical import canonical
from kit.clock import from_unix
from kit.database import write_many
from kit.identifiers import UserId, parse_user_id
from ledger.people import People
from reputation.list_tables import ListEntryRow
from reputation.lists.authoring import Key
from reputation.lists.signed import Definition, Header
from reputation.publishing_tables import FollowedLabelRow, FollowedServiceRow

FORM: Final = "signed"
_SOME: Final = 500


@dataclass(frozen=True, slots=True)
class Service:
    """What is known of a followed list that another service signs; ``author``: ``None`` for who has left us since."""

    remote: str
    key: str
    author: UserId | None
    title: str
    version: int
    entries: int
    digest: bytes
    meaning: bytes
    expires_at: datetime | None
    expired: bool

    @property
    def header(self) -> Header:
        """Return as much of the header as the next one is held against."""
        return Header(self.remote, self.title, self.author, "", "", self.version, self.entries, self.digest)


@dataclass(frozen=True, slots=True)
class KeptLabel:
    """A label as it is kept: its hash, and until when it counts."""

    digest: bytes
    until: datetime | None


class FollowedServices:
    """The signed ones among the followed lists, each by its list's number."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = People(session, now)

    def find(self, number: int) -> Service | None:
        """Return what is known of a list; ``None`` where it was never read as a signed one."""
        return self.of([number]).get(number)

    def of(self, numbers: Sequence[int]) -> dict[int, Service]:
        """Return the same of several."""
        rows = list(self._session.scalars(select(FollowedServiceRow).where(FollowedServiceRow.list.in_(numbers))))
        names = self._people.mxids({row.author for row in rows})  # type: ignore[misc]
        return {row.list: _service(row, names.get(row.author)) for row in rows}  # type: ignore[call-overload]

    def labels(self, number: int) -> dict[Key, KeptLabel]:
        """Return all labels of a list that stand."""
        row = FollowedLabelRow
        query = select(row.subject, row.entity, row.digest, row.until).where(row.list == number)
        return {
            (kind, entity): KeptLabel(digest, until) for kind, entity, digest, until in self._session.execute(query)
        }

    def write(self, number: int, labels: Mapping[Key, KeptLabel]) -> None:
        """Write some labels in the place of what is kept of the same subjects; at most a slice, the list locked."""
        self.take_out(number, list(labels))
        columns: dict[str, Sequence[Any]] = {
            "list": [number] * len(labels),
            "subject": [kind for kind, _ in labels],
            "entity": [entity for _, entity in labels],
            "digest": [one.digest for one in labels.values()],
            "until": [one.until for one in labels.values()],
        }
        write_many(self._session, FollowedLabelRow, columns)

    def take_out(self, number: int, keys: Iterable[Key]) -> None:
        """Take some labels out; at most a slice."""
        by_subject: dict[str, list[str]] = {}
        for subject, entity in keys:
            by_subject.setdefault(subject, []).append(entity)
        row = FollowedLabelRow
        for subject, entities in by_subject.items():
            for begin in range(0, len(entities), _SOME):
                some = row.entity.in_(entities[begin : begin + _SOME])
                gone = delete(row).where(row.list == number, row.subject == subject, some)
                self._session.execute(gone.execution_options(synchronize_session=False))

    def some(self, number: int, limit: int) -> list[Key]:
        """Return some of the subjects of whom labels are kept."""
        query = select(FollowedLabelRow.subject, FollowedLabelRow.entity).where(FollowedLabelRow.list == number)
        return [(subject, entity) for subject, entity in self._session.execute(query.limit(limit))]

    def read(self, number: int, header: Header, key: str) -> None:
        """Note how far a list was read, and at the first time whose it is and the key that is believed from now on."""
        row = self._session.get(FollowedServiceRow, number)
        if row is None:
            author = self._people.number(parse_user_id(header.author or ""))
            row = FollowedServiceRow(list=number, remote=header.id, key=key, author=author)
            self._session.add(row)
        elif header.version < row.version:  # another process read a newer one meanwhile
            return
        row.title, row.version, row.entries = header.title, header.version, header.entries
        row.digest, row.meaning = header.digest, meaning_of(header.definitions)
        row.expires_at = None if header.expires is None else from_unix(header.expires)
        row.expired = False
        self._session.flush()

    def trust(self, number: int, key: str) -> None:
        """Believe another key from now on."""
        row = self._session.get_one(FollowedServiceRow, number)
        row.key = key

    def ends_now(self, number: int) -> None:
        """Note that a list's author let it expire earlier than they had said."""
        row = self._session.get(FollowedServiceRow, number)
        if row is not None and (row.expires_at is None or row.expires_at > self._now):
            row.expires_at = self._now

    def over(self) -> list[int]:
        """Return the lists whose time is over, and whose entries are there still."""
        query = select(FollowedServiceRow.list).where(
            FollowedServiceRow.expires_at <= self._now, FollowedServiceRow.expired.is_(False)
        )
        return list(self._session.scalars(query))

    def expired(self, number: int) -> None:
        """Note that the entries of a list whose time is over were taken out."""
        self._session.get_one(FollowedServiceRow, number).expired = True

    def ended(self, limit: int) -> dict[int, list[Key]]:
        """Return some labels whose own time is over and whose entries are there still, by list."""
        row, entry, found = FollowedLabelRow, ListEntryRow, dict[int, list[Key]]()
        there = and_(entry.list == row.list, entry.subject == row.subject, entry.entity == row.entity)
        query = select(row.list, row.subject, row.entity).join(entry, there).where(row.until <= self._now)
        for number, subject, entity in self._session.execute(query.order_by(row.until).limit(limit)):
            found.setdefault(number, []).append((subject, entity))
        return found

    def forget(self, number: int) -> None:
        """Take out what is known of a list, its labels aside, which go first."""
        self._session.execute(delete(FollowedServiceRow).where(FollowedServiceRow.list == number))


def meaning_of(definitions: Mapping[str, Definition]) -> bytes:
    """Return a hash of what labels recommend: where it changes, entries that did not change mean something else."""
    return sha256(canonical({value: one.recommendation.value for value, one in definitions.items()})).digest()


def _service(row: FollowedServiceRow, author: UserId | None) -> Service:
    return Service(
        remote=row.remote,
        key=row.key,
        author=author,
        title=row.title,
        version=row.version,
        entries=row.entries,
        digest=row.digest,
        meaning=row.meaning,
        expires_at=row.expires_at,
        expired=row.expired,
    )
