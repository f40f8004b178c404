"""Gifts on a real chain and Synapse: a block later they lead into the space and show; a reorg takes that back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.container import RELAYER, RESOLVER
from contracts.chain import Deployment
from kit.identifiers import show_address
from ledger.store import holders
from reputation.enforcement.rooms import Membership
from tests.e2e.bot.test_supporters import Cause
from tests.support.anvil import ETHER, Anvil
from tests.support.gift_shop import CAUSE, GiftShop
from tests.support.matrix import listening, scene
from tests.support.places import Place, chat
from tests.support.supporters import EVERYTHING, LOUNGE, SPACE, TABLE
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


@pytest.fixture
def place(
    homeserver: Homeserver,
    tmp_path: Path,
    sqlite_template: Path,
    fresh_anvil: Anvil,
    fresh_deployment: Deployment,
) -> Iterator[Place]:
    made = Place(
        homeserver,
        tmp_path,
        sqlite_template,
        deployment=fresh_deployment,
        rpc_url=fresh_anvil.url,
        cause=show_address(CAUSE),
    )
    yield made
    made.container.chain.close()
    made.engine.dispose()


def test_a_gift_leads_into_the_space_a_block_later_and_a_reorg_takes_that_back(
    place: Place, fresh_anvil: Anvil, fresh_deployment: Deployment
) -> None:
    for role in (RESOLVER, RELAYER):
        fresh_anvil.set_balance(place.container.signers[role].address, 10 * ETHER)
    shop = GiftShop(place.container, fresh_anvil, fresh_deployment)
    shop.give("anna", 100 * ETHER)
    shop.follow()
    cause, alice_id = Cause(place), place.user("alice")
    with place.container.work() as work:
        person = work.people.number(alice_id)
        holders.link(work.session, person, shop.address("anna"), is_primary=True, now=work.now)
        work.supporters.wallets_changed(person)
        work.support.wishes(person, joins=True)
        work.supporters.show(person, EVERYTHING)  # she saw who would see it before she gave

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,), place.bot():
            talk = await chat(alice, place)
            space, table = await cause.room(SPACE), await cause.room(TABLE)
            await asyncio.to_thread(shop.pledge, "anna", 5 * ETHER, months=1)
            await asyncio.to_thread(shop.follow_head)
            await alice.hears("Your support makes you", room=talk)
            await cause.shows(alice_id, tier="silver")
            await cause.stands(SPACE, alice_id, Membership.INVITE)
            await alice.client.join(space)
            await alice.client.join(await cause.room(LOUNGE))

            await asyncio.to_thread(shop.pledge_ether, "anna", 4 * ETHER, months=1)
            await asyncio.to_thread(shop.follow_head)
            await cause.shows(alice_id, tier="gold")
            await cause.stands(TABLE, alice_id, Membership.INVITE)
            await alice.client.join(table)

            await asyncio.to_thread(fresh_anvil.reorg, 1)
            await asyncio.to_thread(shop.follow_head)
            await alice.hears("was taken back", room=talk)
            await cause.stands(TABLE, alice_id, Membership.LEAVE)
            await cause.shows(alice_id, tier="silver")
            await cause.stands(SPACE, alice_id, Membership.JOIN)

    scene(play)
