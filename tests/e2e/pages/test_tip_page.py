"""The page of a tip in a real browser: read without a script on any width, and paid with a wallet as was chosen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from app import tokens
from contracts.chain import Deployment
from contracts.deployment import add_checkout
from contracts.words import word
from kit.identifiers import Address, RoomId, UserId, parse_address, show_address
from ledger.model import erc20
from ledger.store import holders
from payments.tips.model import Link, Wish
from tests.e2e.pages.conftest import World
from tests.e2e.pages.test_shop_page import following, is_wide_as_its_window
from tests.support.anvil import ETHER, Anvil
from tests.support.browser import Wallet, a_page
from tests.support.tokens import dollar_token, give, held, odd_token, permit_token, text

pytestmark = pytest.mark.browser

LEA = Address(b"\x5e" * 20)
HOSTILE = "<b>x</b> \u05e2\u05dc \u05d3\u05dc\u05ea\u05d5\u05ea " + "W" * 80


@pytest.fixture
def fresh_deployment(fresh_anvil: Anvil, fresh_deployment: Deployment) -> Deployment:
    """Our contracts, that of sales among them."""
    return add_checkout(fresh_anvil.chain, fresh_anvil.signer("deployer"), fresh_deployment)


def a_link(world: World, wish: Wish, takes: Address | None = None) -> Link:
    """A link by which @kim tips @lea for a message; ``takes``: a token that she takes, too."""
    with world.container.work() as work:
        kim, lea = (work.people.number(UserId(f"@{name}:earnest.example")) for name in ("kim", "lea"))
        holders.link(work.session, lea, LEA, is_primary=True, now=work.now)
        work.tip_links.on(lea, None if takes is None else erc20(world.deployment.chain_id, takes))
        return work.tip_links.link(kim, lea, wish, room=RoomId("!tea:earnest.example"), event="$message" * 5)


@pytest.mark.parametrize("width", [320, 1280])
def test_it_is_readable_without_a_script_on_any_width(world: World, chromium: Browser, width: int) -> None:
    twins = [permit_token(world.anvil, symbol="USDX") for _ in range(2)]
    world.container.settings.sales_tokens = ",".join(map(show_address, twins))
    assert tokens.learn(world.container) == []
    link = a_link(world, Wish(7 * ETHER, HOSTILE, public=True), takes=twins[0])
    with a_page(chromium, java_script_enabled=False, width=width) as page:
        page.goto(f"{world.url}/tip/{link.token}")
        assert "@lea:earnest.example" in page.locator("main").inner_text()
        assert "@kim" not in page.locator("main").inner_text()
        assert page.locator("#note").input_value() == link.wish.note
        assert page.locator("#own").input_value() == "7"
    with a_page(chromium, width=width) as page:
        page.goto(f"{world.url}/tip/{link.token}")
        assert page.get_by_role("radio", name=f"USDX ({show_address(twins[0])}), at least 0.01").count() == 1
        assert is_wide_as_its_window(page)


def test_a_wallet_tips_as_its_giver_chooses_there(world: World, chromium: Browser) -> None:
    link = a_link(world, Wish())
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{world.url}/tip/{link.token}")
        page.locator("#own").fill("0.001")
        page.get_by_role("button", name="Tip with Test Wallet").click()
        expect(page.locator("#trouble")).to_contain_text("at least 0.01")
        page.locator("#own").fill("2.5")
        page.locator("#note").fill("Between us <i>")
        page.get_by_role("radio", name="not told who you are").check()
        page.get_by_role("button", name="Tip with Test Wallet").click()
        expect(page.locator("#progress")).to_contain_text("in a block")
        world.anvil.mine(5)
        following(page, world, "Tipped. The bot tells them now.")
        page.reload()
        expect(page.locator("#state")).to_contain_text("A tip was paid by this link")
    assert wallet.asked.count("eth_sendTransaction") == 1, "by a permit"
    assert world.anvil.tokens_of(world.deployment, LEA) == 25 * ETHER // 10
    with world.container.read() as work:
        tip = work.tips.of_link(link.token)
    assert tip is not None
    assert (tip.note, tip.anonymous, tip.public, tip.payer) == (
        "Between us <i>",
        True,
        False,
        parse_address(wallet.account),
    )


def test_without_ether_a_signature_suffices(world: World, chromium: Browser) -> None:
    link = a_link(world, Wish())
    pauper = world.account(6, 100)
    world.anvil.set_balance(parse_address(pauper), 0)
    wallet = Wallet(world.anvil, pauper)
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{world.url}/tip/{link.token}")
        page.locator("#own").fill("100")
        page.get_by_role("radio", name="let us carry the tip for 0.1").check()
        page.get_by_role("button", name="Tip with Test Wallet").click()
        expect(page.locator("#trouble")).to_contain_text("too few tokens for this and for carrying it")
        page.locator("#own").fill("2.5")
        page.locator("#note").fill("Between us")
        page.get_by_role("button", name="Tip with Test Wallet").click()
        expect(page.locator("#progress")).to_contain_text("it is on its way")
        world.loop.round()
        world.anvil.mine(5)
        following(page, world, "Tipped. The bot tells them now.")
    assert "eth_sendTransaction" not in wallet.asked
    assert world.anvil.tokens_of(world.deployment, LEA) == 25 * ETHER // 10
    with world.container.read() as work:
        tip = work.tips.of_link(link.token)
    assert tip is not None
    assert (tip.note, tip.payer) == ("Between us", parse_address(pauper))


@pytest.mark.parametrize("permits", [True, False], ids=["a permit", "an allowance"])
def test_a_wallet_tips_in_another_token_that_they_take(world: World, chromium: Browser, *, permits: bool) -> None:
    anvil = world.anvil
    token = dollar_token(anvil) if permits else odd_token(anvil, symbol=text("USDX"), decimals=word(6))
    world.container.settings.sales_tokens = show_address(token)
    assert tokens.learn(world.container) == []
    asset = erc20(world.deployment.chain_id, token)
    link = a_link(world, Wish())
    payer = world.account(3, 100)
    give(anvil, token, parse_address(payer), 3_000_000)
    wallet = Wallet(anvil, payer)
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{world.url}/tip/{link.token}")
        assert page.get_by_role("radio", name="USDX").count() == 0, "she said nothing of dollars"
        with world.container.work() as work:
            lea = work.people.number(UserId("@lea:earnest.example"))
            work.tip_links.on(lea, asset)
        page.reload()
        assert is_wide_as_its_window(page)
        page.get_by_role("radio", name="USDX").check()
        for sum_, trouble in (
            ("0.0000001", "at most 6 decimal places"),
            ("0.009", "at least 0.01 USDX"),
            ("4", "holds too little USDX"),
        ):
            page.locator("#own").fill(sum_)
            page.get_by_role("button", name="Tip with Test Wallet").click()
            expect(page.locator("#trouble")).to_contain_text(trouble)
        page.locator("#own").fill("2.5")
        page.get_by_role("radio", name="let us carry the tip for 0.1").check()
        page.get_by_role("button", name="Tip with Test Wallet").click()
        expect(page.locator("#trouble")).to_contain_text("carries no payments" if permits else "is not carried")
        page.get_by_role("radio", name="Your wallet pays it").check()
        page.get_by_role("button", name="Tip with Test Wallet").click()
        expect(page.locator("#progress")).to_contain_text("in a block")
        anvil.mine(5)
        following(page, world, "Tipped. The bot tells them now.")
    assert wallet.asked.count("eth_sendTransaction") == (1 if permits else 2)
    assert held(anvil, token, LEA) == 2_500_000
    with world.container.read() as work:
        tip = work.tips.of_link(link.token)
    assert tip is not None
    assert (tip.asset, tip.amount) == (asset, 2_500_000)


def test_a_signature_suffices_for_dollars_too_and_costs_nothing_more(world: World, chromium: Browser) -> None:
    anvil, settings, token = world.anvil, world.container.settings, dollar_token(world.anvil)
    settings.facilitator_budget = "0.05"
    settings.sales_tokens = show_address(token)
    world.container.__dict__.pop("relay_limits", None)  # they were read before
    assert tokens.learn(world.container) == []
    link = a_link(world, Wish(2_500_000, asset=erc20(world.deployment.chain_id, token)), takes=token)
    pauper = world.account(6, 100)
    anvil.set_balance(parse_address(pauper), 0)
    give(anvil, token, parse_address(pauper), 2_500_000)
    wallet = Wallet(anvil, pauper)
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(f"{world.url}/tip/{link.token}")
        assert page.get_by_role("radio", name="USDX, at least").is_checked(), "as the bot was told"
        assert page.locator("#own").input_value() == "2.5"
        page.get_by_role("radio", name="for nothing where it is in USDX").check()
        page.get_by_role("button", name="Tip with Test Wallet").click()
        expect(page.locator("#progress")).to_contain_text("it is on its way")
        world.loop.round()
        anvil.mine(5)
        following(page, world, "Tipped. The bot tells them now.")
    assert "eth_sendTransaction" not in wallet.asked
    assert held(anvil, token, LEA) == 2_500_000
    with world.container.read() as work:
        tip = work.tips.of_link(link.token)
    assert tip is not None
    assert (tip.amount, tip.payer) == (2_500_000, parse_address(pauper))
