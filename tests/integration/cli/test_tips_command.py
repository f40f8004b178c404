"""``earnest tips pay`` on a real node: what was meant is paid once, and nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from eth_utils.crypto import keccak

from cli import fetching
from cli.commands import tips as command
from cli.main import main
from contracts import erc20
from kit.identifiers import show_address
from payments.tips.model import Link, TipState
from tests.support.anvil import ETHER
from tests.support.services import listening
from tests.support.stock_shop import following
from tests.support.tipped import Tipped
from tests.support.tokens import dollar_token, permit_token
from tests.support.tokens import held as held_of


def pay(tipped: Tipped, link: Link, folder: Path, *words: str, amount: str = "5", follow: bool = True) -> Result:
    key = folder / "kim.key"
    key.write_text("0x" + keccak(text="a key of kim").hex())
    environment = {"EARNEST_RPC_URL": tipped.fair.anvil.url, "EARNEST_DATA": str(folder)}
    read = following(tipped.container) if follow else nullcontext()
    with listening(tipped.container) as url, read:
        given = [f"{url}/tip/{link.token}", "--amount", amount, "--key-file", str(key), "--yes", *words]
        return CliRunner().invoke(main, ["tips", "pay", *given], env=environment)


def held(tipped: Tipped, name: str = "lea") -> int:
    return tipped.fair.anvil.tokens_of(tipped.fair.deployment, tipped.fair.address(name))


def test_a_tip_is_paid_at_the_terminal_once_with_what_is_said(tipped: Tipped, tmp_path: Path) -> None:
    link, before = tipped.link(), held(tipped)
    done = pay(tipped, link, tmp_path, "--note", " Thank you ", "--anonymous")
    assert done.exit_code == 0, done.output
    assert "Paid: 5 ERN" in done.output
    again = pay(tipped, link, tmp_path)
    assert (again.exit_code != 0, "nothing was paid now" in again.output) == (True, True)
    assert held(tipped) - before == 5 * ETHER
    with tipped.container.read() as work:
        ((tip,), _) = work.tips.received(tipped.lea)
    assert (tip.amount, tip.note, tip.anonymous, tip.state) == (5 * ETHER, "Thank you", True, TipState.PAID)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("terms", {"price": "1"}),
        ("terms", {"asset": "0x" + "66" * 20}),
        ("terms", {"content": "0x" + "66" * 32}),
        ("terms", {"listing": "0x" + "66" * 32}),
        ("terms", {"shares": [{"payee": "0x" + "66" * 20, "bps": 5_000}]}),
        ("order", {"memo": "0x" + "66" * 32}),
        ("order", {"buyer": "0x" + "66" * 20}),
        ("order", {"relay_fee": "1"}),
    ],
)
def test_a_service_that_offers_another_tip_gets_nothing(
    tipped: Tipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, change: dict[str, Any]
) -> None:
    def lying(method: str, url: str, body: object = None) -> dict[str, Any]:
        said = fetching.get_json(method, url, body)
        if method == "POST":
            said[part] |= change
        return said

    monkeypatch.setattr(command, "get_json", lying)
    before = held(tipped, "kim")
    refused = pay(tipped, tipped.link(), tmp_path)
    assert (refused.exit_code != 0, "another tip than you asked for" in refused.output) == (True, True), refused.output
    assert held(tipped, "kim") == before


def test_given_again_before_the_service_knows_it_pays_nothing(
    tipped: Tipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_LOOKS", 0)
    link, before = tipped.link(), held(tipped)
    assert pay(tipped, link, tmp_path, follow=False).exit_code == 0
    again = pay(tipped, link, tmp_path, follow=False)
    assert (again.exit_code != 0, "nothing was paid now" in again.output) == (True, True), again.output
    assert held(tipped) - before == 5 * ETHER


def test_dearer_money_than_what_was_named_is_not_paid(
    tipped: Tipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = erc20.look
    monkeypatch.setattr(erc20, "look", lambda chain, token: replace(look(chain, token), symbol="WETH"))
    before = held(tipped, "kim")
    refused = pay(tipped, tipped.link(), tmp_path)
    assert (refused.exit_code != 0, "another token than ERN" in refused.output) == (True, True), refused.output
    assert held(tipped, "kim") == before


def test_a_tip_in_dollars_is_paid_once_by_their_name_or_their_address(tipped: Tipped, tmp_path: Path) -> None:
    usdx = dollar_token(tipped.fair.anvil)
    (asset,) = tipped.takes(usdx)
    done = pay(tipped, tipped.link(), tmp_path, "--token", "usdx", amount="2.5")
    assert done.exit_code == 0, done.output
    assert "Paid: 2.5 USDX" in done.output
    link = tipped.link()
    assert pay(tipped, link, tmp_path, "--token", show_address(usdx), amount="1").exit_code == 0
    again = pay(tipped, link, tmp_path, "--token", "USDX", amount="1")
    assert (again.exit_code != 0, "nothing was paid now" in again.output) == (True, True)
    fine = pay(tipped, tipped.link(), tmp_path, "--token", "USDX", amount="0.0000001")
    assert (fine.exit_code != 0, "at most 6 decimal places" in fine.output) == (True, True)
    assert held_of(tipped.fair.anvil, usdx, tipped.fair.address("lea")) == 3_500_000
    with tipped.container.read() as work:
        tips, _ = work.tips.received(tipped.lea)
    assert [(tip.asset, tip.amount, tip.state) for tip in tips] == [
        (asset, 1_000_000, TipState.PAID),
        (asset, 2_500_000, TipState.PAID),
    ]


def test_what_they_do_not_take_or_two_tokens_are_called_is_not_paid(tipped: Tipped, tmp_path: Path) -> None:
    one, two = (permit_token(tipped.fair.anvil, symbol="USDX", decimals=places) for places in (6, 18))
    tipped.takes(one, two)
    for named, said in (("EURX", "They take ERN, USDX (0x"), ("USDX", f"USDX ({show_address(two)})")):
        refused = pay(tipped, tipped.link(), tmp_path, "--token", named)
        assert (refused.exit_code != 0, said in refused.output) == (True, True), refused.output
    done = pay(tipped, tipped.link(), tmp_path, "--token", show_address(two))
    assert done.exit_code == 0, done.output
    held = [held_of(tipped.fair.anvil, token, tipped.fair.address("lea")) for token in (one, two)]
    assert held == [0, 5 * ETHER]


@pytest.mark.parametrize("change", [{"symbol": "USDX"}, {"symbol": "{usdx}"}, {"symbol": "USDX", "decimals": 18}])
def test_another_token_that_the_service_calls_so_is_not_paid(
    tipped: Tipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    usdx, dear = dollar_token(tipped.fair.anvil), permit_token(tipped.fair.anvil, symbol="DEAR", decimals=6)
    asset, other = tipped.takes(usdx, dear)
    meant = change["symbol"].format(usdx=show_address(usdx))
    called = {"asset": asset if "decimals" in change else other, "decimals": 6, **change, "symbol": meant}

    def lying(method: str, url: str, body: object = None) -> dict[str, Any]:
        said = fetching.get_json(method, url, body)
        return said | {"takes": [called]} if "takes" in said else said

    monkeypatch.setattr(command, "get_json", lying)
    refused = pay(tipped, tipped.link(), tmp_path, "--token", meant)
    assert (refused.exit_code != 0, "asks for another token than" in refused.output) == (True, True), refused.output
    assert held_of(tipped.fair.anvil, dear, tipped.fair.address("lea")) == 0


def test_what_is_no_link_of_a_tip_is_told_so(tmp_path: Path) -> None:
    words = ["tips", "pay", f"https://shop.example/buy/{'x' * 22}", "--amount", "5"]
    refused = CliRunner().invoke(main, words, env={"EARNEST_DATA": str(tmp_path)})
    assert "https://…/tip/…" in refused.output
