"""The homeserver contract: what homeservers are told, and that no accident of theirs or ours stops an invite."""

from __future__ import annotations

import asyncio
import json
import selectors
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.routes.antispam import GateDoor
from api.schemas.antispam import STAKE_KEY, GateResponse, denied
from app.container import Container
from app.gatekeeper import Gatekeeper
from app.remembering import Reply
from app.turning_away import TurningAway
from kit.errors import DatabaseUnavailable
from kit.identifiers import RoomId, UserId
from reputation.model import Knock
from reputation.verdict import Code, Hold, Reason, Refuse
from tests.support.gates import BEARER, NOW, OPEN_HANDED, QUOTE, ToldGatekeeper, a_client, a_tenant, an_app

DRAUPNIR = "/api/1/spam_check/"
MEOWLNIR = "/_meowlnir/antispam/example.org/"
SHAPES = (DRAUPNIR, MEOWLNIR, "/_meowlnir/antispam/!earnest:example.org/")
INVITE = {"inviter": "@bob:example.org", "invitee": "@alice:example.org", "room_id": "!room:example.org"}
FEDERATED = {
    "event": {
        "type": "m.room.member",
        "event_id": "$event",
        "room_id": "!room:far.example",
        "sender": "@mallory:far.example",
        "state_key": "@alice:example.org",
        "content": {"membership": "invite", "reason": "hi", "is_direct": True},
        "origin_server_ts": 1,
        "unsigned": {"invite_room_state": []},
    }
}
HOLD = Hold(QUOTE.price, (Reason(Code.ASKS_STAKE),))
CLOSED = Refuse((Reason(Code.DOOR_CLOSED),))


def post(
    path: str,
    body: object = None,
    *,
    gate: ToldGatekeeper | None = None,
    raw: bytes | None = None,
    bearer: str = BEARER,
) -> httpx.Response:
    """Post one call to the application."""

    async def call() -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        async with a_client(an_app(gate or ToldGatekeeper()), **headers) as client:
            if raw is not None:
                return await client.post(path, content=raw)
            return await client.post(path, json=body)

    return asyncio.run(call())


# ---------------------------------------------------------------------------------------------------- the contract


@pytest.mark.parametrize("shape", SHAPES)
def test_ping_is_echoed(shape: str) -> None:
    answer = post(shape + "ping", {"id": "OxDaGuoe"})
    assert (answer.status_code, answer.json()) == (200, {"id": "OxDaGuoe", "status": "ok"})


@pytest.mark.parametrize("shape", SHAPES)
def test_an_admitted_invite_is_allowed(shape: str) -> None:
    gate = ToldGatekeeper()
    answer = post(shape + "user_may_invite", INVITE, gate=gate)
    assert (answer.status_code, answer.json()) == (200, {})
    assert [(k.inviter, k.invitee, k.room, k.tenant_server, k.federated) for k in gate.asked] == [
        ("@bob:example.org", "@alice:example.org", "!room:example.org", "example.org", False)
    ]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_federated_invite_is_read_from_its_event(shape: str) -> None:
    gate = ToldGatekeeper()
    answer = post(shape + "federated_user_may_invite", FEDERATED, gate=gate)
    assert (answer.status_code, answer.json()) == (200, {})
    assert [(k.inviter, k.invitee, k.room, k.federated) for k in gate.asked] == [
        ("@mallory:far.example", "@alice:example.org", "!room:far.example", True)
    ]


def test_an_invite_by_way_of_an_address_proves_nobody() -> None:
    event: dict[str, Any] = {**FEDERATED["event"], "content": {"membership": "invite", "third_party_invite": None}}
    call, gate = SHAPES[0] + "federated_user_may_invite", ToldGatekeeper()
    post(call, {"event": event}, gate=gate)
    post(call, FEDERATED, gate=gate)
    assert [knock.proven for knock in gate.asked] == [False, True]
    away = ToldGatekeeper(fails=DatabaseUnavailable("down"))
    assert post(call, {"event": event}, gate=away).status_code == 403
    assert post(call, {"event": {**FEDERATED["event"], "sender": "@carol:example.org"}}, gate=away).status_code == 403
    assert away.late_for == []
    assert post(call, FEDERATED, gate=away).status_code == 200


@pytest.mark.parametrize("shape", SHAPES)
def test_a_held_invite_is_denied_with_sentence_and_stake(shape: str) -> None:
    answer = post(shape + "user_may_invite", INVITE, gate=ToldGatekeeper(HOLD, QUOTE))
    body = answer.json()
    assert answer.status_code == 403
    assert set(body) == {"errcode", "error", STAKE_KEY}
    assert body["errcode"] == "M_FORBIDDEN"
    for part in ("https://earnest.example/stake/" + QUOTE.id, QUOTE.check_code, "5 ERN", "1 ERN"):
        assert part in body["error"]
    assert body[STAKE_KEY] == {
        "price": "5000000000000000000",
        "fee": "1000000000000000000",
        "symbol": "ERN",
        "decimals": 18,
        "token": "0x7070707070707070707070707070707070707070",
        "chain_id": 31337,
        "url": f"https://earnest.example/stake/{QUOTE.id}",
        "expires_at": QUOTE.quote_expiry,
        "check_code": QUOTE.check_code,
    }


def test_a_refused_invite_is_denied_without_a_price() -> None:
    answer = post(DRAUPNIR + "user_may_invite", INVITE, gate=ToldGatekeeper(CLOSED))
    assert answer.status_code == 403
    assert set(answer.json()) == {"errcode", "error"}


def test_an_admit_in_memory_asks_nobody() -> None:
    gate = ToldGatekeeper(in_memory=True)
    assert post(DRAUPNIR + "user_may_invite", INVITE, gate=gate).json() == {}
    assert gate.asked == []


def test_a_flood_is_refused_and_asks_nobody() -> None:
    gate = ToldGatekeeper(flooded=True)
    answer = post(DRAUPNIR + "user_may_invite", INVITE, gate=gate)
    assert (answer.status_code, answer.json()["errcode"]) == (403, "M_FORBIDDEN")
    assert "Too many invitations" in answer.json()["error"]
    assert gate.asked == []


def test_a_join_is_told_and_never_stopped() -> None:
    gate = ToldGatekeeper(CLOSED)
    body = {"user": "@alice:example.org", "room": "!room:example.org", "is_invited": True}
    assert post(DRAUPNIR + "user_may_join_room", body, gate=gate).json() == {}
    assert gate.joins == [("@alice:example.org", "!room:example.org")]


def test_a_join_of_somebody_elses_user_is_not_believed() -> None:
    gate = ToldGatekeeper()
    body = {"user": "@alice:far.example", "room": "!room:example.org", "is_invited": True}
    assert post(DRAUPNIR + "user_may_join_room", body, gate=gate).json() == {}
    assert gate.joins == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("callback", ["check_login_for_spam", "no/such/thing", "user_may_invite/"])
def test_unknown_callbacks_are_allowed(shape: str, callback: str) -> None:
    answer = post(shape + callback, {"anything": 1}, gate=ToldGatekeeper(CLOSED))
    assert (answer.status_code, answer.json()) == (200, {})


# ---------------------------------------------------------------------------------------------------- who may ask


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bearer", ["", "wrong", BEARER + "x", BEARER[:-1], BEARER.upper()])
def test_an_unknown_bearer_gets_401(shape: str, bearer: str) -> None:
    gate = ToldGatekeeper()
    answer = post(shape + "user_may_invite", INVITE, gate=gate, bearer=bearer)
    assert answer.status_code == 401
    assert set(answer.json()) == {"errcode", "error"}
    # M_UNKNOWN_TOKEN would be relayed to the inviter, and log their client out.
    assert answer.json()["errcode"] == "M_FORBIDDEN"
    assert gate.asked == []


def test_the_tenant_in_the_path_is_the_bearers() -> None:
    for name in ("far.example", "!x:far.example", "!example.org", ""):
        answer = post(f"/_meowlnir/antispam/{name}/user_may_invite", INVITE)
        assert answer.status_code in {401, 404}, name
        assert answer.status_code == 401 or name == ""


def test_while_no_tenant_can_be_read_the_homeservers_own_choice_holds() -> None:
    answer = post(DRAUPNIR + "user_may_invite", INVITE, gate=ToldGatekeeper(known=None))
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/plain")  # JSON would be a denial


# ---------------------------------------------------------------------------------------------------- in time


@pytest.mark.parametrize(("choice", "status"), [("open", 200), ("closed", 403)])
@pytest.mark.parametrize(
    "gate",
    [
        {"hangs": True, "deadline": 0.01},
        {"fails": DatabaseUnavailable("locked")},
        {"fails": RuntimeError("a mistake of ours")},
    ],
)
def test_without_a_verdict_in_time_the_tenants_choice_holds(choice: str, status: int, gate: dict[str, Any]) -> None:
    told = ToldGatekeeper(known=a_tenant(on_deadline=choice), **gate)
    answer = post(DRAUPNIR + "user_may_invite", INVITE, gate=told)
    assert answer.status_code == status
    assert len(told.late_for) == 1


def test_a_knock_that_came_too_late_is_called_off() -> None:
    gate = ToldGatekeeper(hangs=True, deadline=0.01)
    post(DRAUPNIR + "user_may_invite", INVITE, gate=gate)
    assert [answer.cancelled() for answer in gate.answers] == [True]


class Skipping(selectors.DefaultSelector):
    """Waits for nothing: what would be waited is time that has passed."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout is not None:
            self.skipped += timeout
        return found


class Passing(asyncio.SelectorEventLoop):
    """A loop in which time passes only where somebody waits for it, or works."""

    def __init__(self) -> None:
        self.skipping = Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return super().time() + self.skipping.skipped


class Silent:
    """Suspects everybody, and never says what lists come to."""

    def suspects(self, _room: RoomId, users: tuple[UserId, ...]) -> list[UserId]:
        return list(users)

    def ask(self, _room: RoomId, _user: UserId) -> Future[None]:
        return Future()


def test_lists_and_door_together_take_no_longer_than_a_knock_may_wait() -> None:
    gate = ToldGatekeeper(hangs=True, deadline=100_000)
    door = GateDoor(
        cast("Container", SimpleNamespace(clock=lambda: NOW)), cast("Gatekeeper", gate), cast("TurningAway", Silent())
    )

    async def call() -> tuple[int, float]:
        began = asyncio.get_running_loop().time()
        async with a_client(door, Authorization=f"Bearer {BEARER}") as client:
            answer = await client.post(DRAUPNIR + "user_may_invite", json=INVITE)
        return answer.status_code, asyncio.get_running_loop().time() - began

    with asyncio.Runner(loop_factory=Passing) as runner:
        status, took = runner.run(call())
    assert status == 200
    assert (len(gate.asked), len(gate.late_for)) == (1, 1), "the door had its time"
    assert gate.deadline <= took < 1.5 * gate.deadline


# ---------------------------------------------------------------------------------------------------- accidents


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "callback",
    [
        *("user_may_invite", "federated_user_may_invite", "user_may_join_room", "ping"),
        *("accept_make_join", "check_event_for_spam"),
    ],
)
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"event":' * 50_000,
        b"{}",
        b'{"inviter":1,"invitee":[],"room_id":{}}',
        b'{"inviter":"@bob:example.org"}',
        b'{"event":[]}',
        b'{"event":{"type":"m.room.member","content":{"membership":"join"}}}',
        b'{"event":{"type":"m.room.member","content":7}}',
        b'{"user":null,"room":true}',
        b'{"inviter":"@bob:example.org","invitee":"nobody","room_id":"!room:example.org"}',
        b'{"user":"alice","room":"!room:example.org"}',
        b"9" * 5000,
    ],
)
def test_what_is_not_understood_is_allowed(shape: str, callback: str, raw: bytes) -> None:
    answer = post(shape + callback, raw=raw, gate=ToldGatekeeper(CLOSED))
    assert answer.status_code == 200
    assert "detail" not in answer.json()


@pytest.mark.parametrize(("callback", "status"), [("user_may_invite", 200), ("federated_user_may_invite", 403)])
def test_what_is_too_long_is_not_read_and_no_invite_from_elsewhere_is_allowed_so(callback: str, status: int) -> None:
    gate = ToldGatekeeper()
    answer = post(DRAUPNIR + callback, raw=json.dumps({**INVITE, "pad": "x" * 1_100_000}).encode(), gate=gate)
    assert answer.status_code == status
    assert gate.asked == []


@pytest.mark.parametrize(
    "call",
    [
        INVITE | {"inviter": "@bob\u0000:example.net"},
        INVITE | {"inviter": "bob"},
        INVITE | {"inviter": "@bob:exa mple"},
        INVITE | {"inviter": "@" + "b" * 300 + ":example.net"},
        INVITE | {"inviter": "@bob:example.net", "room_id": "room"},
        INVITE | {"inviter": "@bob:example.net", "room_id": "!" + "r" * 300},
    ],
)
def test_a_strangers_malformed_id_is_no_way_around_a_door(call: dict[str, str]) -> None:
    answer = post(DRAUPNIR + "user_may_invite", raw=json.dumps(call).encode())
    assert answer.status_code == 403
    assert set(answer.json()) == {"errcode", "error"}


def test_an_outbound_invite_is_never_refused_for_its_form() -> None:
    call = {"inviter": "@bob:example.org", "invitee": "@far:far.example", "room_id": "odd"}
    assert post(DRAUPNIR + "user_may_invite", call).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_answered_in_plain_text(method: str) -> None:
    async def call() -> httpx.Response:
        async with a_client(an_app(ToldGatekeeper())) as client:
            return await client.request(method, DRAUPNIR + "ping")

    answer = asyncio.run(call())
    assert answer.status_code == 405
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_mistake_of_ours_before_the_verdict_is_no_denial() -> None:
    gate = ToldGatekeeper(HOLD, QUOTE)
    gate.tenant = None  # type: ignore[assignment, method-assign]
    answer = post(DRAUPNIR + "user_may_invite", INVITE, gate=gate)
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/plain")


# ---------------------------------------------------------------------------------------------------- msg and code


@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(["msg", "code", "detail", "errcode"]), st.integers()))
def test_no_answer_can_hold_a_key_that_hangs_the_inviter(content: dict[str, int]) -> None:
    body = json.loads(bytes(GateResponse(content).body))
    assert set(body) <= {"errcode", "error", STAKE_KEY, "org.earnest.ignored", "id", "status"}
    assert not {"msg", "code"} & set(body)


def test_a_denial_holds_its_three_keys_and_nothing_else() -> None:
    assert set(json.loads(bytes(denied("no", {"msg": 1, "code": 2}).body))) == {"errcode", "error", STAKE_KEY}


def test_whoever_is_let_in_is_answered_before_a_crowd_that_is_refused() -> None:
    class Crowded(ToldGatekeeper):
        def at_once(self, knock: Knock) -> Reply:
            known = knock.inviter == "@carol:example.org"
            return Reply(OPEN_HANDED if known else CLOSED)

    statuses: list[int] = []

    async def call(client: httpx.AsyncClient, inviter: str) -> None:
        statuses.append(
            (await client.post(DRAUPNIR + "user_may_invite", json=INVITE | {"inviter": inviter})).status_code
        )

    async def all_at_once() -> None:
        async with (
            a_client(an_app(Crowded()), Authorization=f"Bearer {BEARER}") as client,
            asyncio.TaskGroup() as calls,
        ):
            for number in range(200):
                calls.create_task(call(client, f"@s{number}:example.org"))
            calls.create_task(call(client, "@carol:example.org"))

    asyncio.run(all_at_once())
    assert len(statuses) == 201
    assert statuses.index(200) < 50, "she came last"
