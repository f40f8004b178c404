"""Programs pay in other tokens, on a real node and both databases; a token that lies buys nothing and costs little."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from eth_utils.crypto import keccak

from app import buying, facilitating, tokens
from contracts.authorizations import Authorization
from contracts.typed_data import EARNEST, Domain
from kit.identifiers import Address, show_address
from ledger.model import Asset, Level, erc20
from payments.content.model import Listing, Purchase, PurchaseState
from tests.support.counter import TEXT, Counter, packed, unpacked
from tests.support.other_facilitator import honest, other_facilitator
from tests.support.peers import npm_buyer
from tests.support.services import listening
from tests.support.stock_shop import StockShop, following
from tests.support.till import PRICE, SELLER, Till
from tests.support.tokens import Trick, become, dollar_token, give, held

DOLLARS = 2_500_000
DOMAIN = Domain("Some Dollar", "2")


class Bureau:
    """A counter at which programs may pay in dollars, too; the buyer holds just the price, in either."""

    def __init__(self, till: Till, counter: Counter) -> None:
        """Let the operator allow a token that programs can pay in."""
        self.till, self.counter, self.anvil = till, counter, till.anvil
        self.usdx = dollar_token(till.anvil)
        give(till.anvil, self.usdx, till.buyer.address, DOLLARS)
        self.allow(self.usdx)

    def allow(self, *allowed: Address) -> None:
        """Let the operator allow just these, and the service read them."""
        self.till.container.settings.sales_tokens = ",".join(map(show_address, allowed))
        tokens.learn(self.till.container)

    def asset(self, token: Address | None = None) -> Asset:
        """What a token (the dollars) is in the books."""
        return erc20(self.till.deployment.chain_id, token or self.usdx)

    def put_up(self, **prices: Any) -> Listing:  # noqa: ANN401 - the parts of an offer
        """List a file for 2 ERN or 2.5 dollars."""
        own = self.asset(self.till.deployment.token)
        return self.counter.put_up(**{"prices": {self.asset(): DOLLARS, own: PRICE}, **prices})

    def signed(self, **changes: Any) -> Authorization:  # noqa: ANN401 - any field
        """A transfer of dollars."""
        return self.till.signed(**{"amount": DOLLARS, **changes})

    def demand(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """What a seller elsewhere asks in dollars."""
        extra = {"name": DOMAIN.name, "version": DOMAIN.version}
        return self.till.demand(asset=show_address(self.usdx), amount=str(DOLLARS), extra=extra, **changes)

    def body(self, signed: Authorization | None = None, demand: dict[str, Any] | None = None) -> dict[str, Any]:
        """What such a seller sends in."""
        asked = demand or self.demand()
        return self.till.body(signed or self.signed(), asked, token=self.usdx, domain=DOMAIN)

    def paid(self, listing: Listing) -> str:
        """A payment in dollars for what is sold here."""
        dollars = self.counter.asked(listing)["accepts"][1]
        return packed(self.body(demand=dollars)["paymentPayload"])

    def earned(self) -> int:
        """What the seller holds of the dollars."""
        return held(self.anvil, self.usdx, SELLER)

    def bought(self) -> Purchase:
        """The one sale."""
        (made,) = self.counter.sales()
        return made


@pytest.fixture
def bureau(till: Till, counter: Counter) -> Bureau:
    """It, on the till of this test."""
    return Bureau(till, counter)


def test_what_is_asked_names_each_token_by_its_own_domain(bureau: Bureau) -> None:
    listing = bureau.put_up()
    asked = bureau.counter.asked(listing)
    own, dollars = asked["accepts"]
    assert (own["asset"], own["amount"]) == (show_address(bureau.till.deployment.token), str(PRICE))
    assert (own["extra"]["name"], own["extra"]["version"]) == tuple(EARNEST)
    assert (dollars["asset"], dollars["amount"]) == (show_address(bureau.usdx), str(DOLLARS))
    assert (dollars["extra"]["name"], dollars["extra"]["version"]) == tuple(DOMAIN)
    told = bureau.till.door.get("/v1/x402/supported").json()["kinds"][0]["extra"]
    assert told == {"assets": [own["asset"], dollars["asset"]]}
    (found,) = bureau.till.door.get("/v1/x402/discovery/resources").json()["items"]
    assert [one["asset"] for one in found["accepts"]] == [own["asset"], dollars["asset"]]


def test_a_stock_client_buys_in_the_token_that_it_may_spend(bureau: Bureau) -> None:
    till, listing = bureau.till, bureau.put_up()
    till.container.settings.facilitator_wait_seconds = 30
    one: Any = {"asset": show_address(bureau.usdx), "network": f"eip155:{till.deployment.chain_id}"}
    path = f"/v1/listings/{listing.id}/content"
    with listening(till.container) as url, following(till.container):
        may: Any = {"allowed_assets": [one | {"max_amount_per_payment": str(DOLLARS)}]}
        answer = asyncio.run(StockShop(url).buy("buyer", path, may))
        assert (answer.status_code, answer.content) == (200, TEXT)
        assert unpacked(answer, "payment-response")["amount"] == str(DOLLARS)
    assert (bureau.earned(), till.sold(), till.anvil.chain.balance(till.buyer.address)) == (DOLLARS, 0, 0)
    assert (bureau.bought().asset, bureau.bought().amount) == (bureau.asset(), DOLLARS)


def test_the_npm_client_buys_in_the_token_that_it_may_spend(bureau: Bureau) -> None:
    till, listing = bureau.till, bureau.put_up()
    till.container.settings.facilitator_wait_seconds = 30
    asking: Any = {"network": f"eip155:{till.deployment.chain_id}", "asset": show_address(bureau.usdx)}
    with listening(till.container) as url, following(till.container):
        where, key = f"{url}/v1/listings/{listing.id}/content", keccak(text="a key of buyer")
        refused = npm_buyer(where, key, most=DOLLARS - 1, **asking)
        assert (refused.status, refused.sent) == (0, None), refused
        bought = npm_buyer(where, key, most=DOLLARS, **asking)
        assert (bought.status, bought.body) == (200, TEXT), bought
    assert (bureau.earned(), till.sold(), till.sent()) == (DOLLARS, 0, 1)


def test_a_seller_elsewhere_is_paid_once_and_sees_the_one_transaction(bureau: Bureau) -> None:
    till, body = bureau.till, bureau.body()
    assert till.verify(body)["isValid"]
    assert till.settle(body)["errorReason"] == "settlement_pending"
    till.round()
    made = till.settle(body)
    assert (made["success"], made["amount"]) == (True, str(DOLLARS))
    till.rounds()
    assert till.settle(body) == made
    assert (bureau.earned(), till.sent()) == (DOLLARS, 1)
    assert till.verify(body)["invalidReason"] == "invalid_exact_evm_nonce_already_used"
    with till.container.read() as work:
        assert not work.carrying.under_way()


def test_what_is_bought_is_booked_in_its_token_and_a_reorg_takes_it_back(bureau: Bureau) -> None:
    till, listing = bureau.till, bureau.put_up()
    paid = bureau.paid(listing)
    assert bureau.counter.get(listing, paid).status_code == 202
    till.round()
    assert bureau.counter.get(listing, paid).content == TEXT
    till.anvil.reorg(1)
    till.round()
    till.round()
    till.rounds()
    assert bureau.counter.get(listing, paid).content == TEXT
    made = bureau.bought()
    assert (made.asset, made.amount, made.level, made.because) == (bureau.asset(), DOLLARS, Level.FINALIZED, None)
    assert (bureau.earned(), till.sent()) == (DOLLARS, 1)


def test_sums_of_two_tokens_are_never_added_up(bureau: Bureau) -> None:
    till = bureau.till
    poor = till.pauper("poor", tokens=PRICE)
    give(till.anvil, bureau.usdx, poor.address, DOLLARS)
    own = till.body(till.signed(payer=poor.address), wallet=poor)
    signed = bureau.signed(payer=poor.address)
    dollars = till.body(signed, bureau.demand(), token=bureau.usdx, domain=DOMAIN, wallet=poor)
    assert till.settle(own)["errorReason"] == "settlement_pending"
    assert till.settle(dollars)["errorReason"] == "settlement_pending"
    again = bureau.signed(payer=poor.address)
    more = till.body(again, bureau.demand(), token=bureau.usdx, domain=DOMAIN, wallet=poor)
    assert till.settle(more)["errorReason"] == "insufficient_funds"
    till.round()
    assert (till.sold(), bureau.earned()) == (PRICE, DOLLARS)


def test_prices_are_not_mixed_up(bureau: Bureau) -> None:
    till, counter, listing = bureau.till, bureau.counter, bureau.put_up()
    own, dollars = counter.asked(listing)["accepts"]
    token, cheap = show_address(till.deployment.token), str(DOLLARS)
    as_own = till.signed(amount=DOLLARS)
    forged: list[dict[str, Any]] = [
        till.body(as_own, own | {"amount": cheap}),  # the sum of one in the other
        till.body(as_own, dollars | {"asset": token}),
        till.body(as_own, dollars | {"asset": token, "extra": own["extra"]}),
        till.body(as_own, dollars),  # signed by our token's domain
        bureau.body(demand=dollars | {"asset": token}),  # and the other way round
        bureau.body(demand=dollars | {"extra": own["extra"]}),
        bureau.body(demand=dollars | {"asset": show_address(Address(b"\x77" * 20))}),
        bureau.body(bureau.signed(amount=2), dollars | {"amount": "2"}),  # dollars as if they had no decimals
    ]
    for body in forged:
        answer = counter.get(listing, packed(body["paymentPayload"]))
        assert answer.status_code == 402, answer.text
    swapped = bureau.body()
    swapped["paymentRequirements"] = till.demand()
    assert till.settle(swapped)["errorReason"] == "accepted_mismatch"
    till.rounds(2)
    assert (counter.sales(), till.sent(), till.sold(), bureau.earned()) == ([], 0, 0, 0)


@pytest.mark.parametrize("trick", [one for one in Trick if one is not Trick.NONE])
def test_a_token_that_would_not_move_exactly_the_sum_is_refused_and_costs_nothing(bureau: Bureau, trick: Trick) -> None:
    till, listing = bureau.till, bureau.put_up()
    give(till.anvil, bureau.usdx, till.buyer.address, 10 * DOLLARS)
    become(till.anvil, bureau.usdx, trick)
    answer = bureau.counter.get(listing, bureau.paid(listing))
    assert answer.status_code == 402
    why = unpacked(answer, "payment-response")["errorReason"]
    assert why == "invalid_exact_evm_transaction_simulation_failed"
    assert not till.verify(bureau.body())["isValid"]
    till.rounds(2)
    assert (till.sent(), bureau.earned(), bureau.counter.sales()) == (0, 0, [])


@pytest.mark.parametrize("trick", [Trick.MOVES_NOTHING, Trick.MOVES_LESS, Trick.TAKES_ALL])
def test_a_token_that_changes_meanwhile_buys_nothing_and_costs_bounded_gas(bureau: Bureau, trick: Trick) -> None:
    till, listing = bureau.till, bureau.put_up()
    give(till.anvil, bureau.usdx, till.buyer.address, DOLLARS)
    paid, body = bureau.paid(listing), bureau.body()
    assert bureau.counter.get(listing, paid).status_code == 202
    become(till.anvil, bureau.usdx, trick)
    till.rounds()
    assert till.sent() == 1
    assert not till.verify(body)["isValid"]
    assert bureau.counter.get(listing, paid).status_code == 402
    assert bureau.counter.sales() == []
    with till.container.read() as work:
        assert not work.carrying.under_way()


@pytest.mark.parametrize("trick", [Trick.REFUSES, Trick.BURNS_GAS])
def test_a_token_that_refuses_meanwhile_is_not_paid_for(bureau: Bureau, trick: Trick) -> None:
    till, listing = bureau.till, bureau.put_up()
    paid = bureau.paid(listing)
    assert bureau.counter.get(listing, paid).status_code == 202
    become(till.anvil, bureau.usdx, trick)
    till.rounds()
    assert (till.sent(), bureau.counter.sales()) == (0, [])


def test_what_is_allowed_no_more_is_asked_no_more_and_what_was_bought_stays(bureau: Bureau) -> None:
    till, listing = bureau.till, bureau.put_up()
    paid = bureau.paid(listing)
    late = bureau.paid(listing)
    assert bureau.counter.get(listing, paid).status_code == 202
    bureau.allow()
    till.rounds()
    assert bureau.counter.get(listing, paid).content == TEXT, "it was taken on before"
    assert bureau.bought().state is PurchaseState.PAID
    assert [one["amount"] for one in bureau.counter.asked(listing)["accepts"]] == [str(PRICE)]
    assert bureau.counter.get(listing, late).status_code == 402
    assert till.settle(bureau.body())["errorReason"] == "invalid_payment_requirements"
    assert bureau.earned() == DOLLARS


def test_a_token_whose_domain_or_function_is_not_sure_is_not_offered_to_programs(bureau: Bureau) -> None:
    lying = dollar_token(bureau.anvil, symbol="LIAR", lies=True)
    bureau.allow(bureau.usdx, lying)
    listing = bureau.put_up(prices={bureau.asset(lying): DOLLARS})
    assert bureau.counter.get(listing).status_code == 402
    assert bureau.counter.get(listing).json()["type"].endswith("not_payable")
    assert buying.quote(bureau.till.container, listing.id)[1] == []
    with bureau.till.container.read() as work:
        assert [one.address for one in facilitating.all_served(work)] == [bureau.till.deployment.token, bureau.usdx]


def test_another_facilitator_carries_it_and_our_own_node_says_so(bureau: Bureau) -> None:
    till, listing = bureau.till, bureau.put_up()
    settings = till.container.settings
    settings.private_networks, settings.facilitator_budget = "127.0.0.0/8", "0"
    till.container.__dict__.pop("fetcher", None)
    till.container.__dict__.pop("relay_limits", None)
    with other_facilitator(till, honest) as other:
        paid = bureau.paid(listing)
        assert bureau.counter.get(listing, paid).status_code == 202
        for _ in range(4):
            buying.follow_handed(till.container)
            till.rounds(1)
        answer = bureau.counter.get(listing, paid)
        assert answer.content == TEXT
        assert len(other.asked) == 1
        asked = other.asked[0]["paymentRequirements"]
        assert (asked["asset"], asked["extra"]) == (
            show_address(bureau.usdx),
            {"name": DOMAIN.name, "version": DOMAIN.version},
        )
    assert (bureau.bought().asset, bureau.earned(), till.sent()) == (bureau.asset(), DOLLARS, 0)
