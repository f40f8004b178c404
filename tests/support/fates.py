"""What may become of a stake: played by two people from the knock to the end, and what each of them must have heard.

Everything is waited for as long as it takes, since whoever owes it may be dead; what came too often, or came to
nothing, is found at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

from app.wording.buttons import Word
from cli.local import anvil
from contracts.codec import State
from kit.identifiers import Hash32, RoomId
from reputation.model import GrantState
from reputation.tables import GrantRow
from tests.support.mortals import BUTTONS_OF_QUESTION, PATIENCE_SECONDS, Mortal, Player, Told

_FREE_ROUNDS = 40
_ANNOUNCED = "will be burned from"
_DAY = 86_400


class Fate(Enum):
    """How a stake ends."""

    ACCEPTED = "accepted"
    RETURNED = "returned"
    BURNED = "burned"
    TAKEN_BACK = "taken back"
    EXPIRED = "expired"

    @property
    def state(self) -> State:
        """What the chain says in the end."""
        return {Fate.BURNED: State.FORFEITED, Fate.EXPIRED: State.EXPIRED}.get(self, State.RETURNED)


@dataclass
class Pair:
    """A stranger and a recipient, and what is to become of the stake between them."""

    world: Mortal
    stranger: Player
    recipient: Player
    fate: Fate
    gasless: bool
    stake: Hash32 | None = None
    asked: Told | None = None
    heard_by_stranger: list[tuple[str, ...]] = field(default_factory=list)
    """What the stranger must have heard in the end, each once: words in it."""
    heard_by_recipient: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def players(self) -> tuple[Player, Player]:
        """Both."""
        return self.stranger, self.recipient

    # ----------------------------------------------------------------------------------------------- the story

    async def until_answered(self) -> None:
        """Play from the door to the answer."""
        await self._set_door()
        link = await self._be_held()
        self.stake = await self.stranger.pay(link, gasless=self.gasless)
        await self.stranger.hears("is open for you")
        self.heard_by_stranger += [("is open for you",)]
        await self._get_in()
        await self._answer()

    async def _set_door(self) -> None:
        await self.recipient.start_chat()
        await self.recipient.hears("help")
        await self.recipient.say("door stake 5")
        await self.recipient.hears("Your door asks")
        self.heard_by_recipient += [("Hello",), ("Your door asks",)]

    async def _be_held(self) -> str:
        found = await self._knock(lambda answer: answer.get("org.earnest.stake"))
        url: str = found["url"]
        await self.stranger.hears(url, found["check_code"])
        self.heard_by_stranger += [(url, found["check_code"])]
        return url

    async def _knock(self, question: Callable[[dict[str, Any]], Any]) -> Any:  # noqa: ANN401 - what the answer holds
        """Invite until the gate itself answers; while it is dead, its tenant's choice is to let people in."""
        for _ in range(_FREE_ROUNDS):
            answer = await self.stranger.invite(self.recipient)
            found = question(answer.body) if answer.status == HTTPStatus.FORBIDDEN else None
            if found:
                return found
            self.stranger.let_in += answer.fine
            await asyncio.sleep(0.3)
        message = f"{self.stranger.name} was never held"
        raise AssertionError(message)

    async def _get_in(self) -> None:
        """Invite again, arrive, be joined, have the recipient asked."""
        joined = await self.recipient.join(await self._arrive())
        assert joined.fine, joined
        self.asked = await self.recipient.hears(self.stranger.user_id, "✅")
        self.heard_by_recipient += [(self.stranger.user_id, "✅")]

    async def _arrive(self) -> RoomId:
        """Invite until the stake's own invite has arrived.

        Where the gate is dead at that moment the invite arrives all the same, but nobody notes it.
        """
        for _ in range(_FREE_ROUNDS):
            room = await self.stranger.create_room()
            arrival = self.recipient.invited_by(self.stranger)
            answer = await self.stranger.invite(self.recipient, room)
            if answer.fine:
                await self.world.until("the invite arrives", arrival)
                if self._pending_in() == room:
                    return room
                self.stranger.let_in += 1
            await asyncio.sleep(0.3)
        message = f"{self.stranger.name} never got in"
        raise AssertionError(message)

    def _pending_in(self) -> RoomId | None:
        with self.world.container.read() as work:
            grant = work.session.get(GrantRow, self.stake)
            return None if grant is None or grant.pending_room is None else RoomId(grant.pending_room)

    async def _answer(self) -> None:
        assert self.asked is not None
        recipient, stranger = self.recipient, self.stranger.user_id
        if self.fate is Fate.ACCEPTED:
            await self._all_buttons()
            await recipient.tap(self.asked, Word.ACCEPT)
            await recipient.hears("Accepted", stranger)
            self.heard_by_recipient += [("Accepted", stranger)]
        elif self.fate is Fate.RETURNED:
            await recipient.say(f"return {stranger}")
            await recipient.hears("Next time they have to", stranger)
            self.heard_by_recipient += [("Next time they have to", stranger)]
        elif self.fate in (Fate.BURNED, Fate.TAKEN_BACK):
            await recipient.say(f"spam {stranger}")
            await recipient.hears("Do you really want")
            await recipient.say("confirm")
            await recipient.hears("Noted", stranger)
            await self.becomes(State.FORFEIT_ANNOUNCED)
            await self.stranger.hears(_ANNOUNCED)
            await recipient.hears(_ANNOUNCED)
            self.heard_by_stranger += [(_ANNOUNCED,)]
            self.heard_by_recipient += [("Do you really want",), ("Noted", stranger), (_ANNOUNCED,)]
        if self.fate is Fate.TAKEN_BACK:
            await recipient.say(f"undo {stranger}")
            await recipient.hears("Taken back", stranger)
            self.heard_by_recipient += [("Taken back", stranger)]

    async def _all_buttons(self) -> None:
        """A tap can come before the last button, so wait for all."""
        asked = self.asked
        assert asked is not None
        began = time.monotonic()
        while len(await self.recipient.buttons(asked)) < len(BUTTONS_OF_QUESTION):
            assert time.monotonic() - began < PATIENCE_SECONDS, "the buttons never came"
            self.world.hasten()
            await asyncio.sleep(0.2)

    # ------------------------------------------------------------------------------------------------- the end

    async def until_resolved(self) -> None:
        """Let pass what time it takes, and wait for the end of the stake and the word of it."""
        assert self.stake is not None
        rpc = self.world.plan.rpc_url
        if self.fate is Fate.BURNED:
            anvil.travel(rpc, 2 * _DAY + 1)
        elif self.fate is Fate.EXPIRED:
            anvil.travel(rpc, 9 * _DAY)
        await self.becomes(self.fate.state)
        word = {State.FORFEITED: "was burned", State.EXPIRED: "came back in full"}.get(self.fate.state, "is back at")
        await self.stranger.hears(word)
        self.heard_by_stranger += [(word,)]
        if self.fate is Fate.BURNED:
            await self.recipient.hears(word)
            self.heard_by_recipient += [(word,)]

    async def becomes(self, state: State) -> None:
        """Wait until the chain says so of the stake."""
        stake = self.stake
        assert stake is not None
        await self.world.until(f"the stake is {state.name}", lambda: self.world.state_of(stake) is state)

    # ---------------------------------------------------------------------------------------------- what is true

    async def nothing_is_lost_or_twice(self) -> None:
        """Look at what each of them heard, and at the grant."""
        assert self.stake is not None
        for player, wanted in zip(self.players, (self.heard_by_stranger, self.heard_by_recipient), strict=True):
            heard = "\n---\n".join(one.text for one in player.told)
            for words in wanted:
                assert player.count(*words) == 1, f"{player.name} heard {words} {player.count(*words)} times:\n{heard}"
            assert len(player.told) == len(wanted), (
                f"{player.name} heard {len(player.told)}, not {len(wanted)}:\n{heard}"
            )
            assert player.unreadable == [], f"{player.name} cannot read {player.unreadable}"
            assert len({one.event for one in player.told}) == len(player.told)
            held = await player.messages_of_bot()
            assert len(held) == len(player.told), f"{len(held)} messages were sent to {player.name}, who heard\n{heard}"
        assert len(self.stranger.chats) == 1, f"the bot invited {self.stranger.name} to {self.stranger.chats}"
        assert self.recipient.chats == []
        assert self.asked is not None
        assert sorted(await self.recipient.buttons(self.asked)) == sorted(BUTTONS_OF_QUESTION)
        with self.world.container.read() as work:
            grant = work.session.get(GrantRow, self.stake)
            assert grant is not None
            assert grant.state == (GrantState.ACCEPTED if self.fate is Fate.ACCEPTED else GrantState.ENDED)


async def play(pairs: list[Pair]) -> None:
    """Play all pairs to the end: first what needs no time, then one after the other what does."""
    await all_of(pair.until_answered() for pair in pairs)
    slow = (Fate.BURNED, Fate.EXPIRED)
    await all_of(pair.until_resolved() for pair in pairs if pair.fate not in slow)
    for fate in slow:
        for pair in pairs:
            if pair.fate is fate:
                await pair.until_resolved()


async def all_of(doings: Any) -> None:  # noqa: ANN401 - any iterable of awaitables
    """Do all of them at once; the first that fails ends the others."""
    async with asyncio.TaskGroup() as tasks:
        for doing in doings:
            tasks.create_task(_done(doing))


async def _done(doing: Awaitable[None]) -> None:
    await doing
