"""The stage of the demo: a world of its own, the people on it, and the telling of what is observed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import click
from eth_account import Account

from app.container import DECIMALS, SYMBOL
from cli.demo.people import Person
from cli.local import anvil, treasury
from cli.local.plan import BOT
from cli.local.processes import environment_for
from cli.local.world import World, earnest_program
from contracts import codec
from kit.amounts import Amount, show
from kit.errors import Conflict, EarnestError
from kit.identifiers import Address, Hash32

T = TypeVar("T")
_PATIENCE = 300.0
_LOOK_EVERY = 0.1


class UntrueError(EarnestError):
    """A step of the demo did not come true; the message says what was expected and what was seen."""


@dataclass(slots=True)
class Stage:
    """Where a story is played. ``observed`` collects what each step saw, for ``--json``.

    ``booked``: how many lines of the books were told already.
    """

    world: World
    folder: Path
    heed: Callable[[], None]
    show: Callable[[str], None]
    observed: list[str] = field(default_factory=list)
    booked: int = 0
    _people: dict[str, Person] = field(default_factory=dict)

    # -------------------------------------------------------------------------------------------------- telling

    def saw(self, sentence: str, shown: object = None) -> None:
        """Tell one thing that came true, with the very thing that was seen below it."""
        text = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)
        lines = [] if shown is None else [f"        {line}" for line in text.splitlines()]
        self.observed.append("\n".join([sentence, *(line.strip() for line in lines)]))
        self.show("\n".join([f"    {click.style('✓', fg='green')} {sentence}", *lines]))

    def demand(self, found: object, expected: str, seen: object = None) -> None:
        """Raise ``UntrueError`` unless ``found`` is true."""
        if not found:
            raise UntrueError(f"expected: {expected}" + ("" if seen is None else f"; seen: {seen}"))

    async def until(self, question: Callable[[], T | None], expected: str) -> T:
        """Ask until the answer is a yes, and return it; look after the world meanwhile.

        Raises ``UntrueError`` after five minutes: nothing that is expected takes that long, even on a busy machine.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = question()
            if found:
                return found
            self.heed()
            self.world.check()
            for person in self._people.values():
                person.listens()
            if time.monotonic() > deadline:
                lines = [f"expected: {expected}; it did not come about in {_PATIENCE:.0f} s"]
                raise UntrueError("\n".join(lines + [person.heard_so_far() for person in self._people.values()]))
            await asyncio.sleep(_LOOK_EVERY)

    # --------------------------------------------------------------------------------------------------- people

    async def person(self, name: str) -> Person:
        """Return somebody, who arrives when first asked for."""
        if name not in self._people:
            plan = self.world.plan
            folder = self.folder / "people" / name
            someone = Person(
                name, plan.passwords[name], self.world.server_of(name), bot=plan.user_id(BOT), folder=folder
            )
            self._people[name] = someone
            await someone.arrive()
        return self._people[name]

    async def talking(self, name: str) -> Person:
        """Return somebody who has a chat with the bot."""
        person = await self.person(name)
        if not person.heard:
            await person.start_chat()
            await self.until(lambda: person.said("help"), "the bot joins the chat")
        return person

    async def answered(self, person: Person, command: str, *words: str) -> str:
        """Let somebody write to the bot and return what it answers; see that all of ``words`` are in it."""
        before = len(person.heard)
        await person.say(command)
        return await self.until(lambda: person.said(*words, after=before), f"the bot answers: {command}")

    async def everybody_goes(self) -> None:
        """Let everybody go home."""
        for person in self._people.values():
            await person.go()

    # ---------------------------------------------------------------------------------------------------- money

    def address(self, name: str) -> Address:
        """Return somebody's wallet's address."""
        return self.world.wallets[name].address

    def tokens(self, account: Address) -> int:
        """Return what the chain says that an account holds, in base units."""
        return treasury.tokens_of(self.world.chain, self.world.deployment, account)

    def supply(self) -> int:
        """Return how many tokens there are, in base units."""
        place = self.world.deployment
        return codec.decode_uint(self.world.chain.call(place.token, codec.encode_total_supply()))

    def stake_on_chain(self, stake_id: Hash32) -> codec.State:
        """Return what the escrow itself says of a stake."""
        place = self.world.deployment
        return codec.decode_stake(self.world.chain.call(place.escrow, codec.encode_stakes(stake_id)))[0]

    def reverts(self, name: str, data: bytes) -> bool:
        """Tell whether the escrow would refuse somebody's call now."""
        try:
            self.world.chain.call(self.world.deployment.escrow, data, sender=self.address(name))
        except Conflict:
            return True
        return False

    def time_passes(self, seconds: int) -> int:
        """Let time pass on the chain; return the time there, in Unix seconds."""
        return anvil.travel(self.world.plan.rpc_url, seconds)

    def chain_time(self) -> int:
        """Return the time on the chain, in Unix seconds."""
        return anvil.head(self.world.plan.rpc_url)[1]

    def sign_typed_data(self, name: str, document: dict[str, Any]) -> bytes:
        """Sign what a page hands to a wallet, as a wallet does; return v, r and s as three words."""
        secret = self.world.plan.wallet_file(name).read_text(encoding="utf-8").strip()
        signed = Account.from_key(secret).sign_typed_data(full_message=document)
        return b"".join(part.to_bytes(32) for part in (signed.v, signed.r, signed.s))

    async def earnest(self, *words: str, bare: Path | None = None) -> dict[str, Any]:
        """Run the real ``earnest`` and return what it printed; ``bare``: in that folder, without any settings."""
        program = self.world.service("api")
        environment: Mapping[str, str] = environment_for(program if bare is None else replace(program, environment={}))
        process = await asyncio.create_subprocess_exec(
            str(earnest_program()),
            *words,
            cwd=bare or self.folder,
            env=dict(environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode != 0:
            raise UntrueError(
                f"`earnest {words[0]} {words[1]}` ended with {process.returncode}: {err.decode().strip()}"
            )
        try:
            printed: dict[str, Any] = json.loads(out)
        except ValueError:
            printed = {"printed": out.decode().strip()}
        return printed


def money(base_units: int) -> str:
    """Write base units as people do: ``5 ERN``."""
    return f"{show(Amount(base_units), DECIMALS)} {SYMBOL}"
