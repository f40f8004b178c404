"""The whole bot beside a real homeserver, with people that have accounts made for one test."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from app.container import Container
from bot.main import homeserver_of, serve
from bot.nio_homeserver import NioHomeserver
from kit.amounts import Amount
from kit.clock import system_clock
from kit.database import Database, make_engine
from kit.identifiers import RoomId, ServerName, UserId
from kit.outbox import OutboxRow
from reputation.model import Knock, Tenant
from tests.support.matrix import Person, account
from tests.support.services import a_container
from tests.support.synapse import PASSWORD, Homeserver

WEB = RoomId("!somewhere:away.example")


class Place:
    """A homeserver with accounts of the bot, Alice and Bob, and a service beside it."""

    def __init__(self, homeserver: Homeserver, folder: Path, template: Path, *others: str, **settings: Any) -> None:  # noqa: ANN401 - any setting
        """Make the accounts, those of ``others`` too; ``template`` is a database that was brought to shape."""
        self.homeserver = homeserver
        self.folder = folder
        self._looks = 0
        mark = secrets.token_hex(4)
        self.names = {who: f"{who}{mark}" for who in ("earnest", "alice", "bob", *others)}
        self.logins = {who: homeserver.account(name) for who, name in self.names.items()}
        file = folder / "earnest.db"
        file.write_bytes(template.read_bytes())
        self.engine = make_engine(f"sqlite:///{file}")
        self.container: Container = a_container(
            folder,
            Database(self.engine),
            clock=system_clock,
            homeserver_url=homeserver.url,
            bot_user_id=self.user("earnest"),
            bot_password=PASSWORD,
            **settings,
        )

    def user(self, who: str) -> UserId:
        """The Matrix id of an account."""
        return UserId(f"@{self.names[who]}:{self.homeserver.name}")

    def client(self, who: str) -> NioHomeserver:
        """The client of an account."""
        return account(self.homeserver, self.folder / "people", self.names[who])

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[None]:
        """The bot, running."""
        stop = asyncio.Event()
        running = asyncio.create_task(serve(self.container, homeserver_of(self.container), stop))
        try:
            yield
        finally:
            stop.set()
            await running

    def http(self, who: str) -> httpx.Client:
        """An account by plain HTTP."""
        return self.homeserver.client(self.logins[who])

    async def invitations(self) -> list[str]:
        """The rooms that the bot is invited to and not in."""
        # Synapse remembers the answer to the same first sync for two minutes: each of ours is another one.
        self._looks += 1
        nothing = {"types": [], "limit": self._looks}
        seen = {"filter": json.dumps({"room": {"timeline": nothing, "state": {"types": []}}})}

        def _ask() -> httpx.Response:
            with self.http("earnest") as http:
                return http.get("/_matrix/client/v3/sync", params=seen)

        answer = await asyncio.to_thread(_ask)
        return list(answer.json().get("rooms", {}).get("invite", {}))

    def tenant(self) -> Tenant:
        """The homeserver, registered."""
        server = ServerName(self.homeserver.name)
        with self.container.work() as work:
            if work.tenants.find(server) is None:
                work.tenants.add(server)
            found = work.tenants.find(server)
        assert found is not None
        return found

    def knock(self, inviter: str = "bob", invitee: str = "alice", room: RoomId = WEB) -> None:
        """Let the homeserver ask about an invite."""
        tenant = self.tenant()
        with self.container.work() as work:
            knock = Knock(
                tenant.id,
                tenant.server_name,
                self.user(inviter),
                self.user(invitee),
                room,
                work.now,
                federated=False,
            )
            work.gate.ask(knock)

    def door_asks(self, stake: int) -> None:
        """Let Alice's door ask for a stake."""
        with self.container.work() as work:
            work.doors.ask(work.people.number(self.user("alice")), stake=Amount(stake))

    def owed(self) -> int:
        """How many messages are owed still."""
        with self.container.read() as work:
            return len(list(work.session.scalars(select(OutboxRow.id).where(OutboxRow.done_at.is_(None)))))


async def chat(person: Person, place: Place) -> RoomId:
    """Open an encrypted chat with the bot, as a client does, and be greeted."""
    room = await person.client.create_room()
    assert await person.client.invite(room, place.user("earnest"), direct=True) is None
    await person.hears("Hello!", room=room)
    return room
