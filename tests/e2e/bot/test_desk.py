"""Lists act in rooms on a real Synapse, from a management room: looked at first, vetoed, stopped, undone exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import lists
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Acl, Membership
from tests.support.matrix import Person, listening, scene, until
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol", "dave", "erin", "mallory")
    yield made
    made.engine.dispose()


def publish(place: Place, *rules: tuple[str, str]) -> None:
    """Let a list say this from now on; ``watch`` is its name."""
    file = place.folder / "watch.json"
    events = [
        {
            "type": f"m.policy.rule.{'user' if entity.startswith('@') else 'server'}",
            "state_key": f"rule-{entity}",
            "content": {"entity": entity, "recommendation": "m.ban", "reason": reason},
        }
        for entity, reason in rules
    ]
    file.write_text(json.dumps(events))
    with place.container.work() as work:
        known = {one.name: one for one in work.followed.all()}
        kept = known.get("watch") or work.followed.follow("watch", str(file))
    lists.update(place.container, kept)


async def desk_of(person: Person, place: Place) -> RoomId:
    """Have a management room made, and go there."""
    room = await chat(person, place)
    await person.say(room, "moderate My rooms")
    await person.hears("I make a room named", room=room)
    desk = await person.comes(inviter=place.user("earnest"))
    await person.hears("looks after rooms", room=desk)
    return desk


async def asks(person: Person, desk: RoomId, command: str, part: str) -> str:
    """Write a command and wait for what answers it."""
    await person.say(desk, f"!earnest {command}")
    return (await person.hears(part, room=desk)).body


async def banned(person: Person, room: RoomId, user: UserId) -> bool:
    member = (await person.client.state(room)).members.get(user)
    return member is not None and member.membership is Membership.BAN


def test_a_list_acts_from_preview_to_undo(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            desk = await desk_of(alice, place)
            room = await alice.client.create_room(name="Choir", encrypted=False, public=True)
            before = await alice.client.state(room)
            await alice.client.invite(room, place.user("earnest"))
            told = (await alice.hears("I look after", room=desk)).body
            assert "there I have not the power for" in told
            await alice.client.set_level(room, place.user("earnest"), 100)
            await asks(alice, desk, "rooms", "I can do all there")
            await bob.client.join(room)
            await carol.client.join(room)
            publish(place, (bob.me, "sells tea"), (carol.me, "sings flat"), ("evil.example", "farm"), (alice.me, "mod"))

            told = await asks(alice, desk, "preview watch act", "speaks of")
            assert bob.me in told
            assert "sells tea" in told
            assert "they look after a room" in told
            assert not await banned(alice, room, bob.me)
            await asks(alice, desk, f"veto {carol.me} watch", "Nothing follows")
            await asks(alice, desk, "subscribe watch act", "acts")
            told = (await alice.hears("Done", room=desk)).body
            assert bob.me in told
            assert "sells tea" in told

            seen = await alice.client.state(room)
            assert seen.members[bob.me].membership is Membership.BAN
            assert seen.members[bob.me].reason == "watch: sells tea"
            assert seen.members[carol.me].membership is Membership.JOIN

            async def denied_beforehand() -> bool:
                acl = (await alice.client.state(room)).acl
                return acl is not None and acl.deny == ("evil.example",)

            await until(denied_beforehand)
            why = await asks(alice, desk, f"why {bob.me}", "What I did about")
            assert "sells tea" in why

            await asks(alice, desk, "unsubscribe watch", "acts here no more")

            async def restored() -> bool:
                if await banned(alice, room, bob.me):
                    return False
                return (await alice.client.state(room)).acl in (before.acl, Acl())

            await until(restored)
            after = await alice.client.state(room)
            assert after.members[carol.me].membership is Membership.JOIN

    scene(play)


def test_a_poisoned_list_stops_and_asks(place: Place) -> None:
    async def play() -> None:
        names = ("alice", "bob", "carol", "dave", "erin", "mallory")
        async with place.bot(), listening(*map(place.client, names)) as (alice, *others):
            desk = await desk_of(alice, place)
            room = await alice.client.create_room(name="Choir", encrypted=False, public=True)
            await alice.client.invite(room, place.user("earnest"))
            await alice.hears("I look after", room=desk)
            await alice.client.set_level(room, place.user("earnest"), 100)
            for one in others:
                await one.client.join(room)
            publish(place, (others[0].me, "one"))
            await asks(alice, desk, "subscribe watch act", "acts")
            await alice.hears("Done", room=desk)
            publish(place, *[(one.me, "all of them") for one in others])
            told = await alice.hears("Waiting for your yes", room=desk)
            assert "share" in told.body
            for one in others[1:]:
                assert not await banned(alice, room, one.me)
            await alice.client.react(desk, told.event, "❌", txn="no")
            await alice.hears("I do none of these 4", room=desk)
            await asks(alice, desk, "waiting", "Nothing waits")

    scene(play)
