"""Patreon (pure): its members CSV and its webhooks, read as gifts; names, mails, addresses and phones are dropped.

A charge is a gift, whether the file or the webhook tells of it: its key is the member and the day of the charge. What
Patreon tells has no time and no number of its own, but each charge has its day, so that neither order nor repetition
matters (Patreon's documentation, "Webhooks"; the columns are those that its export has today).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kit.errors import Invalid
from kit.identifiers import Hash32
from payments.flair.model import Gift, Period, Source
from payments.flair.reading import Fault, Line, identity, moment, money, named, rows_of

LONGEST_BODY: Final = 200_000
"""Bytes that a webhook's body may have."""
EVENTS: Final = frozenset(
    {
        *("members:create", "members:update", "members:delete"),
        *("members:pledge:create", "members:pledge:update", "members:pledge:delete"),
    }
)
NEEDED: Final = (
    *("user id", "currency", "pledge amount", "lifetime amount"),
    *("last charge date", "last charge status"),
)
"""Columns without which a file tells nothing; the others may be missing, and stand in any order."""
_PAID: Final = frozenset({"paid"})
_TAKEN_BACK: Final = frozenset({"refunded", "fraud", "refunded by patreon"})
_A_YEAR: Final = frozenset({"annual", "annually", "yearly"})
_MONTHS: Final = 12
_CENTS: Final = 10**15


# ------------------------------------------------------------------------------------------ the members CSV


def read_members(lines: Iterable[str]) -> Iterator[Line]:
    """Read a members CSV, line by line. Raises ``Invalid`` for a file that lacks a column that is needed."""
    rows = rows_of(lines)
    header: list[str] | None = None
    for number, row in rows:
        if row is None:
            yield Line(number, (), "csv")
        elif header is None:
            header = [name.strip().lower() for name in row]
            if missing := [name for name in NEEDED if name not in header]:
                raise Invalid("patreon_columns", f"This is no members CSV of Patreon: it has no {', '.join(missing)}.")
        else:
            try:
                yield Line(number, tuple(_of_row(named(header, row))))
            except Fault as fault:
                yield Line(number, (), fault.code, fault.shown)


def _of_row(row: Mapping[str, str]) -> Iterator[Gift]:
    member = identity(row["user id"])
    if not row["lifetime amount"] and not row["last charge date"]:
        return
    code = row["currency"]
    total = money(row["lifetime amount"] or "0", code)[1]
    amount = money(row["pledge amount"] or "0", code)[1]
    since = row.get("patronage since date", "")
    yield from _gifts(
        member,
        code=code,
        amount=amount,
        total=total,
        charged=row["last charge date"],
        status=row["last charge status"],
        months=_MONTHS if row.get("charge frequency", "").lower() in _A_YEAR else 1,
        since=since,
    )


def _gifts(
    member: str, *, code: str, amount: int, total: int, charged: str, status: str, months: int, since: str
) -> Iterator[Gift]:
    begun = moment(since) if since else None
    at = moment(charged) if charged else begun
    if at is None or not (amount or total):
        return
    if total:  # what is pledged may have been raised since, and nothing of that was charged
        amount = min(amount, total)
    asset = money("0", code)[0]
    key = f"{Source.PATREON}:{member}:{at:%Y-%m-%d}"
    state = status.lower()
    if charged and amount and state in _PAID | _TAKEN_BACK:
        gone = state in _TAKEN_BACK
        yield Gift(
            key=key,
            source=Source.PATREON,
            giver=member,
            asset=asset,
            amount=amount,
            at=at,
            months=months,
            recurring=Period.MONTH if months == 1 else Period.YEAR,
            since=None if begun is None else min(begun, at),
            total=None if gone else total,
            taken_back=at if gone else None,
        )
    elif total:
        yield Gift(f"{key}:total", Source.PATREON, member, asset, 0, at, total=total)


# ------------------------------------------------------------------------------------------ webhooks


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Tell whether ``signature`` is the HMAC-MD5 of a body, in hexadecimal digits; it takes the same time if not."""
    wanted = hmac.new(secret.encode(), body, hashlib.md5).hexdigest()
    return hmac.compare_digest(wanted.encode(), signature.strip().lower().encode())


def delivery(event: str, member: str, body: bytes) -> Hash32:
    """Return what a delivery is known by: Patreon gives it no number."""
    return Hash32(hashlib.sha256(b"\n".join((event.encode(), member.encode(), hashlib.sha256(body).digest()))).digest())


def names_nobody(body: bytes) -> bool:
    """Tell whether a webhook is of a member by whose number Patreon does not say which user they are.

    It is taken, and nothing is counted: the file and later webhooks name the user, and by two names it would count
    twice.
    """
    try:
        data = _part(json.loads(body) if len(body) <= LONGEST_BODY else None, "data")
        _part(data, "attributes")
        relationships = data.get("relationships")
        user = relationships.get("user") if isinstance(relationships, dict) else relationships
        named = user.get("data") if isinstance(user, dict) else user
        return data.get("type") == "member" and bool(identity(_text(data, "id"))) and named is None
    except (ValueError, RecursionError, Fault, Invalid):
        return False


def read_event(event: str, body: bytes, *, currency: str = "USD") -> tuple[str, tuple[Gift, ...]]:
    """Return of whom a webhook tells, and the gifts that it tells of; none where it tells of no charge.

    ``currency`` is the campaign's, where the body does not say it. Raises ``Invalid`` for a body that is none.
    """
    if event not in EVENTS:
        raise Invalid("patreon_event_unknown", "That event is none about members.")
    try:
        document = json.loads(body) if len(body) <= LONGEST_BODY else None
        data = _part(document, "data")
        attributes = _part(data, "attributes")
        user = _part(_part(_part(data, "relationships"), "user"), "data")
        if data.get("type") != "member":
            raise _malformed()
        member = identity(_text(user, "id"))
        amount = _number(attributes, "currently_entitled_amount_cents") or _number(attributes, "will_pay_amount_cents")
        total = _number(attributes, "campaign_lifetime_support_cents") or _number(attributes, "lifetime_support_cents")
        gifts = _gifts(
            member,
            code=_text(attributes, "currency") or currency,
            amount=amount,
            total=total,
            charged=_text(attributes, "last_charge_date"),
            status=_text(attributes, "last_charge_status"),
            months=_MONTHS if _number(attributes, "pledge_cadence") == _MONTHS else 1,
            since=_text(attributes, "pledge_relationship_start"),
        )
        return member, tuple(gifts)
    except (ValueError, RecursionError, Fault):
        raise _malformed() from None


def _part(document: object, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise _malformed()
    return found


def _text(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) else ""


def _number(attributes: Mapping[str, Any], name: str) -> int:
    value = attributes.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _CENTS:
        raise _malformed()
    return value


def _malformed() -> Invalid:
    return Invalid("patreon_malformed", "That is no event about a member as Patreon sends them.")
