"""Beside another policy bot: keeps the policy room that it bans and denies by, and tells daily what both would do."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog

from app import comparing
from app.container import Container, Work
from app.wording import beside as wording
from app.wording.moderation import reason_of
from app.wording.reader import Service
from bot.aliases import found_by_alias
from bot.away import Away
from bot.crossing import Crossing
from bot.entering import Entering
from bot.homeserver import Denied, Homeserver, SlowDown, txn_of
from bot.readers import reader_of
from bot.room_state import StateEvent
from bot.views import View
from bot.warden import Warden
from kit.clock import unix
from kit.identifiers import RoomId, UserId
from reputation.beside import Beside, Outcome, Stamp
from reputation.enforcement.model import Consequence
from reputation.enforcement.wanting import THERE
from reputation.moderation import Management

LOG = structlog.get_logger(__name__)

ROOM_TYPE: Final = "support.feline.policy.lists.msc.v1"
"""The type of policy rooms (MSC3784, as it is in use)."""
TYPES: Final[Mapping[Consequence, str]] = {
    Consequence.BAN: "m.policy.rule.user",
    Consequence.DENY: "m.policy.rule.server",
}
"""What says in a policy room that somebody is to be banned, and that a server is to be denied."""
_PREFIX: Final = "earnest:"
_AT_ONCE: Final = 20
"""Rules that are written in one round: what else is to be done waits for no more of them."""
_EVERY: Final = 900.0
"""Seconds after which a policy room is looked at again, whatever changed."""

Rule = tuple[str, str, Mapping[str, Any]]
"""A rule as an event of a room's state: its type, its key, its content."""


def rules_of(some: Iterable[Outcome]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return (pure) the rules that say an outcome, by type and key; a key never begins with ``@``, which is forbidden.

    Matrix specification, "Moderation policy lists".
    """
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in some:
        kind = TYPES[one.what]
        key = _PREFIX + hashlib.sha256(one.target.lower().encode()).hexdigest()[:32]
        found[kind, key] = {"entity": one.target, "recommendation": "m.ban", "reason": reason_of(one.causes)}
    return found


def changes(
    wanted: Mapping[tuple[str, str], Mapping[str, Any]], there: Collection[StateEvent], me: UserId
) -> list[Rule]:
    """Plan (pure) what to write, so that of ours only what is wanted stands; what others wrote is theirs."""
    ours = {(one.kind, one.key): one.content for one in there if one.sender == me and one.key.startswith(_PREFIX)}
    gone: list[Rule] = [(*key, {}) for key, content in ours.items() if content and key not in wanted]
    return gone + [(*key, content) for key, content in wanted.items() if ours.get(key) != content]


class Publishing:
    """Keeps policy rooms for other bots."""

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        container: Container,
        service: Service,
        *,
        warden: Warden,
        rooms: Entering,
    ) -> None:
        """Write through ``homeserver``; ``rooms`` is held while a room is made and noted."""
        self._homeserver = homeserver
        self._cross = cross
        self._container = container
        self._service = service
        self._warden = warden
        self._rooms = rooms
        self._kept: dict[int, tuple[Beside, Stamp, float]] = {}
        self._not_before = 0.0
        self._away = Away(warden.time)

    async def round(self) -> None:
        """Bring what is published to where the outcome is, a few rules at a time."""
        if self._warden.time() < self._not_before:
            return

        def _find(work: Work) -> list[tuple[Beside, Stamp]]:
            return [(one, work.moderation.beside.stamp(one.management)) for one in work.moderation.beside.all()]

        for one, stamp in await self._cross.read(_find):
            kept = self._kept.get(one.management)
            if kept is not None and kept[:2] == (one, stamp) and self._warden.time() - kept[2] < _EVERY:
                continue
            if self._away.seconds(f"keep:{one.management}"):
                continue
            try:
                if await self._keep(one):
                    self._kept[one.management] = (one, stamp, self._warden.time())
                    self._away.answered(f"keep:{one.management}")
            except SlowDown as slow:
                self._not_before = self._warden.time() + slow.seconds
                return
            except Denied as denied:  # we were put out of it, or may not write there any more: another one is made
                LOG.warning("policy_room_denied", management=one.management, status=denied.status)
                self._away.failed(f"keep:{one.management}")
                await self._cross.work(partial(_lost, one.management))
            except Exception as error:  # noqa: BLE001 - whoever is asked into one may be away: no other waits for it
                LOG.warning("policy_room_waits", management=one.management, reason=type(error).__name__)
                self._away.failed(f"keep:{one.management}")

    async def _keep(self, one: Beside) -> bool:
        """Do some of it; ``True`` where nothing is left to do."""
        number = one.management
        if one.over and one.room is None:
            await self._cross.work(lambda work: work.moderation.beside.taken_back(number))
            return True
        management = (await self._warden.managements()).get(number)
        if not one.over and management is None:
            return True
        room = one.room or await self._house(one, management)
        if not one.over and management is not None:
            await self._invite(room, one, management)
        wanted = rules_of(await self._cross.read(lambda work: work.moderation.beside.outcome(number)))
        there = await self._homeserver.events(room, set(TYPES.values()))
        owed = changes(wanted, there, self._homeserver.me)
        for kind, key, content in owed[:_AT_ONCE]:
            await self._homeserver.put_state(room, kind, key, content)
        if len(owed) > _AT_ONCE:
            return False
        if one.over:
            await self._cross.work(lambda work: work.moderation.beside.taken_back(number))
        elif one.acting and await self._is_gone(one):
            await self._cross.work(lambda work: work.moderation.beside.end(number))
        return True

    async def _house(self, one: Beside, management: Management | None) -> RoomId:
        """Return the policy room, made now unless it was; one that was made and not noted is found by its alias."""
        name = "Earnest" if management is None else management.name
        alias = f"earnest-rules-{one.management}-{unix(one.since)}"
        async with self._rooms:
            room, ours = await found_by_alias(self._homeserver, alias, ROOM_TYPE)
            if room is None:
                room = await self._homeserver.create_room(
                    name=f"{name}: rules", encrypted=False, kind=ROOM_TYPE, alias=alias if ours else None
                )
            await self._cross.work(lambda work: work.moderation.beside.housed(one.management, room))
        return room

    async def _invite(self, room: RoomId, one: Beside, management: Management) -> None:
        """Ask the other bot in, and whoever looks after the rooms; who declined or left is not asked again."""
        owner = await self._cross.read(lambda work: work.people.mxid(management.owner))
        members = (await self._homeserver.state(room)).members
        for user in (one.bot, owner):
            if user is not None and user not in members:
                refused = await self._homeserver.invite(room, user)
                if refused is not None:
                    LOG.info("policy_room_refused", errcode=refused.get("errcode"))

    async def _is_gone(self, one: Beside) -> bool:
        """Tell whether the other bot is in none of the rooms any more, all of which we see."""
        views = await self._warden.seen(one.management)
        rooms = [each for each in (await self._warden.rooms()).values() if each.management == one.management]
        return bool(views) and len(views) == len(rooms) and not any(_is_in(one.bot, view) for view in views)

    # ------------------------------------------------------------------------------------------------ comparing

    async def compare(self) -> None:
        """Tell in management rooms that rehearse, once a day, what the other bot did beside what we would have."""
        for one in await self._cross.read(lambda work: work.moderation.beside.to_compare()):
            management = (await self._warden.managements()).get(one.management)
            if management is None or management.room is None or one.bot is None:
                continue
            if self._away.seconds(f"compare:{one.management}"):
                continue
            try:
                views = await self._warden.seen(one.management)
                if views:  # else nobody asked us in yet
                    await self._tell(one, one.bot, management.room, views)
                    self._away.answered(f"compare:{one.management}")
            except Exception as error:  # noqa: BLE001 - what rooms say of themselves may stand in no log
                LOG.warning("comparing_waits", management=one.management, reason=type(error).__name__)
                self._away.failed(f"compare:{one.management}")

    async def _tell(self, one: Beside, bot: UserId, room: RoomId, views: Sequence[View]) -> None:
        found = await self._cross.aside(
            partial(
                comparing.compare,
                self._container,
                one.management,
                [view.seen for view in views],
                min(view.at for view in views),
                bot=bot,
            )
        )
        owner = (await self._warden.managements())[one.management].owner
        reader = await self._cross.read(lambda work: reader_of(work, self._service, owner))
        names = {view.seen.room: view.seen.name or view.seen.room for view in views}
        cause = f"desk-compared:{one.management}:{one.compared_at}"
        await self._homeserver.send(room, wording.compared(reader, bot, found, names), txn=txn_of(cause))
        await self._cross.work(lambda work: work.moderation.beside.compared(one.management))


def _lost(number: int, work: Work) -> None:
    work.moderation.beside.housed(number, None)


def _is_in(user: UserId | None, view: View) -> bool:
    member = view.seen.members.get(user) if user is not None else None
    return member is not None and member.membership in THERE
