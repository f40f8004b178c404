"""Views: whoever comes costs the same, however many are in a room, and is there for all who ask who is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bot.rehearsal import Rehearsal
from bot.views import Views
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Member, Membership, Powers, RoomSeen
from reputation.seeing import Place
from tests.support.knocks import ALICE, BOB, BOT

ROOM = RoomId("!room:home.example")


class Members(Mapping[UserId, Member]):
    """People of a room, that count how often somebody goes through all of them."""

    def __init__(self, *users: UserId) -> None:
        self.of = {user: Member(Membership.JOIN, user) for user in users}
        self.walks = 0

    def __getitem__(self, user: UserId) -> Member:
        return self.of[user]

    def __len__(self) -> int:
        return len(self.of)

    def __iter__(self) -> Iterator[UserId]:
        self.walks += 1
        return iter(self.of)


class Hall(Rehearsal):
    def __init__(self, members: Members) -> None:
        super().__init__(BOT, lambda _: None)
        self.members_ = members

    async def state(self, room: RoomId) -> RoomSeen:
        return RoomSeen(room, self.members_, Powers())


def test_who_comes_costs_no_walk_through_all_who_are_there() -> None:
    async def _scene() -> None:
        members = Members(ALICE, BOT)
        views = Views(Hall(members), time=lambda: 0.0, clock=lambda: datetime.now(UTC))
        seen = (await views.anew(ROOM)).seen
        walks = members.walks
        for number in range(50):
            views.came(ROOM, UserId(f"@wave{number}:evil.example"))
            assert (await views.last(ROOM)).joined == 3 + number
        views.came(ROOM, ALICE)  # who only changed their name
        assert members.walks == walks
        assert (await views.last(ROOM)).joined == 52
        now = (await views.of(ROOM)).seen
        assert (len(now.members), len(seen.members), len(now.joined())) == (52, 2, 52)
        views.came(ROOM, BOB)
        assert len(now.members) == 52, "who plans by it has it as it was"
        assert BOB in (await views.of(ROOM)).seen.members
        assert (await views.anew(ROOM)).joined == 2

    asyncio.run(_scene())


def test_a_place_counts_though_it_does_not_say_who() -> None:
    assert Place(ROOM, frozenset(), count=52).facts()["room.members"] == 52
    assert Place(ROOM, frozenset({ALICE})).facts()["room.members"] == 1
