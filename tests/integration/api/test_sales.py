"""Selling over HTTP: one's own listings alone, files that come in whole or not at all, and sales told to no others."""

from __future__ import annotations

import csv
import io
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kit.blobs import LARGEST_BLOB
from kit.identifiers import show_address
from payments.content.model import Buyer
from payments.content.service import QUOTA
from tests.support.services import listening
from tests.support.shopping import KIM, LEA, MALLORY, TEXT, Shopping, problem
from tests.support.stalls import OTHER, PAYER

LEAS = b"\x31" * 32


@pytest.fixture
def shop(shopping: Shopping) -> Shopping:
    """It, with a wallet of @lea's linked."""
    shopping.link(LEA, LEAS)
    return shopping


def offered(shop: Shopping, **changes: object) -> dict[str, object]:
    made: dict[str, object] = {"kind": "text", "title": "On doors", "text": "A door.", "prices": {shop.token: "5"}}
    return made | changes


def files(shop: Shopping) -> list[Path]:
    return [file for file in shop.container.settings.contents().rglob("*") if file.is_file()]


def test_a_text_is_put_up_as_a_draft_revised_listed_sold_and_unlisted(shop: Shopping) -> None:
    made = shop.ask(LEA, "POST", "/listings", json=offered(shop, draft=True, preview="p", stock=3))
    assert made.status_code == 201, made.text
    listing = made.json()["id"]
    assert (made.json()["state"], made.json()["page"]) == ("draft", f"https://earnest.example/buy/{listing}")
    assert shop.door.get(f"/v1/listings/{listing}").status_code == 404
    revised = shop.ask(
        LEA, "PATCH", f"/listings/{listing}", json={"title": "On gates", "stock": None, "text": "A gate."}
    )
    assert (revised.json()["version"], revised.json()["title"], revised.json()["left"]) == (2, "On gates", None)
    assert (revised.json()["preview"], revised.json()["size"]) == ("p", 7)
    assert shop.ask(LEA, "POST", f"/listings/{listing}/relist").json()["for_sale"]
    assert shop.door.get(f"/v1/listings/{listing}").json()["title"] == "On gates"
    assert shop.ask(LEA, "POST", f"/listings/{listing}/unlist").json()["state"] == "unlisted"
    assert [one["id"] for one in shop.ask(LEA, "GET", "/listings").json()["listings"]] == [listing]


def test_a_listing_of_anothers_is_like_none(shop: Shopping) -> None:
    listing = shop.put_up().id
    for method, path, options in (
        ("GET", "", {}),
        ("PATCH", "", {"json": {"title": "Mine"}}),
        ("PUT", "/content?name=x", {"content": b"mine"}),
        ("POST", "/unlist", {}),
        ("POST", "/relist", {}),
    ):
        answer = shop.ask(KIM, method, f"/listings/{listing}{path}", **options)
        assert problem(answer) == (404, "listing_unknown"), path
        assert shop.ask(KIM, method, f"/listings/{'x' * 22}{path}", **options).json() == answer.json()
    assert shop.ask(KIM, "GET", "/listings").json() == {"listings": [], "room": QUOTA, "next": None}
    assert len(files(shop)) == 1


def test_what_cannot_be_sold_is_refused_and_leaves_nothing(shop: Shopping) -> None:
    for wrong, code in (
        ({"prices": {OTHER: "5"}}, (403, "asset_not_allowed")),
        ({"prices": {shop.token: "0"}}, (400, "price_outside")),
        ({"title": "two\nlines"}, (400, "title_wrong")),
        ({"title": "\u202eon doors"}, (400, "title_wrong")),
        ({"kind": "file"}, (400, "text_wrong")),
        ({"kind": "admission"}, (400, "text_wrong")),
        ({"wallet": show_address(PAYER)}, (403, "wallet_not_linked")),
        ({"payees": {show_address(PAYER): 10_000}}, (400, "shares_wrong")),
        ({"expires_at": 1}, (400, "expired")),
        ({"expires_at": 2**60}, (400, "time_outside")),
    ):
        assert problem(shop.ask(LEA, "POST", "/listings", json=offered(shop, **wrong))) == code, wrong
    assert problem(shop.ask(KIM, "POST", "/listings", json=offered(shop))) == (409, "no_wallet")
    assert shop.ask(LEA, "POST", "/listings", json=offered(shop, seller=1)).status_code == 400
    assert files(shop) == []


def test_a_file_comes_in_by_parts_and_its_name_is_no_path(shop: Shopping) -> None:
    parts = [TEXT[place : place + 10_000] for place in range(0, len(TEXT), 10_000)]

    async def coming() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    params = {"name": "../../etc/\u202epass\r\nwd.pdf", "price": "7", "title": "All of it", "draft": "false"}
    made = shop.ask(LEA, "POST", "/listings/files", params=params, content=coming())
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["state"], found["size"], found["kind"]) == ("listed", len(TEXT), "file")
    assert "/" not in found["file_name"]
    assert found["file_name"].endswith("wd.pdf")
    with shop.container.read() as work:
        listing = work.content.listing(found["id"])
    purchase = shop.pay(listing, amount=7)
    link = shop.ask(KIM, "POST", f"/library/{purchase.id}/link").json()["url"]
    assert shop.door.get(link).content == TEXT


def test_ten_gigabytes_are_refused_unread(shop: Shopping) -> None:
    read = 0

    async def never() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    for size in (10 * 2**30, LARGEST_BLOB + 1):
        headers = {"Content-Length": str(size)}
        params = {"name": "x", "price": "1"}
        answer = shop.ask(LEA, "POST", "/listings/files", params=params, content=never(), headers=headers)
        assert problem(answer) == (413, "content_too_large")
        assert answer.headers["connection"] == "close"
    assert (read, files(shop)) == (0, [])


def test_an_upload_without_an_end_is_cut_off_and_leaves_nothing(shop: Shopping) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield bytes(2**20)

    params = {"name": "x", "price": "1"}
    answer = shop.ask(LEA, "POST", "/listings/files", params=params, content=endless())
    assert problem(answer) == (400, "content_too_large")
    assert answer.headers["connection"] == "close"
    assert given <= LARGEST_BLOB // 2**20 + 1
    assert files(shop) == []
    assert shop.ask(LEA, "POST", "/listings/files", params=params, content=b"short").status_code == 201


def test_an_upload_that_breaks_off_leaves_nothing(shop: Shopping) -> None:
    with listening(shop.container) as url:
        place = urlsplit(url)
        head = (
            f"POST /v1/me/listings/files?name=x&price=1 HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 90000\r\n"
        )
        with socket.create_connection((str(place.hostname), place.port or 0)) as broken:
            broken.sendall(f"{head}Authorization: {shop.headers[LEA]['Authorization']}\r\n\r\n".encode() + b"x" * 5_000)
            while not files(shop):
                time.sleep(0.01)
    assert files(shop) == []
    assert shop.ask(LEA, "GET", "/listings").json()["listings"] == []


def test_sales_and_what_buyers_say_are_told_to_the_seller_alone(shop: Shopping) -> None:
    listing = shop.put_up(title="=1+1")
    purchase = shop.pay(listing, buyer=Buyer(wallet=PAYER))
    theirs = shop.pay(listing, 2)
    shop.ask(KIM, "PUT", f"/library/{theirs.id}/complaint", json={"text": "It is short."})
    (later, sale) = shop.ask(LEA, "GET", "/sales").json()["sales"]
    assert (sale["id"], sale["wallet"], sale["amount"]) == (purchase.id, show_address(PAYER), "5")
    assert later["wallet"] is None
    assert KIM not in shop.ask(LEA, "GET", "/sales").text
    assert shop.ask(LEA, "GET", f"/listings/{listing.id}").json()["said"][0]["text"] == "It is short."
    text = shop.ask(LEA, "GET", "/sales/statement.csv", params={"from": "2026-11-01", "to": "2026-11-30"})
    head, *rows = csv.reader(io.StringIO(text.text))
    assert [dict(zip(head, row, strict=True))["title"] for row in rows] == ["'=1+1", "'=1+1"]
    assert len(list(csv.reader(io.StringIO(shop.ask(MALLORY, "GET", "/sales/statement.csv").text)))) == 1
    assert shop.ask(MALLORY, "GET", "/sales").json()["sales"] == []


def test_a_refund_is_asked_declined_and_approved_by_those_whose_it_is(shop: Shopping) -> None:
    purchase = shop.pay(shop.put_up())
    path = f"/sales/{purchase.id}"
    assert problem(shop.ask(LEA, "POST", f"{path}/decline-refund")) == (409, "refund_impossible")
    shop.ask(KIM, "POST", f"/library/{purchase.id}/refund")
    for other in (KIM, MALLORY):
        assert problem(shop.ask(other, "POST", f"{path}/approve-refund")) == (404, "purchase_unknown")
    assert shop.ask(LEA, "POST", f"{path}/decline-refund").json()["state"] == "refund_declined"
    assert shop.ask(LEA, "POST", f"{path}/approve-refund").json()["state"] == "refund_approved"
    assert shop.ask(KIM, "GET", f"/library/{purchase.id}").json()["state"] == "refund_approved"
