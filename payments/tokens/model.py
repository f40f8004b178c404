"""Tokens that something may be sold for beside our own: what each is called among people, and prices; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from contracts.erc20 import Unsigned
from contracts.typed_data import Domain
from kit.errors import Invalid
from kit.identifiers import Address, parse_address, show_address, skeleton
from ledger.model import Asset

Known = tuple[str, Asset, int]
"""How an asset is called, and how many decimal places it has."""
GRACE: Final = timedelta(hours=1)
"""For how long a token that was taken away can still be paid in: somebody may be about to."""
_MONEY: Final = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "INR", "JPY", "KRW", "MXN", "NOK", "NZD"}
) | {"PLN", "RUB", "SEK", "SGD", "TRY", "USD", "ZAR", "BTC", "XBT", "GWEI", "WEI"}
"""What nobody takes for a token's symbol."""
_PRICE: Final = re.compile(r"\s*([0-9][0-9.]{0,158})(?:\s*:\s*|\s+)?(\S{1,120})?\s*", re.ASCII)
_ASSET: Final = re.compile(r"erc20:([0-9]{1,18}):(0x[0-9a-f]{40})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was read from the chain; ``symbol``, ``domain`` and ``transfers`` as in ``contracts.erc20.Facts``.

    ``transfers`` is ``None`` where that was not asked yet: it was read by an earlier release. ``taken_away_at``: since
    when the operator allows it no more.
    """

    asset: Asset
    symbol: str | None
    decimals: int
    domain: Domain | None
    transfers: Domain | Unsigned | None = None
    taken_away_at: datetime | None = None


def address_of(asset: Asset, chain_id: int) -> Address | None:
    """Return the contract of a token on a chain; ``None`` for any other asset."""
    found = _ASSET.fullmatch(asset)
    return parse_address(found[2]) if found is not None and int(found[1]) == chain_id else None


def labelled(tokens: Sequence[Token], known: Sequence[Known]) -> tuple[Known, ...]:
    """Return what tokens are called beside what is ``known``: each name is of one asset, and looks like no other's.

    A symbol that looks like another's, or like money of a state, stands with the token's address; one that cannot be
    read is the address alone.
    """
    kept = {one.asset for one in tokens}
    others = [(skeleton(name), asset) for name, asset, _ in known if asset not in kept]
    others += [(skeleton(one.symbol), one.asset) for one in tokens if one.symbol is not None]
    money = {skeleton(name) for name in _MONEY}

    def label(one: Token) -> str:
        where = show_address(parse_address(one.asset.rpartition(":")[2]))
        if one.symbol is None:
            return where
        shape = skeleton(one.symbol)
        alone = shape not in money and all(shape != other for other, asset in others if asset != one.asset)
        return one.symbol if alone else f"{one.symbol} ({where})"

    return tuple((label(one), one.asset, one.decimals) for one in tokens)


def read_price(text: str) -> tuple[str, str | None]:
    """Cut ``5``, ``2.5 USDX`` or ``2.5:0x…`` into the amount and what the asset is called. Raises ``Invalid``."""
    found = _PRICE.fullmatch(text)
    if found is None:
        raise Invalid("price_malformed", "A price is an amount and a token, such as 5 ERN.")
    return found[1], found[2]
