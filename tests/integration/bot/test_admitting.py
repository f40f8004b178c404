"""Rooms that admission is sold to: who bought is there for their time, and whoever was there before stays."""

from __future__ import annotations

import json

import pytest

from app.admissions import ask_again, deliver_admission
from app.forgetting import forget_person
from bot.homeserver import Left, Moved, Said, Stated
from bot.purposes import purposes
from bot.rehearsal import Rehearsal
from kit.changes import counters
from kit.clock import from_unix
from kit.errors import Invalid, NotFound
from kit.identifiers import RoomId
from payments.content.admissions import TOPIC
from payments.content.model import Buyer, ListingState
from payments.content.overseeing import NEWS
from reputation.enforcement.rooms import Membership
from reputation.shop_rules import read_rules
from tests.support.desk import Bot, Desk
from tests.support.entrances import CAROL, LEA, ROOM, Entrance, admission
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.lodge import Died
from tests.support.stalls import PAYER, key

JOIN, INVITE, LEAVE = Membership.JOIN, Membership.INVITE, Membership.LEAVE


@pytest.fixture
def entrance(desk: Desk) -> Entrance:
    return Entrance(desk)


def test_who_bought_is_asked_in_stays_for_their_time_and_is_put_out(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    assert entrance.stands(listing).state is ListingState.LISTED
    assert entrance.told(LEA) == ["admission_ready"]
    purchase = entrance.buys(listing, ALICE)
    entrance.round()
    assert entrance.stands_to(ALICE) is INVITE
    entrance.comes(ALICE)
    entrance.days(26)
    assert entrance.told(ALICE) == []
    entrance.days(1.5)
    entrance.days(0.5)
    assert entrance.told(ALICE) == ["admission_ending"], "three days before, and once"
    assert entrance.stands_to(ALICE) is JOIN
    entrance.days(2.5)
    assert entrance.stands_to(ALICE) is LEAVE
    assert (entrance.stands_to(CAROL), entrance.stands_to(LEA)) == (JOIN, JOIN)
    assert entrance.invited() == [ALICE]
    with entrance.desk.read() as work:
        assert work.content.library(Buyer(person=work.people.number(ALICE)))[0][0].delivered_at is not None
        assert work.admitting.kept.guests() == {}
    assert purchase.access_until is not None


def test_it_is_for_sale_only_while_seller_and_bot_may_do_it_and_the_seller_is_told_once(entrance: Entrance) -> None:
    listing = entrance.lists()
    assert entrance.stands(listing).state is ListingState.DRAFT
    entrance.round()
    assert entrance.told(LEA) == ["admission_trouble"], "the bot is not there"
    entrance.powers(bot=0)
    entrance.enters()
    entrance.round()
    assert [one["values"]["why"] for one in entrance.owed("notice")] == ["unseen", "power"]
    entrance.powers(lea=10)
    entrance.bot.hear(Stated(ROOM, "m.room.power_levels", ""))
    entrance.round()
    entrance.round()
    assert [one["values"]["why"] for one in entrance.owed("notice")] == ["unseen", "power", "seller"]
    assert entrance.stands(listing).state is ListingState.DRAFT
    entrance.powers()
    entrance.bot.hear(Stated(ROOM, "m.room.power_levels", ""))
    entrance.round()
    assert entrance.stands(listing).state is ListingState.LISTED
    entrance.lodge.puts(ROOM, "m.room.tombstone", "", {"replacement_room": "!new:home.example"}, LEA)
    entrance.bot.hear(Moved(ROOM, RoomId("!new:home.example")))
    entrance.round()
    assert [one["values"].get("why") for one in entrance.owed("notice")] == ["unseen", "power", "seller", None, "moved"]
    assert entrance.stands(listing).state is ListingState.UNLISTED


def test_a_room_that_comes_ready_puts_nothing_up_that_a_rule_holds(entrance: Entrance) -> None:
    listing = entrance.lists()
    rule = {"name": "rooms", "when": "room.id != ''", "then": {"do": "refuse"}, "tell": "No rooms."}
    with entrance.desk.work() as work:
        work.shop.write(read_rules(json.dumps({"version": 1, "kind": "shop", "rules": [rule]})).document)
    entrance.enters()
    entrance.round()
    assert (entrance.stands(listing).state, entrance.stands(listing).reason) == (ListingState.HELD, "No rooms.")
    assert entrance.told(LEA) == []
    assert [one["listing"] for one in entrance.owed(NEWS)] == [listing.id]
    with entrance.desk.work() as work:
        assert work.content.allow(listing.id, 1).state is ListingState.LISTED


def test_nobody_is_asked_into_a_room_that_is_not_as_it_should_be_and_all_are_once_it_is(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.powers(lea=0)
    entrance.buys(listing, ALICE)
    entrance.bot.hear(Stated(ROOM, "m.room.power_levels", ""))
    entrance.round()
    assert entrance.stands_to(ALICE) is None
    assert entrance.stands(listing).state is ListingState.UNLISTED
    entrance.powers()
    entrance.bot.hear(Stated(ROOM, "m.room.power_levels", ""))
    entrance.round()
    assert entrance.stands_to(ALICE) is INVITE
    assert entrance.stands(listing).state is ListingState.LISTED, "we took it off, so we put it on again"


def test_what_the_seller_unlisted_stays_so_and_whoever_bought_stays_there(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.comes(ALICE)
    with entrance.desk.work() as work:
        work.content.unlist(work.people.number(LEA), listing.id)
    entrance.days(1)
    assert entrance.stands(listing).state is ListingState.UNLISTED
    assert entrance.stands_to(ALICE) is JOIN
    assert not entrance.owed("leave")
    entrance.days(30)
    assert entrance.stands_to(ALICE) is LEAVE
    assert entrance.owed("leave") == [{"room": ROOM}], "there is nothing to do any more"
    with entrance.desk.read() as work:
        assert ROOM not in purposes(work)
    with entrance.desk.work() as work:
        assert work.content.relist(work.people.number(LEA), listing.id).state is ListingState.UNLISTED, "it looks first"
    entrance.round()
    assert entrance.stands(listing).state is ListingState.LISTED


def test_whoever_was_there_before_stays_though_they_bought(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, CAROL)
    entrance.round()
    entrance.days(31)
    assert entrance.stands_to(CAROL) is JOIN
    assert entrance.invited() == []


def test_whoever_left_and_was_brought_by_somebody_else_stays(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.buys(listing, BOB)
    entrance.round()
    entrance.comes(ALICE)
    entrance.goes(ALICE)
    entrance.goes(BOB)
    entrance.lodge.puts(ROOM, "m.room.member", BOB, {"membership": "invite"}, LEA)
    entrance.round()
    entrance.comes(ALICE)
    entrance.comes(BOB)
    entrance.days(31)
    assert (entrance.stands_to(ALICE), entrance.stands_to(BOB)) == (JOIN, JOIN)


def test_whoever_declined_is_not_asked_again_until_they_say_so_or_buy_again(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    purchase = entrance.buys(listing, ALICE)
    entrance.round()
    entrance.goes(ALICE)
    entrance.days(1)
    assert entrance.stands_to(ALICE) is LEAVE
    with entrance.desk.work() as work, pytest.raises(NotFound):
        ask_again(work, work.people.number(BOB), purchase.id)
    lines: list[str] = []
    Bot(entrance.desk, Rehearsal(BOT, lines.append), lines).says(f"library get {purchase.id}")
    entrance.round()
    assert entrance.stands_to(ALICE) is INVITE
    entrance.comes(ALICE)
    with entrance.desk.work() as work:
        ask_again(work, work.people.number(ALICE), purchase.id)
    entrance.round()
    entrance.goes(ALICE)
    entrance.days(1)
    assert entrance.stands_to(ALICE) is LEAVE, "who asked while they were there is not dragged back"
    entrance.buys(listing, ALICE)
    entrance.round()
    assert entrance.invited() == [ALICE] * 3


def test_a_renewal_goes_on_and_its_end_is_told_and_kept(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.comes(ALICE)
    entrance.days(20)
    entrance.buys(listing, ALICE, key_of=900)
    entrance.days(15)
    assert entrance.stands_to(ALICE) is JOIN
    assert entrance.told(ALICE) == [], "it goes on for 25 days more"
    entrance.days(23)
    assert entrance.told(ALICE) == ["admission_ending"]
    entrance.days(3)
    assert entrance.stands_to(ALICE) is LEAVE
    assert entrance.invited() == [ALICE]


@pytest.mark.parametrize("how", ["reorg", "taken down", "refunded"])
def test_what_is_taken_back_ends_it(entrance: Entrance, how: str) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE, key_of=700)
    entrance.round()
    entrance.comes(ALICE)
    with entrance.desk.work() as work:
        if how == "reorg":
            work.content.took_back(key(700))
        elif how == "taken down":
            work.content.take_down(listing.id, "not allowed")
        else:
            work.content.refunded(key(700), key(1))
    entrance.round()
    assert entrance.stands_to(ALICE) is LEAVE
    if how == "reorg":
        entrance.buys(listing, ALICE, key_of=700)
        entrance.round()
        assert entrance.stands_to(ALICE) is INVITE, "the chain took it up again"
    if how == "taken down":
        with entrance.desk.work() as work:
            work.content.put_back(listing.id)
        entrance.round()
        assert entrance.stands_to(ALICE) is INVITE
        assert entrance.stands(listing).state is ListingState.UNLISTED, "the seller lists it, not we"


def test_what_a_wallet_bought_counts_for_whoever_linked_it(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, Buyer(wallet=PAYER))
    entrance.round()
    assert entrance.invited() == []
    entrance.desk.house.link_wallet(entrance.number(ALICE), PAYER)
    entrance.round()
    assert entrance.stands_to(ALICE) is INVITE
    entrance.comes(ALICE)
    with entrance.desk.work() as work:
        work.holders.unlink(work.people.number(ALICE), PAYER)
    entrance.round()
    assert entrance.stands_to(ALICE) is LEAVE


@pytest.mark.parametrize("after", [0.5, 1.0])
def test_a_bot_that_dies_at_an_invitation_makes_none_twice(desk: Desk, after: float) -> None:
    entrance = Entrance(desk)
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.lodge.dies_at = entrance.lodge.deeds + 1 + (0.5 if after == 0.5 else 0.0)
    with pytest.raises(Died):
        entrance.round()
    entrance.lodge.dies_at = None
    again = Entrance(desk, entrance.lodge)
    again.round()
    assert again.invited() == [ALICE]
    again.comes(ALICE)
    again.days(31)
    assert again.stands_to(ALICE) is LEAVE, "it is known whom we brought"


def test_whoever_declined_while_the_bot_was_dead_is_not_asked_again(desk: Desk) -> None:
    entrance = Entrance(desk)
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.lodge.dies_at = entrance.lodge.deeds + 1.5
    with pytest.raises(Died):
        entrance.round()
    entrance.lodge.dies_at = None
    again = Entrance(desk, entrance.lodge)
    again.goes(ALICE)
    again.round()
    assert again.invited() == [ALICE]


def test_a_death_while_somebody_is_put_out_is_made_up_for(desk: Desk) -> None:
    entrance = Entrance(desk)
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.comes(ALICE)
    entrance.lodge.dies_at = entrance.lodge.deeds + 1
    with pytest.raises(Died):
        entrance.days(31)
    entrance.lodge.dies_at = None
    again = Entrance(desk, entrance.lodge)
    again.round()
    assert again.stands_to(ALICE) is LEAVE


def test_whoever_became_a_moderator_is_not_put_out(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.comes(ALICE)
    levels = entrance.lodge.content(ROOM, "m.room.power_levels")
    users = {**levels["users"], ALICE: 50}
    entrance.lodge.puts(ROOM, "m.room.power_levels", "", {**levels, "users": users}, LEA)
    entrance.days(31)
    assert entrance.stands_to(ALICE) is JOIN
    with entrance.desk.read() as work:
        assert work.admitting.kept.guests() == {}


def test_whoever_is_forgotten_is_put_out_and_nothing_is_left_of_them(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.comes(ALICE)
    with entrance.desk.work() as work:
        forget_person(work, work.people.number(ALICE))
    entrance.round()
    assert entrance.stands_to(ALICE) is LEAVE
    assert entrance.owed("admission-out") == [{}]
    with entrance.desk.read() as work:
        assert work.admitting.kept.guests() == {}


def test_a_seller_who_is_forgotten_sells_no_more(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    lea = entrance.number(LEA)
    with entrance.desk.work() as work:
        forget_person(work, lea)
    entrance.round()
    with entrance.desk.read() as work:
        assert work.content.own(lea, listing.id).state is ListingState.UNLISTED
    assert entrance.stands_to(ALICE) is INVITE, "what was bought is bought"


def test_a_chat_or_a_management_room_is_no_room_for_sale(entrance: Entrance) -> None:
    entrance.bot.says("help")
    chat = entrance.bot.chat
    entrance.opens(chat)
    entrance.lodge.comes(chat, BOT)
    listing = entrance.lists(reference=chat)
    entrance.round()
    assert [one["values"].get("why") for one in entrance.owed("notice")] == ["taken"]
    assert entrance.stands(listing).state is ListingState.DRAFT
    entrance.lodge.rooms[chat] = {BOT, ALICE}
    assert "help" in entrance.bot.says("help"), "whose chat it is, is talked with as before"


def test_the_bot_follows_the_seller_alone_and_says_nothing_in_that_room(entrance: Entrance) -> None:
    entrance.lists()
    entrance.round()
    with entrance.desk.read() as work:
        assert not work.admitting.awaits(ROOM, BOB)
        assert work.admitting.awaits(ROOM, LEA)
        assert not work.admitting.awaits(RoomId("!other:home.example"), LEA)
    entrance.enters()
    entrance.round()
    at = from_unix(entrance.desk.house.time)
    assert entrance.bot.hear(Said(ROOM, entrance.bot.event(), CAROL, "help", at)) == []


def test_a_room_that_never_becomes_ready_is_given_up_after_a_week(entrance: Entrance) -> None:
    listing = entrance.lists()
    entrance.days(6)
    with entrance.desk.read() as work:
        assert ROOM in work.admitting.rooms()
    entrance.days(1.5)
    with entrance.desk.read() as work:
        assert work.admitting.rooms() == frozenset()
    entrance.enters()
    entrance.round()
    assert entrance.stands(listing).state is ListingState.DRAFT


def test_a_bot_that_was_put_out_says_so_and_comes_again(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.lodge.goes(ROOM, BOT, LEA)
    entrance.lodge.rooms[ROOM].discard(BOT)
    entrance.bot.hear(Left(ROOM, BOT))
    entrance.round()
    assert entrance.told(LEA) == ["admission_ready", "admission_trouble"]
    assert entrance.stands(listing).state is ListingState.UNLISTED
    entrance.enters()
    entrance.round()
    assert entrance.stands(listing).state is ListingState.LISTED


def test_another_room_is_looked_at_anew_and_buyers_have_both(entrance: Entrance) -> None:
    other = RoomId("!salon:home.example")
    entrance.opens(other)
    listing = entrance.for_sale()
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.comes(ALICE)
    with entrance.desk.work() as work:
        made = work.content.revise(
            work.people.number(LEA), listing.id, admission(reference=other), allowed=[*listing.version.offer.prices]
        )
    assert made.state is ListingState.UNLISTED
    entrance.enters(other)
    entrance.round()
    assert entrance.stands(listing).state is ListingState.LISTED
    assert (entrance.stands_to(ALICE), entrance.stands_to(ALICE, other)) == (JOIN, INVITE)
    entrance.buys(made, BOB)
    entrance.round()
    assert (entrance.stands_to(BOB), entrance.stands_to(BOB, other)) == (None, INVITE)


def test_a_reference_that_is_no_room_is_refused() -> None:
    with pytest.raises(Invalid):
        admission(reference="#parlour:home.example")


def test_the_delivery_wakes_the_keeper(entrance: Entrance) -> None:
    with entrance.desk.read() as work:
        before = counters(work.session).get(TOPIC, 0)
    with entrance.desk.work() as work:
        deliver_admission(work, "a")
    with entrance.desk.read() as work:
        assert counters(work.session).get(TOPIC, 0) == before + 1


def test_whose_homeserver_refuses_is_asked_the_next_day(entrance: Entrance) -> None:
    listing = entrance.for_sale()
    entrance.lodge.refuses.add(ALICE)
    entrance.buys(listing, ALICE)
    entrance.round()
    entrance.lodge.refuses.clear()
    entrance.days(0.5)
    assert entrance.stands_to(ALICE) is None
    entrance.bot.ticks += 700
    entrance.days(1)
    assert entrance.stands_to(ALICE) is INVITE
