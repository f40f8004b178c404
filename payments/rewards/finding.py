"""Finding: where each server and payee stands in an epoch's file, so that nobody reads all of it to tell of one.

It is made of the file, which never changes, and can be made anew at any time. Servers, payees and
groups of servers lie in as many drawers as one byte of their hash has values, and the tree's hashes in sheets: what
tells of one server or payee is read in a few rows, however many there are.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from contracts.keccaks import HASH_BYTES
from kit.clock import unix
from kit.identifiers import Address, Hash32, ServerName
from payments.rewards.epoch_file import Closed
from payments.rewards.estimating import Neighbourhood, Sums
from payments.rewards.history import OfEpoch, Part, Proof, part_with
from payments.rewards.model import Measured
from payments.rewards.shares import Counted, Group, groups_of, points_of
from payments.rewards.store import Epoch
from payments.rewards.tables import EpochIndexRow

_WHOLE: Final = "all"
"""Stands there once all else does. Earlier releases noted ``whole``, and no groups."""
_SHEET: Final = 2_048
"""Hashes of one sheet."""
_AT_ONCE: Final = 32
"""Drawers that are opened of one reading."""
Row = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Found:
    """What an epoch's file says of one server; ``part`` is ``None`` where it was not measured in it."""

    part: Part | None


@dataclass(frozen=True, slots=True)
class Near:
    """Who has something in common with a server, as it was or would be: groups' points and servers, by their names."""

    names: frozenset[ServerName]
    groups: Mapping[Group, Sums]
    was: Counted | None
    total: int


class Finding:
    """Where servers and payees stand, in one transaction."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    def numbers(self) -> list[int]:
        """Return the epochs of which everything is found here, the newest first."""
        query = select(EpochIndexRow.number).where(EpochIndexRow.place == _WHOLE)
        return list(self._session.scalars(query.order_by(EpochIndexRow.number.desc())))

    def write(self, number: int, rows: Sequence[Row]) -> None:
        """Keep some of what ``rows_of`` gives, in its order; what is there already is the same and stays."""
        of = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        values = [{"number": number, "place": place, "content": content} for place, content in rows]
        self._session.execute(of.insert(EpochIndexRow.__table__).on_conflict_do_nothing(), values)

    def drop(self, before: int) -> None:
        """Forget what is of epochs before one: their files stay."""
        gone = delete(EpochIndexRow).where(EpochIndexRow.number < before)
        self._session.execute(gone.execution_options(synchronize_session=False))

    def part(self, epoch: Epoch, server: ServerName) -> Found | None:
        """Return what an epoch's file says of a server; ``None`` where only the file itself can tell."""
        rows = self._rows(epoch.number, _WHOLE, _drawer("s", server.encode()))
        if _WHOLE not in rows:
            return None
        kept = _opened(rows.get(_drawer("s", server.encode()))).get(server)
        if kept is None:
            return Found(None)
        total = _total(rows[_WHOLE])
        of = OfEpoch(epoch.number, unix(epoch.begins), unix(epoch.ends), epoch.budget, total)
        return Found(part_with(of, _counted(server, kept)))

    def proof(self, number: int, payee: Address) -> Proof | None:
        """Return what a claim needs by an epoch's file; ``None`` where there is nothing to claim by it.

        Only for an epoch of which everything is found here.
        """
        drawer = _drawer("p", payee)
        kept = _opened(self._rows(number, drawer).get(drawer)).get(payee.hex())
        if kept is None:
            return None
        cumulative, place = kept
        on_the_way = list(_siblings(place))
        sheets = self._rows(number, *{_sheet(one) for one in (0, *on_the_way)})
        root, *hashes = (_hash_in(sheets[_sheet(one)], one) for one in (0, *on_the_way))
        return Proof(payee, int(cumulative), root, tuple(hashes))

    def near(self, number: int, one: Measured) -> Near | None:
        """Return who has something in common with a server; ``None`` where only the epoch's file itself can tell."""
        drawer = _drawer("s", one.server.encode())
        rows = self._rows(number, _WHOLE, drawer)
        if _WHOLE not in rows:
            return None
        kept = _opened(rows.get(drawer)).get(one.server)
        was = None if kept is None else _counted(one.server, kept)
        asked = {*groups_of(one), *(() if was is None or not was.factor else groups_of(was.measured))}
        groups = self._groups(number, asked)
        names = frozenset(ServerName(name) for _, members in groups.values() for name in members)
        sums = {group: (len(members), points) for group, (points, members) in groups.items()}
        return Near(names - {one.server}, sums, was, _total(rows[_WHOLE]))

    def neighbourhood(self, number: int, near: Near) -> Neighbourhood:
        """Return what the numbers of all of them are: so many rows as they are in drawers, at most all there are."""
        wanted = defaultdict[str, list[ServerName]](list)
        for name in near.names:
            wanted[_drawer("s", name.encode())].append(name)
        beside = [
            _counted(name, kept[name])
            for drawer, kept in self._drawers(number, *wanted)
            for name in wanted[drawer]
            if name in kept
        ]
        others = {group for each in beside for group in groups_of(each.measured)} - near.groups.keys()
        sums = {group: (len(members), points) for group, (points, members) in self._groups(number, others).items()}
        return Neighbourhood(near.was, beside, {**near.groups, **sums}, near.total)

    def _groups(self, number: int, asked: Iterable[Group]) -> dict[Group, tuple[int, list[str]]]:
        wanted = defaultdict[str, list[tuple[Group, str]]](list)
        for group in asked:
            wanted[_drawer("g", _key(group).encode())].append((group, _key(group)))
        found = self._drawers(number, *wanted)
        return {group: kept[key] for drawer, kept in found for group, key in wanted[drawer] if key in kept}

    def _drawers(self, number: int, *places: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what lies in drawers, opened a few at a time."""
        for first in range(0, len(places), _AT_ONCE):
            for drawer, content in self._rows(number, *places[first : first + _AT_ONCE]).items():
                yield drawer, _opened(content)

    def _rows(self, number: int, *places: str) -> dict[str, bytes]:
        query = select(EpochIndexRow.place, EpochIndexRow.content)
        query = query.where(EpochIndexRow.number == number, EpochIndexRow.place.in_(places))
        return {row.place: row.content for row in self._session.execute(query)}


def rows_of(closed: Closed) -> Iterator[Row]:
    """Give what is kept of an epoch: the last row says that all others are there."""
    servers, payees = defaultdict[str, dict[str, Any]](dict), defaultdict[str, dict[str, Any]](dict)
    for one in closed.counted:
        servers[_drawer("s", one.measured.server.encode())][one.measured.server] = _kept(one)
    if closed.payouts is not None:
        for (payee, cumulative), place in zip(closed.payouts.entries, closed.payouts.tree.places, strict=True):
            payees[_drawer("p", payee)][payee.hex()] = (str(cumulative), place)
    for drawer, content in (servers | payees | _groups_in(closed.counted)).items():
        yield drawer, zlib.compress(orjson.dumps(content))
    nodes = () if closed.payouts is None else closed.payouts.tree.nodes
    for first in range(0, len(nodes), _SHEET):
        yield _sheet(first), b"".join(nodes[first : first + _SHEET])
    yield _WHOLE, orjson.dumps({"total": str(sum(one.score for one in closed.counted))})


def _groups_in(counted: Iterable[Counted]) -> dict[str, dict[str, Any]]:
    """Return the points and members of all groups; a payout address of one server alone is nobody's neighbour."""
    groups: dict[Group, tuple[int, list[str]]] = {}
    for one in counted:
        if one.factor:
            for group in groups_of(one.measured):
                points, members = groups.get(group, (0, []))
                members.append(one.measured.server)
                groups[group] = points + points_of(one.measured), members
    drawers = defaultdict[str, dict[str, Any]](dict)
    for group, kept in groups.items():
        if isinstance(group, str) or len(kept[1]) > 1:
            drawers[_drawer("g", _key(group).encode())][_key(group)] = kept
    return drawers


def _key(group: Group) -> str:
    """Return a group's name: a payout address has no dot and no colon, as all else has."""
    return group if isinstance(group, str) else group.hex()


def _opened(content: bytes | None) -> dict[str, Any]:
    return {} if content is None else dict[str, Any](orjson.loads(zlib.decompress(content)))


def _total(row: bytes) -> int:
    return int(orjson.loads(row)["total"])


def _kept(one: Counted) -> list[Any]:
    of = one.measured
    said = [of.domain, of.networks, of.payout.hex(), of.availability, of.people, of.weight, of.withheld]
    return [*said, one.factor, one.alike, one.group, str(one.score)]


def _counted(server: ServerName, kept: Sequence[Any]) -> Counted:
    domain, networks, payout, *rest = kept
    availability, people, weight, withheld, factor, alike, group, score = rest
    measured = Measured(
        server=server,
        domain=domain,
        networks=tuple(networks),
        payout=Address(bytes.fromhex(payout)),
        availability=availability,
        people=people,
        weight=weight,
        withheld=withheld,
    )
    return Counted(measured, factor, alike, group, int(score))


def _drawer(what: str, key: bytes) -> str:
    return f"{what}{hashlib.sha256(key).digest()[0]}"


def _sheet(node: int) -> str:
    return f"t{node // _SHEET}"


def _hash_in(sheet: bytes, node: int) -> Hash32:
    at = node % _SHEET * HASH_BYTES
    return Hash32(sheet[at : at + HASH_BYTES])


def _siblings(place: int) -> Iterator[int]:
    """Give the places of a proof's hashes, as ``contracts.merkle`` lays a tree out."""
    while place:
        yield place + 1 if place & 1 else place - 1
        place = (place - 1) >> 1
