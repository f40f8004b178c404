"""Cards: each reader is told how the seller stands with them alone; of whom a room's lists speak no card is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.container import Container
from app.vendors import is_unwelcome, vendor
from bot.commands.buying import buy
from bot.commands.command import Asked
from bot.readers import reader_of, service_of
from kit.database import Database
from kit.identifiers import RoomId, UserId
from payments.content.model import Listing
from reputation.enforcement.model import Mode, Subscription
from reputation.lists.model import Entry, Recommendation, Subject
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.services import a_container
from tests.support.stand import Stand

ROOM = RoomId("!market:home.example")
CAROL = UserId("@carol:home.example")


class Market:
    """A service at which Bob sells."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.container: Container = a_container(folder, database, bot_user_id=BOT)
        self.stand = Stand(self)

    def user(self, who: str) -> UserId:
        return {"alice": ALICE, "bob": BOB}[who]

    def bought_by(self, who: UserId, listing: Listing) -> str:
        """What somebody is told who wants to buy, where all that people say of each other was read."""
        self.container.hearing.judgements.prepare()
        with self.container.work() as work:
            person = work.people.number(who)
            reader = reader_of(work, service_of(self.container), person)
            return buy(work, Asked(person, who, (listing.id,), (), reader)).message.plain


@pytest.fixture
def market(tmp_path: Path, database: Database) -> Market:
    return Market(tmp_path, database)


def test_each_reader_hears_how_the_seller_stands_with_them(market: Market) -> None:
    one = market.stand.put_up(b"A door.", "doors.txt")
    with market.container.work() as work:
        work.vouches.vouch(work.people.number(ALICE), market.stand.bob)
    assert "With you" in market.bought_by(ALICE, one)
    assert "stands at" in market.bought_by(ALICE, one)
    told = market.bought_by(CAROL, one)
    assert "Nobody whom you know says anything of" in told, told


def test_what_is_sold_lifts_nobodys_standing(market: Market) -> None:
    one = market.stand.put_up(b"A door.", "doors.txt")
    market.container.hearing.judgements.prepare()
    with market.container.work() as work:
        before = vendor(work, market.stand.alice, market.stand.bob)
    for number in range(1, 4):
        market.stand.pay(one, number)
    with market.container.work() as work:
        assert vendor(work, market.stand.alice, market.stand.bob) == before
        assert before is not None
        assert before.nobody


def test_nobody_waits_in_a_transaction_until_all_words_are_read(market: Market) -> None:
    with market.container.work() as work:
        assert vendor(work, market.stand.alice, market.stand.bob) is None


def test_no_card_is_shown_of_whom_a_list_speaks_that_acts_in_the_room(market: Market) -> None:
    seller = market.stand.bob
    with market.container.work() as work:
        management = work.moderation.make(work.people.number(CAROL), "market").id
        work.moderation.protect(management, ROOM)
        number = work.followed.follow("watch", "/list").id
        work.followed.write(number, [Entry(Subject.USER, BOB, Recommendation.BAN, "spam")])
        work.followed.read("watch", form="policy", entries=1, left_out=0, again=False)
    market.container.labelling.prepare()
    with market.container.read() as work:
        assert not is_unwelcome(work, ROOM, seller), "the list does not act here"
    for mode, unwelcome in ((Mode.NOTIFY, False), (Mode.ACT, True)):
        with market.container.work() as work:
            work.moderation.lists.subscribe(management, Subscription(number, "watch", mode))
        with market.container.read() as work:
            assert is_unwelcome(work, ROOM, seller) is unwelcome
            assert not is_unwelcome(work, RoomId("!else:home.example"), seller)
