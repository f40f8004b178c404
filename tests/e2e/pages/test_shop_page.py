"""The shop's pages in a real browser: read without a script on any width, and bought from with a wallet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app import selling, tokens
from contracts.chain import Deployment
from contracts.deployment import add_checkout
from kit.identifiers import Address, UserId, parse_address, show_address
from ledger.model import Level
from payments.content.model import Buyer, Kind, Listing, Offer, PurchaseState
from tests.e2e.pages.conftest import World
from tests.support.anvil import ETHER, Anvil
from tests.support.browser import Wallet, a_page
from tests.support.tokens import dollar_token, give, held, odd_token, permit_token, text

pytestmark = pytest.mark.browser

REJECTED, UNSUPPORTED = 4001, 4200
SELLER = Address(b"\x5e" * 20)
HOSTILE = "<b>x</b> \u05e2\u05dc \u05d3\u05dc\u05ea\u05d5\u05ea " + "W" * 80


@pytest.fixture
def fresh_deployment(fresh_anvil: Anvil, fresh_deployment: Deployment) -> Deployment:
    """Our contracts, that of sales among them."""
    return add_checkout(fresh_anvil.chain, fresh_anvil.signer("deployer"), fresh_deployment)


def put_up(world: World, **changes: Any) -> Listing:  # noqa: ANN401 - the parts of an offer
    """List a file of @lea's."""
    with world.container.work() as work:
        lea = work.people.number(UserId("@lea:earnest.example"))
    token, *_ = selling.allowed(world.container)
    offer = Offer(Kind.FILE, "On doors", SELLER, {token: 5 * ETHER}, finality=Level.SEEN)
    return selling.put_up(world.container, lea, replace(offer, **changes), [b"all of it"], name="doors.txt")


def is_wide_as_its_window(page: Page) -> bool:
    fits: bool = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return fits


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_anything_is_readable_without_a_script_on_any_width(world: World, chromium: Browser, width: int) -> None:
    listing = put_up(world, title=HOSTILE, preview="\n".join([HOSTILE] * 5), licence="\u05e8" * 600, stock=7)
    for number in range(4):
        put_up(world, title=f"Number {number}", preview="A short one.")
    with a_page(chromium, java_script_enabled=False, width=width) as page:
        page.goto(f"{world.url}/listings")
        assert "<b>x</b>" in page.locator("main").inner_text()
        page.get_by_role("link", name="<b>x</b>").click()
        text = page.locator("main").inner_text()
        for said in (
            "<b>x</b>",
            "5\N{NO-BREAK SPACE}ERN",
            "doors.txt",
            "There is no arbiter",
            listing.version.offer.licence,
        ):
            assert said in text, said
    with a_page(chromium, width=width) as page:
        for path in ("/listings", f"/buy/{listing.id}"):
            page.goto(f"{world.url}{path}")
            assert is_wide_as_its_window(page), path


def go_on(page: Page) -> None:
    page.get_by_role("button", name="Continue with Test Wallet").click()


def following(page: Page, world: World, text: str) -> None:
    """Let the chain be read until the page says something."""
    while text not in page.locator("#progress").inner_text():
        world.read_chain()
        page.wait_for_timeout(200)


def download(page: Page) -> bytes:
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download it").click()
    return coming.value.path().read_bytes()


@pytest.mark.parametrize("refuses", [{}, {"eth_signTypedData_v4": UNSUPPORTED}], ids=["permit", "approve"])
def test_a_wallet_buys_and_opens_what_it_bought(world: World, chromium: Browser, refuses: dict[str, int]) -> None:
    listing = put_up(world)
    wallet = Wallet(world.anvil, world.account(3, 100), refuses=refuses)
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("in a block")
        following(page, world, "The link is good for ten minutes")
        assert download(page) == b"all of it"
    assert wallet.asked.count("eth_sendTransaction") == (2 if refuses else 1)
    assert world.anvil.tokens_of(world.deployment, SELLER) == 5 * ETHER
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        page.get_by_role("radio", name="Open it").check()
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("It is yours")
        assert download(page) == b"all of it"
    assert world.anvil.tokens_of(world.deployment, SELLER) == 5 * ETHER, "opening pays nothing"


def test_without_ether_a_signature_suffices(world: World, chromium: Browser) -> None:
    settings = world.container.settings
    settings.facilitator_for, settings.facilitator_budget, settings.facilitator_wait_seconds = "anybody", "0.05", 0
    del world.container.relay_limits  # they were read before
    listing = put_up(world)
    pauper = world.account(6, 100)
    world.anvil.set_balance(parse_address(pauper), 0)
    wallet = Wallet(world.anvil, pauper)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        page.get_by_role("radio", name="without ether").check()
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("it is on its way")
        world.loop.round()
        world.anvil.mine()
        following(page, world, "Paid, and yours")
        assert download(page) == b"all of it"
        page.get_by_role("radio", name="Open it").check()
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("The link is good for ten minutes")
        assert download(page) == b"all of it"
    assert "eth_sendTransaction" not in wallet.asked
    assert world.anvil.tokens_of(world.deployment, SELLER) == 5 * ETHER


@pytest.mark.parametrize("chosen", ["ERN", "USDX"])
def test_without_ether_a_signature_suffices_in_each_token_that_takes_one(
    world: World, chromium: Browser, chosen: str
) -> None:
    anvil, settings, token = world.anvil, world.container.settings, dollar_token(world.anvil)
    settings.facilitator_for, settings.facilitator_budget, settings.facilitator_wait_seconds = "anybody", "0.05", 0
    settings.sales_tokens = show_address(token)
    world.container.__dict__.pop("relay_limits", None)  # they were read before
    assert tokens.learn(world.container) == []
    own, other = selling.allowed(world.container)
    listing = put_up(world, prices={own: 5 * ETHER, other: 2_000_000})
    pauper = world.account(6, 100)
    anvil.set_balance(parse_address(pauper), 0)
    give(anvil, token, parse_address(pauper), 2_000_000)
    wallet = Wallet(anvil, pauper)
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        assert is_wide_as_its_window(page)
        page.locator("label", has_text="without ether").filter(has_text=chosen).get_by_role("radio").check()
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("it is on its way")
        world.loop.round()
        anvil.mine()
        following(page, world, "Paid, and yours")
        assert download(page) == b"all of it"
    assert "eth_sendTransaction" not in wallet.asked
    paid = (held(anvil, token, SELLER), anvil.tokens_of(world.deployment, SELLER))
    assert paid == ((0, 5 * ETHER) if chosen == "ERN" else (2_000_000, 0))


def test_the_bots_link_buys_for_who_asked_it_and_is_followed_until_it_is_delivered(
    world: World, chromium: Browser
) -> None:
    listing = put_up(world, finality=Level.FINALIZED)
    with world.container.work() as work:
        kim = work.people.number(UserId("@kim:earnest.example"))
        order = work.orders.order(kim, listing.id).token
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{world.url}/buy/{listing.id}?order={order}")
        assert "kim" not in page.locator("main").inner_text()
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("in a block")
        following(page, world, "The seller waits until it is final")
        world.anvil.mine(5)
        following(page, world, "The bot hands it over in your chat")
        with world.container.work() as work:
            (purchase,) = work.content.library(Buyer(person=kim))[0]
            work.content.delivered(purchase.id)
        expect(page.locator("#progress")).to_contain_text("handed over in your chat")
    assert purchase.state is PurchaseState.PAID
    assert purchase.buyer == Buyer(kim, parse_address(wallet.account))


def test_whoever_declines_has_paid_nothing_and_too_few_tokens_are_told(world: World, chromium: Browser) -> None:
    listing = put_up(world)
    wallet = Wallet(world.anvil, world.account(3, 100), refuses={"eth_sendTransaction": REJECTED})
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{world.url}/buy/{listing.id}?order={'x' * 22}")
        expect(page.locator("#pay")).to_contain_text("no longer good")
        go_on(page)
        expect(page.locator("#trouble")).to_have_text("You declined in your wallet. Nothing was paid.")
        page.get_by_role("radio", name="Open it").check()
        go_on(page)
        expect(page.locator("#trouble")).to_contain_text("bought nothing")
    with a_page(chromium, wallet=Wallet(world.anvil, world.account(4, 1))) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        go_on(page)
        expect(page.locator("#trouble")).to_contain_text("holds too little ERN")
    assert world.anvil.tokens_of(world.deployment, SELLER) == 0


def test_what_is_sold_no_more_is_opened_still(world: World, chromium: Browser) -> None:
    listing = put_up(world)
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        go_on(page)
        following(page, world, "The link is good for ten minutes")
        with world.container.work() as work:
            work.content.unlist(listing.seller, listing.id)
        page.goto(f"{world.url}/buy/{listing.id}")
        expect(page.locator("#state-heading")).to_have_text("Not for sale now")
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("It is yours")
        assert download(page) == b"all of it"


def test_the_bots_link_is_paid_by_a_signature_alone(world: World, chromium: Browser) -> None:
    listing = put_up(world)
    with world.container.work() as work:
        kim = work.people.number(UserId("@kim:earnest.example"))
        order = work.orders.order(kim, listing.id).token
    pauper = world.account(6, 100)
    world.anvil.set_balance(parse_address(pauper), 0)
    wallet = Wallet(world.anvil, pauper)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{world.url}/buy/{listing.id}?order={order}")
        page.get_by_role("radio", name="let us carry the payment for 0.1").check()
        go_on(page)
        expect(page.locator("#progress")).to_contain_text("it is on its way")
        world.loop.round()
        world.anvil.mine()
        following(page, world, "The bot hands it over in your chat")
    assert "eth_sendTransaction" not in wallet.asked
    with world.container.read() as work:
        (purchase,) = work.content.library(Buyer(person=kim))[0]
    assert (purchase.state, purchase.amount) == (PurchaseState.PAID, 5 * ETHER)
    assert world.anvil.tokens_of(world.deployment, SELLER) == 5 * ETHER


@pytest.mark.parametrize("permits", [True, False], ids=["permit", "approve"])
def test_a_wallet_chooses_which_price_it_pays(world: World, chromium: Browser, *, permits: bool) -> None:
    anvil, place = world.anvil, world.deployment
    token = permit_token(anvil, symbol="USDX", decimals=6) if permits else odd_token(anvil, symbol=text("USDX"))
    world.container.settings.sales_tokens = show_address(token)
    assert tokens.learn(world.container) == []
    own, other = selling.allowed(world.container)
    listing = put_up(world, prices={own: 5 * ETHER, other: 2_000_000})
    payer = world.account(3, 100)
    give(anvil, token, parse_address(payer), 2_000_000)
    wallet = Wallet(anvil, payer)
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        assert is_wide_as_its_window(page)
        page.get_by_role("radio", name="USDX").check()
        go_on(page)
        following(page, world, "The link is good for ten minutes")
        assert download(page) == b"all of it"
    assert wallet.asked.count("eth_sendTransaction") == (1 if permits else 2)
    assert (held(anvil, token, SELLER), anvil.tokens_of(place, SELLER)) == (2_000_000, 0)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{world.url}/buy/{listing.id}")
        page.get_by_role("radio", name="USDX").check()
        go_on(page)
        expect(page.locator("#trouble")).to_contain_text("holds too little USDX")
