"""The stake page for a wallet without ether, in a real browser on a real node: one signature, and the door opens."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from kit.identifiers import parse_address
from tests.e2e.pages.conftest import World
from tests.support.anvil import ETHER
from tests.support.browser import Wallet, a_page

pytestmark = pytest.mark.browser

PAY = "Pay with Test Wallet"
CARRY = "I have no ether"


def a_pauper(world: World, number: int = 3, tokens: int = 100) -> Wallet:
    """A wallet with tokens and no ether."""
    account = world.account(number, tokens)
    world.anvil.set_balance(parse_address(account), 0)
    return Wallet(world.anvil, account)


def sign_only(page: Page) -> None:
    page.get_by_label(CARRY).check()
    page.get_by_role("button", name=PAY).click()


def test_one_signature_opens_the_door(world: World, chromium: Browser) -> None:
    quote, wallet = world.ask(5), a_pauper(world)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        expect(page.locator("#pay")).to_contain_text("let us carry it for 0.1\N{NO-BREAK SPACE}ERN")
        sign_only(page)
        expect(page.locator("#progress")).to_contain_text("Signed and taken on")
        expect(page.get_by_role("link", name="Save the receipt")).to_be_visible()
        expect(page.locator("#status-heading")).to_have_text("Your signed stake is taken on")
        world.anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your signed stake is on its way")
        expect(page.locator("#announcement")).to_contain_text("on its way")
        world.anvil.mine()
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your stake has been seen")
        expect(page.locator("#pay")).to_be_hidden()
    assert "eth_sendTransaction" not in wallet.asked
    assert wallet.asked.count("eth_signTypedData_v4") == 1
    assert world.anvil.tokens_of(world.deployment, world.container.relayer) == ETHER // 10


def test_a_wallet_without_ether_is_led_to_that_way(world: World, chromium: Browser) -> None:
    wallet = a_pauper(world)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(world.ask(5)))
        page.get_by_role("button", name=PAY).click()
        expect(page.locator("#trouble")).to_contain_text("has no ether for gas")
        expect(page.get_by_label(CARRY)).to_be_checked()
        assert "eth_signTypedData_v4" not in wallet.asked
        page.get_by_role("button", name=PAY).click()
        expect(page.locator("#progress")).to_contain_text("Signed and taken on")


def test_what_is_not_taken_on_is_told_and_the_plain_way_stays(world: World, chromium: Browser) -> None:
    world.anvil.set_balance(world.container.relayer, 0)
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(world.ask(5)))
        sign_only(page)
        expect(page.locator("#trouble")).to_contain_text("no ether left to carry openings with")
        page.get_by_label("I pay it in ether").check()
        page.get_by_role("button", name=PAY).click()
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")


def test_a_wallet_that_cannot_pay_the_relay_fee_is_told_before_it_signs(world: World, chromium: Browser) -> None:
    wallet = a_pauper(world, tokens=5)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(world.ask(5)))
        sign_only(page)
        expect(page.locator("#trouble")).to_contain_text("holds too few tokens")
    assert "eth_signTypedData_v4" not in wallet.asked


def test_what_came_to_nothing_is_said_and_can_be_signed_again(world: World, chromium: Browser) -> None:
    wallet = a_pauper(world)
    payer = parse_address(wallet.account)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(world.ask(5)))
        sign_only(page)
        expect(page.locator("#progress")).to_contain_text("Signed and taken on")
        world.anvil.rpc("anvil_setBalance", wallet.account, hex(ETHER))
        sink = world.anvil.signer("sink")
        move = "0xa9059cbb" + sink.address.hex().rjust(64, "0") + f"{100 * ETHER:064x}"
        token = "0x" + world.deployment.token.hex()
        world.anvil.rpc("eth_sendTransaction", {"from": wallet.account, "to": token, "data": move})
        world.read_chain()
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your signed stake was not put down")
        expect(page.locator("#pay")).to_be_visible()
        world.anvil.give_tokens(world.deployment, payer, 100 * ETHER)
        sign_only(page)
        expect(page.locator("#status-heading")).to_have_text("Your signed stake is taken on")


def test_without_a_budget_only_the_plain_way_is_shown(world: World, chromium: Browser) -> None:
    limits = world.container.relay_limits
    world.container.__dict__["relay_limits"] = type(limits)(per_day=0, budget=0)
    with a_page(chromium, wallet=Wallet(world.anvil, world.account(3, 100))) as page:
        page.goto(world.page_of(world.ask(5)))
        expect(page.get_by_role("button", name=PAY)).to_be_visible()
        assert page.get_by_label(CARRY).count() == 0
