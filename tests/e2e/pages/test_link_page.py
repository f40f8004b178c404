"""The link page in a real browser: with a wallet, and by hand without any script."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from playwright.sync_api import Browser, expect

from kit.identifiers import show_address
from tests.e2e.pages.conftest import BOB, World
from tests.support.browser import Wallet, a_page

pytestmark = pytest.mark.browser


def a_link(world: World) -> str:
    with world.container.work() as work:
        return f"{world.url}/link/{work.sessions.issue_link(work.people.number(BOB))}"


def wallets(world: World) -> list[str]:
    with world.container.work() as work:
        return [show_address(one) for one in work.holders.addresses(work.people.number(BOB))]


def test_a_wallet_signs_and_is_linked(world: World, chromium: Browser) -> None:
    wallet = Wallet(world.anvil, world.account(3, 1))
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(a_link(world))
        expect(page.locator("h1")).to_have_text(BOB)
        page.get_by_role("button", name="Link Test Wallet").click()
        expect(page.locator(".lead")).to_contain_text("The wallet is linked")
        cookie = next(one for one in page.context.cookies() if one["name"] == "earnest_session")
        page.goto(page.url)
        expect(page.locator(".lead")).to_contain_text("has been used")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert [one.lower() for one in wallets(world)] == [wallet.account.lower()]
    assert wallet.asked == ["eth_requestAccounts", "personal_sign"]


def test_whoever_declines_has_linked_nothing(world: World, chromium: Browser) -> None:
    wallet = Wallet(world.anvil, world.account(3, 1), refuses={"personal_sign": 4001})
    with a_page(chromium, wallet=wallet) as page:
        page.goto(a_link(world))
        page.get_by_role("button", name="Link Test Wallet").click()
        expect(page.locator("#trouble")).to_have_text("You declined in your wallet. Nothing was linked.")
        expect(page.get_by_role("button", name="Link Test Wallet")).to_be_enabled()
    assert wallets(world) == []


def test_it_works_by_hand_without_a_script(world: World, chromium: Browser) -> None:
    account = Account.from_key("0x" + "79" * 32)
    with a_page(chromium, java_script_enabled=False) as page:
        page.goto(a_link(world))
        page.get_by_label("The wallet's address").fill(account.address)
        page.get_by_role("button", name="Show the message to sign").click()
        message = page.get_by_label("The message").input_value()
        assert BOB in message
        signature = account.sign_message(encode_defunct(text=message)).signature.hex()
        page.get_by_label("The signature").fill("0x" + signature.removeprefix("0x"))
        page.get_by_role("button", name="Link this wallet").click()
        expect(page.locator(".lead")).to_contain_text("The wallet is linked")
    assert wallets(world) == [account.address]
