"""Servers that earn, in a real database: challenges, enrolments and their changes, reports, looks, and what goes."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kit.canonical import canonical
from kit.database import Database
from kit.errors import Conflict, Invalid, NotFound
from kit.federation import Seen
from kit.identifiers import Address, ServerName
from kit.server_keys import ServerKeys, VerifyKey
from payments.rewards.enrolling import PAYOUT_WAITS, Kind, Trouble
from payments.rewards.service import Enrolment, Rewards
from tests.unit.payments.test_rewards_measured import body

FAR = ServerName("far.example")
A, B, C = (Address(bytes([number]) * 20) for number in (1, 2, 3))
SERVICE = "https://earnest.example"


@dataclass
class Server:
    """A homeserver with its keys: the first signs, the others are what it had before."""

    name: ServerName = FAR
    keys: list[int] = field(default_factory=lambda: [1])
    together: list[int] = field(default_factory=list)
    """Those with which it signs now, where that is more than the first."""

    def published(self) -> ServerKeys:
        """What it publishes now."""
        new = self.together or self.keys[:1]
        keys = (VerifyKey(f"ed25519:{n}", _key(n).public_key().public_bytes_raw()) for n in new)
        return ServerKeys(self.name, tuple(keys))

    def sign(self, document: dict[str, Any]) -> dict[str, Any]:
        """Sign with the key of now."""
        name, value = f"ed25519:{self.keys[0]}", _key(self.keys[0]).sign(canonical(document))
        return {**document, "signatures": {self.name: {name: base64.b64encode(value).decode().rstrip("=")}}}

    def seen(self) -> Seen:
        """How it looks from outside."""
        return Seen(self.published(), "Synapse", "1.163.2", 30, 2_000_000_000, "192.0.2.0/24")


def _key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


@dataclass
class Shop:
    """Rewards on a database, with a clock to turn."""

    database: Database
    now: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def does(self, what: Any) -> Any:  # noqa: ANN401 - whatever it gives
        """Do something in one transaction."""
        with self.database.write() as session:
            return what(Rewards(session, self.now, service=SERVICE, chain_id=31337))

    def enrols(self, server: Server, payout: Address = A) -> Enrolment:
        """Let a server enrol, or change where its rewards go."""
        challenge = self.does(lambda rewards: rewards.challenge(server.name, payout))
        done: Enrolment = self.does(
            lambda rewards: rewards.enrol(server.sign(challenge.document()), server.published())
        )
        return done


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_a_challenge_is_good_once_unchanged_and_for_an_hour(shop: Shop) -> None:
    server = Server()
    challenge = shop.does(lambda rewards: rewards.challenge(FAR, A))
    signed = server.sign(challenge.document())
    for change in (
        {"payout": "0x" + "22" * 20},
        {"server_name": "other.example"},
        {"service": "https://evil"},
        {"x": 1},
    ):
        with pytest.raises(Invalid, match="sign it unchanged"):
            shop.does(
                lambda rewards, c=change: rewards.enrol(server.sign({**challenge.document(), **c}), server.published())
            )
    with pytest.raises(Invalid, match="not the keys of"):
        shop.does(lambda rewards: rewards.enrol(signed, Server(ServerName("other.example")).published()))
    with pytest.raises(Invalid, match="not signed with a key"):
        shop.does(lambda rewards: rewards.enrol(signed, Server(keys=[2, 1]).published()))
    done = shop.does(lambda rewards: rewards.enrol(signed, server.published()))
    assert (done.enrolled.payout_at(shop.now), done.before) == (A, None)
    with pytest.raises(NotFound, match="answered before"):
        shop.does(lambda rewards: rewards.enrol(signed, server.published()))
    late = shop.does(lambda rewards: rewards.challenge(FAR, B))
    shop.now += timedelta(hours=1)
    with pytest.raises(Conflict, match="is over"):
        shop.does(lambda rewards: rewards.enrol(server.sign(late.document()), server.published()))
    for nonce in (None, 7, "", "x" * 10_000, "\ud800"):
        with pytest.raises(NotFound):
            shop.does(lambda rewards, n=nonce: rewards.asked({**challenge.document(), "nonce": n}))


def test_whoever_asks_for_many_challenges_keeps_nobody_from_theirs(shop: Shop) -> None:
    server = Server()
    first = shop.does(lambda rewards: rewards.challenge(FAR, B))
    last = first
    for _ in range(100):
        shop.now += timedelta(seconds=1)
        last = shop.does(lambda rewards: rewards.challenge(FAR, A))
    with pytest.raises(NotFound):
        shop.does(lambda rewards: rewards.asked(server.sign(first.document())))
    done = shop.does(lambda rewards: rewards.enrol(server.sign(last.document()), server.published()))
    assert done.enrolled.server == FAR


def test_what_nobody_can_want_is_refused(shop: Shop) -> None:
    with pytest.raises(Invalid, match="Nobody holds"):
        shop.does(lambda rewards: rewards.challenge(FAR, Address(bytes(20))))
    with pytest.raises(Invalid, match="Homeservers alone"):
        shop.does(lambda rewards: rewards.challenge(FAR, A, kind=Kind.BRIDGE))


def test_another_address_waits_a_week_and_may_be_taken_back(shop: Shop) -> None:
    server = Server()
    shop.enrols(server, A)
    began = shop.now
    changed = shop.enrols(server, B).enrolled
    assert (changed.payout_at(shop.now), changed.payout_from) == (A, began + PAYOUT_WAITS)
    shop.now += timedelta(days=3)
    assert shop.enrols(server, B).enrolled.payout_from == began + PAYOUT_WAITS, "asked again, it does not begin anew"
    back = shop.enrols(server, A).enrolled
    assert (back.payout_at(shop.now + timedelta(days=30)), back.payout_next) == (A, None)
    shop.enrols(server, B)
    third = shop.enrols(server, C).enrolled
    assert (third.payout_at(shop.now), third.payout_next) == (A, C)
    shop.now += PAYOUT_WAITS
    settled = shop.enrols(server, C).enrolled
    assert (settled.payout, settled.payout_at(shop.now), settled.payout_next) == (C, C, None)


def test_another_key_is_believed_where_the_server_once_signed_with_both(shop: Shop) -> None:
    server = Server()
    number = shop.enrols(server).enrolled.id
    for signing in ([1, 2], [2], [2, 3], [3, 4], [4]):
        server.together, server.keys = signing, signing
        shop.does(lambda rewards: rewards.looked("here", {number: server.seen()}))
        found = shop.does(lambda rewards: rewards.find(FAR))
        assert (found.trouble, found.may_claim(shop.now)) == (None, True), signing
    kept = shop.does(lambda rewards: rewards.find(FAR))
    assert kept.key == _key(4).public_key().public_bytes_raw()
    server.together, server.keys = [5], [5]  # whoever took the name over signs with their own
    shop.does(lambda rewards: rewards.looked("here", {number: server.seen()}))
    kept = shop.does(lambda rewards: rewards.find(FAR))
    assert (kept.trouble, kept.may_claim(shop.now)) == (Trouble.KEY_CHANGED, False)
    assert kept.key == _key(4).public_key().public_bytes_raw(), "the key that speaks for it is still the one it proved"
    taken = shop.enrols(server, B).enrolled
    assert (taken.may_claim(shop.now), taken.payout_at(shop.now)) == (False, A)
    server.together, server.keys = [4], [4]
    shop.does(lambda rewards: rewards.looked("here", {number: server.seen()}))
    assert shop.does(lambda rewards: rewards.find(FAR)).trouble is Trouble.KEY_CHANGED, "now that is another one"


def test_whoever_takes_a_name_over_waits_a_week_to_claim(shop: Shop) -> None:
    shop.enrols(Server(keys=[1]))
    taken = shop.enrols(Server(keys=[3]), B).enrolled
    assert (taken.may_claim(shop.now), taken.payout_at(shop.now)) == (False, A)
    again = shop.enrols(Server(keys=[3]), B).enrolled
    assert again.claims_from == taken.claims_from
    shop.now += PAYOUT_WAITS
    assert taken.may_claim(shop.now)


def test_reports_come_by_the_newest_address_alone(shop: Shop) -> None:
    first, second = shop.enrols(Server()), shop.enrols(Server())
    with pytest.raises(NotFound):
        shop.does(lambda rewards: rewards.reported(first.secret, body()))
    for users, active in ((100, 30), (90, 40), (100, 30)):
        said = body(total_users=users, monthly_active_users=active)
        shop.does(lambda rewards, said=said: rewards.reported(second.secret, said))
    number, day = second.enrolled.id, shop.now.date()
    ((found_day, found),) = shop.does(lambda rewards: rewards.reports(number, day, days=1))
    assert (found_day, found.users, found.monthly_users) == (day, 100, 40)
    with pytest.raises(Invalid):
        shop.does(lambda rewards: rewards.reported(second.secret, body(homeserver="other.example")))
    for secret in ("", "made up", "\ud800", second.secret + "x"):
        with pytest.raises(NotFound):
            shop.does(lambda rewards, secret=secret: rewards.reported(secret, body()))
    shop.does(lambda rewards: rewards.leave(FAR))
    with pytest.raises(NotFound):
        shop.does(lambda rewards: rewards.reported(second.secret, body()))
    assert shop.does(lambda rewards: rewards.due("here", limit=9)) == []
    back = shop.enrols(Server())
    shop.does(lambda rewards: rewards.reported(back.secret, body()))
    assert shop.does(lambda rewards: rewards.due("here", limit=9))[0].server == FAR


def test_each_place_looks_once_an_hour(shop: Shop) -> None:
    server = Server()
    number = shop.enrols(server).enrolled.id
    for place, seen in (("here", None), ("here", server.seen()), ("here", None), ("there", None)):
        shop.does(lambda rewards, place=place, seen=seen: rewards.looked(place, {number: seen}))
    here, there = shop.does(lambda rewards: rewards.looks(number, shop.now.date(), days=1))
    assert (here.vantage, here.looks, here.answered, here.networks) == ("here", 1, 1, {"192.0.2.0/24"})
    assert (there.vantage, there.looks, there.answered, there.networks) == ("there", 1, 0, set())
    assert shop.does(lambda rewards: rewards.due("here", limit=9)) == []
    assert len(shop.does(lambda rewards: rewards.due("elsewhere", limit=9))) == 1
    shop.now += timedelta(hours=1)
    assert len(shop.does(lambda rewards: rewards.due("here", limit=9))) == 1
    shop.does(lambda rewards: rewards.looked("here", {number: None}))
    (here, _) = shop.does(lambda rewards: rewards.looks(number, shop.now.date(), days=1))
    assert (here.looks, here.answered, here.networks) == (2, 1, {"192.0.2.0/24"})
    shop.does(lambda rewards: rewards.looked("here", {10**9: server.seen()}))  # it is gone: nothing happens


def test_what_is_past_its_time_goes_a_few_at_a_time(shop: Shop) -> None:
    server = Server()
    done = shop.enrols(server)
    for _ in range(3):
        shop.does(lambda rewards: rewards.reported(done.secret, body()))
        shop.does(lambda rewards: rewards.looked("here", {done.enrolled.id: server.seen()}))
        shop.now += timedelta(days=1)
    assert shop.does(lambda rewards: rewards.prune(limit=2)) == 1, "a challenge is kept for a day"
    shop.now += timedelta(days=118, hours=1)
    gone = []
    while went := shop.does(lambda rewards: rewards.prune(limit=1)):
        gone.append(went)
    assert gone == [2], "a day's report and its looks"
    assert (
        len(shop.does(lambda rewards: rewards.reports(done.enrolled.id, done.enrolled.enrolled_at.date(), days=9))) == 2
    )
    assert shop.does(lambda rewards: rewards.find(FAR)) is not None
