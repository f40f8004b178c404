"""Causes: which entries of followed lists speak of somebody, for those alone of whom memory knows that some do.

Memory (``lists.labels``) tells fast which lists speak of somebody, but not by which entry, nor how gravely: that is
looked up in the database, by the names that could be written there, and among the patterns of the lists that hit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session

from kit.database import one_of
from kit.identifiers import UserId, server_of
from reputation.enforcement.model import Word, Words, host
from reputation.list_tables import ListEntryRow
from reputation.lists.globs import Globs
from reputation.lists.labels import LIMITED, Labels
from reputation.lists.model import Recommendation, Subject

_GRAVITY: Final = {
    Recommendation.ALLOW: 3,
    Recommendation.TAKEDOWN: 2,
    Recommendation.BAN: 1,
    Recommendation.LIMIT: 0,
}
"""What goes before what, where entries of one list hit the same: an ``allow`` before all."""
_HIDDEN: Final = "sha256:"
_Found = Row[str, str, bool, str]


def find_words(session: Session, labels: Labels, lists: Mapping[str, int], users: Collection[UserId]) -> Words:
    """Return what lists (their numbers by their names) say of people and of their servers, by which entries.

    Whoever a list lets be though it speaks of their server is told of as well.
    """
    asked = _Asked(labels, lists)
    for user in users:
        asked.about(user)
    people: dict[UserId, dict[int, Word]] = defaultdict(dict)
    servers: dict[str, dict[int, Word]] = defaultdict(dict)
    for number in sorted({*asked.people, *asked.servers}):
        entries = _Entries(session, number)
        for name, word in entries.find(Subject.USER, {user: (user,) for user in asked.people.get(number, ())}):
            people[UserId(name)][number] = word
        names = {name: asked.written[name] for name in asked.servers.get(number, ())}
        for name, word in entries.find(Subject.SERVER, names):
            servers[name][number] = word
    return Words(dict(people), dict(servers))


class _Asked:
    """Of whom which lists are to be asked."""

    def __init__(self, labels: Labels, lists: Mapping[str, int]) -> None:
        self._labels = labels
        self._lists = lists
        self._of_server: dict[str, frozenset[int]] = {}
        self.people: dict[int, set[UserId]] = defaultdict(set)
        self.servers: dict[int, set[str]] = defaultdict(set)
        self.written: dict[str, set[str]] = defaultdict(set)
        """How a server (without its port) is written in people's names."""

    def about(self, user: UserId) -> None:
        server = server_of(user)
        of_server = self._of_server.get(server)
        if of_server is None:
            of_server = self._of_server[server] = frozenset(self._numbers(self._labels.of_server(server)))
            name = host(server)
            self.written[name] |= {name, server.lower()}
            for number in of_server:
                self.servers[number].add(name)
        for number in of_server.union(self._numbers(self._labels.of_user(user))):
            self.people[number].add(user)

    def _numbers(self, labels: Iterable[str]) -> Iterator[int]:
        for label in labels:
            for name in (label, label.removesuffix(LIMITED)):
                if name in self._lists:
                    yield self._lists[name]


class _Entries:
    """The entries of one list, as the database has them."""

    def __init__(self, session: Session, number: int) -> None:
        self._session = session
        self._number = number

    def find(self, subject: Subject, names: Mapping[str, Collection[str]]) -> Iterator[tuple[str, Word]]:
        """Return of each name, which may be written in several ways, what the list says of it."""
        if not names:
            return
        found: dict[str, list[_Found]] = defaultdict(list)
        self._literal(subject, names, found)
        self._patterns(subject, names, found)
        for name in sorted(found):
            row = max(found[name], key=lambda row: (_GRAVITY[Recommendation(row.recommendation)], row.entity))
            said = Recommendation(row.recommendation)
            yield name, Word(self._number, subject, row.entity, said, row.reason)

    def _literal(self, subject: Subject, names: Mapping[str, Collection[str]], found: dict[str, list[_Found]]) -> None:
        wanted: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        for name, written in names.items():
            for one in written:
                wanted[one.lower()].append((name, False))
                wanted[_HIDDEN + sha256(one.encode()).hexdigest()].append((name, False))
                if one != one.lower():
                    wanted[one].append((name, False))
                for above in _above(one) if subject is Subject.SERVER else ():
                    wanted[above].append((name, True))
        for row in self._rows(subject, one_of(self._session, ListEntryRow.entity, sorted(wanted))):
            for name, below in wanted[row.entity]:
                if row.below or not below:
                    found[name].append(row)

    def _patterns(self, subject: Subject, names: Mapping[str, Collection[str]], found: dict[str, list[_Found]]) -> None:
        entity = ListEntryRow.entity
        odd = or_(entity.contains("*"), entity.contains("?"), entity != func.lower(entity))
        rows = list(self._rows(subject, odd))
        if not rows:
            return
        globs = Globs([row.entity for row in rows])
        below = [row for row in rows if row.below]
        globs_below = Globs([f"*.{row.entity}" for row in below])
        for name, written in names.items():
            hit = {place: rows[place] for one in written for place in globs.find(one)}
            hit |= {-1 - place: below[place] for one in written for place in globs_below.find(one)}
            if hit:
                found[name].extend(hit.values())

    def _rows(self, subject: Subject, which: Any) -> Iterable[_Found]:  # noqa: ANN401 - a condition
        row = ListEntryRow
        query = select(row.entity, row.recommendation, row.below, row.reason)
        return self._session.execute(query.where(row.list == self._number, row.subject == subject.value, which)).all()


def _above(server: str) -> Iterator[str]:
    """Go through the names that a server is below of."""
    _, dot, rest = server.lower().partition(".")
    while dot:
        yield rest
        _, dot, rest = rest.partition(".")
