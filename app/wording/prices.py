"""Prices as sentences: why a door asks more of somebody than it usually does, and when that ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.wording.catalogue import Translate, marked, translator
from kit.amounts import Amount, show
from payments.stakes.model import Price
from reputation.pricing import REMEMBERED
from reputation.verdict import Code

_WHY: Mapping[str, str] = {
    "door": marked("several stakes at this door are unanswered"),
    "own": marked("several stakes of yours are unanswered"),
    "wallet": marked("several stakes from your wallet are unanswered"),
    "server": marked("several stakes of people from your homeserver are unanswered"),
}
_DEARER = marked(
    "Usually it is %(base)s. It is more now because %(why)s; it falls again as stakes are answered, and at the latest "
    "%(days)d days after they ran out."
)
NOT_TAKEN: Mapping[Code, str] = {
    Code.DOOR_FULL: marked("so many strangers wait at this door that it takes no more for now"),
    Code.DEARER_DOOR: marked("the price has more than doubled since you were told it: many stakes at this door wait"),
    Code.DEARER_OWN: marked("the price has more than doubled since you were told it: several stakes of yours wait"),
    Code.DEARER_WALLET: marked("the wallet has other stakes that nobody answered, so more is asked from it"),
    Code.DEARER_SERVER: marked(
        "the price has more than doubled since you were told it: many people of your homeserver staked"
    ),
}
"""Why a stake is not taken, or a price is not to be paid any more."""


def why_dearer(price: Price, *, symbol: str, decimals: int, locale: str | None = None) -> str | None:
    """Say why a price is more than the door's own; ``None`` where it is not."""
    if price.base is None:
        return None
    base = f"{show(price.base, decimals)} {symbol}"
    return dearer(base, price.dearer, translator(locale))


def dearer(base: str, why: Iterable[str], translate: Translate) -> str:
    """Say why a price is more than ``base``."""
    reasons = translate(marked(", and ")).join(translate(_WHY[name]) for name in why if name in _WHY)
    return translate(_DEARER) % {"base": base, "why": reasons or "-", "days": REMEMBERED.days}


def not_taken(why: Code) -> str:
    """Say, in English, why a price is not to be paid any more."""
    return NOT_TAKEN[why]


def amount_text(amount: Amount, symbol: str, decimals: int) -> str:
    """Write an amount with its symbol."""
    return f"{show(amount, decimals)} {symbol}"
