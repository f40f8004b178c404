"""Tips in other tokens, on a real node and both databases: who takes which, what is read, and what becomes of a tip."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from app import books, forgetting, tipping
from app import tipped as given
from app.wording import tips as wording
from app.wording.reader import Reader, Service
from contracts import checkout, codec
from contracts.words import word
from kit.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from kit.identifiers import UserId, show_address
from ledger.model import Level, erc20
from ledger.store import holders
from payments.tips.model import News, TipState, Wish
from tests.support.tipped import Tipped
from tests.support.tokens import dollar_token, held, odd_token, permit_token, text

DOLLARS = 2_500_000


def test_a_tip_in_dollars_is_told_as_such_taken_back_and_stands_by_its_asset(tipped: Tipped) -> None:
    fair, usdx = tipped.fair, dollar_token(tipped.fair.anvil)
    (asset,) = tipped.takes(usdx)
    link = tipped.link(Wish(DOLLARS, "thank you", asset=asset))
    assert link.wish.asset == asset
    key = tipped.pay(link)
    fair.follow_head()
    tip = tipped.tip(key)
    assert tip is not None
    assert (tip.asset, tip.amount, tip.level, tip.quiet) == (asset, DOLLARS, Level.SEEN, False)
    assert held(fair.anvil, usdx, fair.address("lea")) == DOLLARS
    with fair.container.work() as work:
        assert work.tips.tries(tip.id, News.SEEN, 0)
        service = Service("ERN", 18, "https://earnest.example", None)
        kim, lea = UserId("@kim:example.org"), UserId("@lea:example.org")
        said = wording.told(Reader(service, work.now), News.PAID, tip, work.tokens.name, giver=kim, receiver=lea)
    assert "You were tipped 2.5 USDX" in said.plain
    fair.anvil.reorg(1)
    fair.follow_head()
    gone = tipped.tip(key)
    assert gone is not None
    assert (gone.state, tipped.news()) == (TipState.TAKEN_BACK, ["seen", "gone_giver"])
    again, own = tipped.pay(tipped.link(Wish(DOLLARS, asset=asset))), tipped.pay(tipped.link())
    fair.follow()
    assert tipped.news().count("paid") == 2
    assert books.verify(fair.container).holds
    with fair.container.read() as work:
        rows = list(csv.DictReader(io.StringIO("".join(given.statement_csv(work, tipped.lea)))))
    stands = {row["asset"]: row["amount"] for row in rows if row["state"] == "paid"}
    assert stands == {"USDX": "2.5", "ERN": "5"}
    listed = fair.earnest("tips", "list", "--person", "@lea:example.org").stdout
    assert ("2.5 USDX  finalized" in listed, "5 ERN  finalized" in listed) == (True, True), listed
    assert None not in (tipped.tip(again), tipped.tip(own))


def test_nobody_is_tipped_in_what_they_did_not_name_or_the_operator_does_not_allow(tipped: Tipped) -> None:
    fair, usdx, other = tipped.fair, dollar_token(tipped.fair.anvil), permit_token(tipped.fair.anvil, symbol="EURX")
    (asset,) = tipped.takes(usdx)
    tipped.allow(usdx, other)
    euros, link = erc20(fair.deployment.chain_id, other), tipped.link()
    with pytest.raises(Forbidden, match="They take ERN, USDX") as refused:
        tipped.link(Wish(5, asset=euros))
    assert refused.value.code == "tip_asset"
    with pytest.raises(Forbidden, match="They take ERN, USDX"):
        tipped.due(link, Wish(DOLLARS, asset=euros))
    with fair.container.work() as work:
        with pytest.raises(Forbidden):
            work.tip_links.on(tipped.lea, erc20(fair.deployment.chain_id, fair.checkout))
        with pytest.raises(Invalid, match="own token"):
            work.tip_links.off(tipped.lea, work.tokens.own)
        assert work.tip_links.takes(tipped.lea) == (work.tokens.own, asset)
        assert work.tip_links.takes(tipped.kim) == ()
    assert tipped.due(link, Wish(DOLLARS, asset=asset)).symbol == "USDX"
    with fair.container.work() as work:
        work.tip_links.off(tipped.lea, asset)
    with pytest.raises(Forbidden, match=r"They take ERN\."):
        tipped.due(link, Wish(DOLLARS, asset=asset))
    assert tipped.due(link).symbol == "ERN", "in our own she is tipped as before"


def test_what_somebody_takes_is_kept_with_their_word_and_goes_with_it(tipped: Tipped) -> None:
    (asset,) = tipped.takes(dollar_token(tipped.fair.anvil))
    with tipped.container.work() as work:
        own, links, lea = work.tokens.own, work.tip_links, tipped.lea
        links.on(lea)
        assert links.takes(lea) == (own, asset), "another word for the wallet is none against the token"
        links.off(lea)
        assert links.takes(lea) == ()
        links.on(lea)
        assert links.takes(lea) == (own,)
        links.on(lea, asset)
        forgetting.forget_person(work, lea)
        assert (links.takes(lea), work.tips._store.taken_in(lea)) == ((), frozenset())


def test_what_the_operator_takes_away_is_tipped_in_no_more_and_after_an_hour_is_no_news(tipped: Tipped) -> None:
    fair, usdx = tipped.fair, dollar_token(tipped.fair.anvil)
    (asset,) = tipped.takes(usdx)
    first, second, third = (tipped.link() for _ in range(3))
    wish = Wish(DOLLARS, asset=asset)
    dues = [tipped.due(link, wish) for link in (first, second, third)]
    tipped.allow()
    for link in (first, second):
        with pytest.raises(Forbidden, match=r"They take ERN\."):
            tipped.due(link, wish)
    tipped.send(dues[0].terms, dues[0].order)
    fair.follow()
    fair.anvil.travel(int(timedelta(hours=1, minutes=5).total_seconds()))
    late = tipped.forge(second, dues[1].terms)
    fair.follow()
    early, quiet = tipped.tip(dues[0].purchase), tipped.tip(late)
    assert early is not None
    assert quiet is not None
    assert (early.quiet, quiet.quiet, quiet.amount) == (False, True, DOLLARS)
    assert tipped.news().count("paid") == 1
    assert held(fair.anvil, usdx, fair.address("lea")) == 2 * DOLLARS, "it is hers all the same"
    assert "2.5 USDX" in fair.earnest("tips", "list", "--person", "@lea:example.org").stdout, "it keeps its name"
    tipped.allow(usdx)
    tipped.forge(third, dues[2].terms)
    fair.follow()
    assert tipped.news().count("paid") == 2, "allowed again"


def test_a_token_that_takes_a_cut_tips_nobody(tipped: Tipped) -> None:
    fair, cutting = tipped.fair, odd_token(tipped.fair.anvil, cut_bps=100)
    (asset,) = tipped.takes(cutting)
    due, kim = tipped.due(tipped.link(), Wish(10**18, asset=asset)), fair.anvil.signer("kim")
    assert due.permit is None
    assert fair.anvil.send(kim, cutting, codec.encode_approve(fair.checkout, 10**18)).succeeded
    call = checkout.encode_buy(due.terms, due.order)
    with pytest.raises(Conflict, match="NotPaidExactly"):
        fair.anvil.chain.estimate_gas(fair.checkout, call, kim.address)
    assert not fair.anvil.send(kim, fair.checkout, call, gas=500_000).succeeded
    fair.follow()
    assert (tipped.tip(due.purchase), tipped.news(), held(fair.anvil, cutting, fair.address("lea"))) == (None, [], 0)


def test_a_payment_that_is_sent_twice_is_made_once(tipped: Tipped) -> None:
    fair, usdx = tipped.fair, dollar_token(tipped.fair.anvil)
    (asset,) = tipped.takes(usdx)
    due, kim = tipped.due(tipped.link(), Wish(DOLLARS, asset=asset)), fair.anvil.signer("kim")
    tipped.send(due.terms, due.order)
    assert fair.anvil.send(kim, usdx, codec.encode_approve(fair.checkout, DOLLARS)).succeeded
    assert not fair.anvil.send(kim, fair.checkout, checkout.encode_buy(due.terms, due.order), gas=500_000).succeeded
    fair.follow()
    assert held(fair.anvil, usdx, fair.address("lea")) == DOLLARS
    assert tipped.news() == ["seen", "paid", "receipt"]


@pytest.mark.parametrize(("decimals", "amount", "shown", "least"), [(0, 3, "3", "1"), (30, 10**30 + 1, None, "0.01")])
def test_sums_are_exact_whatever_decimals_a_token_has(
    tipped: Tipped, decimals: int, amount: int, shown: str | None, least: str
) -> None:
    token = odd_token(tipped.fair.anvil, decimals=word(decimals))
    tipped.allow(token)
    asset = erc20(tipped.fair.deployment.chain_id, token)
    with tipped.container.work() as work:
        work.tip_links.on(tipped.lea, asset)
        with pytest.raises(Invalid, match=rf"at least {least} ODD"):
            tipping.read_wish(f"{'0' if decimals == 0 else '0.009'} ODD", work.tokens, public=False)
        with pytest.raises(Invalid, match=f"at most {decimals} decimal"):
            tipping.read_wish(f"1.{'1' * (decimals + 1)} ODD", work.tokens, public=False)
        exact = shown or "1." + "0" * 29 + "1"
        wish = tipping.read_wish(f"{exact} ODD", work.tokens, public=False)
        assert (wish.amount, wish.asset) == (amount, asset)
    link = tipped.link(wish)
    due = tipped.due(link)
    assert (due.terms.asset, due.terms.price, due.decimals) == (token, amount, decimals)


def test_two_tokens_of_one_name_are_told_apart_by_their_addresses(tipped: Tipped) -> None:
    anvil = tipped.fair.anvil
    one, two = permit_token(anvil, symbol="USDC"), permit_token(anvil, symbol="usdc", decimals=18)
    turned, endless = odd_token(anvil, symbol=text("\u202eCDSU")), odd_token(anvil, symbol=text("USDC" * 60))
    tipped.allow(one, two, turned, endless)
    with tipped.container.read() as work:
        tokens = work.tokens
        for written in ("5 USDC thanks", "5 usdc", "5:USDC", "5USDC"):
            with pytest.raises(Invalid, match="by its address") as refused:
                tipping.read_wish(written, tokens, public=False)
            assert refused.value.code == "asset_unclear"
            assert all(show_address(token) in refused.value.message for token in (one, two))
        for token in (one, two, turned, endless):
            wish = tipping.read_wish(f"5 {show_address(token)} thanks", tokens, public=False)
            assert (wish.asset, wish.note) == (erc20(tipped.fair.deployment.chain_id, token), "thanks")
        assert tokens.name(erc20(tipped.fair.deployment.chain_id, turned))[0] == show_address(turned)
        assert tokens.name(erc20(tipped.fair.deployment.chain_id, endless))[0] == show_address(endless)


def test_what_is_written_of_another_token_is_never_read_as_a_sum_of_ours(tipped: Tipped) -> None:
    tipped.takes(dollar_token(tipped.fair.anvil))
    ten = 10**19
    with tipped.container.read() as work:
        tokens = work.tokens
        dollars = tokens.find("USDX")
        for written, wish in (
            ("", Wish()),
            ("10", Wish(ten)),
            ("10 Thank you", Wish(ten, "Thank you")),
            ("10ERN Thank you", Wish(ten, "Thank you")),
            ("10 ern THANKS A LOT", Wish(ten, "THANKS A LOT")),
            ("10 PRIVATE: hm", Wish(ten, "hm")),
            ("10 USDX", Wish(10_000_000, asset=dollars)),
            ("0.5 usdx: for the talk", Wish(500_000, "for the talk", asset=dollars)),
            ("10 USDX anonymous: hm", Wish(10_000_000, "hm", anonymous=True, asset=dollars)),
            ("10USDX public: 5 ERN more", Wish(10_000_000, "5 ERN more", public=True, asset=dollars)),
        ):
            assert tipping.read_wish(written, tokens, public=False) == wish, written
        for written in ("10 USDT", "10 EUR thanks", "10 USDT: thanks", "10BTC", f"10 0x{'ab' * 20}", "10:USDC"):
            with pytest.raises(Forbidden, match="there is ERN, USDX") as refused:
                tipping.read_wish(written, tokens, public=False)
            assert refused.value.code == "tip_token_unknown"
        for written in ("ten USDX", "-1 USDX", "1,5 USDX", "1e3 USDX", "0x5 USDX"):
            with pytest.raises(Refusal):
                tipping.read_wish(written, tokens, public=False)


def test_whoever_lost_their_wallet_is_tipped_in_nothing(tipped: Tipped) -> None:
    (asset,) = tipped.takes(dollar_token(tipped.fair.anvil))
    link = tipped.link()
    with tipped.container.work() as work:
        holders.link(work.session, tipped.lea, tipped.fair.address("eve"), is_primary=False, now=work.now)
        work.holders.unlink(tipped.lea, tipped.fair.address("lea"))
        assert work.tip_links.takes(tipped.lea) == ()
    with pytest.raises(NotFound, match="take no tips"):
        tipped.due(link, Wish(DOLLARS, asset=asset))
