"""Invitations stand aside: each is tried for a while by itself, and none is forgotten meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bot import following
from bot.following import Came, Following
from bot.homeserver import Handler, Happening, Invited, SlowDown
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId

AWAY = HomeserverUnavailable("nobody there")


class Hall:
    """Where invitations arrive; ``answers`` says how entering each room goes, time by time."""

    def __init__(self, **answers: Sequence[Exception]) -> None:
        self.answers = {room: list(how) for room, how in answers.items()}
        self.tried: list[str] = []
        self.declined: list[str] = []
        self.ours: list[Exception] = []
        self.looked_back: list[str] = []
        self.following = Following(self._decline, self._are_we_there, self._look_back)

    async def _decline(self, room: RoomId) -> None:
        self.declined.append(room)

    async def _are_we_there(self) -> None:
        if self.ours:
            raise self.ours.pop()

    async def _look_back(self, came: Came, on: Handler) -> None:
        self.looked_back.append(came.before)
        await on(Invited(came.room, UserId("@what-was:said")))

    async def on(self, happening: Happening) -> None:
        self.tried.append(happening.room)
        await asyncio.sleep(0)
        if self.answers.get(happening.room):
            raise self.answers[happening.room].pop(0)

    def add(self, *rooms: str, since: str | None = None) -> None:
        for room in rooms:
            self.following.add(Invited(RoomId(room), UserId("@bob:far")), since)

    async def settle(self) -> None:
        while tasks := self.following.go_on(self.on):
            await asyncio.gather(*tasks)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_PAUSES", (0.0, 0.0, 0.0))


def test_one_that_is_followed_is_done_with() -> None:
    hall = Hall()
    hall.add("a", "b", since="s1")
    asyncio.run(hall.settle())
    assert sorted(hall.tried) == ["a", "b"]
    assert hall.declined == []
    assert hall.following.since("s2") == "s2"


def test_one_that_cannot_be_followed_is_tried_again_and_then_declined() -> None:
    hall = Hall(a=[AWAY, AWAY], b=[AWAY] * 9)
    hall.add("a", "b", "c")
    asyncio.run(hall.settle())
    assert (hall.tried.count("a"), hall.tried.count("b"), hall.tried.count("c")) == (3, 3, 1)
    assert hall.declined == ["b"]


def test_trouble_of_our_own_homeserver_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("bot.following.asyncio.sleep", noted)
    hall = Hall(a=[*[AWAY] * 5, *[SlowDown(9.0)] * 5])
    hall.ours = [AWAY] * 5
    hall.add("a")
    asyncio.run(hall.settle())
    assert hall.tried == ["a"] * 11
    assert hall.declined == []
    assert pauses.count(9.0) == 5


def test_the_place_that_is_kept_stays_before_the_oldest_that_waits() -> None:
    hall = Hall()
    hall.add("a", since="s1")
    hall.add("b", since="s2")
    hall.add("a", since="s3")
    assert hall.following.since("s4") == "s1"
    hall.following = Following(hall._decline, hall._are_we_there, hall._look_back)
    hall.add("first of all")
    assert hall.following.since("s4") is None


def test_a_room_is_looked_back_in_beside_its_invitation_and_is_never_left_for_that() -> None:
    hall = Hall(b=[AWAY] * 3)
    hall.add("a", since="s1")
    for room in ("a", "b"):
        hall.following.add(Came(RoomId(room), f"before {room}"), "s2")
    assert hall.following.since("s3") == "s1"
    asyncio.run(hall.settle())
    assert sorted(hall.tried) == ["a", "a", "b", "b", "b"]
    assert sorted(hall.looked_back) == ["before a", "before b", "before b", "before b"]
    assert hall.declined == []
    assert hall.following.since("s3") == "s3"


def test_what_was_stopped_or_broke_goes_on_the_next_time() -> None:
    hall = Hall(a=[ValueError("a bug")])

    async def play() -> None:
        hall.add("a", since="s1")
        (task,) = hall.following.go_on(hall.on)
        await asyncio.wait({task})
        assert isinstance(task.exception(), ValueError)
        await hall.following.stop()
        hall.following.go_on(hall.on)
        await hall.following.stop()
        assert hall.following.since("s2") == "s1"
        await hall.settle()

    asyncio.run(play())
    assert hall.following.since("s2") == "s2"


def test_too_many_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_MOST_WAITING", 2)
    hall = Hall()
    hall.add("a", "b", "c")
    asyncio.run(hall.settle())
    assert sorted(hall.tried) == ["a", "b"]
