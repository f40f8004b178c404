"""Patreon's members CSV and webhooks: what they tell, however they are ordered, and what of them is dropped."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from kit.errors import Invalid
from payments.flair.entitling import joined
from payments.flair.model import Gift, Period
from payments.flair.patreon import is_signed, read_event, read_members
from tests.support.patreon import EVENT, HEADER, SECRET, member, row, signature


def gifts(*rows: str, header: str = HEADER) -> list[Gift]:
    found = list(read_members([header, *rows]))
    assert [line.fault for line in found] == [None] * len(found)
    return [gift for line in found for gift in line.gifts]


def test_a_charge_is_a_gift_of_the_member_on_its_day() -> None:
    (gift,) = gifts(row())
    assert (gift.key, gift.giver, gift.asset, gift.amount) == ("patreon:7001:2026-01-01", "7001", "EUR", 500)
    assert (gift.months, gift.recurring, gift.total) == (1, Period.MONTH, 6000)
    assert (gift.at.isoformat(), gift.since and gift.since.year) == ("2026-01-01T10:22:33.123456+00:00", 2025)


def test_names_mails_addresses_and_phones_are_nowhere() -> None:
    assert not any(private in repr(gifts(row())) for private in ("Ada", "ada@", "12 Main", "555"))


@pytest.mark.parametrize(
    ("changes", "amounts"),
    [
        ({"Last Charge Status": "Declined"}, [(0, 6000, False)]),
        ({"Last Charge Status": "Refunded"}, [(500, None, True)]),
        ({"Last Charge Status": "Fraud"}, [(500, None, True)]),
        ({"Patron Status": "Former patron"}, [(500, 6000, False)]),
        ({"Last Charge Date": "", "Last Charge Status": "", "Lifetime Amount": "0.00"}, []),
        ({"Pledge Amount": "1,234.50", "Lifetime Amount": "1,234.50"}, [(123450, 123450, False)]),
        ({"Currency": "JPY", "Pledge Amount": "500", "Lifetime Amount": "6000"}, [(500, 6000, False)]),
    ],
)
def test_what_a_status_comes_to(changes: dict[str, str], amounts: list[tuple[int, int | None, bool]]) -> None:
    found = [(gift.amount, gift.total, gift.taken_back is not None) for gift in gifts(row(**changes))]
    assert found == amounts


def test_a_year_is_twelve_months() -> None:
    (gift,) = gifts(row(**{"Charge Frequency": "Annually", "Pledge Amount": "54.00"}))
    assert (gift.months, gift.recurring, gift.amount) == (12, Period.YEAR, 5400)


def test_columns_go_by_their_names() -> None:
    order = "Currency,User ID,Last Charge Status,Last Charge Date,Pledge Amount,Lifetime Amount,Twitter"
    (gift,) = gifts("EUR,7001,Paid,2026-01-01 10:22:33.123456,5.00,60.00,@ada", header=order)
    assert (gift.key, gift.amount) == ("patreon:7001:2026-01-01", 500)
    with pytest.raises(Invalid, match="user id"):
        list(read_members(["Name,Email,Pledge Amount"]))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"Pledge Amount": "five"}, "amount"),
        ({"Last Charge Date": "yesterday"}, "date"),
        ({"User ID": "7 001"}, "identity"),
        ({"Currency": "euro"}, "currency"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(changes: dict[str, str], fault: str) -> None:
    lines = list(read_members([HEADER, row(), row(**changes), row(**{"User ID": "7002"}), "short,line"]))
    assert [(line.number, line.fault) for line in lines] == [(2, None), (3, fault), (4, None), (5, "fields")]
    assert len([gift for line in lines for gift in line.gifts]) == 2


def test_a_webhook_tells_the_same_gift_as_the_file() -> None:
    who, (told,) = read_event(EVENT, member())
    (read,) = gifts(row())
    assert (who, told.key, told.amount, told.total, told.months) == ("7001", read.key, 500, 6000, 1)
    assert len(joined([told, read])) == 1


def test_webhooks_in_any_order_come_to_the_same() -> None:
    told = [
        *read_event("members:create", member(last_charge_date=None, last_charge_status=None, lifetime=0))[1],
        *read_event("members:pledge:create", member(lifetime=500))[1],
        *read_event("members:pledge:update", member(amount=1000, lifetime=500))[1],
        *read_event("members:update", member(last_charge_date="2026-02-01T10:00:00.000+00:00", lifetime=1500))[1],
        *read_event("members:delete", member(patron_status="former_patron", lifetime=1500))[1],
    ]
    assert joined(told) == joined(told[::-1]) == joined([*told, *told])
    assert [gift.amount for gift in joined(told)] == [500, 500], "what was pledged since is not charged yet"


def test_a_pledge_that_was_raised_is_no_charge() -> None:
    (raised,) = gifts(row(**{"Pledge Amount": "9,000.00"}))
    assert (raised.amount, raised.total) == (6000, 6000), "more than was given in all was not given"
    ((told,),) = [read_event(EVENT, member(amount=0, will_pay_amount_cents=900_000, lifetime=500))[1]]
    assert (told.amount, told.total) == (500, 500)


def test_a_refund_that_is_heard_before_its_charge_takes_it_back() -> None:
    refund = read_event(EVENT, member(last_charge_status="Refunded"))[1]
    charge = read_event(EVENT, member())[1]
    assert joined([*refund, *charge]) == joined([*charge, *refund])
    assert joined([*refund, *charge])[0].taken_back is not None


def test_a_signature_is_the_hmac_md5_of_the_body() -> None:
    body = member()
    assert hmac.new(SECRET.encode(), body, hashlib.md5).hexdigest() == signature(body)
    assert is_signed(SECRET, body, signature(body))
    assert is_signed(SECRET, body, signature(body).upper())
    for forged in ("", "0" * 32, signature(body + b" "), signature(body)[:-1], "é" * 32):
        assert not is_signed(SECRET, body, forged)
    assert not is_signed("another", body, signature(body))


def _without(name: str) -> bytes:
    document: dict[str, Any] = json.loads(member())
    del document["data"][name]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"data": 5}',
            b"[" * 100_000,
            b"\xff",
            member(amount=-5),
            member(amount=10**400),
        ),
        *(member(amount=True), member(user={"id": "a b"}), member(user=None), member(last_charge_date="soon")),
        *(_without("attributes"), _without("relationships"), _without("type"), member() + b" " * 300_000),
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        read_event(EVENT, body)


def test_events_about_other_things_are_refused() -> None:
    with pytest.raises(Invalid, match="none about members"):
        read_event("posts:publish", member())
