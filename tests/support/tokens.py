"""Other tokens for tests, on a real node: one as there are many, and one that answers whatever it is told to."""

from __future__ import annotations

from enum import IntEnum

from eth_abi.abi import encode

from contracts import codec
from contracts.words import word
from kit.identifiers import Address, show_address
from tests.support.anvil import Anvil
from tests.support.contract_wallets import put

SUPPLY = 10**30


def text(said: str | bytes) -> bytes:
    """How a contract answers with a ``string``."""
    return encode(["bytes"], [said.encode() if isinstance(said, str) else said])


def permit_token(anvil: Anvil, *, symbol: str = "USDX", decimals: int = 6, name: str = "A dollar") -> Address:
    """A token with permits; the account "treasury" holds all of it."""
    holder = show_address(anvil.signer("treasury").address)
    parts = encode(["address", "uint256", "string", "string", "uint8"], [holder, SUPPLY, name, symbol, decimals])
    return put(anvil, "PermitToken", parts)


def dollar_token(anvil: Anvil, *, name: str = "Some Dollar", symbol: str = "USDX", lies: bool = False) -> Address:
    """A token of six decimals that programs can pay in; one that ``lies`` tells another domain than it signs by."""
    holder = show_address(anvil.signer("treasury").address)
    kinds = ["address", "uint256", "string", "string", "bool"]
    return put(anvil, "DollarToken", encode(kinds, [holder, SUPPLY, name, symbol, lies]))


class Trick(IntEnum):
    """What a ``dollar_token`` does in place of a transfer by signature."""

    NONE = 0
    MOVES_NOTHING = 1
    MOVES_LESS = 2
    BURNS_GAS = 3
    FAKES_TRANSFER = 4
    REENTERS = 5
    REFUSES = 6
    TAKES_ALL = 7


def become(anvil: Anvil, token: Address, trick: Trick) -> None:
    """Let a ``dollar_token`` do something else from now on, as one might that is upgraded."""
    data = codec.selector_of("become(uint8)") + word(trick)
    assert anvil.send(anvil.signer("treasury"), token, data).succeeded


def odd_token(anvil: Anvil, *, symbol: bytes = text("ODD"), decimals: bytes = word(18), cut_bps: int = 0) -> Address:
    """A token without permits that gives just these answers, none without an end; it takes a cut of each transfer."""
    holder = show_address(anvil.signer("treasury").address)
    kinds = ["address", "uint256", "bytes", "bytes", "uint256"]
    return put(anvil, "OddToken", encode(kinds, [holder, SUPPLY, symbol, decimals, cut_bps]))


def give(anvil: Anvil, token: Address, to: Address, amount: int) -> None:
    """Let the treasury give base units of a token."""
    assert anvil.send(anvil.signer("treasury"), token, codec.encode_transfer(to, amount)).succeeded


def held(anvil: Anvil, token: Address, account: Address) -> int:
    """An account's base units of a token."""
    return codec.decode_uint(anvil.chain.call(token, codec.encode_balance_of(account)))
