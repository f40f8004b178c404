"""Gifts for tests: a tier document, and gifts of every source in one line each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from kit.identifiers import Address
from ledger.model import Asset, Level, erc20
from payments.flair.documents import Assets, TiersDocument, read_document, read_tiers
from payments.flair.model import Gift, Period, Source, Tiers, address_name, chain_key, currency
from tests.support.stakes import CHAIN_ID, TOKEN, block
from tests.support.stakes import at as place

ERN = erc20(CHAIN_ID, TOKEN)
EUR = currency("EUR")
DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)
GIVER = Address(b"\x61" * 20)
ASSETS = Assets((("ERN", ERN, 18), ("ETH", Asset(f"ether:{CHAIN_ID}"), 18)), sold_for=(ERN,))
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "kind": "tiers",
    "space": {"title": "Supporters"},
    "rooms": [{"id": "lounge", "title": "Lounge"}, {"id": "news", "title": "News", "posts": True}],
    "tiers": [
        {"id": "friend", "title": "Friend", "month": {"EUR": "5", "ERN": "10"}, "gives": {"space": True}},
        {
            "id": "patron",
            "title": "Patron",
            "month": {"EUR": "10", "ERN": "20"},
            "gives": {"space": True, "rooms": ["lounge", "news"], "skip_stake": True},
        },
        {"id": "faithful", "title": "Faithful", "streak": {"months": 6, "month": {"EUR": "5"}}},
        {"id": "founder", "title": "Founder", "sum": {"EUR": "100", "ERN": "100"}, "gives": {"space": True}},
        {"id": "sponsor", "title": "Sponsor", "sum": {"EUR": "1000"}, "corporate": True},
    ],
}


def document(**changes: object) -> TiersDocument:
    """The document, with changes at its top."""
    return read_document(json.dumps(DOCUMENT | changes))


def tiers(**changes: object) -> Tiers:
    """The document as the fold takes it."""
    return read_tiers(document(**changes), ASSETS)


def day(number: float) -> datetime:
    """A moment so many days after the first."""
    return FIRST + number * DAY


def on_chain(
    tokens: int,
    *,
    at: float = 0,
    months: int = 0,
    number: int = 1,
    log: int = 0,
    giver: Address = GIVER,
    **more: Any,  # noqa: ANN401 - any field
) -> Gift:
    """A gift of whole tokens on the chain, in a block of its own."""
    return Gift(
        key=chain_key(place(block(number), log)),
        source=Source.CHAIN,
        giver=address_name(giver),
        asset=ERN,
        amount=tokens * 10**18,
        at=day(at),
        months=months,
        **{"level": Level.SEEN, **more},
    )


def patron(euros: float, *, at: float = 0, member: str = "m1", **more: Any) -> Gift:  # noqa: ANN401 - any field
    """A month's charge at Patreon."""
    values = {"months": 1, "recurring": Period.MONTH, **more}
    key = f"patreon:{member}:{day(at):%Y-%m-%d}"
    return Gift(key, Source.PATREON, member, EUR, round(euros * 100), day(at), **values)


def weekly(euros: float, *, at: float = 0, name: str = "7", days: float = 35, **more: Any) -> Gift:  # noqa: ANN401 - any field
    """What Liberapay says of a donor at a day, believed for so many days."""
    values = {"recurring": Period.WEEK, "until": day(at + days), **more}
    key = f"liberapay:{name}:{day(at):%Y-%m-%d}"
    return Gift(key, Source.LIBERAPAY, name, EUR, round(euros * 100), day(at), **values)
