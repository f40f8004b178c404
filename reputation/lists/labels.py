"""Which lists speak of somebody (pure): their names are labels, which rules may ask for.

A list that bans somebody, or recommends a takedown, labels them with its name; one that only recommends to limit them,
with its name and ``-limit``. What it says of a person goes before what it says of their server, and an ``allow`` of
either before everything else that it says of the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, TypeVar

from kit.identifiers import UserId, server_of
from reputation.lists.globs import Globs
from reputation.lists.model import Entry, Recommendation, Subject

LIMITED: Final = "-limit"
_CODES: Final = {Recommendation.ALLOW: 0, Recommendation.LIMIT: 1, Recommendation.BAN: 2, Recommendation.TAKEDOWN: 2}
_ALLOW, _BAN = 0, 2
_WILD: Final = frozenset("*?")
_Key = TypeVar("_Key", str, bytes)


class Labels:
    """The entries of all lists, by name of the list."""

    def __init__(self, lists: Mapping[str, Iterable[Entry]]) -> None:
        """Make the tables; entries are gone through once."""
        self._subjects = {subject: _Speakers() for subject in Subject}
        for name, entries in lists.items():
            for entry in entries:
                self._subjects[entry.subject].add(name, entry)
        for speakers in self._subjects.values():
            speakers.finish()

    def of_user(self, user: UserId) -> list[str]:
        """Return the labels of somebody, their server's among them, in order."""
        personal = self._subjects[Subject.USER].say(user)
        said = self._of_server(server_of(user)) | personal  # what is said of a person goes first
        return _labels(said)

    def of_server(self, server: str) -> list[str]:
        """Return the labels of a server."""
        return _labels(self._of_server(server))

    def of_room(self, room: str) -> list[str]:
        """Return the labels of a room."""
        return _labels(self._subjects[Subject.ROOM].say(room))

    def _of_server(self, server: str) -> dict[str, int]:
        servers = self._subjects[Subject.SERVER]
        host, colon, port = server.rpartition(":")
        with_port = servers.say(server)
        # Whoever names a server means it on whatever port.
        return servers.say(host) | with_port if colon and port.isdigit() else with_port


class _Speakers:
    """Who says what of one kind of subject. An entry costs its text and a place in a table, and little else."""

    def __init__(self) -> None:
        self._patterns: list[str] = []
        self._values = array("i")
        self._owners: list[tuple[str, int]] = []
        self._numbers: dict[tuple[str, int], int] = {}
        self._hidden: dict[bytes, int | list[int]] = {}
        self._domains: dict[str, int | list[int]] = {}
        """Servers that are meant with all below them."""
        self._globs = Globs(())

    def add(self, name: str, entry: Entry) -> None:
        owner = name, _CODES[entry.recommendation]
        number = self._numbers.setdefault(owner, len(self._owners))
        if number == len(self._owners):
            self._owners.append(owner)
        if entry.sha256 is not None:
            _put(self._hidden, entry.sha256, number)
        if entry.below and entry.entity is not None and not set(entry.entity) & _WILD:
            _put(self._domains, entry.entity.lower(), number)
            return
        for pattern in entry.patterns:
            self._patterns.append(pattern)
            self._values.append(number)

    def finish(self) -> None:
        patterns, values = self._patterns, self._values
        self._patterns, self._values = [], array("i")
        self._globs = Globs(patterns, values)

    def say(self, name: str) -> dict[str, int]:
        """Return of each list that speaks of a name what it says: an ``allow`` if it has one, else the gravest."""
        numbers = self._globs.find(name)
        if self._domains:
            numbers = [*numbers, *self._below(name.lower())]
        if self._hidden:
            numbers = [*numbers, *_found(self._hidden.get(sha256(name.encode()).digest()))]
        said: dict[str, int] = {}
        for number in numbers:
            owner, recommendation = self._owners[number]
            before = said.get(owner, recommendation)
            said[owner] = _ALLOW if _ALLOW in (before, recommendation) else max(before, recommendation)
        return said

    def _below(self, name: str) -> list[int]:
        found, begin = _found(self._domains.get(name)), name.find(".")
        while begin >= 0:
            found += _found(self._domains.get(name[begin + 1 :]))
            begin = name.find(".", begin + 1)
        return found


def _put(table: dict[_Key, int | list[int]], key: _Key, number: int) -> None:
    before = table.get(key)
    if before is None:
        table[key] = number
    elif isinstance(before, list):
        before.append(number)
    else:
        table[key] = [before, number]


def _found(there: int | list[int] | None) -> list[int]:
    return [] if there is None else list(there) if isinstance(there, list) else [there]


def _labels(said: Mapping[str, int]) -> list[str]:
    return sorted(
        name if recommendation == _BAN else f"{name}{LIMITED}"
        for name, recommendation in said.items()
        if recommendation != _ALLOW
    )
