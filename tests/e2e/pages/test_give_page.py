"""The give page and the wall in a real browser: read, given by with a wallet on a real node, and seen as chosen."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from app import showing
from kit.identifiers import UserId, show_address
from payments.flair.model import Showing
from tests.e2e.pages.conftest import ALICE, CAUSE, World
from tests.support.anvil import ETHER
from tests.support.browser import Wallet, a_page
from tests.support.gifts import document

pytestmark = pytest.mark.browser

REJECTED = 4001
TIERS = {
    "tiers": [
        {"id": "friend", "title": "Friend <b>", "month": {"ERN": "1"}},
        {
            "id": "patron",
            "title": "\u05e4\u05d8\u05e8\u05df",
            "sum": {"ETH": "2", "ERN": "5"},
            "gives": {"space": True},
        },
        {"id": "sponsor", "title": "Sponsor", "sum": {"ERN": "1000"}, "corporate": True},
    ]
}
HOSTILE = UserId("@\u202e<i>x\u05d0:far.example")


@pytest.fixture
def shop(world: World) -> World:
    """The world, with tiers."""
    with world.container.work() as work:
        work.supporters.use(document(**TIERS))
    return world


def fill(page: Page, amount: str, asset: str = "ERN", months: int | None = None) -> str:
    """Fill the form; the claim code that stands in it."""
    page.get_by_label("How much").fill(amount)
    page.get_by_label("Of what").select_option(label=asset)
    if months is not None:
        page.get_by_role("radio", name="As prepaid months").check()
        page.get_by_label("Months", exact=True).fill(str(months))
    return page.get_by_label("Claim code").input_value()


def give_with(page: Page, name: str = "Test Wallet") -> None:
    page.get_by_role("button", name=f"Give with {name}").click()


def tiers_of(world: World, who: UserId, code: str) -> list[str]:
    """Claim by a code; the tiers that come of it."""
    world.read_chain()
    with world.container.work() as work:
        person = work.people.number(who)
        assert work.claims.by_code(person, code).holds
        return sorted(one.tier for one in work.supporters.of(person) if one.holds(work.now))


def test_all_that_matters_is_said_without_a_script(shop: World, chromium: Browser) -> None:
    with a_page(chromium, java_script_enabled=False) as page:
        page.goto(f"{shop.url}/give")
        text = page.locator("main").inner_text()
    for said in (
        *("the tests", "Friend <b>", "1 ERN a month", "2 ETH in all, for good", "a place on the wall"),
        *("nobody can send it back", "On the chain", "Ether and other tokens", "needs JavaScript", "14 days more"),
        show_address(CAUSE),
    ):
        assert said in text, said


def test_tokens_are_allowed_given_and_claimed(shop: World, chromium: Browser) -> None:
    wallet = Wallet(shop.anvil, shop.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{shop.url}/give")
        code = fill(page, "12", months=12)
        give_with(page)
        expect(page.locator("#progress")).to_contain_text("Thank you.")
        expect(page.locator("#progress")).to_contain_text(f"claim {code}")
    assert wallet.asked.count("eth_sendTransaction") == 2
    assert shop.anvil.tokens_of(shop.deployment, CAUSE) == 12 * ETHER
    assert tiers_of(shop, ALICE, code) == ["friend", "patron"]


def test_ether_is_given_and_claimed(shop: World, chromium: Browser) -> None:
    wallet = Wallet(shop.anvil, shop.account(4, 0))
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{shop.url}/give")
        code = fill(page, "2.5", "ETH")
        give_with(page)
        expect(page.locator("#progress")).to_contain_text("Thank you.")
    assert wallet.asked.count("eth_sendTransaction") == 1
    assert shop.container.chain.balance(CAUSE) == 25 * ETHER // 10
    assert tiers_of(shop, ALICE, code) == ["patron"]


def test_without_ether_a_signature_suffices(shop: World, chromium: Browser) -> None:
    account = shop.account(6, 100)
    wallet = Wallet(shop.anvil, account)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{shop.url}/give")
        code = fill(page, "12", months=12)
        page.get_by_role("radio", name="I have no ether").check()
        give_with(page)
        expect(page.locator("#progress")).to_contain_text("on its way")
        shop.loop.round()
        shop.anvil.mine()
        while "Thank you." not in page.locator("#progress").inner_text():
            shop.read_chain()  # what was sent is asked after now and then, and not in every round
            page.wait_for_timeout(200)
    assert "eth_sendTransaction" not in wallet.asked
    assert shop.anvil.tokens_of(shop.deployment, CAUSE) == 12 * ETHER
    assert tiers_of(shop, ALICE, code) == ["friend", "patron"]


def test_what_cannot_be_given_is_told_before_anything_is_signed(shop: World, chromium: Browser) -> None:
    wallet = Wallet(shop.anvil, shop.account(5, 1))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{shop.url}/give")
        for amount, said in (("2", "holds less than that"), ("0", "how much"), ("0.0000000000000000001", "18 decimal")):
            fill(page, amount)
            give_with(page)
            expect(page.locator("#trouble")).to_contain_text(said)
        page.get_by_label("Claim code").fill("my own")
        page.get_by_label("How much").fill("1")
        give_with(page)
        expect(page.locator("#trouble")).to_contain_text("no claim code")
    assert "eth_sendTransaction" not in wallet.asked


def test_whoever_declines_has_given_nothing(shop: World, chromium: Browser) -> None:
    wallet = Wallet(shop.anvil, shop.account(3, 100), refuses={"eth_sendTransaction": REJECTED})
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{shop.url}/give")
        fill(page, "5")
        give_with(page)
        expect(page.locator("#trouble")).to_have_text("You declined in your wallet. Nothing was given.")
        expect(page.get_by_role("button", name="Give with Test Wallet")).to_be_enabled()
    assert shop.anvil.tokens_of(shop.deployment, CAUSE) == 0


def test_the_wall_is_empty_and_then_shows_names_as_they_are(shop: World, chromium: Browser) -> None:
    with a_page(chromium, width=390) as page:
        page.goto(f"{shop.url}/wall")
        expect(page.get_by_role("heading", name="Nobody stands here yet")).to_be_visible()
    wallet = Wallet(shop.anvil, shop.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(f"{shop.url}/give")
        code = fill(page, "12", months=12)
        give_with(page)
        expect(page.locator("#progress")).to_contain_text("Thank you.")
    assert tiers_of(shop, HOSTILE, code) == ["friend", "patron"]
    wanted = Showing(flair=True, wall=True, name=True, amount=True)
    with shop.container.work() as work:
        person = work.people.number(HOSTILE)
        showing.show(work, person, wanted, seen=showing.preview(work, person, wanted).seen)
    with a_page(chromium) as page:
        page.goto(f"{shop.url}/wall")
        while page.get_by_text("Nobody stands here yet").count():  # a wall stands for some seconds
            page.wait_for_timeout(500)
            page.reload()
        entry = page.locator(".supporters li")
        expect(entry).to_contain_text("<i>x")
        expect(entry).to_contain_text("12")
        assert "\u202e" not in page.locator("main").inner_text()
        assert page.locator(".supporters i").count() == 0
        badge = page.goto(f"{shop.url}/v1/flair/{quote(HOSTILE)}/badge.svg")
        assert badge is not None
        assert badge.status == 200
        assert page.locator("text.title").count() == 1, "it is well-formed, and no script of it was stopped"
