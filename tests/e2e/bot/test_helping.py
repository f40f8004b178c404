"""Helpers and digests on a real Synapse, in encrypted chats."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.digests import regular
from reputation.digests import Digests
from tests.support.matrix import listening, scene
from tests.support.places import Place, chat
from tests.support.services import a_stake
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver

ERN = 10**18


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol")
    yield made
    made.engine.dispose()


def a_week_later(place: Place) -> None:
    """Let the worker come round, now and in eight days."""
    regular(place.container.read, place.container.work)
    with place.container.work() as work:
        later = work.now + timedelta(days=8)
        assert Digests(
            work.session, now=later, people=work.people, gate=work.gate, asks=work.asks, notices=work.notices
        ).tell(limit=5)


def test_a_helper_is_asked_answers_in_anothers_name_and_the_owner_is_told(place: Place) -> None:
    alice_id, bob_id, carol_id = place.user("alice"), place.user("bob"), place.user("carol")

    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("carol")) as (alice, carol):
            room = await chat(alice, place)
            place.door_asks(5 * ERN)
            await alice.say(room, f"helper add {carol_id}")
            await alice.hears("I ask", room=room)
            theirs = await carol.comes(inviter=place.user("earnest"))
            await carol.hears("asks whether you would help them", room=theirs)
            await carol.say(theirs, f"knocks {alice_id}")
            await carol.hears("You help nobody of that name", room=theirs)
            await carol.say(theirs, f"helper accept {alice_id}")
            await carol.hears("You help", room=theirs)
            await alice.hears("helps you now", room=room)
            await asyncio.to_thread(place.knock)
            await asyncio.to_thread(a_stake, place.container, bob_id, alice_id)
            await carol.say(theirs, f"knocks {alice_id}")
            shown = await carol.hears("The queue of", room=theirs)
            assert bob_id in shown.body
            await carol.say(theirs, f"spam {bob_id} for {alice_id}")
            sure = await carol.hears("in the name of", room=theirs)
            await carol.client.react(theirs, sure.event, "👍", txn="sure")
            await carol.hears("only they can take it back", room=theirs)
            await asyncio.to_thread(a_week_later, place)
            digest = await alice.hears("one stranger knocked and was not let through", room=room)
            assert bob_id in digest.body
            assert f"{carol_id}\u2069 called" in digest.body
            await alice.say(room, f"undo {bob_id}")
            await alice.hears("no spammer any more", room=room)
            await alice.say(room, f"helper remove {carol_id}")
            await alice.hears("helps you no more", room=room)
            await carol.say(theirs, f"knocks {alice_id}")
            await carol.hears("You help nobody of that name", room=theirs)

    scene(play)
