"""What rules hold or refuse is sold to nobody, whatever its seller does with it before, after or in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kit.database import Database
from kit.errors import Conflict, Forbidden, NotFound
from payments.content.holds import Objection, Outcome
from payments.content.model import GRACE, Buyer, Kind, Listing, ListingState, Offer, OwedBecause, PurchaseState
from payments.content.overseeing import KEPT_FOR
from payments.content.service import Content
from tests.support.stalls import ERN, Stall, offer

HOUR = timedelta(hours=1)


def rules(listing: Listing) -> Objection | None:
    """Poker waits, bombs do not come in."""
    title = listing.version.offer.title
    if "poker" in title:
        return Objection(Outcome.HOLD, "gambling", "No gambling.")
    return Objection(Outcome.REFUSE, "bombs", "No bombs.") if "bomb" in title else None


@pytest.fixture
def stall(tmp_path: Path, database: Database) -> Stall:
    made = Stall(database, tmp_path / "blobs")
    made.judge = rules
    return made


def does(stall: Stall, deed: Callable[[Content], Listing]) -> Listing:
    """Do something with what is sold, a second later."""
    stall.pass_by(timedelta(seconds=1))
    with stall.work() as content:
        return deed(content)


def own(stall: Stall, one: Listing) -> Listing:
    with stall.work() as content:
        return content.own(stall.lea, one.id)


def revised(stall: Stall, one: Listing, title: str) -> Listing:
    return does(stall, lambda content: content.revise(stall.lea, one.id, offer(title=title), allowed=[ERN]))


def unlisted(stall: Stall, one: Listing) -> Listing:
    return does(stall, lambda content: content.unlist(stall.lea, one.id))


def relisted(stall: Stall, one: Listing) -> Listing:
    return does(stall, lambda content: content.relist(stall.lea, one.id))


def is_seen(stall: Stall, one: Listing) -> bool:
    with stall.work() as content:
        try:
            content.listing(one.id)
        except NotFound:
            return False
    return True


def sells(stall: Stall, one: Listing, number: int) -> bool:
    """Whether a payment by its terms buys it now."""
    return stall.pay(one, number).because is None


def test_what_was_held_at_once_is_a_draft_when_it_is_taken_in_and_was_never_for_sale(stall: Stall) -> None:
    one = stall.put_up(title="poker")
    assert (one.state, sells(stall, one, 1)) == (ListingState.HELD, False)
    for number in range(3):
        found = unlisted(stall, one)
        assert (found.state, found.reason, is_seen(stall, one)) == (ListingState.DRAFT, None, False)
        assert not sells(stall, one, 10 + number)
        assert relisted(stall, one).state is ListingState.HELD
        assert not sells(stall, one, 20 + number)
        stall.pass_by(5 * HOUR)
    assert stall.read(Buyer(person=stall.kim), one) is None


def test_a_draft_that_is_taken_in_stays_one(stall: Stall) -> None:
    draft = does(stall, lambda content: content.list_(stall.lea, _admission(), allowed=[ERN]))
    assert unlisted(stall, draft).state is ListingState.DRAFT
    assert not is_seen(stall, draft)


def test_what_was_taken_off_is_not_payable_for_another_hour_by_being_unlisted(stall: Stall) -> None:
    stall.judge = lambda _: None
    one = stall.put_up(title="poker")
    stall.judge = rules
    with stall.work() as content:
        assert content.weigh(one.id, take_off=True)
        ended = content.own(stall.lea, one.id).ended_at
    assert sells(stall, one, 1), "somebody was about to pay"
    stall.pass_by(GRACE)
    found = unlisted(stall, one)
    assert (found.state, found.ended_at) == (ListingState.UNLISTED, ended)
    assert not sells(stall, one, 2)
    assert (relisted(stall, one).state, unlisted(stall, one).ended_at) == (ListingState.HELD, ended)
    assert not sells(stall, one, 3)
    relisted(stall, one)
    with stall.work() as content:
        content.refuse(one.id, 1, "No.")
    unlisted(stall, one)
    assert not sells(stall, one, 4)


def test_a_version_that_was_off_is_not_payable_by_being_replaced(stall: Stall) -> None:
    one = stall.put_up(title="poker")
    mended = revised(stall, one, "chess")
    assert (mended.state, sells(stall, mended, 1)) == (ListingState.LISTED, True)
    assert not sells(stall, one, 2), "it was never for sale"
    held = revised(stall, one, "more poker")
    assert (held.state, sells(stall, held, 3), sells(stall, mended, 4)) == (ListingState.HELD, False, True)
    stall.pass_by(GRACE)
    assert revised(stall, one, "checkers").state is ListingState.LISTED
    assert [sells(stall, it, 5 + number) for number, it in enumerate((one, mended, held))] == [False] * 3


def test_what_was_never_shown_is_not_shown_by_a_take_down_either(stall: Stall) -> None:
    one, other = stall.put_up(title="poker"), stall.put_up()
    with stall.work() as content:
        for it in (one, other):
            content.take_down(it.id, "No.")
    assert (is_seen(stall, one), is_seen(stall, other)) == (False, True)
    with stall.work() as content:
        for it in (one, other):
            content.put_back(it.id)
    assert (own(stall, one).state, is_seen(stall, one), sells(stall, one, 1)) == (ListingState.DRAFT, False, False)
    assert (own(stall, other).state, is_seen(stall, other)) == (ListingState.UNLISTED, True)


def test_who_leaves_has_nothing_shown_by_that_and_no_hold_stands(stall: Stall) -> None:
    one, other = stall.put_up(title="poker"), stall.put_up(title="poker")
    for number, it in enumerate((one, other)):
        assert stall.pay(it, number).state is PurchaseState.OWED_BACK
    with stall.work() as content:
        content.refuse(other.id, 1, "Never.")
        content.forget(stall.lea)
        found = content.held(over=True)
        assert [hold.ended_at for hold in found] == [stall.now] * 2
        assert {hold.listing.state for hold in found} == {ListingState.DRAFT}
    assert not sells(stall, one, 9)
    stall.pass_by(KEPT_FOR + HOUR)
    with stall.work() as content:
        assert content.prune_holds(limit=10) == 2


def test_what_rules_refuse_is_refused_where_nothing_is_for_sale_too(stall: Stall) -> None:
    one = stall.put_up(title="flowers")
    bought = stall.pay(one, 1)
    assert unlisted(stall, one).state is ListingState.UNLISTED
    with pytest.raises(Forbidden):
        revised(stall, one, "a bomb")
    assert own(stall, one).version.offer.title == "flowers"
    later = revised(stall, one, "poker")
    assert later.state is ListingState.UNLISTED
    assert stall.pay(later, 2).because is OwedBecause.NOT_FOR_SALE, "it was made since"
    assert sells(stall, one, 3), "somebody was about to pay"
    assert bought.opens(stall.now)
    draft = does(stall, lambda content: content.list_(stall.lea, _admission(), allowed=[ERN]))
    with pytest.raises(Forbidden):
        revised_as(stall, draft, "a bomb")


@pytest.mark.parametrize(("title", "told"), [("poker", "No gambling."), ("a bomb", "No bombs.")])
def test_an_admission_whose_room_comes_ready_is_put_to_the_rules(stall: Stall, title: str, told: str) -> None:
    stall.judge = lambda _: None
    one = does(stall, lambda content: content.list_(stall.lea, _admission(), allowed=[ERN]))
    revised_as(stall, one, title)
    stall.judge = rules
    checked(stall)
    found = own(stall, one)
    assert (found.state, found.reason, is_seen(stall, one)) == (ListingState.HELD, told, False)
    assert not sells(stall, found, 1)
    with stall.work() as content:
        assert content.allow(one.id, 2).state is ListingState.LISTED, "its room is ready"
    assert sells(stall, found, 2)


def test_an_answer_is_of_the_version_that_was_looked_at(stall: Stall) -> None:
    one = stall.put_up(title="poker, all harmless")
    held = revised(stall, one, "poker, and worse")
    answers: list[Callable[[Content, int], Listing]] = [
        lambda content, version: content.refuse(one.id, version, "No."),
        lambda content, version: content.allow(one.id, version),
    ]
    for answer in answers:
        for wrong in (1, 3):
            with pytest.raises(Conflict) as refused, stall.work() as content:
                answer(content, wrong)
            assert refused.value.code == "version_newer"
        with stall.work() as content:
            answer(content, held.version.number)
    assert own(stall, one).state is ListingState.LISTED


def _admission() -> Offer:
    return offer(kind=Kind.ADMISSION, reference="!room:earnest.example", admitted=timedelta(days=1))


def revised_as(stall: Stall, one: Listing, title: str) -> Listing:
    renamed = replace(one.version.offer, title=title)
    return does(stall, lambda content: content.revise(stall.lea, one.id, renamed, allowed=[ERN]))


def checked(stall: Stall) -> None:
    """Let the bot find that all is well in a room."""
    with stall.work() as content:
        (place,) = content.admissions.places()
        content.admissions.checked(place, None)
