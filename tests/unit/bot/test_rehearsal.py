"""The rehearsed homeserver: it says what would be done in rooms, does none of it, and shows what was put into it."""

from __future__ import annotations

import asyncio

import pytest

from bot.homeserver import Denied, EventId, Homeserver
from bot.rehearsal import Rehearsal
from bot.room_state import PURPOSE, KeptRoom, StateEvent
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Acl, Membership

ME, BOB = UserId("@earnest:home.example"), UserId("@bob:away.example")
ROOM = RoomId("!room:home.example")


def test_it_says_what_would_be_done_and_does_none_of_it() -> None:
    lines: list[str] = []
    homeserver: Homeserver = Rehearsal(ME, lines.append)

    async def play() -> None:
        await homeserver.ban(ROOM, BOB, reason="spam")
        await homeserver.unban(ROOM, BOB)
        await homeserver.kick(ROOM, BOB)
        await homeserver.redact(ROOM, EventId("$spam"), txn="one")
        await homeserver.redact(ROOM, EventId("$spam"), txn="one")
        await homeserver.set_level(ROOM, BOB, -1)
        await homeserver.set_acl(ROOM, Acl(("*",), ("evil.example",), ip_literals=False))
        await homeserver.put_state(ROOM, "m.policy.rule.user", "one", {"entity": BOB})
        await homeserver.create_room(name="List", encrypted=False, kind="m.space", public=True, alias="list")
        kept = await homeserver.create_kept(KeptRoom("Lounge", "supporters:lounge", within=ROOM))
        (made,) = await homeserver.events(kept, {"m.room.create"})
        assert made.content == {PURPOSE: "supporters:lounge"}
        await homeserver.set_levels(ROOM, {BOB: 5, ME: 10})
        await homeserver.set_profile(BOB, "org.example", {"tier": "gold"})
        await homeserver.set_profile(BOB, "org.example", None)
        assert (await homeserver.state(ROOM)).members == {}

    asyncio.run(play())
    assert lines == [
        f"would ban {BOB} from {ROOM}: spam",
        f"would unban {BOB} in {ROOM}",
        f"would kick {BOB} from {ROOM}",
        f"would redact $spam in {ROOM}",
        f"would give {BOB} level -1 in {ROOM}",
        f"would allow * and deny evil.example, no addresses in {ROOM}",
        f"would write m.policy.rule.user 'one' in {ROOM}: {{'entity': '{BOB}'}}",
        "would make a room !rehearsed-1:rehearsal named 'List', type 'm.space', alias 'list', public True",
        f"would make the kept room !rehearsed-2:rehearsal named 'Lounge' within {ROOM}",
        f"would give {BOB} level 5, {ME} level 10 in {ROOM}",
        f"would write org.example {{'tier': 'gold'}} of {BOB}",
        f"would take org.example out of {BOB}",
    ]


def test_it_shows_what_was_put_into_it_to_whoever_is_there() -> None:
    homeserver = Rehearsal(ME, lambda _: None)
    homeserver.states[ROOM] = [
        StateEvent("m.room.member", BOB, BOB, {"membership": "ban"}),
        StateEvent("m.room.name", "", BOB, {"name": "Tea"}),
    ]
    homeserver.aliases["#tea:home.example"] = ROOM

    async def play() -> None:
        with pytest.raises(Denied):
            await homeserver.events(ROOM, {"m.room.name"})
        with pytest.raises(Denied):
            await homeserver.resolve("#none:home.example")
        room, via = await homeserver.resolve("#tea:home.example")
        await homeserver.join(room, via)
        assert [one.kind for one in await homeserver.events(ROOM, {"m.room.name"})] == ["m.room.name"]
        seen = await homeserver.state(ROOM)
        assert seen.name == "Tea"
        assert {user: member.membership for user, member in seen.members.items()} == {
            ME: Membership.JOIN,
            BOB: Membership.BAN,
        }

    asyncio.run(play())
