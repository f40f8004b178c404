"""Filters by the bot where something comes between: a homeserver or database that is away, a kill, somebody leaving."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot import watcher, watching
from bot.homeserver import ElsewhereAway, EventId, Happening, Invited, Left, Look, Moved, Said
from kit.clock import from_unix
from kit.errors import DatabaseUnavailable, HomeserverUnavailable
from kit.identifiers import RoomId
from tests.integration.bot.test_filters import (
    CAROL,
    GROUP,
    OTHER,
    SECRET,
    alices,  # noqa: F401 - a fixture
    chat,
    group,
    look,
    ruled,
    watched,
    would_have,
    writes,
)
from tests.support.desk import Bot, Desk, rehearsed
from tests.support.knocks import ALICE, BOB


@pytest.mark.parametrize("end", [Left(GROUP, ALICE), Moved(GROUP)])
@pytest.mark.parametrize("killed", [False, True])
def test_a_room_that_could_not_be_left_is_left_later(
    request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch, end: Happening, *, killed: bool
) -> None:
    bot: Bot = request.getfixturevalue("alices")

    async def fails(*_: object, **__: object) -> None:
        raise KeyboardInterrupt if killed else HomeserverUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(bot.rehearsal, "leave", fails)
        try:
            bot.hear(end)
        except KeyboardInterrupt:
            assert killed
    assert watched(desk) == set()
    desk.house.time += 61
    other = rehearsed(desk)
    assert look(other) == [f"would leave {GROUP}"]
    assert look(other) == []


def test_nothing_is_read_before_it_could_be_said(bot: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.says("filter preset links")

    async def away(*_: object, **__: object) -> None:
        raise ElsewhereAway("away")

    bot.rehearsal.rooms[GROUP] = {ALICE, BOB}
    with monkeypatch.context() as broken:
        broken.setattr(bot.rehearsal, "send", away)
        with pytest.raises(ElsewhereAway):
            bot.hear(Invited(GROUP, ALICE))
    writes(bot, "see https://a.example")
    bot.rehearsal.past[GROUP] = [Said(GROUP, EventId("$e"), BOB, "www.a.example", from_unix(desk.house.time))]
    assert "I read no room for you yet" in bot.says("filter try links")
    look(bot)
    assert would_have(desk).messages == 0
    assert "asked me in" in "\n".join(bot.hear(Invited(GROUP, ALICE)))
    writes(bot, "see https://a.example")
    look(bot)
    assert would_have(desk).messages == 1


def test_who_leaves_while_it_looks_is_told_nothing(
    request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot: Bot = request.getfixturevalue("alices")
    bot.says("filter preset links", user=CAROL, room=chat(CAROL))
    real = bot.rehearsal.look

    async def slow(room: RoomId) -> Look:
        found = await real(room)
        await bot.listener.hear(Left(GROUP, CAROL))
        return found

    monkeypatch.setattr(bot.rehearsal, "look", slow)
    writes(bot, SECRET)
    look(bot)
    assert [would_have(desk, user).messages for user in (ALICE, CAROL)] == [1, 0]


def test_a_database_that_is_away_loses_nothing(
    request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot: Bot = request.getfixturevalue("alices")
    monkeypatch.setattr(watcher, "_AT_ONCE", 2)
    record, calls = watching.record, []

    def away(*given: Any, **more: Any) -> int:  # noqa: ANN401 - the real one's own
        calls.append(1)
        if len(calls) == 2:
            raise DatabaseUnavailable("away")
        return record(*given, **more)

    monkeypatch.setattr(watching, "record", away)
    for _ in range(5):
        writes(bot, SECRET)
    with pytest.raises(DatabaseUnavailable):
        look(bot)
    look(bot)
    assert (would_have(desk).messages, would_have(desk).seen) == (5, 5)


@pytest.mark.parametrize("slow", [False, True])
def test_a_room_that_cannot_be_read_keeps_no_command_waiting(
    bot: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch, *, slow: bool
) -> None:
    bot.says("filter preset links")
    for room in (GROUP, OTHER):
        group(bot, BOB, room=room)
        bot.rehearsal.past[room] = [Said(room, EventId("$e"), BOB, "hello", from_unix(desk.house.time))]
    monkeypatch.setattr(watcher, "_PATIENCE", 0.05)
    real = bot.rehearsal.newest

    async def newest(room: RoomId, most: int) -> list[Said]:
        if room == OTHER and slow:
            await asyncio.Event().wait()
        if room == OTHER:
            raise HomeserverUnavailable("away")
        return await real(room, most)

    monkeypatch.setattr(bot.rehearsal, "newest", newest)
    assert "in one room, it would hide or mark none" in bot.says("filter try links")


def test_whoever_came_into_a_quiet_room_is_found_there(request: pytest.FixtureRequest, desk: Desk) -> None:
    bot: Bot = request.getfixturevalue("alices")
    bot.says(ruled("sender.mutual_rooms == 2"))
    group(bot, CAROL, room=OTHER)
    for _ in range(2):
        bot.run(bot.watcher._look_ahead)
    bot.rehearsal.rooms[OTHER].add(BOB)
    bot.ticks += 2 * watcher._QUIET
    for _ in range(2):
        bot.run(bot.watcher._look_ahead)
    writes(bot, "hello")
    look(bot)
    assert would_have(desk).seen == 1
