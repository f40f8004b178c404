"""Claims over HTTP, on both databases: by a code and by a signature, each good once, and nothing shown by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from app.container import Container
from kit.database import Database
from kit.identifiers import Address
from payments.flair.claiming import MOST_FAILED
from payments.flair.codes import memo_of, new_code
from payments.flair.model import Giver, Source
from tests.support.contract_wallets import signed
from tests.support.gifts import document, on_chain, patron
from tests.support.services import ALICE, BOB, Clock, Door, a_container, a_token, http_door

KEY = b"\x74" * 32
Headers = dict[str, str]


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    made = a_container(tmp_path, database, clock=Clock())
    with made.work() as work:
        work.supporters.use(document())
    return made


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


def claim(door: Door, who: Headers, code: str) -> Any:  # noqa: ANN401 - JSON
    answer = door.post("/v1/me/gifts/claim", headers=who, json={"code": code})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def keys(door: Door, who: Headers) -> list[str]:
    return [one["key"] for one in door.get("/v1/me/gifts", headers=who).json()["gifts"]]


def test_a_code_claims_once_and_shows_nothing(container: Container, door: Door, alice: Headers, bob: Headers) -> None:
    gift = patron(10)
    with container.work() as work:
        work.supporters.gave(gift)
        code = work.claims.issue(Giver(Source.PATREON, "m1"))
    assert claim(door, alice, code.lower()) == "claimed"
    assert claim(door, alice, code) == "yours"
    assert claim(door, bob, code) == "taken"
    assert keys(door, alice) == [gift.key]
    assert keys(door, bob) == []
    assert not any(door.get("/v1/me/flair", headers=alice).json()["showing"].values())


def test_a_gift_that_carries_a_codes_hash_is_claimed_by_the_code(
    container: Container, door: Door, alice: Headers, bob: Headers
) -> None:
    code = new_code()
    gift = on_chain(5, memo=memo_of(code))
    with container.work() as work:
        work.supporters.gave(gift)
    assert claim(door, bob, new_code()) == "unknown"
    assert claim(door, alice, code) == "claimed"
    assert (keys(door, alice), keys(door, bob)) == ([gift.key], [])


def test_whoever_guesses_is_not_listened_to(container: Container, door: Door, bob: Headers) -> None:
    code = new_code()
    with container.work() as work:
        work.supporters.gave(on_chain(5, memo=memo_of(code)))
    with container.work() as work:
        person = work.people.number(BOB)
        for _ in range(MOST_FAILED):
            work.claims.by_code(person, new_code())
    assert claim(door, bob, code) == "locked"
    assert keys(door, bob) == []


def test_the_address_that_gave_signs(container: Container, door: Door, alice: Headers, bob: Headers) -> None:
    address = str(Account.from_key(KEY).address)
    gift = on_chain(5, giver=Address(bytes.fromhex(address[2:])))
    with container.work() as work:
        work.supporters.gave(gift)
    made = door.post("/v1/me/gifts/message", headers=alice, json={"address": address}).json()
    assert ALICE in made["message"]
    signature = "0x" + signed(made["message"], KEY).hex()
    path = "/v1/me/gifts/signature"
    refused = door.post(path, headers=bob, json={"signature": signature})
    assert refused.status_code == 404, "it names somebody else, who asked for it"
    assert door.post(path, headers=alice, json={"signature": signature}).json()["result"] == "claimed"
    assert keys(door, alice) == [gift.key]
    assert door.post(path, headers=alice, json={"signature": signature}).status_code == 404, "it is good once"
