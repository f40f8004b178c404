"""Shopkeeping: listings are held and refused by the operator's rules, taken off and put back, within bounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from sqlalchemy import select

from app import selling, shopkeeping
from app.container import Container
from app.shopkeeping import Shopkeeper
from kit.errors import Conflict, Forbidden, NotFound, Unavailable
from kit.identifiers import PersonId, UserId
from kit.outbox import OutboxRow
from payments.content.model import GRACE, Buyer, Kind, Listing, ListingState, Offer, OwedBecause, PurchaseState
from payments.content.overseeing import KEPT_FOR, NEWS, TAKEN_DOWN
from payments.content.service import Content
from reputation.lists.model import Entry, Recommendation, Subject
from reputation.shop_rules import read_rules
from tests.support.services import http_door
from tests.support.shopping import LEA, Shopping, problem, shopping

__all__ = ["shopping"]

POKER = {"poker": {"words": ["poker"]}}
HELD = {"name": "gambling", "when": "'poker' in text.found", "then": {"do": "hold"}, "tell": "No gambling, please."}


def rules(shop: Shopping, *found: dict[str, Any], share: int = 100) -> None:
    """Let these rules stand."""
    document = {"version": 1, "kind": "shop", "rules": list(found), "patterns": POKER, "share": share}
    with shop.container.work() as work:
        work.shop.write(read_rules(json.dumps(document)).document)


def state(shop: Shopping, one: Listing) -> tuple[ListingState, str | None]:
    with shop.container.read() as work:
        found = work.content.own(one.seller, one.id)
    return found.state, found.reason


def owed(shop: Shopping, kind: str) -> list[dict[str, Any]]:
    with shop.container.read() as work:
        found = select(OutboxRow).where(OutboxRow.kind == kind).order_by(OutboxRow.id)
        return [row.payload for row in work.session.scalars(found)]


def test_what_a_rule_holds_is_seen_by_nobody_until_the_operator_allows_it(shopping: Shopping) -> None:
    rules(shopping, HELD)
    one = shopping.put_up(title="POKER for all")
    assert (one.state, one.reason) == (ListingState.HELD, "No gambling, please.")
    with shopping.container.work() as work:
        assert work.content.listed()[0] == []
        with pytest.raises(NotFound):
            work.content.listing(one.id)
        (hold,) = work.content.held()
        assert (hold.objection.rule, hold.waits, hold.swept) == ("gambling", True, False)
        assert work.content.relist(shopping.lea, one.id).state is ListingState.HELD, "asking again changes nothing"
    assert shopping.pay(one).because is OwedBecause.NOT_FOR_SALE
    with shopping.container.work() as work:
        assert work.content.allow(one.id, 1).state is ListingState.LISTED
        assert work.content.held() == []
        with pytest.raises(Conflict, match="not held"):
            work.content.allow(one.id, 1)
    shopkeeping.look(shopping.container)
    assert state(shopping, one) == (ListingState.LISTED, None), "what was allowed stays so"
    changed = {"title": "More poker"}
    assert shopping.ask(LEA, "PATCH", f"/listings/{one.id}", json=changed).status_code == 200
    assert state(shopping, one) == (ListingState.HELD, "No gambling, please."), "but not what it became since"


def test_what_a_rule_refuses_is_not_taken_at_all(shopping: Shopping) -> None:
    rules(shopping, HELD | {"then": {"do": "refuse"}})
    one = shopping.put_up()
    for draft in (False, True):
        with pytest.raises(Forbidden, match="No gambling, please"):
            selling.put_up(shopping.container, shopping.lea, _renamed(one, "Poker"), [b"x"], draft=draft)
    with shopping.container.work() as work, pytest.raises(Forbidden):
        work.content.revise(shopping.lea, one.id, _renamed(one, "Poker"), allowed=[shopping.token])
    assert state(shopping, one) == (ListingState.LISTED, None)
    with shopping.container.read() as work:
        assert len(work.content.mine(shopping.lea)[0]) == 1


def _renamed(one: Listing, title: str) -> Offer:
    return replace(one.version.offer, title=title)


def test_what_the_operator_refuses_stays_held_until_the_seller_mends_it(shopping: Shopping) -> None:
    rules(shopping, HELD)
    one = shopping.put_up(title="Poker")
    with shopping.container.work() as work:
        work.content.refuse(one.id, 1, "Not here.\u202e")
    assert state(shopping, one) == (ListingState.HELD, "Not here.")
    shopkeeping.look(shopping.container)
    with shopping.container.work() as work:
        assert work.content.relist(shopping.lea, one.id).state is ListingState.HELD
        mended = work.content.revise(shopping.lea, one.id, _renamed(one, "Chess"), allowed=[shopping.token])
    assert (mended.state, mended.reason) == (ListingState.LISTED, None)


def test_what_is_for_sale_is_taken_off_and_put_back_as_rules_come_and_go(shopping: Shopping) -> None:
    one, other = shopping.put_up(title="Poker"), shopping.put_up()
    bought = shopping.pay(one)
    rules(shopping, HELD)
    keeper = Shopkeeper(shopping.container)
    keeper.regular()
    assert state(shopping, one) == (ListingState.HELD, "No gambling, please.")
    assert state(shopping, other)[0] is ListingState.LISTED
    with shopping.container.read() as work:
        assert work.content.listing(one.id).state is ListingState.HELD, "who bought it sees why"
        assert work.content.access(Buyer(person=shopping.kim), one.id) is not None, "and has it still"
        assert work.content.purchase(bought.key) is not None
    assert shopping.pay(one, 2).state is PurchaseState.PAID, "somebody was about to pay"
    shopping.clock.pass_(seconds=GRACE.total_seconds() + 1)
    assert shopping.pay(one, 3).because is OwedBecause.NOT_FOR_SALE
    assert [told["listing"] for told in owed(shopping, NEWS)] == [one.id]
    keeper.regular()
    assert len(owed(shopping, NEWS)) == 1, "told once"
    with shopping.container.work() as work:
        work.shop.back()
    keeper.regular()
    assert state(shopping, one) == (ListingState.LISTED, None)
    with shopping.container.read() as work:
        (hold,) = work.content.held(over=True)
        assert (hold.swept, hold.ended_at is not None, hold.objection.rule) == (True, True, "gambling")
    shopping.clock.pass_(days=KEPT_FOR.days + 1)
    with shopping.container.work() as work:
        assert work.content.prune_holds(limit=10) == 1


def test_a_list_that_speaks_of_the_seller_or_their_server_takes_off_what_they_sell(shopping: Shopping) -> None:
    one = shopping.put_up()
    listed = {"name": "listed", "when": "'watch' in seller.labels", "then": {"do": "refuse"}}
    rules(shopping, listed)
    keeper = Shopkeeper(shopping.container)
    keeper.regular()
    assert state(shopping, one)[0] is ListingState.LISTED, "no such list is followed"
    with shopping.container.work() as work:
        number = work.followed.follow("watch", "/list").id
        work.followed.write(number, [Entry(Subject.SERVER, "earnest.example", Recommendation.BAN, "spam")])
        work.followed.read("watch", form="policy", entries=1, left_out=0, again=False)
    keeper.regular()
    assert state(shopping, one) == (ListingState.HELD, "listed")
    with pytest.raises(Forbidden, match="listed"):
        shopping.put_up()
    while True:
        with shopping.container.work() as work:
            if work.followed.unfollow("watch"):
                break
    keeper.regular()
    assert state(shopping, one) == (ListingState.LISTED, None)


def test_no_more_than_the_share_is_taken_off_unasked(shopping: Shopping) -> None:
    some = [shopping.put_up(title=f"Poker {number}") for number in range(5)]
    rules(shopping, HELD, share=10)
    made = shopkeeping.look(shopping.container)
    assert (len(made.off), made.most, made.beyond) == (5, 3, True)
    assert {state(shopping, one)[0] for one in some} == {ListingState.LISTED}
    with shopping.container.work() as work:
        for one in some[:2]:
            work.content.unlist(shopping.lea, one.id)
    made = shopkeeping.look(shopping.container)
    assert (len(made.off), made.beyond) == (3, False)
    assert {state(shopping, one)[0] for one in some[2:]} == {ListingState.HELD}
    late = shopping.put_up()
    rules(shopping, HELD, HELD | {"name": "all", "when": "listing.kind == 'file'"}, share=10)
    assert shopkeeping.look(shopping.container).most == 0, "three in seven days are three"
    assert state(shopping, late)[0] is ListingState.LISTED
    assert shopkeeping.look(shopping.container, beyond=True).beyond
    assert state(shopping, late)[0] is ListingState.HELD
    shopping.clock.pass_(days=8)
    assert shopkeeping.plan(shopping.container).most == 3


def test_a_list_that_speaks_of_somebody_again_and_again_takes_off_no_more_than_the_share(shopping: Shopping) -> None:
    one = shopping.put_up()
    rules(shopping, {"name": "listed", "when": "'watch' in seller.labels", "then": {"do": "hold"}}, share=10)
    number = follows(shopping)
    found = []
    for _ in range(5):
        speaks_of(shopping, number, "@lea:earnest.example")
        shopkeeping.look(shopping.container)
        found.append(state(shopping, one)[0])
        speaks_of(shopping, number)
        shopkeeping.look(shopping.container)
        assert state(shopping, one)[0] is ListingState.LISTED
    assert found == [*[ListingState.HELD] * 3, *[ListingState.LISTED] * 2]
    assert len(owed(shopping, NEWS)) == 2, "today, and how it is by then tomorrow"


def test_what_lists_say_that_nobody_has_read_yet_lets_nothing_out_and_nothing_in(shopping: Shopping) -> None:
    one, other = shopping.put_up(), shopping.put_up(title="On windows")
    with shopping.container.work() as work:
        work.content.unlist(shopping.lea, other.id)
    rules(shopping, {"name": "listed", "when": "'watch' in seller.labels", "then": {"do": "refuse"}})
    speaks_of(shopping, follows(shopping), "@lea:earnest.example")
    shopkeeping.look(shopping.container)
    assert state(shopping, one) == (ListingState.HELD, "listed")
    renamed, address = _renamed(one, "On gates"), replace(one.version.offer, kind=Kind.GATEWAY, reference="sha256:0")
    deeds: tuple[Callable[[Content], object], ...] = (
        lambda content: content.relist(shopping.lea, one.id),
        lambda content: content.relist(shopping.lea, other.id),
        lambda content: content.revise(shopping.lea, one.id, renamed, allowed=[shopping.token]),
        lambda content: content.revise(shopping.lea, other.id, renamed, allowed=[shopping.token]),
        lambda content: content.list_(shopping.lea, address, allowed=[shopping.token], draft=True),
        lambda content: content.weigh(one.id, take_off=False),
    )
    for deed in deeds:
        with pytest.raises(Unavailable, match="in a moment"), _begun(shopping).work() as work:
            deed(work.content)
    assert [state(shopping, it)[0] for it in (one, other)] == [ListingState.HELD, ListingState.UNLISTED]
    with http_door(_begun(shopping)) as door:
        answer = door.post(f"/v1/me/listings/{other.id}/relist", headers=shopping.headers[LEA])
    assert problem(answer) == (403, "listing_refused"), "whoever can wait waits"
    begun = _begun(shopping)
    shopkeeping.ready(begun)
    with pytest.raises(Forbidden), begun.work() as work:
        work.content.relist(shopping.lea, other.id)


def test_what_a_process_let_out_that_knew_the_list_of_before_is_taken_off_soon(shopping: Shopping) -> None:
    one = shopping.put_up()
    rules(shopping, {"name": "listed", "when": "'watch' in seller.labels", "then": {"do": "hold"}})
    number, late = follows(shopping), _begun(shopping)
    speaks_of(shopping, number)
    shopkeeping.ready(late)
    late.labelling._rests_until = inf
    speaks_of(shopping, number, "@lea:earnest.example")
    keeper = Shopkeeper(shopping.container)
    keeper.regular()
    assert state(shopping, one)[0] is ListingState.HELD
    with late.work() as work:
        assert work.content.relist(shopping.lea, one.id).state is ListingState.LISTED
    keeper.regular()
    assert state(shopping, one)[0] is ListingState.LISTED
    shopping.clock.pass_(minutes=2)
    keeper.regular()
    assert state(shopping, one)[0] is ListingState.HELD


def _begun(shop: Shopping) -> Container:
    """The service as a process of it that has just begun: it has not read the lists yet, nor begins to unasked."""
    made = Container(shop.container.settings, clock=shop.clock)
    made.__dict__["database"] = shop.container.database
    made.labelling._rests_until = inf
    return made


def follows(shop: Shopping) -> int:
    """Follow a list; its number."""
    with shop.container.work() as work:
        return work.followed.follow("watch", "/list").id


def speaks_of(shop: Shopping, number: int, *users: str) -> None:
    """Let the list speak of some people, and of nobody else."""
    with shop.container.work() as work:
        work.followed.take_out(number, [(Subject.USER, LEA)])
        work.followed.write(number, [Entry(Subject.USER, user, Recommendation.BAN, "spam") for user in users])
        work.followed.read("watch", form="policy", entries=len(users), left_out=0, again=False)


def test_a_draft_of_rules_changes_nothing(shopping: Shopping) -> None:
    one = shopping.put_up(title="Poker")
    document = {"version": 1, "kind": "shop", "rules": [HELD], "patterns": POKER}
    made = shopkeeping.plan(shopping.container, read_rules(json.dumps(document)))
    assert [(found.id, why.rule) for found, why in made.off] == [(one.id, "gambling")]
    assert state(shopping, one)[0] is ListingState.LISTED


def test_each_buyer_of_what_was_taken_down_is_told_once(shopping: Shopping) -> None:
    one = shopping.put_up()
    people = [shopping.kim, *(_person(shopping, number) for number in range(4))]
    bought = [shopping.pay(one, number, buyer=Buyer(person=who)) for number, who in enumerate(people, 1)]
    shopping.pay(one, 20, amount=1)
    with shopping.container.work() as work:
        work.content.took_back(bought[0].key)
        work.content.take_down(one.id, "Stolen.")
        while work.content.tell_buyers(limit=2):
            pass
    assert [told["purchase"] for told in owed(shopping, TAKEN_DOWN)] == [buying.id for buying in bought[1:]]
    assert [told["listing"] for told in owed(shopping, NEWS)] == [one.id]
    shopping.clock.pass_(minutes=1)
    with shopping.container.work() as work:
        work.content.take_down(one.id, "Stolen, indeed.")
        assert not work.content.tell_buyers(limit=2), "nobody is told twice"
        work.content.ask_refund(Buyer(person=people[1]), bought[1].id)
        counted, by_asset = work.content.owed_for(one.id), work.content.owed(shopping.lea)
    assert (counted.bought, counted.asked) == (4, 1)
    assert by_asset == {shopping.token: (2, 6)}, "what was asked for, and what bought nothing"


def _person(shop: Shopping, number: int) -> PersonId:
    with shop.container.work() as work:
        return work.people.number(UserId(f"@buyer{number}:earnest.example"))
