"""Tips by the contract: who was tipped has them, told once, as long as the chain holds the payment."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from app import books, forgetting, resealing, tipping
from contracts.events import BlockRef
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import UserId
from ledger.model import Level
from ledger.store import holders
from payments.tips.model import MOST_A_DAY, MOST_TERMS, News, TipState, Wish
from payments.tips.onchain import note_hash
from tests.support.anvil import ETHER
from tests.support.tipped import EVENT, FIVE, ROOM, Tipped, cheaper


def test_a_tip_is_told_of_as_it_becomes_sure_and_its_note_goes_with_the_last_block(tipped: Tipped) -> None:
    fair, link = tipped.fair, tipped.link()
    before = fair.anvil.tokens_of(fair.deployment, fair.address("lea"))
    key = tipped.pay(link)
    fair.follow_head()
    tip = tipped.tip(key)
    assert tip is not None
    assert (tip.giver, tip.receiver, tip.amount, tip.level) == (tipped.kim, tipped.lea, 5 * ETHER, Level.SEEN)
    assert (tip.room, tip.event, tip.note, tip.state, tip.quiet) == (ROOM, EVENT, "thank you", TipState.PAID, False)
    assert tipped.news() == ["seen"]
    fair.follow()
    assert tipped.news() == ["seen", "paid", "line", "receipt"]
    assert fair.anvil.tokens_of(fair.deployment, fair.address("lea")) == before + 5 * ETHER
    assert fair.anvil.tokens_of(fair.deployment, fair.checkout) == 0
    assert books.verify(fair.container).holds
    with fair.container.work() as work:
        assert [one.id for one in work.tips.given(tipped.kim)[0]] == [tip.id]
        assert [one.id for one in work.tips.received(tipped.lea)[0]] == [tip.id]
        assert work.tips.given(tipped.lea) == work.tips.received(tipped.kim) == ([], None)
        assert work.content.sales(tipped.lea) == ([], None), "a tip is no sale"
        for effect in ("paid", "line"):
            assert work.tips.is_owed(tip.id, News(effect), 0)
        work.tips.told_of(tip.id)
        told = work.tips.find(tip.id)
        assert told is not None
        assert told.note == "thank you", "somebody is to be told of it still"


def test_notes_go_under_a_new_sealing_key(tipped: Tipped) -> None:
    link = tipped.link()
    due = tipped.due(link)
    found = resealing.rotate(tipped.container, back=False)
    assert (found.older, found.lost) == (0, 0)
    resealing.forget(tipped.container)
    with tipped.container.read() as work:
        known = work.tip_links.find(link.token)
        assert known is not None
        assert known.wish == FIVE
    assert tipped.due(link).terms == due.terms, "the note of its terms, too"


def test_the_terminal_lists_them_and_names_nobody_who_does_not_say_who_they_are(tipped: Tipped) -> None:
    fair = tipped.fair
    fair_key = tipped.pay(tipped.link(), replace(FIVE, public=False, anonymous=True, note="=secret"))
    fair.follow()
    tip = tipped.tip(fair_key)
    assert tip is not None
    received = fair.earnest("tips", "list", "--person", "@lea:example.org").stdout
    assert f"{tip.id}  " in received
    assert "5 ERN  finalized  from (nobody who is named)" in received
    given = json.loads(fair.earnest("tips", "list", "--person", "@kim:example.org", "--given", "--json").stdout)
    assert [one["other"] for one in given["tips"]] == ["@lea:example.org"]
    lines = fair.earnest("tips", "statement", "--person", "@lea:example.org").stdout
    assert tip.id in lines
    for said in (received, json.dumps(given), lines):
        assert "secret" not in said


def test_its_terms_commit_to_the_note_and_are_the_same_when_asked_for_again(tipped: Tipped) -> None:
    link = tipped.link()
    due, again = tipped.due(link), tipped.due(link)
    assert due.terms == again.terms
    assert due.purchase != again.purchase
    assert due.terms.content == note_hash(due.salt, FIVE)
    assert due.terms.content != note_hash(bytes(32), FIVE)
    louder = tipped.due(link, replace(FIVE, note="Thank you!"))
    assert louder.terms.content != due.terms.content


def test_terms_that_nobody_chose_are_no_tip(tipped: Tipped) -> None:
    fair, link = tipped.fair, tipped.link()
    terms = tipped.due(link).terms
    keys = [
        tipped.forge(link, cheaper(terms)),
        tipped.forge(link, replace(terms, seller=fair.address("eve"))),
        tipped.forge(link, replace(terms, content=terms.listing)),
        tipped.forge(link, replace(terms, listing=terms.content)),
    ]
    fair.follow()
    assert [tipped.tip(key) for key in keys] == [None] * 4
    assert not tipped.news()


def test_what_the_chain_takes_back_is_taken_back_and_told_of_where_it_was_told(tipped: Tipped) -> None:
    fair = tipped.fair
    key = tipped.pay(tipped.link())
    fair.follow_head()
    tip = tipped.tip(key)
    assert tip is not None
    with fair.container.work() as work:
        assert work.tips.tries(tip.id, News.SEEN, 0)
    fair.anvil.reorg(1)
    fair.follow_head()
    gone = tipped.tip(key)
    assert gone is not None
    assert (gone.state, gone.level, gone.round) == (TipState.TAKEN_BACK, Level.ORPHANED, 1)
    assert tipped.news() == ["seen", "gone_giver"], "the receiver and the room were told of nothing"
    with fair.container.work() as work:
        for news in (News.SEEN, News.PAID, News.LINE, News.RECEIPT):
            assert not work.tips.tries(tip.id, news, 0)
    fair.follow()
    assert books.verify(fair.container).holds


def test_a_line_that_may_stand_in_the_room_is_taken_back(tipped: Tipped) -> None:
    fair = tipped.fair
    key = tipped.pay(tipped.link())
    fair.follow_head()
    tip = tipped.tip(key)
    assert tip is not None
    with fair.container.work() as work:  # as if it had been safe when it left
        assert work.tips.tries(tip.id, News.PAID, 0)
        assert work.tips.tries(tip.id, News.LINE, 0)
        head = work.book.head()
        assert isinstance(head, BlockRef)
        work.tips.left(head)
        assert work.tips.tries(tip.id, News.LINE, 0), "it died as it said it: it is said again, to be found"
        work.tips.said(tip.id, "$line")
        work.tips.unsaid(tip.id)
        after = work.tips.find(tip.id)
        assert after is not None
        assert (after.line, after.line_tried) == (None, False)
    assert tipped.news() == ["seen", "gone_receiver", "unsaid"]


def test_terms_that_are_paid_again_are_booked_and_no_news(tipped: Tipped) -> None:
    fair, link = tipped.fair, tipped.link()
    due = tipped.due(link)
    first = tipped.forge(link, due.terms)
    second = tipped.forge(link, due.terms, "eve")
    fair.follow()
    told, quiet = tipped.tip(first), tipped.tip(second)
    assert told is not None
    assert quiet is not None
    assert (told.quiet, quiet.quiet) == (False, True)
    assert tipped.news().count("paid") == 1
    with pytest.raises(Conflict, match="was paid by this link"):
        tipped.due(link)
    fair.follow()
    assert tipped.news().count("paid") == 1


def test_nobody_tips_themselves(tipped: Tipped) -> None:
    fair = tipped.fair
    with fair.container.work() as work, pytest.raises(Invalid, match="nobody tips themselves"):
        work.tip_links.link(tipped.lea, tipped.lea, FIVE)
    link = tipped.link()
    with pytest.raises(Invalid, match="pay itself"):
        tipped.due(link, payer="lea")
    with fair.container.work() as work:
        holders.link(work.session, tipped.lea, fair.address("eve"), is_primary=False, now=work.now)
    key = tipped.pay(link, payer="eve")
    fair.follow()
    own = tipped.tip(key)
    assert own is not None
    assert own.quiet, "from one wallet of hers to another"
    assert not tipped.news()


def test_whoever_takes_no_tips_is_as_whoever_has_no_wallet_or_is_unknown(tipped: Tipped) -> None:
    with tipped.container.work() as work:
        nobody = work.people.number(UserId("@nobody:example.org"))
        with pytest.raises(Conflict, match="Link a wallet first"):
            work.tip_links.on(nobody)
        rich = work.people.number(UserId("@rich:example.org"))
        holders.link(work.session, rich, tipped.fair.address("eve"), is_primary=True, now=work.now)
        said = set()
        for one in (nobody, rich):
            with pytest.raises(NotFound) as refused:
                work.tip_links.link(tipped.kim, one, FIVE)
            said.add((refused.value.code, refused.value.message))
        assert len(said) == 1
    link = tipped.link()
    with tipped.container.work() as work:
        work.tip_links.off(tipped.lea)
    with pytest.raises(NotFound, match="take no tips"):
        tipped.due(link)


def test_nobody_is_shown_another_wallet_than_the_one_that_was_named(tipped: Tipped) -> None:
    fair, link = tipped.fair, tipped.link()
    with tipped.container.work() as work:
        holders.link(work.session, tipped.lea, fair.address("eve"), is_primary=False, now=work.now)
        work.holders.set_primary(tipped.lea, fair.address("eve"))
        assert work.tip_links.wallet_of(tipped.lea) == fair.address("lea"), "of another one she said nothing"
    assert tipped.due(link).terms.seller == fair.address("lea")
    with tipped.container.work() as work:
        work.holders.unlink(tipped.lea, fair.address("lea"))
        assert work.tip_links.wallet_of(tipped.lea) is None
        assert work.tip_links.lost(tipped.lea) == fair.address("lea")
        holders.link(work.session, tipped.kim, fair.address("lea"), is_primary=True, now=work.now)
        assert work.tip_links.wallet_of(tipped.lea) is None, "it is another's now"
    with pytest.raises(NotFound, match="take no tips"):
        tipped.due(link)
    with tipped.container.work() as work:
        assert work.tip_links.on(tipped.lea) == fair.address("eve")
        assert work.tip_links.lost(tipped.lea) is None
    assert tipped.due(link).terms.seller == fair.address("eve")


def test_links_and_sums_have_bounds(tipped: Tipped) -> None:
    link = tipped.link()
    with pytest.raises(Invalid, match=r"at least 0\.01"):
        tipped.due(link, replace(FIVE, amount=10**16 - 1))
    with pytest.raises(Invalid, match="Say how much"):
        tipped.due(link, Wish())
    with pytest.raises(Invalid, match="at most 300"):
        tipped.due(link, replace(FIVE, note="a" * 301))
    with pytest.raises(Invalid, match="has its giver's name"):
        tipped.due(link, replace(FIVE, anonymous=True))
    for number in range(MOST_TERMS):
        tipped.due(link, replace(FIVE, note=f"{number}"))
    with pytest.raises(Conflict, match="too many ways"):
        tipped.due(link, replace(FIVE, note="once more"))
    for _ in range(MOST_A_DAY - 1):
        tipped.link()
    with pytest.raises(Conflict, match="in a day"):
        tipped.link()


def test_whoever_is_forgotten_gave_nothing_and_stands_in_no_line(tipped: Tipped) -> None:
    fair = tipped.fair
    key = tipped.pay(tipped.link())
    unpaid = tipped.link()
    fair.follow()
    tip = tipped.tip(key)
    assert tip is not None
    with fair.container.work() as work:
        assert work.tips.tries(tip.id, News.LINE, 0)
        work.tips.said(tip.id, "$line")
        forgetting.forget_person(work, tipped.kim)
    left = tipped.tip(key)
    assert left is not None
    assert (left.giver, left.note, left.amount) == (None, None, 5 * ETHER)
    assert tipped.news()[-1] == "unsaid"
    with fair.container.read() as work:
        assert work.tip_links.find(unpaid.token) is None
        assert work.tips.received(tipped.lea)[0] == [left]
    fair.follow()
    assert books.verify(fair.container).holds


def test_links_and_notes_go_when_their_time_is_over(tipped: Tipped) -> None:
    fair = tipped.fair
    key, unpaid = tipped.pay(tipped.link()), tipped.link()
    fair.follow()
    fair.anvil.travel(int(timedelta(days=38).total_seconds()))
    forgetting.prune_all(fair.container.work, events_kept=timedelta(days=90))
    with fair.container.read() as work:
        assert work.tip_links.find(unpaid.token) is None
    kept = tipped.tip(key)
    assert kept is not None
    assert kept.note is None
    with pytest.raises(NotFound, match="over"):
        tipping.due(fair.container, unpaid.token, FIVE, payer=fair.address("kim"))
