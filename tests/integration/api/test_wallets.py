"""A person's wallets over HTTP, on both databases: linked, put first, unlinked, and told to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from app.container import Container
from kit.amounts import Amount
from kit.database import Database
from kit.identifiers import Address, show_address
from tests.support.anvil import Anvil
from tests.support.contract_wallets import owned, signed
from tests.support.services import ALICE, BOB, Clock, Door, a_container, a_person, a_token, http_door

FIRST, SECOND, THIRD = (bytes([number]) * 32 for number in (0x71, 0x72, 0x73))
FIVE = 5 * 10**18
Headers = dict[str, str]


@pytest.fixture
def container(tmp_path: Path, database: Database, anvil: Anvil) -> Iterator[Container]:
    made = a_container(tmp_path, database, rpc_url=anvil.url)
    yield made
    made.chain.close()


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


@pytest.fixture
def alice(container: Container) -> Headers:
    return {"Authorization": a_token(container, ALICE)}


@pytest.fixture
def bob(container: Container) -> Headers:
    return {"Authorization": a_token(container, BOB)}


def address_of(key: bytes) -> str:
    return str(Account.from_key(key).address)


def message_for(door: Door, who: Headers, address: str) -> str:
    made = door.post("/v1/me/wallets/message", headers=who, json={"address": address})
    assert made.status_code == 200, made.text
    return str(made.json()["message"])


def link(door: Door, who: Headers, key: bytes, *, address: str | None = None) -> Any:  # noqa: ANN401 - a response
    message = message_for(door, who, address or address_of(key))
    body = {"message": message, "signature": "0x" + signed(message, key).hex()}
    return door.post("/v1/me/wallets", headers=who, json=body)


def shown(answer: Any) -> list[tuple[str, bool]]:  # noqa: ANN401 - a response
    assert answer.status_code == 200, answer.text
    return [(one["address"], one["primary"]) for one in answer.json()["wallets"]]


def code(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - a response
    return answer.status_code, answer.json()["type"].removeprefix("urn:earnest:problem:")


def test_wallets_come_and_go_and_one_is_first(door: Door, alice: Headers) -> None:
    first, second, third = map(address_of, (FIRST, SECOND, THIRD))
    assert shown(door.get("/v1/me/wallets", headers=alice)) == []
    assert shown(link(door, alice, FIRST)) == [(first, True)]
    assert shown(link(door, alice, SECOND)) == [(first, True), (second, False)]
    assert shown(link(door, alice, THIRD)) == [(first, True), (second, False), (third, False)]
    chosen = door.put("/v1/me/wallets/primary", headers=alice, json={"address": third})
    assert shown(chosen) == [(third, True), (first, False), (second, False)]
    assert shown(door.delete(f"/v1/me/wallets/{third}", headers=alice)) == [(first, True), (second, False)]
    assert shown(door.get("/v1/me/wallets", headers=alice)) == [(first, True), (second, False)]
    for answer in (
        door.delete(f"/v1/me/wallets/{third}", headers=alice),
        door.put("/v1/me/wallets/primary", headers=alice, json={"address": third}),
    ):
        assert code(answer) == (404, "address_not_linked")
    assert code(door.delete("/v1/me/wallets/nonsense", headers=alice)) == (400, "address_malformed")


def test_a_contracts_wallet_is_linked(door: Door, alice: Headers, anvil: Anvil) -> None:
    wallet = show_address(owned(anvil, Address(bytes.fromhex(address_of(FIRST)[2:]))))
    assert code(link(door, alice, SECOND, address=wallet)) == (403, "signature_wrong")
    assert shown(link(door, alice, FIRST, address=wallet)) == [(wallet, True)]


def test_a_message_links_once_and_for_its_own_person(
    container: Container, door: Door, alice: Headers, bob: Headers
) -> None:
    message = message_for(door, alice, address_of(FIRST))
    body = {"message": message, "signature": "0x" + signed(message, FIRST).hex()}
    assert door.post("/v1/me/wallets", headers=bob, json=body).status_code == 403
    assert shown(door.post("/v1/me/wallets", headers=alice, json=body)) == [(address_of(FIRST), True)]
    assert code(door.post("/v1/me/wallets", headers=alice, json=body)) == (403, "nonce_spent")
    late = message_for(door, alice, address_of(SECOND))
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(minutes=10)
    body = {"message": late, "signature": "0x" + signed(late, SECOND).hex()}
    assert code(door.post("/v1/me/wallets", headers=alice, json=body)) == (403, "siwe_expired")


@pytest.mark.parametrize("signature", ["", "0x", "0x1", "nonsense", "0x" + "00" * 8_193])
def test_what_is_no_signature_is_refused(door: Door, alice: Headers, signature: str) -> None:
    body = {"message": message_for(door, alice, address_of(FIRST)), "signature": signature}
    assert door.post("/v1/me/wallets", headers=alice, json=body).status_code == 400


def test_nobody_else_is_told(door: Door, alice: Headers, bob: Headers) -> None:
    address = address_of(FIRST)
    link(door, alice, FIRST)
    assert code(link(door, bob, FIRST)) == (409, "address_linked_elsewhere")
    assert shown(door.get("/v1/me/wallets", headers=bob)) == []
    assert code(door.delete(f"/v1/me/wallets/{address}", headers=bob)) == (404, "address_not_linked")
    for path in ("/v1/me/why?other=" + ALICE, "/v1/me/waiting", "/v1/me/knocks", "/v1/me/balance"):
        assert address not in door.get(path, headers=bob).text
    door.delete(f"/v1/me/wallets/{address}", headers=alice)
    assert shown(link(door, bob, FIRST)) == [(address, True)], "whoever holds the key links it once it is free"


def test_a_fee_follows_the_primary_wallet_and_the_last_one_stays_while_it_is_asked(
    container: Container, door: Door, alice: Headers
) -> None:
    first, second = address_of(FIRST), address_of(SECOND)

    def payee() -> str | None:
        paid_to: str | None = door.get("/v1/me/door", headers=alice).json()["fee_payee"]
        return paid_to

    link(door, alice, FIRST)
    person = a_person(container, ALICE)
    with container.work() as work:
        work.doors.ask(person, stake=Amount(FIVE), fee=Amount(FIVE))
    assert payee() == first
    link(door, alice, SECOND)
    assert payee() == first
    door.put("/v1/me/wallets/primary", headers=alice, json={"address": second})
    assert payee() == second
    door.delete(f"/v1/me/wallets/{second}", headers=alice)
    assert payee() == first
    assert code(door.delete(f"/v1/me/wallets/{first}", headers=alice)) == (409, "fee_goes_there")
    assert shown(door.get("/v1/me/wallets", headers=alice)) == [(first, True)]
    door.put("/v1/me/door", headers=alice, json={"mode": "ask", "stake": str(FIVE), "fee": "0"})
    assert shown(door.delete(f"/v1/me/wallets/{first}", headers=alice)) == []
