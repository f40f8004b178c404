"""Quotes, terms, stakes and receipts over HTTP: what strangers and their wallets are given, with and without a node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from cli import receipts
from contracts import codec, typed_data
from kit.amounts import Amount
from kit.database import Database
from kit.identifiers import UserId, show_address
from payments.stakes.model import Quote, terms_of
from tests.support.services import ALICE, BOB, PUBLIC_URL, Clock, Door, a_container, a_stake, http_door
from tests.support.stakes import CHAIN_ID, ESCROW, OTHER_PAYER, PAYER, TOKEN

FIVE = 5 * 10**18


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


@pytest.fixture
def quote(container: Container) -> Quote:
    return a_quote(container)


def a_quote(container: Container, stake: int = FIVE) -> Quote:
    with container.work() as work:
        alice, bob = work.people.number(ALICE), work.people.number(BOB)
        price = work.doors.ask(alice, stake=Amount(stake)).price
        return work.stakes.quote(bob, alice, price, None, stranger_id=BOB, recipient_id=ALICE)


def ask_terms(door: Door, quote: Quote, **body: Any) -> Any:  # noqa: ANN401 - a response
    return door.post(f"/v1/quotes/{quote.id}/terms", json={"payer": show_address(PAYER), **body})


def code_of(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - a response
    return answer.status_code, answer.json()["type"].removeprefix("urn:earnest:problem:")


def test_a_quote_is_shown_whole(door: Door, quote: Quote) -> None:
    shown = door.get(f"/v1/quotes/{quote.id}").json()
    assert {name: shown[name] for name in ("id", "url", "state", "stranger", "recipient", "chain_id", "stake")} == {
        "id": quote.id,
        "url": f"{PUBLIC_URL}/stake/{quote.id}",
        "state": "waiting",
        "stranger": BOB,
        "recipient": ALICE,
        "chain_id": CHAIN_ID,
        "stake": None,
    }
    assert shown["price"]["stake"] == shown["price"]["total"] == str(FIVE)
    assert (shown["check_code"], shown["quote_expiry"], shown["answer_by"]) == (
        quote.check_code,
        quote.quote_expiry,
        quote.answer_by,
    )
    assert shown["track_record"] == {"returned": 0, "forfeited": 0, "expired": 0, "open": 0}
    # What would prove for whom the commitment on the chain was made is nobody's to read here.
    assert quote.salt.hex() not in door.get(f"/v1/quotes/{quote.id}").text


def test_what_has_not_changed_is_not_sent_again(container: Container, door: Door, quote: Quote) -> None:
    path = f"/v1/quotes/{quote.id}"
    tag = door.get(path).headers["etag"]
    assert door.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert door.get(path, headers={"If-None-Match": f'W/{tag}, "other"'}).status_code == 304
    a_stake(container, BOB, ALICE)
    changed = door.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.json()["state"], changed.json()["door_open"]) == (200, "seen", True)


@pytest.mark.parametrize("path", ["nonsense", "../me", "%00", "a" * 65, "💶"])
def test_an_unknown_quote_is_nothing(door: Door, path: str) -> None:
    assert door.get(f"/v1/quotes/{path}").status_code in {400, 401, 404}
    assert door.get(f"/stake/{path}", headers={"Accept": "text/html"}).status_code in {401, 404}


def test_terms_hold_all_that_a_wallet_needs(door: Door, quote: Quote) -> None:
    offer = ask_terms(door, quote).json()
    terms = terms_of(quote, payer=PAYER)
    assert offer["stake_id"] == "0x" + codec.stake_id(terms, chain_id=CHAIN_ID, escrow=ESCROW).hex()
    assert offer["terms"]["payer"] == offer["terms"]["return_to"] == show_address(PAYER)
    assert offer["due"] == str(FIVE)
    authorization = typed_data.authorization_to_open(terms, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW)
    assert offer["typed_data"]["authorization"] == authorization.document
    signature = bytes.fromhex("22" * 32 + "33" * 32 + "1c")
    appended = f"{28:064x}" + "22" * 32 + "33" * 32
    whole = "0x" + codec.encode_open_with_authorization(terms, signature).hex()
    assert offer["calls"]["open_with_authorization"]["data"] + appended == whole
    assert offer["calls"]["open"] == {
        "to": show_address(ESCROW),
        "data": "0x" + codec.encode_open(terms).hex(),
        "value": "0x0",
    }
    assert offer["calls"]["approve"]["data"] == "0x" + codec.encode_approve(ESCROW, FIVE).hex()
    assert offer["receipt"]["expire"]["data"] == "0x" + codec.encode_expire(terms).hex()
    assert offer["receipt"]["transaction"] is None


def test_without_a_node_the_ways_that_need_none_are_there(door: Door, quote: Quote) -> None:
    offer = ask_terms(door, quote).json()
    assert offer["typed_data"]["permit"] is None
    assert offer["calls"]["open_with_permit"] is None
    assert offer["payer_holds"] == {"tokens": None, "ether": None, "allowance": None}


def test_asking_for_terms_changes_nothing(container: Container, door: Door, quote: Quote) -> None:
    assert ask_terms(door, quote).json() == ask_terms(door, quote).json()
    with container.read() as work:
        assert work.stakes.find_quote(quote.id) == quote


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"payer": "0x" + "00" * 20}, "payer_impossible"),
        ({"payer": "0x" + "e5" * 20}, "payer_impossible"),
        ({"return_to": "0x" + "00" * 20}, "return_address_impossible"),
        ({"return_to": "0x" + "e5" * 20}, "return_address_impossible"),
        ({"return_to": "0x" + "70" * 20}, "return_address_impossible"),
        ({"payer": "0x1234"}, "address_malformed"),
        ({"payer": "0x70997970C51812dc3A010C7d01b50e0d17dc79c8"}, "address_checksum"),
        ({"payer": 7}, "request_malformed"),
        ({"payer": "0x" + "a" * 100}, "request_malformed"),
        ({"amount": "1"}, "request_malformed"),
    ],
)
def test_terms_that_cannot_be_are_refused(door: Door, quote: Quote, body: dict[str, Any], code: str) -> None:
    assert code_of(ask_terms(door, quote, **body)) == (400, code)


def test_only_a_standing_quote_can_be_paid(container: Container, door: Door, quote: Quote) -> None:
    newer = a_quote(container, 2 * FIVE)
    assert newer.id != quote.id
    assert code_of(ask_terms(door, quote)) == (409, "quote_superseded")
    assert door.get(f"/v1/quotes/{quote.id}").json()["state"] == "superseded"
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(hours=25)
    assert code_of(ask_terms(door, newer)) == (409, "quote_expired")
    assert door.get(f"/v1/quotes/{newer.id}").json()["state"] == "quote_expired"


def test_a_paid_quote_is_not_paid_again(container: Container, door: Door, quote: Quote) -> None:
    a_stake(container, BOB, ALICE)
    assert code_of(ask_terms(door, quote)) == (409, "quote_paid")


def test_a_receipt_holds_all_and_a_stake_names_nobody(container: Container, door: Door, quote: Quote) -> None:
    assert code_of(door.get(f"/v1/quotes/{quote.id}/receipt")) == (404, "stake_unknown")
    stake = a_stake(container, BOB, ALICE, payer=OTHER_PAYER)
    answer = door.get(f"/v1/quotes/{quote.id}/receipt")
    receipt = answer.json()
    assert "attachment" in answer.headers["content-disposition"]
    terms = terms_of(quote, payer=OTHER_PAYER)
    assert (receipt["stake_id"], receipt["chain_id"], receipt["answer_by"]) == (stake, CHAIN_ID, quote.answer_by)
    assert receipt["expire"] == {
        "to": show_address(ESCROW),
        "data": "0x" + codec.encode_expire(terms).hex(),
        "value": "0x0",
    }
    assert "UTC" in receipt["answer_by_text"]
    assert any("expire(terms)" in sentence for sentence in receipt["get_it_back"])
    assert door.get(f"/v1/stakes/{stake}/receipt").json() == receipt
    public = door.get(f"/v1/stakes/{stake}")
    assert public.json()["state"] == "open"
    for secret in (ALICE, BOB, quote.id, quote.check_code, quote.salt.hex()):
        assert secret not in public.text
    assert door.get("/v1/stakes/0x" + "00" * 32).status_code == 404
    assert code_of(door.get("/v1/stakes/0x12")) == (400, "request_malformed")


def test_the_terminal_reads_the_pages_receipt(container: Container, door: Door, quote: Quote, tmp_path: Path) -> None:
    a_stake(container, BOB, ALICE)
    file = tmp_path / "receipt.json"
    file.write_text(door.get(f"/v1/quotes/{quote.id}/receipt").text)
    read = receipts.read(file)
    assert read.terms == terms_of(quote, payer=PAYER)
    assert read.transaction is not None


def test_a_person_who_was_forgotten_is_not_named(container: Container, door: Door, quote: Quote) -> None:
    with container.work() as work:
        work.people.erase(quote.recipient)
    assert door.get(f"/v1/quotes/{quote.id}").json()["recipient"] is None
    page = door.get(f"/stake/{quote.id}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "asked to be forgotten" in page.text


def test_a_price_that_does_not_hold_for_a_wallet_is_told_before_it_pays(container: Container, door: Door) -> None:
    quote = a_quote(container)
    with container.work() as work:
        work.doors.cap(work.people.number(ALICE), most_open=50, most_a_day=50)
    for number in range(4):
        a_stake(container, UserId(f"@s{number}:s{number}.example"), ALICE, PAYER)
    assert ask_terms(door, quote, payer=show_address(OTHER_PAYER)).status_code == 200
    refused = ask_terms(door, quote)
    assert code_of(refused) == (409, "price_rose")
    said = refused.json()["detail"]
    assert "The stake is 20 ERN now" in said
    assert "the wallet has other stakes" in said
    with container.read() as work:
        assert not work.stakes.standing(work.stakes.find_quote(quote.id))
    dearer = door.get("/v1/quotes/" + said.rpartition("/")[2]).json()
    price = dearer["price"]
    assert (price["stake"], price["base"], price["dearer"]) == (str(4 * FIVE), str(FIVE), ["door", "wallet"])
    assert "Usually it is 5 ERN" in price["why_dearer"]
    assert door.post(f"/v1/quotes/{dearer['id']}/terms", json={"payer": show_address(PAYER)}).status_code == 200
    page = door.get(f"/stake/{dearer['id']}", headers={"Accept": "text/html"}).text
    assert "several stakes from your wallet are unanswered" in page


def test_nobody_pays_at_a_full_door(container: Container, door: Door) -> None:
    quote = a_quote(container)
    with container.work() as work:
        work.doors.cap(work.people.number(ALICE), most_open=1)
    a_stake(container, UserId("@s:s.example"), ALICE, OTHER_PAYER)
    assert code_of(ask_terms(door, quote)) == (409, "door_full")
