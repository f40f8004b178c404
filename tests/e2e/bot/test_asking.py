"""Asking on a real Synapse: a stranger's sentence waits unheard, is found, and its stranger let in and told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.homeserver import Entered
from kit.amounts import ZERO
from kit.identifiers import RoomId
from payments.stakes.model import Price
from reputation.model import Knock
from reputation.verdict import Admit, Code, FreePath, Hold, Reason, Verdict
from tests.support.matrix import listening, scene
from tests.support.places import WEB, Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver

ERN = 10**18
HELLO = "Hello, it is Gina from the choir."
ASKABLE = Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_FREE),), (FreePath.ASK,))


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "gina")
    yield made
    made.engine.dispose()


def asks(place: Place, said: str) -> None:
    with place.container.work() as work:
        work.asks.ask(place.user("gina"), work.people.number(place.user("alice")), said, ASKABLE)


def knocks(place: Place) -> Verdict:
    tenant = place.tenant()
    with place.container.work() as work:
        knock = Knock(
            tenant.id, tenant.server_name, place.user("gina"), place.user("alice"), WEB, work.now, federated=False
        )
        return work.gate.ask(knock).verdict


def test_a_stranger_asks_waits_unheard_and_comes_in_once_accepted(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(place.client("alice"), place.client("gina")) as (alice, gina):
            home: RoomId = await chat(alice, place)
            hers: RoomId = await chat(gina, place)
            place.door_asks(5 * ERN)
            await gina.say(hers, f"ask {place.user('alice')} {HELLO}")
            await gina.hears("nobody of that name whom you could ask", room=hers)
            await asyncio.to_thread(asks, place, HELLO)
            await gina.say(hers, "ask")
            await gina.hears(HELLO, room=hers)
            assert isinstance(await asyncio.to_thread(knocks, place), Hold)
            await gina.hears("they have not seen it", room=hers)
            unasked = [one for one in alice.inbox.heard if not isinstance(one, Entered)]
            assert not unasked, "nobody disturbs her because of it"
            await alice.say(home, "knocks")
            assert "Asking to write to you" in (await alice.hears(HELLO, room=home)).body
            await alice.say(home, f"decline {place.user('gina')}")
            await alice.hears("is not told", room=home)
            await gina.say(hers, "ask")
            await gina.hears("declined; you can ask them again after", room=hers)
            await alice.say(home, f"accept {place.user('gina')}")
            await alice.hears("reaches you freely", room=home)
            await gina.hears("accepted you.", room=hers)
            assert isinstance(await asyncio.to_thread(knocks, place), Admit)

    scene(play)
