"""A stranger of another homeserver: two real Synapses with verified certificates, and the whole of Earnest."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select

from cli.demo.fire import from_elsewhere
from cli.demo.knock import door
from cli.demo.people import Person
from cli.demo.stage import Stage
from cli.local import synapse
from cli.local.certificates import certificates
from cli.local.plan import BOT
from cli.local.synapse import Login, Synapse
from cli.local.world import BOT_SERVICE, ELSEWHERE
from kit.amounts import Amount
from kit.identifiers import parse_user_id
from kit.outbox import OutboxRow
from reputation.notices import KIND
from tests.support.federation import OverheardWorld
from tests.support.lying_homeserver import say_that

pytestmark = pytest.mark.homeserver

ERN = 10**18


class Phone:
    """A plain client: what it is answered, to the byte."""

    def __init__(self, server: Synapse, login: Login) -> None:
        self.me = login.user_id
        self._url = server.url
        self._headers = {"Authorization": f"Bearer {login.access_token}"}

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return httpx.post(self._url + path, json=body, headers=self._headers, timeout=120)

    def room(self) -> str:
        made = self.post("/_matrix/client/v3/createRoom", {"preset": "private_chat"})
        return str(made.raise_for_status().json()["room_id"])

    def invite(self, room: str, whom: str) -> httpx.Response:
        return self.post(f"/_matrix/client/v3/rooms/{quote(room, safe='')}/invite", {"user_id": whom})


def phone(server: Synapse, name: str) -> Phone:
    """The phone of a new account."""
    return Phone(server, synapse.register(server, name, "a password of tests"))


def door_asks(world: OverheardWorld, user_id: str, stake: int) -> None:
    with world.container.work() as work:
        work.doors.ask(work.people.number(parse_user_id(user_id)), stake=Amount(stake * ERN))


def knocks(world: OverheardWorld, stranger: str, recipient: str) -> int:
    """How often it was counted that a stranger was not let through."""
    with world.container.read() as work:
        people = [work.people.find(parse_user_id(who)) for who in (stranger, recipient)]
        found = work.gate.knocks(people[1]) if people[1] is not None else []
        return sum(count.count for count in found if count.stranger == people[0])


def notices(world: OverheardWorld, who: str) -> list[str]:
    """What was ever to be told to somebody."""
    with world.container.read() as work:
        person = work.people.find(parse_user_id(who))
        rows = work.session.scalars(select(OutboxRow).where(OutboxRow.kind == KIND).order_by(OutboxRow.id))
        payloads = [row.payload for row in rows]
    return [payload["code"] for payload in payloads if payload["to"] == person]


def ask_gate(world: OverheardWorld, callback: str, body: dict[str, Any], bearer: str | None = None) -> httpx.Response:
    """Ask the gate as our homeserver does, or with another bearer."""
    assert world.gate is not None
    headers = {"Authorization": f"Bearer {bearer or world.gate.bearer}"}
    return httpx.post(f"{world.gate.base_url}/{callback}", json=body, headers=headers, timeout=120)


def test_a_refusal_is_intact_on_the_other_side(federated: OverheardWorld) -> None:
    alice = phone(federated.homeserver, "intact")
    bob = phone(federated.far, "stranger")
    door_asks(federated, alice.me, 5)
    room = bob.room()
    answer = bob.invite(room, alice.me)
    (asked,) = federated.ear.about(bob.me)
    assert asked.callback == "federated_user_may_invite"
    assert asked.body["event"]["state_key"] == alice.me
    assert (asked.status, answer.status_code) == (403, 403)
    assert list(answer.json().items()) == list(json.loads(asked.answer).items())
    found = answer.json()
    assert (found["errcode"], found["org.earnest.stake"]["price"]) == ("M_FORBIDDEN", str(5 * ERN))
    assert found["org.earnest.stake"]["url"].startswith(f"{federated.plan.public_url}/stake/")
    # Again at once, and once more as a homeserver asks that puts both of its questions even so: all of it is one knock.
    assert bob.invite(room, alice.me).content == answer.content
    local = {"inviter": bob.me, "invitee": alice.me, "room_id": room}
    assert ask_gate(federated, "user_may_invite", local).content == asked.answer
    assert knocks(federated, bob.me, alice.me) == 1
    assert notices(federated, bob.me) == ["knock_held"]


def test_the_whole_story_across_federation(federated: OverheardWorld, tmp_path: Path) -> None:
    async def play() -> None:
        stage = Stage(federated, tmp_path, heed=lambda: None, show=lambda _: None)
        try:
            await door(stage)
            await from_elsewhere(stage)
            erin, alice = await stage.person("erin"), await stage.person("alice")
            begins = ("You tried to invite", "Your stake", "Your stake")
            assert len(erin.heard) == len(begins), erin.heard
            assert all(map(str.startswith, erin.heard, begins)), erin.heard
            assert len([room for room, inviter in alice.asked_into if inviter == erin.user_id]) == 1
        finally:
            await stage.everybody_goes()

    asyncio.run(play())
    erin, alice = federated.plan.user_id("erin"), federated.plan.user_id("alice")
    calls = [(call.callback, call.status) for call in federated.ear.about(erin)]
    assert calls == [
        ("federated_user_may_invite", 403),
        ("federated_user_may_invite", 200),
        ("user_may_invite", 200),
    ]
    assert knocks(federated, erin, alice) == 1


def test_the_module_leaves_the_homeservers_own_work_alone(federated: OverheardWorld) -> None:
    # With do_ping and a gate that is up later, it ends loops of Synapse, some of which bring messages elsewhere.
    log = federated.plan.folder / "logs/homeserver.log"
    assert "Looping call died" not in log.read_text(encoding="utf-8")


def test_a_lying_homeserver_speaks_for_nobody_else(federated: OverheardWorld) -> None:
    until(federated, lambda: owed(federated) == [])  # else the bot's own invites are heard among the lies
    alice, carol = phone(federated.homeserver, "believing"), phone(federated.homeserver, "carol2")
    door_asks(federated, alice.me, 5)
    mallory, victim = f"@mallory:{federated.far.server_name}", "@victim:third.example"
    lies: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
        (alice.me, mallory, {"signed": {}}),  # so that Mallory would be somebody whom Alice invited first
        (carol.me, alice.me, {"signed": {}}),
        (victim, alice.me, {"signed": {}}),  # so that the victim would be written to
        (victim, alice.me, None),
    )
    for sender, invites, proof in lies:
        before = len(federated.ear.calls)
        answer = say_that(federated.far, federated.homeserver, sender=sender, invites=invites, proof=proof)
        assert answer.status_code == 403, answer.text
        asked = [(call.callback, call.status) for call in federated.ear.calls[before:]]
        # The last one has no proof of any kind, so our gate is not even asked.
        assert asked == ([("federated_user_may_invite", 403)] if proof else []), answer.text
        assert knocks(federated, sender, alice.me) == 0
    with federated.container.read() as work:
        assert work.people.find(parse_user_id(victim)) is None
    stranger = phone(federated.far, "mallory")
    assert stranger.invite(stranger.room(), alice.me).status_code == 403
    # And straight at our gate: without the bearer of a homeserver that we serve, nothing is answered but no.
    event = {"type": "m.room.member", "sender": mallory, "state_key": alice.me, "room_id": "!room:far"}
    for callback, body in (
        ("user_may_invite", {"inviter": alice.me, "invitee": mallory, "room_id": "!room:far"}),
        ("federated_user_may_invite", {"event": {**event, "content": {"membership": "invite"}}}),
        ("user_may_join_room", {"user": alice.me, "room": "!room:far", "is_invited": True}),
    ):
        assert ask_gate(federated, callback, body, bearer="made up").status_code == 401


def test_whose_homeserver_was_away_is_told_once_it_is_back(federated: OverheardWorld, tmp_path: Path) -> None:
    world, late = federated, synapse.register(federated.far, "late", "a password of tests")
    plan = world.plan

    def person() -> Person:
        return Person("late", "a password of tests", world.far, bot=plan.user_id(BOT), folder=tmp_path)

    async def look_in() -> None:
        once = person()
        await once.arrive()
        await once.go()

    asyncio.run(look_in())  # whoever has no device yet when they are written to can never read it
    alice, bob = phone(world.homeserver, "patient"), phone(world.homeserver, "quick")
    door_asks(world, alice.me, 5)
    until(world, lambda: owed(world) == [])
    world.supervisor.stop(ELSEWHERE, BOT_SERVICE)
    try:
        event = {"type": "m.room.member", "sender": late.user_id, "state_key": alice.me, "room_id": "!gone:far"}
        asked = {"event": {**event, "content": {"membership": "invite"}}}
        assert ask_gate(world, "federated_user_may_invite", asked).status_code == 403
        assert bob.invite(bob.room(), alice.me).status_code == 403
        assert owed(world) == [late.user_id, bob.me]
    finally:  # the other tests need them
        world.supervisor.start(world.service(BOT_SERVICE))
    try:
        until(world, lambda: owed(world) == [late.user_id])  # who lives where all is well does not wait
    finally:
        world.supervisor.start(world.elsewhere_program(world.far))
        world.supervisor.wait_ready(ELSEWHERE)

    async def play() -> None:
        told = person()
        await told.arrive()
        try:
            while not told.heard:
                world.check()
                told.listens()
                assert not told.keyless, told.heard_so_far()
                await asyncio.sleep(0.1)
        finally:
            await told.go()
        assert len(told.heard) == 1
        assert "/stake/" in told.heard[0]

    asyncio.run(play())
    until(world, lambda: owed(world) == [])
    assert notices(world, late.user_id) == ["knock_held"]


def test_a_certificate_of_nobody_whom_we_trust_is_not_spoken_to(federated: OverheardWorld, tmp_path: Path) -> None:
    world, files = federated, certificates(federated.folder / "certificates", ("homeserver", "elsewhere"))[ELSEWHERE]
    forged = certificates(tmp_path, ("elsewhere",))["elsewhere"]  # for the same names, by another authority
    right = {path: path.read_bytes() for path in (files.certificate, files.key)}
    alice, erin = phone(world.homeserver, "careful"), synapse.register(world.far, "twin", "a password of tests")
    for content, status in (
        ({files.certificate: forged.certificate.read_bytes(), files.key: forged.key.read_bytes()}, 502),
        (right, 200),
    ):
        world.supervisor.stop(ELSEWHERE)
        for path, pem in content.items():
            path.write_bytes(pem)
        world.supervisor.start(world.elsewhere_program(world.far))
        world.supervisor.wait_ready(ELSEWHERE)
        invited = [alice.invite(alice.room(), erin.user_id).status_code]
        while status == 200 and invited[-1] != status:  # it is tried again after a few seconds
            time.sleep(0.5)
            invited.append(alice.invite(alice.room(), erin.user_id).status_code)
        assert invited[-1] == status


def owed(world: OverheardWorld) -> list[str]:
    """Who is to be told something still."""
    with world.container.read() as work:
        rows = work.session.scalars(select(OutboxRow).where(OutboxRow.done_at.is_(None), OutboxRow.kind == KIND))
        return [str(work.people.mxid(row.payload["to"])) for row in rows]


def until(world: OverheardWorld, true: Callable[[], bool]) -> None:
    while not true():
        world.check()
        time.sleep(0.1)
