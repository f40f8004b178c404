"""Posts and addresses put up from a chat, and handed over there, on a real Synapse."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.wording.message import Message
from ledger.store import holders
from payments.content.behind import WELL_KNOWN
from payments.content.model import Kind
from tests.e2e.bot.test_counter import taps
from tests.e2e.bot.test_guards import protected
from tests.support.gatehouse import LOCAL, REPORT, gives_report
from tests.support.matrix import listening as people
from tests.support.matrix import scene
from tests.support.places import Place, chat
from tests.support.receivers import a_receiver, answer
from tests.support.services import listening
from tests.support.stand import Stand
from tests.support.synapse import Homeserver
from tests.support.till import SELLER

pytestmark = pytest.mark.homeserver


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, private_networks=LOCAL)
    yield made
    made.container.chain.close()
    made.engine.dispose()


@pytest.fixture
def stand(place: Place) -> Stand:
    made = Stand(place)
    with place.container.work() as work:
        holders.link(work.session, made.bob, SELLER, is_primary=True, now=work.now)
    return made


def test_a_post_is_sold_as_it_stands_with_its_formatting_and_where_it_was_posted(place: Place, stand: Stand) -> None:
    async def play() -> None:
        async with people(place.client("alice"), place.client("bob")) as (alice, bob), place.bot():
            hers, his = await chat(alice, place), await chat(bob, place)
            post = Message("A *door*", "A <b>door</b> <script>x</script><a href='javascript:1'>here</a>")
            event = await bob.client.send(his, post, txn="post")
            await bob.answers(his, event, 'sell post "On doors" 5\nOf doors.')
            look = await bob.hears("Shall it be for sale?", room=his)
            assert "a post" in look.body
            assert "Of doors." in look.body
            await taps(bob, look)
            await bob.hears("is for sale. Whoever", room=his)
            (listing,) = stand.listed()
            offer = listing.version.offer
            assert (offer.kind, listing.version.stored is not None) == (Kind.POST, True)
            assert event.removeprefix("$") in offer.reference

            stand.pay(listing)
            receipt = await alice.hears("is yours", room=hers)
            assert offer.reference in receipt.body
            said = await alice.hears("A door", room=hers)
            assert said.html is not None
            assert "A <b>door</b> <a>here</a>" in said.html
            assert "script" not in said.html

            changed = {"msgtype": "m.text", "body": "A window", "m.mentions": {}}
            relation = {"rel_type": "m.replace", "event_id": event}
            edit = {**changed, "body": "* A window", "m.new_content": changed, "m.relates_to": relation}
            await bob.client._send(his, "m.room.message", edit, "edit")
            assert stand.listed()[0].version.number == 1, "an edit by itself changes nothing"
            await bob.say(his, f"sell revise {listing.id}")
            await bob.hears("version 2", room=his)
            await alice.say(hers, f"library get {stand.purchase().id}")
            await alice.hears("A window", room=hers)

    scene(play)
    assert place.owed() == 0


def test_a_post_by_its_link_is_ones_own(place: Place, stand: Stand) -> None:
    async def play() -> None:
        async with people(place.client("alice"), place.client("bob")) as (alice, bob), place.bot():
            hers, his = await chat(alice, place), await chat(bob, place)
            theirs = await alice.say(hers, "A secret of hers")
            mine = await bob.say(his, "A door of his")
            await bob.say(his, f'sell post "Hers" 5 https://matrix.to/#/{hers}/{theirs}')
            await bob.hears("no message of yours", room=his)
            await bob.say(his, 'sell post "Nothing" 5')
            await bob.hears("write a link to it", room=his)
            await bob.say(his, f'sell post "His" 5 https://matrix.to/#/{his}/{mine}?via=x.example')
            await bob.hears("Shall it be for sale?", room=his)

    scene(play)
    with place.container.read() as work:
        (draft,) = work.content.mine(stand.bob)[0]
    assert draft.version.offer.title == "His"


def test_an_address_is_sold_in_a_chat_and_comes_by_a_link(place: Place, stand: Stand) -> None:
    with place.container.work() as work:
        token = work.gateways.token(stand.bob)
    with a_receiver() as upstream:
        url = f"{upstream.url}/hush"

        async def play() -> None:
            async with people(place.client("alice"), place.client("bob")) as (alice, bob), place.bot():
                hers, his = await chat(alice, place), await chat(bob, place)
                upstream.manner = lambda handler, _: answer(handler, 404)
                await bob.say(his, f'sell url "The report" 5 {url}')
                refused = await bob.hears("I cannot put that up", room=his)
                assert token in refused.body
                assert WELL_KNOWN in refused.body
                upstream.manner = lambda handler, got: (
                    answer(handler, 200, token.encode()) if got.path == WELL_KNOWN else gives_report(handler, got)
                )
                await bob.say(his, f'sell url "The report" 5 {url}')
                look = await bob.hears("Shall it be for sale?", room=his)
                assert "hush" not in look.body
                await taps(bob, look)
                await bob.hears("is for sale. Whoever", room=his)
                stand.pay(stand.listed()[0])
                receipt = await alice.hears("is yours", room=hers)
                assert "hush" not in receipt.body
                links.append(receipt.body.partition("https://earnest.example")[2].split()[0])

        links: list[str] = []
        scene(play)
        with listening(place.container) as door:
            assert httpx.get(door + links[0]).content == REPORT
    raw = (place.folder / "earnest.db").read_bytes()
    assert b"hush" not in raw
    assert b64encode(b"hush") not in raw
    assert place.owed() == 0


def test_a_post_in_a_room_is_put_up_from_there_by_its_writer_alone(place: Place, stand: Stand) -> None:
    async def play() -> None:
        async with people(place.client("alice"), place.client("bob")) as (alice, bob), place.bot():
            his = await chat(bob, place)
            _, room = await protected(alice, place, bob)
            hers = await alice.say(room, "A wall of hers")
            await bob.answers(room, hers, '!sell post "Hers" 5')
            await bob.hears("no message of yours", room=his)
            mine = await bob.say(room, "A door of his")
            await bob.answers(room, mine, '!sell post "His" 5\nOf a door.')
            look = await bob.hears("Shall it be for sale?", room=his)
            assert "Of a door." in look.body
            with place.container.read() as work:
                (draft,) = work.content.mine(stand.bob)[0]
            assert draft.version.offer.title == "His"
            assert draft.version.offer.reference.startswith(f"https://matrix.to/#/{room}/")

    scene(play)
