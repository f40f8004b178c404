"""Selling and buying in a chat with the bot: what is handed over, and how it is put up, on a real Synapse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import selling
from bot.homeserver import EventId, Reacted, Said
from bot.media import Parcel
from kit.identifiers import RoomId
from ledger.store import holders
from payments.content.model import Kind
from tests.e2e.bot.test_guards import protected
from tests.e2e.bot.test_reports import sends
from tests.support.matrix import Person, listening, scene
from tests.support.places import Place, chat
from tests.support.stand import Stand
from tests.support.synapse import Homeserver
from tests.support.till import SELLER

pytestmark = pytest.mark.homeserver

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2_000
"""More than one sealed chunk, and a picture by its first bytes."""


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol")
    yield made
    made.container.chain.close()
    made.engine.dispose()


async def content_of(person: Person, said: Said) -> bytes:
    """What a file has in it, as its reader's app decrypts it."""
    sent = await person.client.sent(said.room, said.event, most=10**7)
    assert sent is not None
    assert sent.parts is not None
    return b"".join([part async for part in sent.parts()])


async def files(person: Person, room: RoomId) -> Said:
    return await person.inbox.take(Said, lambda said: said.room == room and said.kind in ("m.file", "m.image"))


async def taps(person: Person, question: Said, sign: str = "👍") -> None:
    """Tap a button once it is there."""
    await person.inbox.take(Reacted, lambda one: (one.to, one.key) == (question.event, sign))
    await person.client.react(question.room, question.event, sign, txn=f"tap:{question.event}")


def test_what_is_paid_for_comes_into_the_chat_once_and_a_reorg_is_told_of(place: Place) -> None:
    stand = Stand(place)
    text = stand.put_up(b"A door is a <policy>.\nIt is yours.", "doors.txt")
    picture = stand.put_up(PICTURE, "door.png", Kind.FILE)

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            room = await chat(alice, place)
            first = stand.pay(text)
            receipt = await alice.hears("is yours", room=room)
            assert "5 ERN" in receipt.body
            assert first.id in receipt.body
            assert "not to pass on" in receipt.body
            said = await alice.hears("A door is", room=room)
            assert said.body == "A door is a <policy>.\nIt is yours."
            assert said.html is not None
            assert "&lt;policy&gt;" in said.html

            stand.pay(picture, 2)
            await alice.hears("is yours", room=room)
            sent = await files(alice, room)
            assert (sent.kind, sent.body) == ("m.image", "door.png")
            assert await content_of(alice, sent) == PICTURE

            stand.pay(text)  # told of once more
            stand.takes_back()
            await alice.hears("dropped the block", room=room)
            assert not [one for one in alice.inbox.heard if isinstance(one, Said) and "A door is" in one.body]

    scene(play)
    assert stand.purchase(2).delivered_at is not None
    assert place.owed() == 0


def test_whoever_has_no_chat_yet_is_invited_into_one(place: Place) -> None:
    stand = Stand(place)
    text = stand.put_up(b"A door is a policy.", "doors.txt")

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            stand.pay(text)
            room = await alice.comes(inviter=place.user("earnest"))
            await alice.hears("A door is a policy.", room=room)

    scene(play)


def test_a_text_that_is_no_message_comes_as_a_file_and_what_was_taken_down_does_not(place: Place) -> None:
    stand = Stand(place)
    long = stand.put_up(b"A door. " * 10_000, "doors.txt")
    gone = stand.put_up(b"A wall.", "walls.txt", title="On walls")
    stand.pay(gone, 2)
    with place.container.work() as work:
        work.content.take_down(gone.id, "Copied.")

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            room = await alice.comes(inviter=place.user("earnest"))
            told = await alice.hears("Copied.", room=room)
            assert "refund" in told.body

            stand.pay(long)
            sent = await files(alice, room)
            assert sent.body == "doors.txt"
            assert await content_of(alice, sent) == b"A door. " * 10_000

    scene(play)


def test_a_text_and_a_file_are_put_up_from_the_chat_and_bought_there(place: Place) -> None:
    stand = Stand(place)
    with place.container.work() as work:
        holders.link(work.session, stand.bob, SELLER, is_primary=True, now=work.now)

    async def play() -> None:
        async with listening(place.client("alice"), place.client("bob")) as (alice, bob), place.bot():
            hers, his = await chat(alice, place), await chat(bob, place)
            await bob.say(his, 'sell text "On <doors>" 5\nA door is a policy.\nIt is yours.')
            look = await bob.hears("Shall it be for sale?", room=his)
            assert "On <doors>" in look.body
            assert "a text: 32 bytes" in look.body
            await taps(bob, look)
            up = await bob.hears("is for sale. Whoever", room=his)
            (text,) = stand.listed()
            assert f"buy {text.id}" in up.body

            await alice.say(hers, f"buy https://earnest.example/buy/{text.id}")
            offered = await alice.hears("Pay for it here", room=hers)
            with place.container.work() as work:
                order = work.orders.order(stand.alice, text.id)
            assert f"/buy/{text.id}?order={order.token}" in offered.body
            assert place.user("bob") in offered.body
            bought = stand.pay(text)
            await alice.hears("is yours", room=hers)
            said = await alice.hears("A door is", room=hers)
            assert said.body == "A door is a policy.\nIt is yours."

            await alice.say(hers, "library")
            assert bought.id in (await alice.hears("What you bought", room=hers)).body
            await alice.say(hers, f"library get {bought.id}")
            await alice.hears("Here comes", room=hers)
            await alice.hears("A door is", room=hers)

            parcel = Parcel("../door.png", "image/png", len(PICTURE), picture)
            event = await bob.client.send_file(his, parcel, txn="picture")
            await bob.answers(his, EventId(event), 'sell file "A picture" 7\nOf a door.')
            look = await bob.hears("Shall it be for sale?", room=his)
            assert "image/png" in look.body
            assert "Of a door." in look.body
            await taps(bob, look)
            await bob.hears("is for sale. Whoever", room=his)
            with place.container.work() as work:
                sold = stand.listed()[0]
                access = work.content.versions(sold.id)[0].stored
                assert access is not None
                assert b"".join(work.content.open_(selling.blobs(place.container), access)) == PICTURE
                assert access.file_name == "door.png"

    async def picture() -> Iterator[bytes]:
        return iter([PICTURE])

    scene(play)
    assert place.owed() == 0


def test_what_is_none_of_ones_own_is_not_put_up(place: Place) -> None:
    stand = Stand(place)
    with place.container.work() as work:
        holders.link(work.session, stand.bob, SELLER, is_primary=True, now=work.now)

    async def play() -> None:
        async with listening(place.client("bob")) as (bob,), place.bot():
            his = await chat(bob, place)
            await bob.say(his, "help")
            ours = await bob.hears("I keep your door", room=his)
            await bob.answers(his, ours.event, 'sell text "Help" 5')
            await bob.hears("no message of yours", room=his)
            mine = await bob.say(his, "A door is a policy.")
            await bob.answers(his, mine, 'sell file "Doors" 5')
            await bob.hears("is no file", room=his)

    scene(play)
    assert not stand.listed()


def test_a_card_in_a_room_leads_whoever_taps_it_to_a_link_and_moves_no_money(place: Place) -> None:
    stand = Stand(place)
    text = stand.put_up(b"A door is a policy.", "doors.txt")
    other = stand.put_up(b"A wall.", "walls.txt", title="On walls")

    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            _, room = await protected(alice, place, bob, carol)
            sends(place, "carol", room, "hers", body=f"!offer {other.id}")  # neither the seller nor a moderator
            sends(place, "bob", room, "his", body=f"!offer {text.id}")
            card = await carol.hears("No tap pays", room=room)
            assert "On doors" in card.body
            assert "5 ERN" in card.body
            await taps(carol, card, "🛒")
            talk = await carol.comes(inviter=place.user("earnest"))
            offered = await carol.hears("Pay for it here", room=talk)
            with place.container.work() as work:
                order = work.orders.order(work.people.number(carol.me), text.id)
            assert f"/buy/{text.id}?order={order.token}" in offered.body
            assert not [one for one in carol.inbox.heard if isinstance(one, Said) and "On walls" in one.body]

    scene(play)
    with place.container.read() as work:
        assert work.content.sales(stand.bob) == ([], None)
