"""A local world whose processes die where they are told to (``dying.py``), and people who count what the bot says.

They count by what it says, and by the events that their homeserver holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from eth_account import Account
from sqlalchemy import update

from app.conversations import Meaning
from app.wording.buttons import OFFERED, SIGNS, Word
from bot.homeserver import EventId, Happening, Invited, Said, Unreadable
from cli.demo.people import Person
from cli.local import anvil, synapse, treasury
from cli.local.plan import BOT, Plan
from cli.local.processes import Program
from cli.local.world import BOT_SERVICE, SERVICES, World
from cli.wallets import Wallet, send
from contracts import codec
from contracts.signers import KeySigner
from kit.identifiers import Hash32, parse_address, parse_hash, show_address
from kit.outbox import OutboxRow
from tests.support import dying

OURS: Final = (*SERVICES, BOT_SERVICE)
"""Our own processes."""
PASSWORD: Final = "a password of the tests"
PATIENCE_SECONDS: Final = 200
"""No limit on a slow machine: what never comes must end with a word on what was waited for."""
T = TypeVar("T")


class Mortal(World):
    """A world whose own processes can be told to die."""

    def __init__(self, plan: Plan) -> None:
        """Run the world of ``plan``; what is to be known of deaths is in its folder."""
        super().__init__(plan, say=lambda _: None)
        self.deaths_folder = self.folder / "deaths"
        self.deaths_folder.mkdir()
        self._bot = 0

    def service(self, name: str) -> Program:
        """One of our processes, as a program that can be told to die."""
        program = super().service(name)
        return replace(program, command=(sys.executable, dying.__file__, str(self.deaths_folder), name))

    def settings(self) -> dict[str, str]:
        """The settings, without the limits that an honest crowd would not meet."""
        return {**super().settings(), "EARNEST_RELAY_BUDGET": "100", "EARNEST_GASLESS_PER_DAY": "1000"}

    def order(self, name: str, order: dict[str, Any]) -> None:
        """Tell a process where to die."""
        draft = self.deaths_folder / f".{name}.order"
        draft.write_text(json.dumps(order), encoding="utf-8")
        draft.replace(self.deaths_folder / f"{name}.order")

    def order_again(self, name: str, order: dict[str, Any]) -> None:
        """Tell a process where to die, and each that takes its place after it."""
        (self.deaths_folder / f"{name}.orders").write_text(json.dumps(order), encoding="utf-8")
        self.order(name, order)

    def spare(self) -> None:
        """Take all orders back; what a process has read already holds until it dies."""
        for file in (*self.deaths_folder.glob("*.orders"), *self.deaths_folder.glob("*.order")):
            file.unlink(missing_ok=True)
        for name in OURS:
            self.order(name, {})

    def deaths(self) -> list[str]:
        """Every death at a point so far: the process and the point."""
        file = self.deaths_folder / "deaths"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def kill(self, name: str) -> None:
        """Kill a process now, wherever it is."""
        with contextlib.suppress(ProcessLookupError):  # it may just have died by itself
            os.kill(self.pid(name), signal.SIGKILL)

    def pid(self, name: str) -> int:
        """Which process lives now."""
        return int((self.deaths_folder / f"{name}.pid").read_text(encoding="utf-8"))

    def hasten(self) -> None:
        """Let the minute pass for which a dead bot's work is left to it."""
        living = self.pid(BOT_SERVICE)
        if living != self._bot:
            self._bot = living
            with self.container.work() as work:
                leased = update(OutboxRow).where(OutboxRow.done_at.is_(None), OutboxRow.leased_until.is_not(None))
                work.session.execute(leased.values(leased_until=work.now))

    async def until(self, what: str, question: Callable[[], T | None]) -> T:
        """Ask until the answer is a yes, and return it."""
        began = time.monotonic()
        while True:
            found = question()
            if found:
                return found
            self.check()
            self.hasten()
            if time.monotonic() - began > PATIENCE_SECONDS:
                message = f"in vain waited until {what}; deaths so far: {self.deaths()}"
                raise AssertionError(message)
            await asyncio.sleep(0.1)

    def state_of(self, stake_id: Hash32) -> codec.State:
        """What the chain says of a stake."""
        return codec.decode_stake(self.chain.call(self.deployment.escrow, codec.encode_stakes(stake_id)))[0]


@dataclass(frozen=True, slots=True)
class Told:
    """Something that the bot told somebody."""

    event: EventId
    text: str


class Player(Person):
    """Somebody who counts what comes from the bot; ``wallet`` pays."""

    def __init__(self, world: Mortal, name: str, folder: Path) -> None:
        """Be ``name``, who has no account yet."""
        super().__init__(name, PASSWORD, world.homeserver, bot=world.plan.user_id(BOT), folder=folder / name)
        self.world = world
        self._secret = os.urandom(32)
        self.wallet = KeySigner(self._secret)
        self.told: list[Told] = []
        self.unreadable: list[str] = []
        self.chats: list[str] = []
        """The rooms into which the bot invited this person."""
        self.let_in = 0
        """How often an invite went through because nobody could be asked: the gate was dead, and its tenant's choice is
        to fail open."""

    async def arrive(self) -> None:
        """Make the account, and log in."""
        await asyncio.to_thread(synapse.register, self._server, self.name, PASSWORD)
        await super().arrive()

    async def _hear(self, happening: Happening) -> None:
        if isinstance(happening, Invited) and happening.inviter == self._bot:
            self.chats.append(happening.room)
        if isinstance(happening, Unreadable) and happening.sender == self._bot:
            self.unreadable.append(happening.event)
        await super()._hear(happening)
        if isinstance(happening, Said) and happening.sender == self._bot:
            self.told.append(Told(happening.event, self.heard[-1]))

    def newest(self, *words: str) -> Told | None:
        """The newest thing told with all of ``words`` in it."""
        return next((one for one in reversed(self.told) if all(word in one.text for word in words)), None)

    def count(self, *words: str) -> int:
        """How often something with all of ``words`` in it was told."""
        return sum(all(word in one.text for word in words) for one in self.told)

    async def hears(self, *words: str) -> Told:
        """Wait until something with all of ``words`` in it was told."""
        return await self.world.until(f"{self.name} hears {words}", lambda: self.newest(*words))

    async def tap(self, told: Told, word: Word) -> None:
        """Tap a button under something that was told."""
        room = self._chat
        assert room is not None
        await self._client.react(room, told.event, SIGNS[word], txn=os.urandom(8).hex())

    async def messages_of_bot(self) -> list[dict[str, Any]]:
        """Every message of the bot's in this person's chats, as the homeserver holds it; buttons are left out."""
        found: list[dict[str, Any]] = []
        for room in {*self.chats, *([self._chat] if self._chat else [])}:
            path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/messages?dir=b&limit=500"
            answer = await self.get(path)
            assert answer.fine, answer
            found += [
                event
                for event in answer.body["chunk"]
                if event["sender"] == self._bot and event["type"] in ("m.room.encrypted", "m.room.message")
            ]
        return found

    async def buttons(self, told: Told) -> list[str]:
        """The reactions that the bot put under something that it told."""
        assert self._chat is not None
        room, event = quote(self._chat, safe=""), quote(told.event, safe="")
        answer = await self.get(f"/_matrix/client/v1/rooms/{room}/relations/{event}/m.annotation?limit=100")
        assert answer.fine, answer
        return [one["content"]["m.relates_to"]["key"] for one in answer.body["chunk"] if one["sender"] == self._bot]

    # ------------------------------------------------------------------------------------------------- paying

    async def ask(self, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask our API, again and again while it is dead."""
        began = time.monotonic()
        while True:
            try:
                async with httpx.AsyncClient(timeout=30) as client:
                    answer = await client.request(method, url, json=body)
            except httpx.TransportError:
                assert time.monotonic() - began < PATIENCE_SECONDS, f"{url} does not answer"
                await asyncio.sleep(0.2)
                continue
            assert answer.is_success, answer.text
            found: dict[str, Any] = answer.json()
            return found

    async def pay(self, link: str, *, gasless: bool) -> Hash32:
        """Pay as a wallet does at the page; the stake's id."""
        payer = show_address(self.wallet.address)
        page = link.replace("/stake/", "/v1/quotes/")
        offer = await self.ask("POST", f"{page}/terms", {"payer": payer})
        if gasless:
            v, r, s = self._signed(offer["typed_data"]["authorization"])
            await self.ask("POST", f"{page}/open", {"payer": payer, "signature": f"0x{r.hex()}{s.hex()}{v[-1:].hex()}"})
        else:
            signature = b"".join(self._signed(offer["typed_data"]["permit"]))
            call = offer["calls"]["open_with_permit"]
            data = bytes.fromhex(call["data"].removeprefix("0x")) + signature
            await asyncio.to_thread(send, self.world.chain, Wallet(self.wallet), parse_address(call["to"]), data)
        return parse_hash(offer["stake_id"])

    def _signed(self, document: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
        signed = Account.from_key(self._secret).sign_typed_data(full_message=document)
        return signed.v.to_bytes(32), signed.r.to_bytes(32), signed.s.to_bytes(32)


def endow(world: Mortal, players: list[Player], *, ether: bool) -> None:
    """Give everybody some tokens, and ether if so wished."""
    bank = Wallet(world.wallets[treasury.TREASURY])
    for player in players:
        send(world.chain, bank, world.deployment.token, codec.encode_transfer(player.wallet.address, 20 * treasury.ERN))
        if ether:
            anvil.give_ether(world.plan.rpc_url, player.wallet.address, 10**18)


BUTTONS_OF_QUESTION: Final = [SIGNS[word] for word in OFFERED[Meaning.ANSWER]]
