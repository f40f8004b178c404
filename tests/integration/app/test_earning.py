"""Enrolling a server over HTTPS servers of the tests: whom it names is told, and is not told for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import earning
from app.container import Container
from kit.database import Database
from kit.errors import HomeserverUnavailable
from kit.federation import Homeservers
from kit.identifiers import Address, ServerName, UserId
from kit.outbox import OutboxRow
from reputation.notices import KIND
from tests.integration.payments.test_rewards import FAR, Server
from tests.support.elsewhere import Elsewhere, says
from tests.support.services import a_container

OPS = UserId("@ops:far.example")


class Site:
    """``far.example``: its keys, as a homeserver publishes them, and whom it names."""

    def __init__(self, elsewhere: Elsewhere, container: Container) -> None:
        self.container, self.server = container, Server()
        web = elsewhere.server("far.example", port=8448)
        elsewhere.dns.records["far.example", "A"] = [web.address]
        (key,) = self.server.published().current
        until = int(container.clock().timestamp() + 3600) * 1000
        document = {"server_name": FAR, "verify_keys": {key.id: {"key": key.text}}, "valid_until_ts": until}
        web.answers["/_matrix/key/v2/server"] = says(self.server.sign(document))
        named = [{"matrix_id": OPS}, {"matrix_id": "@victim:other.example"}]
        web.answers["/.well-known/matrix/support"] = says({"contacts": named})
        container.__dict__["enrolling"] = Homeservers(elsewhere.fetcher(), https_port=8448, clock=container.clock)

    def enrols(self, payout: Address) -> None:
        """Let it enrol."""
        with self.container.work() as work:
            challenge = work.rewards.challenge(FAR, payout)
        earning.enrol(self.container, self.server.sign(challenge.document()))

    def told(self) -> list[dict[str, Any]]:
        """What its contact is to be told, oldest first; nobody else is told anything."""
        with self.container.read() as work:
            contact = work.people.find(OPS)
            rows = work.session.scalars(select(OutboxRow).where(OutboxRow.kind == KIND).order_by(OutboxRow.id))
            payloads = [row.payload for row in rows]
        assert {payload["to"] for payload in payloads} <= {contact}
        return [payload["values"] for payload in payloads]


@pytest.fixture
def site(elsewhere: Elsewhere, tmp_path: Path, database: Database) -> Site:
    return Site(elsewhere, a_container(tmp_path, database))


def test_whom_a_server_names_is_told_what_its_key_was_used_for(site: Site) -> None:
    first, second = Address(b"\x01" * 20), Address(b"\x02" * 20)
    for payout in (first, first, second):
        site.enrols(payout)
    new, same, later = site.told()
    assert (new["again"], new["from"], same["again"], same["from"]) == (False, None, True, None)
    assert later["payout"] == "0x" + "02" * 20
    assert later["from"] is not None


def test_nobody_is_told_for_ever_by_whoever_has_the_key(site: Site) -> None:
    for number in range(1, 14):
        site.enrols(Address(bytes([number]) * 20))
    assert len(site.told()) == 10


def test_whose_homeserver_is_left_alone_is_told_nothing(site: Site) -> None:
    with site.container.work() as work:
        work.courtesy.keep_quiet(FAR)
    site.enrols(Address(b"\x01" * 20))
    assert site.told() == []


def test_a_server_whose_keys_cannot_be_had_is_nobody_yet(site: Site) -> None:
    nowhere = Server(ServerName("nowhere.example"))
    with site.container.work() as work:
        challenge = work.rewards.challenge(nowhere.name, Address(b"\x01" * 20))
    with pytest.raises(HomeserverUnavailable):
        earning.enrol(site.container, nowhere.sign(challenge.document()))
    with site.container.read() as work:
        assert work.rewards.find(nowhere.name) is None
