"""Liberapay's files: donors who give, who ever gave, who say so, and payments; secret ones, and no file at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kit.errors import Invalid
from payments.flair.entitling import joined
from payments.flair.liberapay import Patrons, Shape, of_name
from payments.flair.model import Gift, Period
from payments.flair.reading import Line

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
ACTIVE = (
    "patron_id,patron_username,patron_public_name,visibility,donation_currency,weekly_amount,pledge_date,"
    "last_modification_date,first_payment_date,patron_avatar_url"
)
ALL = ACTIVE.replace(",patron_avatar_url", ",last_payment_date,number_of_weeks_active,sum_received,patron_avatar_url")
PUBLIC = "pledge_date,patron_id,patron_username,patron_public_name,donation_currency,weekly_amount,patron_avatar_url"
PAYMENTS = (
    "id,date,currency,amount,reversed_amount,recipient_id,recipient_username,payment_method,payer_id,payer_username,"
    "payer_public_name"
)
ADA = "7,ada,Ada,public,EUR,2.30,2026-01-05,2026-02-01,2026-01-06,https://example.org/a.png"
SECRET = ",,,secret,EUR,1.00,2026-03-05,2026-03-05,2026-03-06,"


def read(*lines: str, active: bool = False) -> tuple[Patrons, list[Line]]:
    patrons = Patrons(iter(lines), as_of=AS_OF, active=active)
    return patrons, list(patrons.lines())


def gifts(*lines: str) -> list[Gift]:
    return [gift for line in read(*lines)[1] for gift in line.gifts]


def test_who_gives_now_says_so_each_week_until_another_list_comes() -> None:
    patrons, (line,) = read(ACTIVE, ADA)
    assert (patrons.shape, patrons.whole) == (Shape.ACTIVE, True)
    (gift,) = line.gifts
    assert (gift.key, gift.giver, gift.asset, gift.amount) == ("liberapay:7:2026-11-01", "7", "EUR", 230)
    assert (gift.recurring, gift.at, gift.until) == (Period.WEEK, AS_OF, AS_OF + timedelta(days=35))
    assert gift.since == datetime(2026, 1, 6, tzinfo=UTC)
    assert "Ada" not in repr(line)


def test_secret_donors_are_the_same_in_every_list_and_two_are_two() -> None:
    first, second = gifts(ACTIVE, SECRET, SECRET)
    assert first.giver.startswith("secret:")
    assert second.giver == f"{first.giver}:2"
    changed = SECRET.replace("1.00", "4.20").replace("2026-03-05,2026-03-06", "2026-10-10,2026-03-06")
    assert gifts(ACTIVE, changed)[0].giver == first.giver


def test_who_ever_gave_adds_to_sums_and_runs_no_more_by_that() -> None:
    row = ADA.replace(",https", ",2026-10-06,40,92.00,https")
    (gift,) = gifts(ALL, row)
    assert (gift.amount, gift.total, gift.is_word, gift.at.month) == (0, 9200, False, 10)
    assert not read(ALL, row)[0].whole
    assert gifts(ALL, ADA.replace(",https", ",,0,,https")) == []


def test_who_says_so_may_keep_the_amount_to_themselves() -> None:
    found = gifts(PUBLIC, "2026-01-05,7,ada,Ada,EUR,2.30,", "2026-01-05,8,bob,,EUR,private,")
    assert [gift.giver for gift in found] == ["7"]
    assert not read(PUBLIC)[0].whole


def test_payments_are_gifts_and_reversed_ones_are_taken_back() -> None:
    found = gifts(
        PAYMENTS,
        "11,2026-05-01,EUR,10.00,,1,team,stripe-card,7,ada,Ada",
        "12,2026-05-02,EUR,10.00,10.00,1,team,stripe-card,7,ada,Ada",
        "13,2026-05-03,EUR,10.00,4.00,1,team,paypal,,,",
    )
    assert [(gift.amount, gift.taken_back is not None) for gift in found] == [
        (1000, False),
        (1000, True),
        (1000, True),
        (600, False),
    ]
    assert found[3].giver == "secret:13"
    assert joined([*found, *found]) == joined(found)


def test_an_empty_file_is_nobody_where_its_name_says_of_what() -> None:
    assert [read(active=active)[0].whole for active in (True, False)] == [True, False]
    assert read()[0].shape is Shape.EMPTY
    assert of_name("liberapay-active-patrons-earnest-2026-11-01.csv").active
    assert of_name("liberapay-active-patrons-earnest-2026-11-01.csv").day == AS_OF
    assert not of_name("liberapay-patrons-earnest-2026-11-01.csv").active
    assert of_name("what-i-saved.csv").day is None


def test_another_file_is_refused() -> None:
    with pytest.raises(Invalid, match="none of Liberapay"):
        read("Name,Email", "Ada,ada@example.org")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (ADA.replace("2.30", "much"), "amount"),
        (ADA.replace("2026-01-05", "once"), "date"),
        (ADA.replace("EUR", "euros"), "currency"),
        (ADA.replace("7,ada", "7;8,ada"), "identity"),
        ("7,ada", "fields"),
        ('7,"ada', "csv"),
    ],
)
def test_a_bad_line_is_named(line: str, fault: str) -> None:
    _, found = read(ACTIVE, ADA, line)
    assert [one.fault for one in found] == [None, fault]
