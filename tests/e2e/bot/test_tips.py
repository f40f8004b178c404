"""Tips on a real Synapse: a message is tipped, each side is told its own, the room sees a public note, and it goes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.homeserver import EventId, Redacted, Said
from contracts.checkout import terms_hash
from contracts.erc20 import Facts
from contracts.events import BlockRef, Bought, Position
from kit.clock import unix
from kit.identifiers import Address, Hash32, PersonId, show_address
from ledger.model import erc20
from ledger.store import holders
from payments.tips.model import Link, Wish
from payments.tips.onchain import Place as Contracts
from payments.tips.onchain import listing_hash
from tests.e2e.bot.test_desk import asks
from tests.e2e.bot.test_guards import protected
from tests.e2e.bot.test_reports import sends
from tests.support.matrix import listening, scene
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver
from tests.support.till import SELLER

pytestmark = pytest.mark.homeserver

PAYER, CHECKOUT = Address(b"\x0a" * 20), Address(b"\x0c" * 20)


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol")
    yield made
    made.container.chain.close()
    made.engine.dispose()


class Chain:
    """What a chain would tell of tips to @bob."""

    def __init__(self, place: Place) -> None:
        """Let @bob take tips."""
        self.container = place.container
        with self.container.work() as work:
            self.bob = work.people.number(place.user("bob"))
            holders.link(work.session, self.bob, SELLER, is_primary=True, now=work.now)

    def links(self, giver: PersonId) -> int:
        """How many links somebody was given."""
        with self.container.read() as work:
            return work.tip_links.made_for(giver)

    def pays(self, link: Link, wish: Wish) -> BlockRef:
        """Tell of a payment of just what its giver chose, in a block that is safe."""
        at = self.container.deployment
        with self.container.work() as work:
            place = Contracts(at.chain_id, at.token, CHECKOUT)
            terms, _ = work.tip_links.terms(link.token, wish, PAYER, place)
            head = work.book.head()
            parent, number = (Hash32(bytes(32)), 1) if head is None else (head.hash, head.number + 1)
            block = BlockRef(at.chain_id, number, Hash32(secrets.token_bytes(32)), parent, unix(work.now))
            work.book.record(block, [])
            work.tips.told(
                Bought(
                    Position(block, 0, Hash32(secrets.token_bytes(32))),
                    CHECKOUT,
                    purchase=Hash32(secrets.token_bytes(32)),
                    buyer=PAYER,
                    seller=terms.seller,
                    asset=terms.asset,
                    amount=terms.price,
                    listing=listing_hash(link.token),
                    terms=terms_hash(terms),
                    memo=Hash32(bytes(32)),
                )
            )
            work.book.mark_levels(block, None)
            work.tips.levels_moved()
        return block

    def leaves(self, block: BlockRef) -> None:
        """Let the block leave the chain."""
        with self.container.work() as work:
            work.tips.left(block)


def in_(said: Said, chain: Chain) -> Link:
    """The link that somebody was sent."""
    token = said.body.partition("/tip/")[2][:22]
    with chain.container.read() as work:
        found = work.tip_links.find(token)
    assert found is not None
    return found


def plain(said: Said) -> str:
    return said.body.replace("\u2068", "").replace("\u2069", "")


def test_a_message_is_tipped_and_a_reorg_takes_the_line_back(place: Place) -> None:
    chain = Chain(place)

    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            _, room = await protected(alice, place, bob, carol)
            hers, his = await chat(carol, place), await chat(bob, place)
            message = sends(place, "bob", room, "his", body="A door is a policy.")
            relation = {"m.relates_to": {"m.in_reply_to": {"event_id": message}}}

            sends(place, "carol", room, "early", body="!tip 5 thanks", **relation)
            await carol.hears("take no tips", room=hers)
            await bob.say(his, "tips on")
            consent = await bob.hears("You take tips now", room=his)
            assert "sees this wallet" in consent.body

            sends(place, "carol", room, "tip", body="!tip 5 thank <b>you</b>", **relation)
            offered = in_(await carol.hears("/tip/", room=hers), chain)
            assert offered.wish == Wish(5 * 10**18, "thank <b>you</b>", public=True)
            assert (offered.receiver, offered.room, offered.event) == (chain.bob, room, message)
            block = chain.pays(offered, offered.wish)
            told = await bob.hears("You were tipped 5 ERN", room=his)
            assert "thank <b>you</b>" in told.body
            assert str(carol.me) in told.body
            await carol.hears("has your tip of 5 ERN", room=hers)
            line = await carol.inbox.take(Said, lambda one: one.room == room and "💜" in one.body)
            assert line.replies_to == message
            assert f"{carol.me} tips {bob.me} 5 ERN: thank <b>you</b>" in plain(line)
            assert line.html is not None
            assert "&lt;b&gt;" in line.html

            chain.leaves(block)
            await carol.hears("dropped the block", room=hers)
            await bob.hears("dropped the block", room=his)
            await carol.inbox.take(Redacted, lambda one: one.event == line.event)

    scene(play)
    assert place.owed() == 0


def test_a_message_is_tipped_in_dollars_by_whoever_names_them(place: Place) -> None:
    chain, dollar = Chain(place), Address(b"\x0d" * 20)
    asset = erc20(place.container.deployment.chain_id, dollar)
    place.container.settings.sales_tokens = show_address(dollar)
    with place.container.work() as work:
        work.tokens.keep(asset, Facts("USDX", 6, None))

    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            _, room = await protected(alice, place, bob, carol)
            hers, his = await chat(carol, place), await chat(bob, place)
            message = sends(place, "bob", room, "his", body="A door is a policy.")
            relation = {"m.relates_to": {"m.in_reply_to": {"event_id": message}}}
            await bob.say(his, "tips on")
            await bob.hears("You take tips now in ERN, at", room=his)
            sends(place, "carol", room, "early", body="!tip 5 USDX thanks", **relation)
            await carol.hears("take no tips in that token", room=hers)
            sends(place, "carol", room, "wrong", body="!tip 5 USDT thanks", **relation)
            await carol.hears("Nobody is tipped in that token", room=hers)
            await bob.say(his, "tips on USDX")
            await bob.hears("You take tips now in ERN, USDX, at", room=his)
            sends(place, "carol", room, "tip", body="!tip 2.5 USDX thanks", **relation)
            offered = in_(await carol.hears("/tip/", room=hers), chain)
            assert offered.wish == Wish(2_500_000, "thanks", public=True, asset=asset)
            chain.pays(offered, offered.wish)
            told = await bob.hears("You were tipped 2.5 USDX", room=his)
            assert str(carol.me) in told.body
            line = await carol.inbox.take(Said, lambda one: one.room == room and "💜" in one.body)
            assert f"{carol.me} tips {bob.me} 2.5 USDX: thanks" in plain(line)
            await bob.say(his, "tips")
            assert "2.5 USDX from" in (await bob.hears("You received", room=his)).body

    scene(play)
    assert place.owed() == 0


def test_a_heart_brings_a_link_once_and_a_private_note_reaches_its_receiver_alone(place: Place) -> None:
    chain = Chain(place)

    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            _, room = await protected(alice, place, bob, carol)
            his = await chat(bob, place)
            message = sends(place, "bob", room, "his", body="A door is a policy.")
            await carol.client.react(room, EventId(message), "💜", txn="idle")  # nobody takes tips: nobody is told
            await bob.say(his, "tips on")
            await bob.hears("You take tips now", room=his)

            again = sends(place, "bob", room, "more", body="And a wall is none.")
            await carol.client.react(room, EventId(again), "💜", txn="heart")
            talk = await carol.comes(inviter=place.user("earnest"))
            link = in_(await carol.hears("/tip/", room=talk), chain)
            assert (link.wish, link.event) == (Wish(), again)
            secret = Wish(10**18, "between us", anonymous=True)
            chain.pays(link, secret)
            told = await bob.hears("You were tipped 1 ERN", room=his)
            assert "between us" in told.body
            assert "does not say who they are" in told.body
            assert str(carol.me) not in told.body
            await carol.hears("are not told who you are", room=talk)

            await carol.say(talk, f"tip https://matrix.to/#/{room}/{message} 2 public: well said")
            named = in_(await carol.hears("/tip/", room=talk), chain)
            assert (named.receiver, named.wish) == (chain.bob, Wish(2 * 10**18, "well said", public=True))
            await carol.say(talk, f"tip https://matrix.to/#/{room}/$nowhere 2")
            await carol.hears("see no such message", room=talk)
            await carol.say(talk, f"tip {bob.me} 0.5 hello")
            straight = in_(await carol.hears("/tip/", room=talk), chain)
            assert (straight.room, straight.wish) == (None, Wish(5 * 10**17, "hello"))
            await bob.say(his, f"tip {bob.me} 1")
            await bob.hears("nobody tips themselves", room=his)
            await bob.say(his, "tips")
            assert "1 ERN from somebody" in (await bob.hears("You received", room=his)).body
            heard = [one for one in carol.inbox.heard if isinstance(one, Said) and one.room == room]
            assert not [one for one in heard if "💜" in one.body], "nothing of it stands in the room"

    scene(play)
    with place.container.read() as work:
        carol = work.people.find(place.user("carol"))
    assert carol is not None
    assert chain.links(carol) == 3, "the link to no message is gone, and idle taps made none"
    assert place.owed() == 0


def test_the_rooms_rules_hold_for_what_a_giver_has_said_there(place: Place) -> None:
    chain = Chain(place)

    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            desk, room = await protected(alice, place)
            await asks(alice, desk, "confirm off", "done at once")
            await asks(alice, desk, "protections preset newcomers-links 1440", "inks")
            for one in (bob, carol):
                await one.client.join(room)
            hers, his = await chat(carol, place), await chat(bob, place)
            await bob.say(his, "tips on")
            await bob.hears("You take tips now", room=his)
            message = sends(place, "bob", room, "his", body="A door is a policy.")
            await carol.client.react(room, message, "💜", txn="heart")
            link = in_(await carol.hears("/tip/", room=hers), chain)
            chain.pays(link, Wish(5 * 10**18, "cheap gold: https://gold.example", public=True))
            line = await carol.inbox.take(Said, lambda one: one.room == room and "💜" in one.body)
            await carol.inbox.take(Redacted, lambda one: one.event == line.event)
            await bob.hears("You were tipped", room=his)

    scene(play)
