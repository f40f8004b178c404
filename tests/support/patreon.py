"""Patreon for tests: lines of its members CSV as it exports them, and webhooks as it sends and signs them."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
from typing import Any

SECRET = "a secret of Patreon's"
EVENT = "members:pledge:update"
HEADER = (
    "Name,Email,Discord,Patron Status,Follows You,Free Member,Free Trial,Lifetime Amount,Pledge Amount,"
    "Charge Frequency,Tier,Addressee,Street,City,State,Zip,Country,Phone,Patronage Since Date,"
    "Last Charge Date,Last Charge Status,"
    "Additional Details,User ID,Last Updated,Currency,Max Posts,Access Expiration,Next Charge Date,Full country name,"
    "Subscription Source"
)
ADA = {
    "Name": "Ada, Countess",
    "Email": "ada@example.org",
    "Patron Status": "Active patron",
    "Follows You": "Yes",
    "Free Member": "No",
    "Lifetime Amount": "60.00",
    "Pledge Amount": "5.00",
    "Charge Frequency": "Monthly",
    "Tier": "Friend",
    "Addressee": "Ada",
    "Street": "12 Main Street",
    "Phone": "555 0100",
    "Patronage Since Date": "2025-01-01 10:00:00",
    "Last Charge Date": "2026-01-01 10:22:33.123456",
    "Last Charge Status": "Paid",
    "User ID": "7001",
    "Last Updated": "2026-01-02 00:00:00",
    "Currency": "EUR",
}


def row(**changes: str) -> str:
    """A line of the file."""
    values = ADA | changes
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([values.get(name, "") for name in HEADER.split(",")])
    return out.getvalue()


def member(
    *,
    amount: object = 500,
    lifetime: object = 6000,
    user: object = {"id": "7001"},
    **attributes: object,
) -> bytes:
    """The body of a webhook."""
    document: dict[str, Any] = {
        "data": {
            "id": "03ca69c3-ebea-4b9a-8fac-e4a837873254",
            "type": "member",
            "attributes": {
                "full_name": "Ada, Countess",
                "is_follower": False,
                "patron_status": "active_patron",
                "last_charge_status": "Paid",
                "last_charge_date": "2026-01-01T10:22:33.000+00:00",
                "currently_entitled_amount_cents": amount,
                "lifetime_support_cents": lifetime,
                "pledge_relationship_start": "2025-01-01T10:00:00.000+00:00",
                "currency": "EUR",
                **attributes,
            },
            "relationships": {
                "campaign": {"data": {"id": "33", "type": "campaign"}},
                "currently_entitled_tiers": {"data": [{"id": "44", "type": "tier"}]},
                "user": {"data": user},
            },
        },
        "included": [{"id": "7001", "type": "user", "attributes": {"full_name": "Ada, Countess"}}],
    }
    return json.dumps(document).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    """What Patreon puts into the header ``X-Patreon-Signature``."""
    return hmac.new(secret.encode(), body, hashlib.md5).hexdigest()
