"""A newcomer's door by the bot alone, on a real Synapse: led by its help from choosing to trying, why and undoing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from reputation.model import DoorMode
from tests.support.matrix import listening, scene
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template)
    yield made
    made.engine.dispose()


def mode(place: Place) -> DoorMode:
    with place.container.read() as work:
        return work.doors.show(work.people.number(place.user("alice"))).mode


def test_a_door_is_chosen_tried_set_explained_and_undone_in_a_chat(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice")) as (alice,):
            room = await chat(alice, place)
            await alice.say(room, "help door")
            guide = (await alice.hears("Your door in five steps", room=room)).body
            assert "door try friends-of-friends" in guide
            await alice.say(room, "door open")
            await alice.hears("everybody can invite you", room=room)
            await asyncio.to_thread(place.knock)
            await alice.say(room, "door presets")
            await alice.hears("Friends of friends come in free; other strangers stake 5, or ask.", room=room)
            await alice.say(room, "door try friends-of-friends")
            tried = (await alice.hears("This was only tried", room=room)).body
            assert "1 come in now and would be held" in tried
            assert place.user("bob") in tried
            assert mode(place) is DoorMode.OPEN
            await alice.say(room, "door preset friends-of-friends")
            await alice.hears("door undo takes this back", room=room)
            assert mode(place) is DoorMode.RULES
            await alice.say(room, "why " + place.user("bob"))
            why = (await alice.hears("would be held for a stake of 5 ERN, or one sentence", room=room)).body
            assert "does not hold" in why
            await alice.say(
                room, 'door set ```json\n{"version": 1, "kind": "door",\n "otherwise": {"do": "refuse"}}\n```'
            )
            await alice.hears("closed", room=room)
            await alice.say(room, "door undo")
            await alice.hears("Your door is what it was", room=room)
            assert mode(place) is DoorMode.RULES
            await alice.say(room, "door back 1")
            await alice.hears("everybody can invite you", room=room)
            assert mode(place) is DoorMode.OPEN

    scene(play)
