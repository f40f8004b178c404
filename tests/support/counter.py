"""A counter: what people sell for a till's tokens, and what buyers send to get it by x402."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from app import selling
from kit.identifiers import UserId, parse_address
from ledger.model import Level
from payments.content.model import Kind, Listing, Offer, Purchase
from tests.support.till import PRICE, SELLER, Till

TEXT = bytes(range(256)) * 1000
"""What is sold: more than one sealed chunk."""


class Counter:
    """Sells files of @lea's for ``till``'s token."""

    def __init__(self, till: Till) -> None:
        """Let @lea, who holds the till's wallet, sell."""
        self.till, self.container = till, till.container
        with self.container.work() as work:
            self.lea = work.people.number(UserId("@lea:earnest.example"))

    def put_up(self, *, content: bytes = TEXT, name: str = "doors.bin", **changes: Any) -> Listing:  # noqa: ANN401
        """List a file."""
        token, *_ = selling.allowed(self.container)
        fields: dict[str, Any] = {"kind": Kind.FILE, "title": "On doors", "wallet": SELLER, "prices": {token: PRICE}}
        fields |= {"finality": Level.SEEN} | changes
        return selling.put_up(self.container, self.lea, Offer(**fields), [content], name=name)

    def get(
        self, listing: Listing, paid: str | None = None, method: str = "GET", *, query: str = "", **headers: str
    ) -> httpx.Response:
        """Ask for a content, with what was paid."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {} if paid is None else {"PAYMENT-SIGNATURE": paid}
        return self.till.door.request(method, f"/v1/listings/{listing.id}/content{query}", headers=named)

    def asked(self, listing: Listing) -> dict[str, Any]:
        """What is asked for it."""
        answer = self.get(listing)
        assert answer.status_code == 402, answer.text
        return unpacked(answer, "payment-required")

    def paid(self, listing: Listing, **signing: Any) -> str:  # noqa: ANN401
        """A payment of the buyer's for it."""
        (demand,) = self.asked(listing)["accepts"]
        fields: dict[str, Any] = {"amount": int(demand["amount"]), "recipient": parse_address(demand["payTo"])}
        signed = signing.pop("signed", None) or self.till.signed(**fields)
        return packed(self.till.body(signed, demand, **signing)["paymentPayload"])

    def sales(self) -> list[Purchase]:
        """What @lea sold."""
        with self.container.read() as work:
            return work.content.sales(self.lea)[0]


def packed(told: dict[str, Any]) -> str:
    """As it stands in a header."""
    return base64.b64encode(json.dumps(told).encode()).decode()


def unpacked(answer: httpx.Response, header: str) -> dict[str, Any]:
    """What stands in a header."""
    told: dict[str, Any] = json.loads(base64.b64decode(answer.headers[header]))
    return told


@pytest.fixture
def counter(till: Till) -> Counter:
    """It, on the till of this test."""
    return Counter(till)
