"""The shop's pages: every state in words, no text of a stranger as markup, and who sells told to the signed-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.dependencies import SESSION_COOKIE
from app import selling
from app.container import Container
from kit.database import Database
from kit.identifiers import Address, PersonId, UserId, show_hash
from ledger.model import Level
from payments.content.model import Buyer, Kind, Listing, Offer, Paid
from tests.support.services import Door, a_container, http_door
from tests.support.stalls import PAYER, WALLET, key

HTML = {"Accept": "text/html"}
HOSTILE = "<script>alert(1)</script> \u05d3\u05dc\u05ea &amp; {{ 7*7 }}"


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def person(container: Container, name: str) -> PersonId:
    with container.work() as work:
        return work.people.number(UserId(name))


def put_up(container: Container, *, draft: bool = False, **changes: Any) -> Listing:  # noqa: ANN401 - of an offer
    (token,) = selling.allowed(container)
    offer = Offer(kind=Kind.TEXT, title="On doors", wallet=WALLET, prices={token: 5 * 10**18}, finality=Level.SEEN)
    lea = person(container, "@lea:earnest.example")
    return selling.put_up(container, lea, replace(offer, **changes), [b"secret words"], draft=draft)


def look(door: Door, listing: Listing | str, query: str = "", status: int = 200) -> str:
    token = listing if isinstance(listing, str) else listing.id
    answer = door.get(f"/buy/{token}{query}", headers=HTML)
    assert answer.status_code == status, answer.text
    text: str = answer.text
    assert "secret" not in text
    return text


def buy(container: Container, listing: Listing) -> None:
    (token,) = selling.allowed(container)
    paid = Paid(
        *(key(1), listing.id, listing.version.terms, Buyer(wallet=PAYER), token, 5 * 10**18, Level.SEEN),
        at=container.clock(),
    )
    with container.work() as work:
        work.content.bought(paid)


def test_a_listing_is_read_whole_without_a_script(container: Container, door: Door) -> None:
    listing = put_up(container, preview="A preview.", licence="CC BY 4.0", stock=3)
    page = look(door, listing)
    for said in ("On doors", "A preview.", "CC BY 4.0", "5\N{NO-BREAK SPACE}ERN", show_hash(listing.version.terms)):
        assert said in page, said
    assert "&#34;form&#34;: &#34;earnest-listing-1&#34;" in page
    assert "lea" not in page


def test_what_a_seller_writes_is_never_markup(container: Container, door: Door) -> None:
    listing = put_up(container, title=HOSTILE, preview=HOSTILE, licence=HOSTILE)
    for page in (look(door, listing), door.get("/listings", headers=HTML).text):
        assert "<script>alert" not in page
        assert "{{ 7*7 }}" in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; \u05d3\u05dc\u05ea &amp;amp;" in page


def test_each_state_says_whether_to_pay(container: Container, door: Door) -> None:
    unlisted, taken, last, ends, draft = (
        *(put_up(container), put_up(container), put_up(container, stock=1)),
        put_up(container, expires_at=container.clock() + timedelta(hours=1)),
        put_up(container, draft=True),
    )
    with container.work() as work:
        work.content.unlist(unlisted.seller, unlisted.id)
        work.content.take_down(taken.id, "Stolen <b>goods</b>.")
    buy(container, last)
    container.clock.pass_(hours=2)  # type: ignore[attr-defined]
    for listing, state, said in (
        (unlisted, "unlisted", "Not for sale now"),
        (taken, "taken_down", "Stolen &lt;b&gt;goods&lt;/b&gt;."),
        (last, "sold_out", "Sold out"),
        (ends, "ended", "The offer has ended"),
    ):
        page = look(door, listing)
        assert f'data-state="{state}"' in page
        assert said in page
        assert 'id="pay"' not in page
    for nothing in (draft.id, "x" * 22, "%27", "x"):
        look(door, nothing, status=404)


def test_pages_hold_what_is_listed_newest_first(container: Container, door: Door) -> None:
    listings = [put_up(container, title=f"number {number}").id for number in range(26)]
    put_up(container, title="a draft", draft=True)
    first = door.get("/listings", headers=HTML).text
    found = [token for token in reversed(listings) if f"/buy/{token}" in first]
    assert found == listings[:1:-1]
    assert "a draft" not in first
    second = door.get(f"/listings?before={found[-1]}", headers=HTML).text
    assert [token for token in listings if f"/buy/{token}" in second] == listings[:2]
    assert door.get("/listings?before=%27", headers=HTML).status_code == 404


def test_the_sellers_name_and_standing_are_for_whoever_is_signed_in(container: Container, door: Door) -> None:
    listing = put_up(container, wallet=Address(bytes([1]) * 20))
    assert "You are not signed in here" in look(door, listing, "?standing=mine")
    kim = person(container, "@kim:earnest.example")
    with container.work() as work:
        secret, unsure = work.sessions.start(kim), work.sessions.start_unconfirmed(kim)
    door.cookies.set(SESSION_COOKIE, unsure)
    assert "lea" not in look(door, listing, "?standing=mine")
    door.cookies.clear()
    door.cookies.set(SESSION_COOKIE, secret)
    assert "lea" not in look(door, listing)
    page = look(door, listing, "?standing=mine")
    assert "@lea:earnest.example" in page
    assert "Nobody whom you know says anything of them." in page
    with container.work() as work:
        work.vouches.vouch(kim, listing.seller, weight=3)
    assert "With you:" in look(door, listing, "?standing=mine")
