"""Beside another policy bot on a real Synapse: what is published for it, taking over, giving back, and what both do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kit.identifiers import RoomId
from reputation.beside import Beside
from reputation.enforcement.rooms import Membership
from reputation.lists.policy_events import read_events
from tests.support.keeping import Keeper, desk_of, is_so, protected, publish, stands
from tests.support.matrix import listening, scene, until
from tests.support.places import Place
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "draupnir", "carol")
    yield made
    made.engine.dispose()


def beside(place: Place) -> Beside | None:
    with place.container.read() as work:
        return next(iter(work.moderation.beside.all()), None)


def read_by_the_other_bot(place: Place, room: RoomId) -> set[tuple[str, str | None]]:
    """What stands in the policy room, read as the other bot by a reader that knows nothing of ours."""
    with place.http("draupnir") as http:
        state: list[dict[str, Any]] = http.get(f"/_matrix/client/v3/rooms/{room}/state").json()
    assert not [one for one in state if one["type"].startswith("m.policy.") and one["state_key"].startswith("@")]
    return {(entry.recommendation.value, entry.entity) for entry in read_events(state).entries}


def test_the_other_bot_acts_by_what_is_published_until_we_take_over(place: Place) -> None:
    other = place.user("draupnir")

    async def play() -> None:
        clients = [place.client(who) for who in ("alice", "bob", "carol", "draupnir")]
        async with place.bot(), listening(*clients) as (alice, bob, carol, draupnir):
            desk, keeper = await desk_of(alice, place), Keeper(place)
            room = await keeper.room("Choir", invite=[place.user("earnest"), other])
            await draupnir.client.join(room)
            await alice.client.set_level(room, other, 60)
            await is_so(lambda: protected(place) == {room})

            await alice.say(desk, f"!earnest beside {other}")
            await alice.hears("does it", room=desk)
            assert beside(place) is None
            await alice.say(desk, f"!earnest beside {other} yes")
            await alice.hears("acts in these rooms", room=desk)
            rules = await draupnir.comes(inviter=place.user("earnest"))

            publish(place, bob.me, carol.me, alice.me)
            await bob.client.join(room)
            await carol.client.join(room)
            await alice.say(desk, f"!earnest veto {carol.me} watch")
            await alice.hears("Nothing follows", room=desk)
            await alice.say(desk, "!earnest subscribe watch act")
            await is_so(lambda: read_by_the_other_bot(place, rules) == {("ban", bob.me)})
            assert await stands(alice, room, bob.me, Membership.JOIN)

            # It told what to type, and does so of what it kept; the veto is lifted, the other is done by their bot.
            await alice.say(desk, "!earnest beside")
            assert rules in (await alice.hears("!draupnir watch", room=desk)).body
            await draupnir.client.ban(room, bob.me, reason="by the rules")
            await alice.say(desk, "!earnest unveto 1")
            await is_so(lambda: read_by_the_other_bot(place, rules) == {("ban", bob.me), ("ban", carol.me)})

            await alice.say(desk, "!earnest take over")
            await alice.hears("does it", room=desk)
            assert await stands(alice, room, carol.me, Membership.JOIN)
            await alice.say(desk, "!earnest take over yes")
            await until(lambda: stands(alice, room, carol.me, Membership.BAN))
            members = (await alice.client.state(room)).members
            assert (members[bob.me].by, members[carol.me].by) == (other, place.user("earnest"))
            assert read_by_the_other_bot(place, rules) == {("ban", bob.me), ("ban", carol.me)}

            await alice.say(desk, "!earnest give back yes")
            await until(lambda: stands(alice, room, carol.me, Membership.LEAVE))
            assert await stands(alice, room, bob.me, Membership.BAN)
            assert read_by_the_other_bot(place, rules) == {("ban", bob.me), ("ban", carol.me)}

            await alice.say(desk, "!earnest compare")
            told = (await alice.hears("bans we would both make", room=desk)).body
            assert "1 bans we would both make, 0 only it made, 0 only I would make" in told

            # Once we act and it has left, nothing is published any more.
            await alice.say(desk, "!earnest take over yes")
            await draupnir.client.leave(room)
            await is_so(lambda: beside(place) is None)
            assert read_by_the_other_bot(place, rules) == set()

    scene(play)


def test_a_rehearsal_beside_the_other_bot_is_told_of_and_does_nothing(place: Place) -> None:
    """As after an import: the lists only tell, and the room is waited for until somebody asks the bot in."""
    other = place.user("draupnir")

    async def play() -> None:
        clients = [place.client(who) for who in ("alice", "bob", "carol", "draupnir")]
        async with place.bot(), listening(*clients) as (alice, bob, carol, draupnir):
            desk, keeper = await desk_of(alice, place), Keeper(place)
            room = await keeper.room("Choir", invite=[other])
            for person in (draupnir, bob, carol):
                await person.client.join(room)
            await alice.client.set_level(room, other, 60)
            publish(place, bob.me)
            with place.container.work() as work:
                (one,) = work.moderation.all()
                work.moderation.beside.set(one.id, other)
                work.moderation.beside.wait_for(one.id, [room])
                work.moderation.tune(one.id, rehearse_until=work.now + timedelta(days=14))
            await draupnir.client.ban(room, bob.me, reason="by the rules")
            await draupnir.client.ban(room, carol.me, reason="by hand")
            await alice.say(desk, "!earnest subscribe watch act")
            await alice.say(desk, "!earnest rooms")
            assert room in (await alice.hears("nobody invited me yet", room=desk)).body
            await keeper.invites(room, place.user("earnest"))
            told = (await alice.hears("bans we would both make", room=desk)).body
            assert "1 bans we would both make, 1 only it made, 0 only I would make" in told
            assert carol.me in told
            members = (await alice.client.state(room)).members
            assert {members[who].by for who in (bob.me, carol.me)} == {other}

    scene(play)
