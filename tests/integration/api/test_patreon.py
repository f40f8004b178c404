"""Patreon's webhook: what is signed is taken once, whatever is forged learns nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from kit.database import Database
from payments.flair.model import Giver, Source, Spans
from tests.support.gifts import document
from tests.support.services import Clock, Door, a_container, http_door

SECRET = "a secret of Patreon's"
PATH = "/v1/patreon/webhook"
MEMBER, USER = "03ca69c3-ebea-4b9a-8fac-e4a837873254", "12345"


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    made = a_container(tmp_path, database, clock=Clock(), patreon_webhook_secret=SECRET, patreon_currency="EUR")
    with made.work() as work:
        work.supporters.use(document())
    return made


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def a_body(cents: int = 1_000, **attributes: Any) -> bytes:  # noqa: ANN401 - any attribute
    """A member as Patreon tells of one (platform documentation, "Webhooks", sample payload)."""
    return json.dumps(
        {
            "data": {
                "attributes": {
                    "full_name": "Sue Example",
                    "is_follower": False,
                    "patron_status": "active_patron",
                    "last_charge_status": "Paid",
                    "last_charge_date": "2026-11-20T21:00:00.000+00:00",
                    "currently_entitled_amount_cents": cents,
                    "lifetime_support_cents": cents,
                    "pledge_relationship_start": "2026-11-20T21:00:00.000+00:00",
                    **attributes,
                },
                "id": MEMBER,
                "type": "member",
                "relationships": {
                    "campaign": {"data": {"id": "1", "type": "campaign"}},
                    "user": {"data": {"id": USER, "type": "user"}},
                },
            }
        }
    ).encode()


def signed(body: bytes, secret: str = SECRET, event: str = "members:pledge:create") -> dict[str, str]:
    signature = hmac.new(secret.encode(), body, hashlib.md5).hexdigest()
    return {"X-Patreon-Event": event, "X-Patreon-Signature": signature, "Content-Type": "application/json"}


def tiers(container: Container) -> list[str]:
    with container.read() as work:
        return sorted(one.tier for one in work.supporters.holding() if one.giver == Giver(Source.PATREON, USER))


def test_what_patreon_signs_is_taken_however_often_it_comes(container: Container, door: Door) -> None:
    body = a_body()
    for _ in range(3):
        answer = door.post(PATH, content=body, headers=signed(body))
        assert (answer.status_code, answer.content) == (204, b"")
    assert tiers(container) == ["friend", "patron"]
    with container.read() as work:
        assert [one.amount for one in work.flairs.totals.given(Spans())] == [1_000]


def test_a_forged_one_is_refused_and_learns_nothing(container: Container, door: Door, tmp_path: Path) -> None:
    body = a_body()
    good = signed(body)
    answers = [
        door.post(PATH, content=body, headers=signed(body, "another secret")),
        door.post(PATH, content=a_body(999_999), headers=good),
        door.post(PATH, content=body, headers={**good, "X-Patreon-Signature": ""}),
        door.post(PATH, content=body, headers={**good, "X-Patreon-Signature": "\xe9".encode("latin-1")}),
        door.post(PATH, content=body, headers={**good, "X-Patreon-Signature": "0" * 4_000}),
        door.post(PATH, content=body),
        door.post(PATH, content=b"", headers=good),
        door.post(PATH, content=b"\xff{", headers=good),
    ]
    unset = a_container(tmp_path / "unset", container.database)
    with http_door(unset) as other:
        answers.append(other.post(PATH, content=body, headers=signed(body, "")))
        answers.append(other.post(PATH, content=body, headers=good))
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1
    assert tiers(container) == []


def test_an_event_that_means_nothing_to_us_is_taken_too(container: Container, door: Door) -> None:
    body = b'{"data": {"type": "post", "id": "1", "attributes": {}}}'
    assert door.post(PATH, content=body, headers=signed(body, event="posts:publish")).status_code == 204
    assert tiers(container) == []


@pytest.mark.parametrize("relationships", [None, {}, {"user": None}, {"user": {"data": None}}])
def test_a_member_without_a_user_is_taken_and_counts_nothing(
    container: Container, door: Door, relationships: dict[str, Any] | None
) -> None:
    told = json.loads(a_body())
    told["data"]["relationships"] = relationships
    body = json.dumps(told).encode()
    for _ in range(2):
        answer = door.post(PATH, content=body, headers=signed(body))
        assert (answer.status_code, answer.content) == (202, b"")
    told["data"]["id"] = "none, surely"
    body = json.dumps(told).encode()
    assert door.post(PATH, content=body, headers=signed(body)).status_code == 400
    with container.read() as work:
        assert work.supporters.entitlements() == []


def test_what_is_no_member_is_refused_with_its_signature_good(container: Container, door: Door) -> None:
    for body in (b"", b"[]", b"{}", b"nonsense", b'{"data": {"type": "member", "id": 7}}', b"[" * 10_000):
        assert door.post(PATH, content=body, headers=signed(body)).status_code == 400, body[:40]
    assert tiers(container) == []
