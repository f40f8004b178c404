"""Listings over HTTP: anybody sees what is sold, by pages, and can work out the hash that a payment names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from app import selling
from app.container import Container
from kit.canonical import canonical
from kit.database import Database
from kit.identifiers import UserId
from payments.content.model import Kind, Listing, Offer
from tests.support.services import Door, a_container, http_door
from tests.support.stalls import WALLET


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def put_up(container: Container, title: str, *, draft: bool = False) -> Listing:
    with container.work() as work:
        lea = work.people.number(UserId("@lea:earnest.example"))
    (token,) = selling.allowed(container)
    offer = Offer(kind=Kind.TEXT, title="x", wallet=WALLET, prices={token: 5})
    return selling.put_up(container, lea, replace(offer, title=title), [b"secret words"], draft=draft)


def test_anybody_sees_what_is_sold_and_what_a_payment_names(container: Container, door: Door) -> None:
    listing = put_up(container, "On doors")
    seen = door.get(f"/v1/listings/{listing.id}")
    assert seen.status_code == 200, seen.text
    found = seen.json()
    assert (found["title"], found["for_sale"], found["size"]) == ("On doors", True, 12)
    assert [(one["symbol"], one["amount"]) for one in found["prices"]] == [("ERN", "5")]
    assert found["terms"] == "0x" + keccak(canonical(found["terms_document"])).hex()
    assert "secret" not in seen.text
    assert "lea" not in seen.text


def test_pages_hold_what_is_listed_and_nothing_else(container: Container, door: Door) -> None:
    kept = [put_up(container, f"number {number}").id for number in range(5)]
    draft = put_up(container, "not yet", draft=True)
    with container.work() as work:
        work.content.take_down(kept[1], "Stolen.")
    found, before = list[str](), None
    while True:
        page = door.get("/v1/listings", params={"limit": 2} | ({} if before is None else {"before": before})).json()
        found += [one["id"] for one in page["listings"]]
        before = page["next"]
        if before is None:
            break
    assert found == [kept[4], kept[3], kept[2], kept[0]]
    assert door.get(f"/v1/listings/{kept[1]}").json()["reason"] == "Stolen."
    for unknown in (draft.id, "x" * 22):
        assert door.get(f"/v1/listings/{unknown}").status_code == 404
    assert door.get("/v1/listings/..%2f..%2fetc").status_code in (400, 404)
    assert door.get("/v1/listings", params={"before": "' OR 1=1"}).status_code == 400
