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
from payments.tips.model import Link, TipState
from tests.support.anvil import ETHER
from tests.support.services import listening
from tests.support.stock_shop import following
from tests.support.tipped import Tipped


def pay(tipped: Tipped, link: Link, folder: Path, *words: str, follow: bool = True) -> Result:
    key = folder / "kim.key"
    key.write_text("0x" + keccak(text="a key of kim").hex())
    environment = {"EARNEST_RPC_URL": tipped.fair.anvil.url, "EARNEST_DATA": str(folder)}
    read = following(tipped.container) if follow else nullcontext()
    with listening(tipped.container) as url, read:
        given = [f"{url}/tip/{link.token}", "--amount", "5", "--key-file", str(key), "--yes", *words]
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


def test_what_is_no_link_of_a_tip_is_told_so(tmp_path: Path) -> None:
    words = ["tips", "pay", f"https://shop.example/buy/{'x' * 22}", "--amount", "5"]
    refused = CliRunner().invoke(main, words, env={"EARNEST_DATA": str(tmp_path)})
    assert "https://…/tip/…" in refused.output
