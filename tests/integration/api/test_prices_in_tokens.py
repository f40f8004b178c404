"""Prices in other tokens over HTTP, on both databases: put up, shown and refused by what the operator allows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.erc20 import Facts
from kit.database import Database
from kit.identifiers import Address, show_address
from ledger.model import Asset, erc20
from payments.content.model import Buyer
from tests.support.services import a_container, http_door
from tests.support.shopping import LEA, Shopping, problem, wallet_of

DOLLAR, UNREAD = Address(b"\x0d" * 20), Address(b"\x0e" * 20)
SECRET = b"\x11" * 32


class Dollars(Shopping):
    """A shop in which one may sell for dollars, too; another token is allowed and was never read."""

    @property
    def dollar(self) -> Asset:
        """The other token."""
        return erc20(self.container.deployment.chain_id, DOLLAR)

    def text(self, **prices: str) -> Any:  # noqa: ANN401 - a response
        """Put a text of @lea's up."""
        told = {"kind": "text", "title": "On doors", "text": "A door is a policy.", "prices": prices}
        return self.ask(LEA, "POST", "/listings", json=told)


@pytest.fixture
def dollars(tmp_path: Path, database: Database) -> Iterator[Dollars]:
    """It, on a database of each kind."""
    container = a_container(tmp_path, database, sales_tokens=show_address(UNREAD))
    with http_door(container) as door:
        made = Dollars(container, door)
        container.settings.sales_tokens += f",{show_address(DOLLAR)}"
        with container.work() as work:
            work.tokens.keep(made.dollar, Facts("USDX", 2, None))
        made.link(LEA, SECRET)
        yield made


def test_a_text_is_put_up_and_shown_in_each_of_its_prices(dollars: Dollars) -> None:
    made = dollars.text(**{dollars.dollar: "250", dollars.token: "5"})
    assert made.status_code == 201, made.text
    shown = dollars.door.get(f"/v1/listings/{made.json()['id']}").json()
    told = [(one["symbol"], one["decimals"], one["amount"], one["asset"]) for one in shown["prices"]]
    assert told == [("ERN", 18, "5", dollars.token), ("USDX", 2, "250", dollars.dollar)]
    assert shown["terms_document"]["prices"] == {dollars.dollar: "250", dollars.token: "5"}
    listed = dollars.door.get("/v1/listings").json()
    assert [(one["symbol"], one["decimals"]) for one in listed["assets"]] == [("ERN", 18), ("USDX", 2)]
    page = dollars.door.get("/listings", headers={"Accept": "text/html"}).text
    assert "2.5\N{NO-BREAK SPACE}USDX" in page


def test_what_is_not_allowed_is_refused_before_an_upload_comes_in(dollars: Dollars) -> None:
    other = erc20(dollars.container.deployment.chain_id, UNREAD)
    for refused in (other, "ether:31337", "EUR", dollars.token.replace("31337", "1")):
        assert problem(dollars.text(**{refused: "5"})) == (403, "asset_not_allowed")
        path = f"/listings/files?name=a.bin&price=5&asset={refused}"
        answer = dollars.ask(LEA, "POST", path, content=b"\x00" * 10)
        assert problem(answer) == (403, "asset_not_allowed")
        assert "ERN, USDX" in answer.text
    assert dollars.ask(LEA, "GET", "/listings").json()["listings"] == []
    path = f"/listings/files?name=a.bin&price=250&asset={dollars.dollar}"
    made = dollars.ask(LEA, "POST", path, content=b"\x00" * 10)
    assert made.status_code == 201, made.text
    assert [one["symbol"] for one in made.json()["prices"]] == ["USDX"]


def test_a_purchase_keeps_the_name_of_a_token_that_is_allowed_no_more(dollars: Dollars) -> None:
    listing = dollars.put_up(prices={dollars.dollar: 250}, wallet=wallet_of(SECRET))
    bought = dollars.pay(listing, asset=dollars.dollar, amount=250, buyer=Buyer(person=dollars.kim))
    dollars.container.settings.sales_tokens = ""
    (sale,) = dollars.ask(LEA, "GET", "/sales").json()["sales"]
    assert (sale["id"], sale["symbol"], sale["decimals"], sale["amount"]) == (bought.id, "USDX", 2, "250")
    statement = dollars.ask(LEA, "GET", "/sales/statement.csv").text
    assert ",USDX,2.5," in statement
    mine = dollars.ask(LEA, "GET", f"/listings/{listing.id}").json()
    assert ([one["symbol"] for one in mine["prices"]], mine["for_sale"]) == (["USDX"], False)
    assert dollars.door.get(f"/v1/listings/{listing.id}").json()["prices"] == []
    revised = dollars.ask(LEA, "PATCH", f"/listings/{listing.id}", json={"title": "On doors, again"})
    assert problem(revised) == (403, "asset_not_allowed")
    priced = {"title": "On doors, again", "prices": {dollars.token: "5"}}
    assert dollars.ask(LEA, "PATCH", f"/listings/{listing.id}", json=priced).json()["for_sale"]
