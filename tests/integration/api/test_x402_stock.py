"""x402's own server takes our facilitator by its URL, and x402's own client buys there without any ether."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from eth_utils.crypto import keccak
from x402.extensions.bazaar import ListDiscoveryResourcesParams, with_bazaar
from x402.extensions.payment_identifier import (
    PAYMENT_IDENTIFIER,
    append_payment_identifier_to_extensions,
    declare_payment_identifier_extension,
)
from x402.http import FacilitatorConfig, HTTPFacilitatorClientSync
from x402.schemas import PaymentRequired, PaymentRequirements

from kit.identifiers import Address, parse_hash, show_address
from payments.settlements.x402 import declaration
from tests.support.counter import TEXT, Counter
from tests.support.peers import npm_buyer
from tests.support.services import listening
from tests.support.stock_shop import STORY, StockShop, following, stock_shop
from tests.support.till import PRICE, SELLER, Till


@pytest.fixture
def shop(till: Till) -> Iterator[StockShop]:
    """The shop, our facilitator and its chain loop, all running."""
    till.container.settings.facilitator_wait_seconds = 30
    with (
        listening(till.container) as url,
        following(till.container),
        stock_shop(f"{url}/v1/x402", till.deployment) as running,
    ):
        yield running


def receipt_of(answer: httpx.Response) -> dict[str, Any]:
    """What the shop says of the payment."""
    told: dict[str, Any] = json.loads(base64.b64decode(answer.headers["payment-response"]))
    return told


def test_a_program_without_ether_buys_and_what_it_sent_buys_nothing_twice(till: Till, shop: StockShop) -> None:
    answer = asyncio.run(shop.buy("buyer"))
    assert (answer.status_code, answer.json()) == (200, {"text": STORY})
    told = receipt_of(answer)
    assert (told["success"], told["payer"]) == (True, show_address(till.buyer.address))
    assert till.anvil.chain.balance(till.buyer.address) == 0
    assert till.sold() == PRICE
    assert till.anvil.chain.receipt(parse_hash(told["transaction"])) is not None
    again = httpx.get(f"{shop.url}/story", headers={"payment-signature": shop.sent})
    assert again.status_code == 402
    assert (till.sold(), till.sent()) == (PRICE, 1)


def test_each_purchase_is_a_payment_of_its_own(till: Till, shop: StockShop) -> None:
    async def shopping() -> list[httpx.Response]:
        return await asyncio.gather(*(shop.buy("buyer") for _ in range(5)))

    answers = asyncio.run(shopping())
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({receipt_of(answer)["transaction"] for answer in answers}) == 5
    assert (till.sold(), till.sent()) == (5 * PRICE, 5)


def test_whoever_has_nothing_gets_nothing(till: Till, shop: StockShop) -> None:
    till.pauper("poor", tokens=PRICE - 1)
    assert asyncio.run(shop.buy("poor")).status_code == 402
    assert (shop.told, till.sold()) == (0, 0)


def test_twenty_settlements_of_one_payment_at_once_are_one_transaction(till: Till, shop: StockShop) -> None:
    assert shop.told == 0
    with listening(till.container) as url:
        body = till.body()

        async def asking() -> list[httpx.Response]:
            async with httpx.AsyncClient(timeout=60) as client:
                return await asyncio.gather(*(client.post(f"{url}/v1/x402/settle", json=body) for _ in range(20)))

        answers = [answer.json() for answer in asyncio.run(asking())]
    assert all(answer["success"] for answer in answers), answers
    assert len({answer["transaction"] for answer in answers}) == 1
    assert (till.sold(), till.sent()) == (PRICE, 1)


def test_what_is_sold_here_is_bought_by_a_stock_client_and_given_again_for_the_same_payment(
    till: Till, counter: Counter
) -> None:
    till.container.settings.facilitator_wait_seconds = 30
    listing = counter.put_up()
    path = f"/v1/listings/{listing.id}/content"
    with listening(till.container) as url, following(till.container):
        buying = StockShop(url)
        answer = asyncio.run(buying.buy("buyer", path))
        assert (answer.status_code, answer.content) == (200, TEXT)
        again = httpx.get(f"{url}{path}", headers={"payment-signature": buying.sent, "range": "bytes=0-9"})
        assert (again.status_code, again.content) == (206, TEXT[:10])
        assert receipt_of(again) == receipt_of(answer)
    assert till.anvil.chain.balance(till.buyer.address) == 0
    assert (till.sold(), till.sent()) == (PRICE, 1)


def test_what_is_sold_here_is_found_by_a_stock_client_of_bazaars(till: Till, counter: Counter) -> None:
    other = Address(b"\x77" * 20)
    listings = [counter.put_up(), counter.put_up(wallet=other)]
    counter.put_up(fee_bps=100)
    ended = counter.put_up()
    with counter.container.work() as work:
        work.content.take_down(ended.id, "Stolen.")
    with (
        listening(till.container) as url,
        HTTPFacilitatorClientSync(FacilitatorConfig(url=f"{url}/v1/x402")) as asking,
    ):
        by: Any = asking  # the one that it asks by, whatever its types say
        bazaar = with_bazaar(by).extensions.bazaar
        found = bazaar.list_resources()
        named = [f"{till.container.settings.public_url}/v1/listings/{one.id}/content" for one in reversed(listings)]
        assert [one.resource for one in found.items] == named
        assert (found.x402_version, found.pagination.total, found.items[1].description) == (2, 3, "On doors")
        (accepted,) = found.items[1].accepts or []
        asked = PaymentRequirements.model_validate(accepted)
        assert (asked.amount, asked.pay_to, "claim" in asked.extra) == (str(PRICE), show_address(SELLER), False)
        for filters, count in (
            ({"pay_to": show_address(other).lower()}, 1),
            ({"pay_to": "nobody"}, 0),
            ({"scheme": "upto"}, 0),
            ({"type": "mcp"}, 0),
            ({"network": "eip155:1"}, 0),
            ({"extensions": "payment-identifier"}, 2),
            ({"limit": 1}, 0),
            ({"limit": 1, "offset": 1}, 1),
            ({"offset": 3}, 0),
        ):
            assert len(bazaar.list_resources(ListDiscoveryResourcesParams(**filters)).items) == count, filters
        for wrong in ("limit=101", "limit=0", "offset=-1", "offset=100001", "offset=x", f"payTo={'a' * 101}"):
            assert httpx.get(f"{url}/v1/x402/discovery/resources?{wrong}").status_code == 400


def test_identifiers_are_declared_as_the_package_spells_them() -> None:
    theirs = PaymentRequired(x402_version=2, accepts=[], extensions=declaration())
    assert theirs.extensions == {PAYMENT_IDENTIFIER: declare_payment_identifier_extension()}
    assert append_payment_identifier_to_extensions(declaration(), "order-0000000000001") != declaration()


def test_the_npm_client_buys_without_ether_within_its_spend_controls(till: Till, counter: Counter) -> None:
    till.container.settings.facilitator_wait_seconds = 30
    token, chain_id = till.deployment.token, till.deployment.chain_id
    asking: dict[str, Any] = {"network": f"eip155:{chain_id}", "asset": show_address(token)}
    key = keccak(text="a key of buyer")
    path = f"/v1/listings/{counter.put_up().id}/content"
    with listening(till.container) as url, following(till.container):
        for most in (None, PRICE - 1):
            refused = npm_buyer(f"{url}{path}", key, most=most, **asking)
            assert (refused.status, refused.sent) == (0, None), refused
        bought = npm_buyer(f"{url}{path}", key, most=PRICE, **asking)
        assert (bought.status, bought.body) == (200, TEXT), bought
        assert bought.sent is not None
        again = httpx.get(f"{url}{path}", headers={"payment-signature": bought.sent})
        assert (again.status_code, again.content) == (200, TEXT)
    assert till.anvil.chain.balance(till.buyer.address) == 0
    assert (till.sold(), till.sent()) == (PRICE, 1)


def test_the_npm_client_buys_of_a_stock_shop_that_takes_our_facilitator(till: Till, shop: StockShop) -> None:
    token, chain_id = till.deployment.token, till.deployment.chain_id
    asking: dict[str, Any] = {"network": f"eip155:{chain_id}", "asset": show_address(token)}
    bought = npm_buyer(f"{shop.url}/story", keccak(text="a key of buyer"), most=PRICE, **asking)
    assert (bought.status, json.loads(bought.body)) == (200, {"text": STORY}), bought
    assert bought.sent is not None
    assert httpx.get(f"{shop.url}/story", headers={"payment-signature": bought.sent}).status_code == 402
    assert (till.sold(), till.sent(), till.anvil.chain.balance(till.buyer.address)) == (PRICE, 1, 0)
