"""Protections as they are kept: versions of a management room, undone and forgotten, and others' changes noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select, update

from kit import changes
from kit.clock import from_unix
from kit.database import Database
from kit.errors import Conflict, Invalid, NotFound
from reputation import versions
from reputation.guarding import TOPIC, Protections
from reputation.policy import AtOnce, ProtectionRule, ProtectionsDocument
from reputation.protections.presets import NOTHING, ProtectionsPreset, with_preset
from reputation.tables import ProtectionsRow, ProtectionsVersionRow
from tests.support.stakes import GENESIS

FLOOD = with_preset(NOTHING, ProtectionsPreset.FLOOD)
WAVE = with_preset(FLOOD, ProtectionsPreset.JOIN_WAVE)
MINE, OTHER = 7, 8


@contextmanager
def opened(database: Database, later: int = 0) -> Iterator[Protections]:
    """The protections in one writing transaction."""
    with database.write() as session:
        yield Protections(session, from_unix(GENESIS) + timedelta(seconds=later))


def count(database: Database) -> int:
    """How often the topic has changed."""
    with database.read() as session:
        return changes.counters(session).get(TOPIC, 0)


def test_what_is_set_stands_in_the_rooms_of_one_management_room_alone(database: Database) -> None:
    with opened(database) as rooms:
        assert rooms.show(MINE) == NOTHING
        assert rooms.guard(MINE) is None
        rooms.write(MINE, FLOOD)
    with opened(database) as rooms:
        assert rooms.show(MINE) == FLOOD
        guard = rooms.guard(MINE)
        assert guard is not None
        assert guard.document == FLOOD
        assert rooms.show(OTHER) == NOTHING
        assert (rooms.standing(), rooms.standing([OTHER])) == ({MINE: 1}, {})


def test_every_change_is_a_version_and_each_can_be_undone(database: Database) -> None:
    for later, document in enumerate((FLOOD, WAVE, WAVE, NOTHING)):
        with opened(database, later) as rooms:
            rooms.write(MINE, document)
    with opened(database) as rooms:
        assert [(one.number, one.document) for one in rooms.versions.all(MINE)] == [(3, NOTHING), (2, WAVE), (1, FLOOD)]
        assert rooms.standing() == {}
    with opened(database) as rooms:
        assert rooms.back(MINE) == WAVE
        assert rooms.standing() == {MINE: 4}
        assert rooms.back(MINE, 1) == FLOOD
        assert rooms.standing() == {MINE: 5}
        with pytest.raises(NotFound):
            rooms.back(MINE, 99)
        with pytest.raises(NotFound):
            rooms.back(OTHER)


def test_the_first_change_is_undone_to_nothing(database: Database) -> None:
    with opened(database) as rooms:
        rooms.write(MINE, FLOOD)
        assert rooms.back(MINE) == NOTHING


def test_a_change_of_what_is_not_there_any_more_is_refused(database: Database) -> None:
    with opened(database) as rooms:
        rooms.write(MINE, FLOOD, based_on=0)
        rooms.write(MINE, WAVE, based_on=1)
    with pytest.raises(Conflict) as refused, opened(database) as rooms:
        rooms.write(MINE, FLOOD, based_on=1)
    assert (refused.value.code, refused.value.values["number"]) == ("protections_changed", 2)


def test_what_cannot_be_read_is_refused_and_changes_nothing(database: Database) -> None:
    wrong = ProtectionsDocument(rules=(ProtectionRule(name="a", when="sender.level", then=AtOnce(do="warn")),))
    with pytest.raises(Invalid), opened(database) as rooms:
        rooms.write(MINE, wrong)
    with opened(database) as rooms:
        assert (rooms.show(MINE), rooms.versions.all(MINE)) == (NOTHING, [])


def test_what_a_later_release_wrote_does_nothing_and_stops_nobody(database: Database) -> None:
    with opened(database) as rooms:
        rooms.write(MINE, FLOOD)
    with database.write() as session:
        session.execute(update(ProtectionsVersionRow).values(document='{"version": 2, "kind": "protections"}'))
    with opened(database) as rooms:
        assert (rooms.show(MINE), rooms.guard(MINE)) == (NOTHING, None)
        rooms.write(MINE, WAVE)
        assert rooms.show(MINE) == WAVE


def test_the_process_in_the_rooms_learns_of_every_change(database: Database) -> None:
    seen = [count(database)]
    steps: tuple[Callable[[Protections], object], ...] = (
        lambda rooms: rooms.write(MINE, FLOOD),
        lambda rooms: rooms.back(MINE),
        lambda rooms: rooms.forget(MINE),
    )
    for do in steps:
        with opened(database) as rooms:
            do(rooms)
        seen.append(count(database))
    assert [later - earlier for earlier, later in pairwise(seen)] == [1, 1, 1]


def test_a_management_room_that_is_no_more_leaves_nothing(database: Database) -> None:
    with opened(database) as rooms:
        rooms.write(MINE, FLOOD)
        rooms.write(OTHER, WAVE)
        rooms.forget(MINE)
    with opened(database) as rooms:
        assert (rooms.show(MINE), rooms.standing()) == (NOTHING, {OTHER: 1})
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(ProtectionsVersionRow)) == 1
        assert session.scalar(select(func.count()).select_from(ProtectionsRow)) == 1


def test_as_many_versions_are_kept_as_of_any_document(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MOST_KEPT", 3)
    for number in range(6):
        with opened(database) as rooms:
            rooms.write(MINE, with_preset(NOTHING, ProtectionsPreset.JOIN_WAVE, [10 + number]))
    with opened(database) as rooms:
        assert [one.number for one in rooms.versions.all(MINE)] == [6, 5, 4]
        assert rooms.standing() == {MINE: 6}


def test_moderators_who_change_it_at_once_both_leave_a_version(database: Database) -> None:
    both, errors = Barrier(2), list[BaseException]()

    def change(number: int) -> None:
        try:
            both.wait()
            with opened(database) as rooms:
                rooms.write(MINE, with_preset(NOTHING, ProtectionsPreset.JOIN_WAVE, [number]))
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            errors.append(error)

    threads = [Thread(target=change, args=(number,)) for number in (10, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with opened(database) as rooms:
        assert [one.number for one in rooms.versions.all(MINE)] == [2, 1]
        assert rooms.standing() == {MINE: 2}
