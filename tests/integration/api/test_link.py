"""The link page on both databases: looking changes nothing, a signature links once, and nobody links for another."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from app.container import Container
from kit.database import Database
from kit.identifiers import Address, UserId, show_address
from tests.support.anvil import Anvil
from tests.support.contract_wallets import owned, planned, put
from tests.support.contract_wallets import signed as signed_by
from tests.support.services import ALICE, BOB, PUBLIC_URL, Clock, Door, a_container, a_person, http_door

OWN = {"Origin": PUBLIC_URL, "Accept": "text/html"}
KEY = Account.from_key("0x" + "77" * 32)


@pytest.fixture
def container(tmp_path: Path, database: Database, anvil: Anvil) -> Iterator[Container]:
    made = a_container(tmp_path, database, rpc_url=anvil.url)
    yield made
    made.chain.close()


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def a_link(container: Container, mxid: UserId = BOB) -> str:
    person = a_person(container, mxid)
    with container.work() as work:
        return work.sessions.issue_link(person)


def message_on(door: Door, token: str, address: str = KEY.address) -> str:
    page = door.post(f"/link/{token}/message", data={"address": address}, headers=OWN)
    assert page.status_code == 200, page.text
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page.text, re.DOTALL)
    assert found
    return html.unescape(found.group(1))


def signed(message: str, key: str = "0x" + "77" * 32) -> str:
    signature: bytes = Account.from_key(key).sign_message(encode_defunct(text=message)).signature
    return "0x" + bytes(signature).hex()


def wallets(container: Container, mxid: UserId = BOB) -> list[str]:
    with container.work() as work:
        return [show_address(one) for one in work.holders.addresses(work.people.number(mxid))]


def test_a_signature_links_the_wallet_and_signs_the_browser_in(container: Container, door: Door) -> None:
    token = a_link(container)
    message = message_on(door, token)
    assert f"Matrix account {BOB} on Earnest" in message
    assert "matrix:u/bob%3Afar.example" in message
    sent = message.replace("\n", "\r\n")  # as a browser's form sends it
    done = door.post(f"/link/{token}", data={"message": sent, "signature": signed(message)}, headers=OWN)
    assert done.status_code == 200
    assert wallets(container) == [KEY.address]
    cookie = done.headers["set-cookie"]
    for part in ("earnest_session=", "HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert part in cookie
    assert door.get("/v1/me").json()["mxid"] == BOB
    assert door.get("/v1/me/balance").json()["balances"][0]["address"] == KEY.address


def test_looking_changes_nothing(container: Container, door: Door) -> None:
    token = a_link(container)
    for _ in range(5):
        page = door.get(f"/link/{token}", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
        assert page.text.count(BOB) == 1
    message = message_on(door, token)
    assert door.post(f"/link/{token}", data={"message": message, "signature": signed(message)}, headers=OWN).is_success


def test_a_link_works_once(container: Container, door: Door) -> None:
    token = a_link(container)
    message = message_on(door, token)
    body = {"message": message, "signature": signed(message)}
    assert door.post(f"/link/{token}", data=body, headers=OWN).status_code == 200
    for answer in (
        door.post(f"/link/{token}", data=body, headers=OWN),
        door.get(f"/link/{token}", headers=OWN),
        door.post(f"/link/{token}/message", data={"address": KEY.address}, headers=OWN),
    ):
        assert answer.status_code == 410
        assert "has been used" in answer.text


def test_a_link_ends_with_its_time_and_with_the_next_one(container: Container, door: Door) -> None:
    first = a_link(container)
    second = a_link(container)
    assert door.get(f"/link/{first}", headers=OWN).status_code == 410
    assert door.get(f"/link/{second}", headers=OWN).status_code == 200
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(minutes=31)
    assert door.get(f"/link/{second}", headers=OWN).status_code == 410


@pytest.mark.parametrize("token", ["nonsense", "a" * 43, "%2e%2e", "ern_" + "a" * 43])
def test_an_unknown_link_is_nothing(door: Door, token: str) -> None:
    assert door.get(f"/link/{token}", headers=OWN).status_code == 404


@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "null", PUBLIC_URL + ".evil.example", PUBLIC_URL + "/"]
)
def test_other_pages_can_link_nothing(container: Container, door: Door, origin: str | None) -> None:
    token = a_link(container)
    message = message_on(door, token)
    headers = {"Accept": "text/html"} | ({"Origin": origin} if origin else {})
    for path, body in (
        (f"/link/{token}", {"message": message, "signature": signed(message)}),
        (f"/link/{token}/message", {"address": KEY.address}),
    ):
        assert door.post(path, data=body, headers=headers).status_code == 403
    assert wallets(container) == []


def test_a_wrong_signature_links_nothing_and_uses_nothing_up(container: Container, door: Door) -> None:
    token = a_link(container)
    message = message_on(door, token)
    for signature, status in ((signed(message, "0x" + "78" * 32), 403), ("0x" + "00" * 65, 403), ("nonsense", 400)):
        answer = door.post(f"/link/{token}", data={"message": message, "signature": signature}, headers=OWN)
        assert answer.status_code == status
        assert 'class="trouble"' in answer.text
    assert wallets(container) == []
    right = {"message": message, "signature": signed(message)}
    assert door.post(f"/link/{token}", data=right, headers=OWN).status_code == 200


def test_a_message_made_for_one_person_links_for_no_other(container: Container, door: Door) -> None:
    bobs, alices = a_link(container, BOB), a_link(container, ALICE)
    message = message_on(door, bobs)
    stolen = {"message": message, "signature": signed(message)}
    answer = door.post(f"/link/{alices}", data=stolen, headers=OWN)
    assert answer.status_code == 403
    assert wallets(container, ALICE) == []
    # Not even with her own name written into it: then the signature is not under it.
    forged = message.replace(BOB, ALICE).replace("bob%3Afar.example", "alice%3Aexample.org")
    answer = door.post(f"/link/{alices}", data={**stolen, "message": forged}, headers=OWN)
    assert answer.status_code == 403
    # Nor signed anew: its nonce was given to somebody else.
    answer = door.post(f"/link/{alices}", data={"message": forged, "signature": signed(forged)}, headers=OWN)
    assert answer.status_code == 403
    assert wallets(container, ALICE) == []


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("earnest.example wants", "evil.example wants"),
        ("Chain ID: 31337", "Chain ID: 1"),
        ("/link\n", "/elsewhere\n"),
        (f"Link this wallet to the Matrix account {BOB} on Earnest. It moves no money.", "Claim your prize."),
        ("matrix:u/bob%3Afar.example", "matrix:u/somebody%3Aelse.example"),
    ],
)
def test_a_message_that_says_something_else_links_nothing(
    container: Container, door: Door, part: str, other: str
) -> None:
    token = a_link(container)
    message = message_on(door, token)
    assert part in message
    message = message.replace(part, other)
    answer = door.post(f"/link/{token}", data={"message": message, "signature": signed(message)}, headers=OWN)
    assert answer.status_code == 403
    assert wallets(container) == []


def test_a_wallet_of_somebody_else_is_not_taken(container: Container, door: Door) -> None:
    for mxid, status in ((BOB, 200), (ALICE, 409)):
        token = a_link(container, mxid)
        message = message_on(door, token)
        body = {"message": message, "signature": signed(message)}
        assert door.post(f"/link/{token}", data=body, headers=OWN).status_code == status
    assert wallets(container, ALICE) == []


def test_a_name_that_has_no_place_in_a_statement_stands_in_the_resource(container: Container, door: Door) -> None:
    odd = UserId('@b"öb\\:far.example')
    token = a_link(container, odd)
    message = message_on(door, token)
    assert "Matrix account @b??b?:far.example on" in message
    assert "matrix:u/b%22%C3%B6b%5C%3Afar.example" in message
    done = door.post(f"/link/{token}", data={"message": message, "signature": signed(message)}, headers=OWN)
    assert done.status_code == 200


def test_a_malformed_address_is_told_on_the_page(container: Container, door: Door) -> None:
    token = a_link(container)
    page = door.post(f"/link/{token}/message", data={"address": "<script>"}, headers=OWN)
    assert page.status_code == 400
    assert "40 hexadecimal digits" in page.text
    assert "<script>" not in page.text.replace('<script type="module"', "")
    assert door.post(f"/link/{token}/message", headers=OWN).status_code == 400


@pytest.mark.parametrize("deployed", [True, False])
def test_a_contracts_wallet_is_linked_too(container: Container, door: Door, anvil: Anvil, *, deployed: bool) -> None:
    owner = Address(bytes.fromhex(KEY.address[2:]))
    plan = planned(anvil, put(anvil, "WalletFactory"), owner)
    wallet = owned(anvil, owner) if deployed else plan.address
    token = a_link(container)
    message = message_on(door, token, show_address(wallet))
    for key, status in ((b"\x78" * 32, 403), (b"\x77" * 32, 200)):
        raw = signed_by(message, key)
        signature = "0x" + (raw if deployed else plan.wrap(raw)).hex()
        done = door.post(f"/link/{token}", data={"message": message, "signature": signature}, headers=OWN)
        assert done.status_code == status, done.text
    assert wallets(container) == [show_address(wallet)]


def test_a_contracts_wallet_waits_for_the_node_and_nothing_is_used_up(
    tmp_path: Path, database: Database, anvil: Anvil
) -> None:
    wallet = owned(anvil, Address(bytes.fromhex(KEY.address[2:])))
    (tmp_path / "away").mkdir()
    away, back = a_container(tmp_path / "away", database), a_container(tmp_path, database, rpc_url=anvil.url)
    token = a_link(away)
    with http_door(away) as door:
        message = message_on(door, token, show_address(wallet))
        body = {"message": message, "signature": signed(message)}
        assert door.post(f"/link/{token}", data=body, headers=OWN).status_code == 503
    with http_door(back) as door:
        assert door.post(f"/link/{token}", data=body, headers=OWN).status_code == 200
    back.chain.close()
    away.chain.close()
    assert wallets(back) == [show_address(wallet)]
