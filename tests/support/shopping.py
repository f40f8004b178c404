"""Shopping: @lea sells and @kim buys at a service of a test, over its HTTP door, with keys of wallets to sign by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account

from app import selling
from app.container import Container
from kit.database import Database
from kit.identifiers import Address, PersonId
from ledger.model import Level
from payments.content.model import Buyer, Kind, Listing, Offer, Paid, Purchase
from tests.support.contract_wallets import signed
from tests.support.services import Clock, Door, a_container, a_person, a_token, http_door
from tests.support.stalls import WALLET, key

LEA, KIM, MALLORY = "@lea:earnest.example", "@kim:earnest.example", "@mallory:far.example"
TEXT = bytes(range(256)) * 600
"""What is sold: more than one sealed chunk."""


class Shopping:
    """A service, its door, and who is at it."""

    def __init__(self, container: Container, door: Door) -> None:
        """Stand at ``door``."""
        self.container, self.door = container, door
        self.lea, self.kim = a_person(container, LEA), a_person(container, KIM)
        self.headers = {who: {"Authorization": a_token(container, who)} for who in (LEA, KIM, MALLORY)}
        (self.token,) = selling.allowed(container)

    @property
    def clock(self) -> Clock:
        """The time, to be turned."""
        clock = self.container.clock
        assert isinstance(clock, Clock)
        return clock

    def ask(self, who: str, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has them
        """Ask for something of one's own."""
        headers = self.headers[who] | options.pop("headers", {})
        answer: httpx.Response = self.door.request(method, f"/v1/me{path}", headers=headers, **options)
        return answer

    def put_up(self, content: bytes = TEXT, *, seller: PersonId | None = None, **changes: Any) -> Listing:  # noqa: ANN401
        """List a file of @lea's."""
        offer = Offer(Kind.FILE, "On doors", WALLET, {self.token: 5}, finality=Level.SEEN)
        who = seller or self.lea
        return selling.put_up(self.container, who, replace(offer, **changes), [content], name="doors.bin")

    def pay(self, listing: Listing, number: int = 1, **changes: Any) -> Purchase:  # noqa: ANN401 - the parts of a payment
        """Tell of a payment of @kim's."""
        buyer = changes.pop("buyer", Buyer(person=self.kim))
        paid = Paid(
            *(key(number), listing.id, listing.version.terms, buyer, self.token, 5, Level.FINALIZED),
            at=self.container.clock(),
        )
        with self.container.work() as work:
            return work.content.bought(replace(paid, **changes))

    def link(self, who: str, secret: bytes) -> Address:
        """Link the wallet of a key by its signature; its address."""
        address = str(Account.from_key(secret).address)
        message = self.ask(who, "POST", "/wallets/message", json={"address": address}).json()["message"]
        told = {"message": message, "signature": "0x" + signed(message, secret).hex()}
        answer = self.ask(who, "POST", "/wallets", json=told)
        assert answer.status_code == 200, answer.text
        return Address(bytes.fromhex(address[2:]))

    def agreeing(self, who: str, secret: bytes) -> dict[str, str]:
        """What a wallet signs to let somebody have, and move, what it bought."""
        address = str(Account.from_key(secret).address)
        message = self.ask(who, "POST", "/library/message", json={"address": address}).json()["message"]
        return {"message": message, "signature": "0x" + signed(message, secret).hex()}


def wallet_of(secret: bytes) -> Address:
    """The address of a key."""
    return Address(bytes.fromhex(Account.from_key(secret).address[2:]))


def problem(answer: httpx.Response) -> tuple[int, str]:
    """An answer's status, and the code of its problem."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


@pytest.fixture
def shopping(tmp_path: Path, database: Database) -> Iterator[Shopping]:
    """It, on a database of each kind."""
    container = a_container(tmp_path, database)
    with http_door(container) as door:
        yield Shopping(container, door)
