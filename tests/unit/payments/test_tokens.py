"""Tokens beside our own: none is called as another is, and a price says how much of what."""

from __future__ import annotations

import pytest

from kit.errors import Invalid
from kit.identifiers import Address, show_address
from ledger.model import Asset, erc20
from payments.tokens.model import Token, address_of, labelled, read_price

KNOWN = (("ERN", erc20(1, Address(b"\x01" * 20)), 18), ("ETH", Asset("ether:1"), 18))


def token(number: int, symbol: str | None) -> Token:
    return Token(erc20(1, Address(bytes([number]) * 20)), symbol, 6, None)


def names(*symbols: str | None) -> list[str]:
    found = labelled([token(2 + number, symbol) for number, symbol in enumerate(symbols)], KNOWN)
    assert [places for _, _, places in found] == [6] * len(symbols)
    return [name for name, _, _ in found]


def where(number: int) -> str:
    return show_address(Address(bytes([number]) * 20))


def test_a_symbol_of_its_own_is_the_name() -> None:
    assert names("USDX", "DAI") == ["USDX", "DAI"]


@pytest.mark.parametrize("symbol", ["ERN", "ern", "Em", "ETH", "eth", "EUR", "usd", "BTC"])
def test_what_looks_like_another_stands_with_its_address(symbol: str) -> None:
    assert names(symbol, "DAI") == [f"{symbol} ({where(2)})", "DAI"]


def test_of_two_that_look_alike_neither_is_called_by_its_symbol_alone() -> None:
    assert names("USDC", "usdc", "USD0", "USDO") == [
        f"USDC ({where(2)})",
        f"usdc ({where(3)})",
        f"USD0 ({where(4)})",
        f"USDO ({where(5)})",
    ]


def test_what_has_no_symbol_is_its_address() -> None:
    assert names(None) == [where(2)]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("5", ("5", None)),
        (" 2.5 USDX ", ("2.5", "USDX")),
        ("2.5:USDX", ("2.5", "USDX")),
        ("2.5 : USDX", ("2.5", "USDX")),
        (f"1 {where(2)}", ("1", where(2))),
    ],
)
def test_a_price_says_how_much_of_what(text: str, read: tuple[str, str | None]) -> None:
    assert read_price(text) == read


@pytest.mark.parametrize("text", ["", "USDX", "-1", "5 USDX X", "5 " + "A" * 200, "5\n\nX\u2028Y Z"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="such as 5 ERN"):
        read_price(text)


def test_only_a_token_of_the_chain_has_an_address() -> None:
    assert address_of(token(2, None).asset, 1) == Address(b"\x02" * 20)
    assert address_of(token(2, None).asset, 2) is None
    for odd in ("ether:1", "EUR", "erc20:1:0x12", "erc20:x:0x" + "22" * 20):
        assert address_of(Asset(odd), 1) is None
