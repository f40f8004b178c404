"""Tenants: bearers shown once and kept as hashes; each believed about its own users alone."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import text

from kit.changes import counters
from kit.clock import from_unix
from kit.errors import Conflict, NotFound
from kit.identifiers import RoomId, ServerName, TenantId, UserId
from reputation.model import Knock
from reputation.verdict import Code
from tests.support.house import House
from tests.support.knocks import ALICE, BOB, HOME, OTHER_ROOM, ROOM

AWAY = ServerName("away.example")


def test_a_bearer_is_shown_once_and_kept_as_a_hash(house: House) -> None:
    with house.work() as rooms:
        bearer = rooms.tenants.add(HOME)
    with house.work() as rooms:
        tenant = rooms.tenants.by_bearer(bearer)
        assert tenant is not None
        assert (tenant.server_name, tenant.on_deadline, tenant.leaving) == (HOME, "open", False)
        assert tenant.bearer_sha256 == hashlib.sha256(bearer.encode()).digest()
        assert rooms.tenants.find(HOME) == tenant
        row = rooms.session.execute(text("SELECT * FROM tenants")).one()
        assert not any(bearer in str(value) for value in row)
    assert len(bearer) >= 43


@pytest.mark.parametrize("wrong", ["", "x", "\ud800", "ä" * 10_000, "\x00"])
def test_anything_else_is_nobodys_bearer(house: House, wrong: str) -> None:
    with house.work() as rooms:
        bearer = rooms.tenants.add(HOME)
        assert rooms.tenants.by_bearer(wrong) is None
        assert rooms.tenants.by_bearer(bearer[:-1]) is None
        assert rooms.tenants.by_bearer(bearer + "=") is None
        assert rooms.tenants.by_bearer(hashlib.sha256(bearer.encode()).hexdigest()) is None


def test_every_bearer_is_its_tenants_own(house: House) -> None:
    with house.work() as rooms:
        first, second = rooms.tenants.add(HOME), rooms.tenants.add(AWAY, on_deadline="closed")
    with house.work() as rooms:
        found = [rooms.tenants.by_bearer(bearer) for bearer in (first, second)]
        assert [tenant.server_name for tenant in found if tenant] == [HOME, AWAY]
        assert [tenant.on_deadline for tenant in rooms.tenants.all()] == ["open", "closed"]


def test_a_tenant_is_added_once_and_may_come_back_after_leaving(house: House) -> None:
    with house.work() as rooms:
        old = rooms.tenants.add(HOME)
        number = rooms.tenants.all()[0].id
        with pytest.raises(Conflict):
            rooms.tenants.add(HOME)
        rooms.tenants.leave(HOME)
        tenant = rooms.tenants.by_bearer(old)
        assert tenant is not None
        assert tenant.leaving
        new = rooms.tenants.add(HOME, on_deadline="closed")
        assert rooms.tenants.by_bearer(old) is None
        back = rooms.tenants.by_bearer(new)
        assert back is not None
        assert (back.id, back.leaving, back.on_deadline) == (number, False, "closed")


def test_a_renewed_bearer_ends_the_old_one(house: House) -> None:
    with house.work() as rooms:
        old = rooms.tenants.add(HOME)
        new = rooms.tenants.renew_bearer(HOME)
        assert rooms.tenants.by_bearer(old) is None
        assert rooms.tenants.by_bearer(new) is not None


def test_unknown_tenants_are_not_found(house: House) -> None:
    with house.work() as rooms:
        assert rooms.tenants.find(HOME) is None
        for do in (rooms.tenants.leave, rooms.tenants.renew_bearer):
            with pytest.raises(NotFound):
                do(HOME)


def test_every_change_wakes_the_gates_memory(house: House) -> None:
    def counter() -> int:
        with house.database.read() as session:
            return counters(session).get("gate", 0)

    seen = [counter()]
    for change in ("add", "renew_bearer", "leave"):
        with house.work() as rooms:
            getattr(rooms.tenants, change)(HOME)
        seen.append(counter())
    assert seen == sorted(set(seen))


# ------------------------------------------------------------------------------------------------- belief


def told(house: House, server: ServerName, inviter: UserId, invitee: UserId, room: RoomId = ROOM) -> list[Code]:
    with house.work() as rooms:
        if rooms.tenants.find(server) is None:
            rooms.tenants.add(server)
        tenant = rooms.tenants.find(server)
        assert tenant is not None
        knock = Knock(tenant.id, server, inviter, invitee, room, from_unix(house.time), federated=False)
        answer = rooms.gate.ask(knock)
        return [reason.code for reason in answer.verdict.because]


def test_another_server_can_neither_use_up_nor_learn_anything_at_our_doors(house: House) -> None:
    house.asking()
    house.pay()
    assert told(house, AWAY, BOB, ALICE) == [Code.NOT_OURS]
    assert told(house, AWAY, UserId("@eve:away.example"), ALICE) == [Code.NOT_OURS]
    # What it says of Alice's own wishes is not believed: she invited nobody.
    assert told(house, AWAY, ALICE, UserId("@mallory:away.example")) == [Code.DOOR_OPEN]
    assert told(house, HOME, UserId("@mallory:away.example"), ALICE) == [Code.ASKS_STAKE]
    assert told(house, HOME, BOB, ALICE, OTHER_ROOM) == [Code.STAKED]


def test_whom_ones_own_user_invites_they_know(house: House) -> None:
    house.asking()
    assert told(house, HOME, ALICE, BOB) == [Code.NOT_OURS]
    assert told(house, HOME, BOB, ALICE) == [Code.CONTACTED_FIRST]


def test_a_local_invite_is_learned_too_and_does_not_open_the_other_way(house: House) -> None:
    house.asking()
    carol = UserId("@carol:home.example")
    assert told(house, HOME, carol, ALICE) == [Code.ASKS_STAKE]
    assert told(house, HOME, carol, ALICE) == [Code.ASKS_STAKE]
    assert told(house, HOME, ALICE, carol) == [Code.CONTACTED_FIRST]
    assert told(house, HOME, carol, ALICE) == [Code.CONTACTED_FIRST]


def test_a_repeated_outbound_invite_needs_no_writing(house: House) -> None:
    house.tenant()
    assert house.passing(inviter=ALICE, invitee=BOB) is None
    house.knock(inviter=ALICE, invitee=BOB)
    assert house.passing(inviter=ALICE, invitee=BOB) is not None


def test_a_joining_users_server_must_be_the_tenants_own(house: House) -> None:
    house.asking()
    house.pay()
    house.knock()
    with house.work() as rooms:
        rooms.tenants.add(AWAY)
        stranger = rooms.tenants.find(AWAY)
        assert stranger is not None
        rooms.gate.joined(stranger, ALICE, ROOM)
    assert "ask_answer" not in house.told(house.person(ALICE))
    for user, room in ((BOB, ROOM), (ALICE, OTHER_ROOM), (UserId("@new:home.example"), ROOM)):
        house.join(user, room)
    assert "ask_answer" not in house.told(house.person(ALICE))
    house.join()
    assert house.told(house.person(ALICE)) == ["ask_answer"]


def test_a_leaving_tenant_is_always_answered_allow_and_learned_from_no_more(house: House) -> None:
    house.asking()
    with house.work() as rooms:
        rooms.tenants.leave(HOME)
    assert told(house, HOME, BOB, ALICE) == [Code.LEAVING]
    assert told(house, HOME, ALICE, BOB) == [Code.NOT_OURS]
    with house.work() as rooms:
        rooms.tenants.add(HOME)
    assert told(house, HOME, BOB, ALICE) == [Code.ASKS_STAKE]


def test_a_tenant_that_is_gone_is_answered_allow(house: House) -> None:
    house.asking()
    knock = Knock(TenantId(99), HOME, BOB, ALICE, ROOM, from_unix(house.time), federated=True)
    with house.work() as rooms:
        assert [reason.code for reason in rooms.gate.ask(knock).verdict.because] == [Code.LEAVING]


def test_a_leaving_tenant_may_stay_after_all(house: House) -> None:
    with house.work() as rooms:
        bearer = rooms.tenants.add(HOME)
        rooms.tenants.leave(HOME)
    with house.work() as rooms:
        before = counters(rooms.session)
        rooms.tenants.stay(HOME)
    with house.work() as rooms:
        assert counters(rooms.session) != before
        tenant = rooms.tenants.by_bearer(bearer)
        assert tenant is not None
        assert not tenant.leaving
        with pytest.raises(NotFound):
            rooms.tenants.stay(AWAY)


def test_the_last_call_of_a_tenant_is_known_and_flushes_no_cache(house: House) -> None:
    with house.work() as rooms:
        rooms.tenants.add(HOME)
        rooms.tenants.add(AWAY)
    with house.work() as rooms:
        tenant = rooms.tenants.find(HOME)
        assert tenant is not None
        assert rooms.tenants.last_call(HOME) is None
        before = counters(rooms.session)
        rooms.tenants.heard({tenant.id: from_unix(1_800_000_000)})
    with house.work() as rooms:
        assert counters(rooms.session) == before
        assert rooms.tenants.last_call(HOME) == from_unix(1_800_000_000)
        assert rooms.tenants.last_call(AWAY) is None
        with pytest.raises(NotFound):
            rooms.tenants.last_call(ServerName("nobody.example"))
