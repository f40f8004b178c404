"""The stake page in a real browser: read, paid with a wallet, and followed to its end, on a real node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from contracts import codec
from contracts.codec import State
from kit.identifiers import Hash32, UserId, parse_address, parse_hash
from payments.stakes.model import Answer
from tests.e2e.pages.conftest import ALICE, BOB, World
from tests.support.browser import Wallet, a_page
from tests.support.services import a_stake

pytestmark = pytest.mark.browser

REJECTED, UNSUPPORTED, UNKNOWN_CHAIN = 4001, 4200, 4902


def pay_with(page: Page, name: str = "Test Wallet") -> None:
    page.get_by_role("button", name=f"Pay with {name}").click()


def headline(page: Page) -> str:
    return page.locator("#status-heading").inner_text()


def test_all_that_matters_is_said_before_anybody_pays(world: World, chromium: Browser) -> None:
    quote = world.ask(5, 1)
    with a_page(chromium, java_script_enabled=False) as page:
        page.goto(world.page_of(quote))
        text = page.locator("main").inner_text()
    for said in (
        *(ALICE, BOB, quote.check_code, "5\N{NO-BREAK SPACE}ERN", "1\N{NO-BREAK SPACE}ERN", "6\N{NO-BREAK SPACE}ERN"),
        *("They accept you", "They decline politely", "They do not answer", "They call it spam", "burned"),
        *("Nobody has staked here before", "UTC", "Waiting for your stake", "Paying on this page needs JavaScript"),
        f"earnest stake {world.page_of(quote)}",
    ):
        assert said in text, said


def test_a_permit_pays_a_quote_and_the_receipt_is_kept(world: World, chromium: Browser, tmp_path: Path) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save the receipt").click()
        download.value.save_as(tmp_path / "receipt.json")
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your stake has been seen")
        expect(page.locator("#announcement")).to_contain_text("Your stake has been seen")
        expect(page.locator("#pay")).to_be_hidden()
    assert "eth_signTypedData_v4" in wallet.asked
    assert wallet.asked.count("eth_sendTransaction") == 1
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert (receipt["terms"]["payer"].lower(), receipt["terms"]["return_to"]) == (
        wallet.account.lower(),
        receipt["terms"]["payer"],
    )
    assert state_of(world, parse_hash(receipt["stake_id"])) is State.OPEN
    assert parse_hash(receipt["transaction"])


def test_the_receipt_alone_brings_an_unanswered_stake_back(world: World, chromium: Browser, tmp_path: Path) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(3, 5))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("in a block")
        with page.expect_download() as download:
            page.get_by_role("link", name="Save the receipt").click()
        download.value.save_as(tmp_path / "receipt.json")
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    world.anvil.travel(receipt["answer_by"] - world.anvil.now())
    anybody = world.anvil.signer("anybody")
    call = receipt["expire"]
    done = world.anvil.rpc("eth_call", {"to": call["to"], "data": call["data"]}, "latest")
    assert done == "0x"
    escrow = world.deployment.escrow
    assert world.anvil.send(anybody, escrow, bytes.fromhex(call["data"][2:])).succeeded
    assert state_of(world, parse_hash(receipt["stake_id"])) is State.EXPIRED
    world.read_chain()
    with a_page(chromium) as page:
        page.goto(world.page_of(quote))
        assert headline(page) == "Nobody answered; your stake is back"


def test_a_wallet_that_cannot_sign_typed_data_approves_first(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(4, 100), refuses={"eth_signTypedData_v4": UNSUPPORTED})
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your stake has been seen")
    assert wallet.asked.count("eth_sendTransaction") == 2


def test_an_old_wallet_without_announcement_is_found(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(5, 100), announced=False)
    with a_page(chromium, wallet=wallet, width=390) as page:
        page.goto(world.page_of(quote))
        pay_with(page, "Browser wallet")
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")


def test_a_wallet_on_another_chain_is_switched(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(3, 100), chain_id="0x1")
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")
    assert "wallet_switchEthereumChain" in wallet.asked
    assert "wallet_addEthereumChain" not in wallet.asked


def test_a_chain_that_the_wallet_does_not_know_is_added(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    refuses = {"wallet_switchEthereumChain": UNKNOWN_CHAIN}
    wallet = Wallet(world.anvil, world.account(3, 100), chain_id="0x1", refuses=refuses)
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")
    assert "wallet_addEthereumChain" in wallet.asked


@pytest.mark.parametrize("method", ["eth_requestAccounts", "eth_signTypedData_v4", "eth_sendTransaction"])
def test_whoever_declines_has_paid_nothing(world: World, chromium: Browser, method: str) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(3, 100), refuses={method: REJECTED})
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#trouble")).to_have_text("You declined in your wallet. Nothing was paid.")
        expect(page.get_by_role("button", name="Pay with Test Wallet")).to_be_enabled()
    assert world.anvil.tokens_of(world.deployment, world.deployment.escrow) == 0


def test_too_few_tokens_are_told_before_anything_is_signed(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(3, 4))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#trouble")).to_contain_text("holds too few tokens")
    assert "eth_signTypedData_v4" not in wallet.asked


def test_a_stake_can_go_back_to_somebody_else(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    lender = world.account(6, 0)
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        page.get_by_text("Send it back to another address").click()
        page.get_by_label("Return address").fill("0xnonsense")
        pay_with(page)
        expect(page.locator("#trouble")).to_contain_text("An Ethereum address is 0x and 40 hexadecimal digits.")
        page.get_by_label("Return address").fill(lender)
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")
    world.read_chain()
    with world.container.read() as work:
        stake = work.stakes.of_quote(quote.id)
    assert stake is not None
    assert "0x" + stake.terms.return_to.hex() == lender.lower()


def test_without_a_wallet_the_page_says_what_to_do(world: World, chromium: Browser) -> None:
    with a_page(chromium) as page:
        page.goto(world.page_of(world.ask(5)))
        expect(page.locator("#no-wallet")).to_be_visible()
        expect(page.get_by_role("img", name="QR code")).to_be_visible()


def test_the_page_follows_a_stake_to_its_end(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your stake has been seen")
        world.anvil.mine()
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your stake is confirmed")
        world.anvil.mine()
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("The door is open")
        with world.container.work() as work:
            alice = work.people.number(ALICE)
            work.gate.answer(alice, BOB, Answer.SPAM)
        world.read_chain()
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Called spam")
        with world.container.work() as work:
            work.gate.undo(alice, BOB)
        world.anvil.mine(2)
        world.read_chain()
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your stake is back")
        assert page.locator("#stake-page").get_attribute("data-settled") == "yes"
    assert world.anvil.tokens_of(world.deployment, world.deployment.escrow) == 0


def test_a_reorganised_stake_is_told(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("Your stake has been seen")
        world.anvil.reorg(1)
        world.anvil.mine()
        world.read_chain()
        expect(page.locator("#status-heading")).to_have_text("The chain took a block back")


def test_old_prices_are_not_payable(world: World, chromium: Browser) -> None:
    first = world.ask(5)
    second = world.ask(7)
    world.anvil.travel(25 * 3600)
    world.read_chain()
    with a_page(chromium, wallet=Wallet(world.anvil, world.account(3, 100))) as page:
        page.goto(world.page_of(first))
        assert headline(page) == "This price no longer stands"
        page.goto(world.page_of(second))
        assert headline(page) == "This price has run out"
        assert page.get_by_role("button").count() == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(world: World, chromium: Browser, width: int) -> None:
    stranger = "@" + "o" * 200 + ":far.example"
    quote = world.ask(5, 1, stranger=type(BOB)(stranger))
    with a_page(chromium, width=width, wallet=Wallet(world.anvil, world.account(3, 0))) as page:
        for path in (world.page_of(quote), world.url + "/", world.url + "/no/such/page"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_stranger_cannot_turn_the_text_around(world: World, chromium: Browser) -> None:
    quote = world.ask(5, stranger=type(BOB)("@<b>\N{RIGHT-TO-LEFT OVERRIDE}ecila:far.example"))
    with a_page(chromium, java_script_enabled=False) as page:
        page.goto(world.page_of(quote))
        assert page.locator("h1 bdi").first.inner_text() == "@<b>ecila:far.example"
        assert page.locator("h1 b").count() == 0


def test_it_can_be_paid_by_keyboard_alone(world: World, chromium: Browser) -> None:
    wallet = Wallet(world.anvil, world.account(3, 100))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(world.ask(5)))
        expect(page.get_by_role("button", name="Pay with Test Wallet")).to_be_visible()
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Pay with Test Wallet":
                break
        page.keyboard.press("Enter")
        expect(page.locator("#progress")).to_contain_text("Your stake is in a block")


def state_of(world: World, stake: Hash32) -> State:
    answered = world.anvil.chain.call(world.deployment.escrow, codec.encode_stakes(stake))
    return codec.decode_stake(answered)[0]


def test_a_price_that_does_not_hold_for_the_wallet_leads_to_the_one_that_does(world: World, chromium: Browser) -> None:
    quote = world.ask(5)
    with world.container.work() as work:
        work.doors.cap(work.people.number(ALICE), most_open=50, most_a_day=50)
    wallet = Wallet(world.anvil, world.account(3, 100))
    for number in range(4):
        a_stake(world.container, UserId(f"@s{number}:s{number}.example"), ALICE, parse_address(wallet.account))
    with a_page(chromium, wallet=wallet) as page:
        page.goto(world.page_of(quote))
        pay_with(page)
        expect(page.locator("#trouble")).to_contain_text("Pay nothing on this price: the wallet has other stakes")
        assert "eth_sendTransaction" not in wallet.asked
        page.locator("#trouble a").click()
        expect(page.locator(".price")).to_contain_text("20")
        expect(page.locator("#why-dearer")).to_contain_text(
            "Usually it is 5 ERN. It is more now because several stakes"
        )
