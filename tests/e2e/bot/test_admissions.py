"""Admission to a room on a real Synapse: bought, asked in, joined, and put out in time; others stay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app import selling
from kit.clock import system_clock
from kit.identifiers import RoomId, UserId
from ledger.model import Level
from payments.content.model import Buyer, Kind, Listing, ListingState, Offer, Paid
from reputation.enforcement.rooms import Membership
from tests.support.keeping import Keeper, is_so, stands
from tests.support.matrix import Person, listening, scene, until
from tests.support.places import Place, chat
from tests.support.stalls import WALLET, key
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver
_MONTH = timedelta(days=30)


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol")
    yield made
    made.engine.dispose()


class Entrance:
    """A service at which Alice sells admission to a room of hers, and whose clock a test sets forward."""

    def __init__(self, place: Place) -> None:
        self.place, self.container = place, place.container
        self.days = 0.0
        place.container.clock = self.now

    def now(self) -> datetime:
        return system_clock() + timedelta(days=self.days)

    def sells(self, room: RoomId) -> Listing:
        (token,) = selling.allowed(self.container)
        offer = Offer(
            kind=Kind.ADMISSION,
            title="The parlour",
            wallet=WALLET,
            prices={token: 5},
            finality=Level.SEEN,
            reference=room,
            admitted=_MONTH,
        )
        with self.container.work() as work:
            seller = work.people.number(self.place.user("alice"))
        return selling.put_up(self.container, seller, offer)

    def buys(self, listing: Listing, user: UserId, number: int) -> None:
        (token,) = selling.allowed(self.container)
        with self.container.work() as work:
            buyer = Buyer(person=work.people.number(user))
            at = work.now
            work.content.bought(Paid(key(number), listing.id, listing.version.terms, buyer, token, 5, Level.SEEN, at))

    def state(self, listing: Listing) -> ListingState:
        with self.container.read() as work:
            return work.content.own(listing.seller, listing.id).state

    async def is_(self, listing: Listing, state: ListingState) -> None:
        await is_so(lambda: self.state(listing) is state)


async def stands_so(looker: Person, room: RoomId, user: UserId, membership: Membership) -> None:
    """Wait until somebody stands so to a room."""

    async def so() -> bool:
        return await stands(looker, room, user, membership)

    await until(so)


def test_bought_asked_in_joined_reminded_and_put_out_while_others_stay(place: Place) -> None:
    entrance, keeper = Entrance(place), Keeper(place)
    bot, bob_id, carol_id = place.user("earnest"), place.user("bob"), place.user("carol")

    async def play() -> None:
        people = (place.client("alice"), place.client("bob"), place.client("carol"))
        async with listening(*people) as (alice, bob, carol), place.bot():
            room = RoomId((await keeper.does("POST", "createRoom", {"preset": "private_chat"}))["room_id"])
            levels = await keeper.does("GET", f"rooms/{room}/state/m.room.power_levels")
            await keeper.invites(room, carol_id)
            await carol.comes(inviter=alice.me)
            talk, bobs = await chat(alice, place), await chat(bob, place)
            listing = await asyncio.to_thread(entrance.sells, room)
            await alice.hears("I am not in that room", room=talk)
            await keeper.invites(room, bot)
            await alice.hears("I may not invite people there", room=talk)
            levels["users"] = {**levels["users"], bot: 60}
            await keeper.does("PUT", f"rooms/{room}/state/m.room.power_levels", {**levels, "invite": 50})
            await alice.hears("is for sale now", room=talk)
            assert entrance.state(listing) is ListingState.LISTED

            await asyncio.to_thread(entrance.buys, listing, bob_id, 1)
            await asyncio.to_thread(entrance.buys, listing, carol_id, 2)
            assert await bob.comes(inviter=bot) == room
            await stands_so(alice, room, bob_id, Membership.JOIN)
            entrance.days = 28
            await bob.hears("admits you to its room until", room=bobs)
            await asyncio.to_thread(entrance.buys, listing, bob_id, 3)
            entrance.days = 45
            assert await stands(alice, room, bob_id, Membership.JOIN)
            entrance.days = 61
            await stands_so(alice, room, bob_id, Membership.LEAVE)
            assert await stands(alice, room, carol_id, Membership.JOIN), "she was there before"
            found = (await alice.client.state(room)).members[bob_id]
            assert (found.by, "is over" in found.reason) == (bot, True)

            await keeper.does("PUT", f"rooms/{room}/state/m.room.power_levels", {**levels, "users": {}})
            await alice.hears("I may not invite people there", room=talk)
            await entrance.is_(listing, ListingState.UNLISTED)

    scene(play)


def test_a_bot_that_was_away_at_the_end_puts_out_when_it_is_back_and_a_space_is_sold_like_a_room(place: Place) -> None:
    entrance, keeper = Entrance(place), Keeper(place)
    bot, bob_id = place.user("earnest"), place.user("bob")

    async def play() -> None:
        async with listening(place.client("alice"), place.client("bob")) as (alice, bob):
            async with place.bot():
                await chat(bob, place)  # the receipt comes there
                levels = {"users": {bot: 50}, "invite": 50}
                body = {"creation_content": {"type": "m.space"}, "power_level_content_override": levels}
                space = RoomId((await keeper.does("POST", "createRoom", body))["room_id"])
                listing = await asyncio.to_thread(entrance.sells, space)
                await keeper.invites(space, bot)
                await entrance.is_(listing, ListingState.LISTED)
                await asyncio.to_thread(entrance.buys, listing, bob_id, 1)
                assert await bob.comes(inviter=bot) == space
                await stands_so(alice, space, bob_id, Membership.JOIN)
            entrance.days = 31
            assert await stands(alice, space, bob_id, Membership.JOIN)
            async with place.bot():
                await stands_so(alice, space, bob_id, Membership.LEAVE)

    scene(play)
