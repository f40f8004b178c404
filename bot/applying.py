"""Applying: does in rooms what is owed there, each as often as needed to be true once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import structlog
from prometheus_client import Counter

from app import protecting
from app.container import Container
from app.wording.desk import warned
from app.wording.moderation import reason_of
from app.wording.reader import Reader, Service
from bot.crossing import Crossing
from bot.homeserver import Denied, ElsewhereAway, EventId, Homeserver, SlowDown, txn_of
from bot.views import Views
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from reputation.enforcement import acting
from reputation.enforcement.acting import Owed
from reputation.enforcement.model import Consequence
from reputation.enforcement.own import is_own, only_own
from reputation.enforcement.rooms import RoomSeen

LOG = structlog.get_logger(__name__)
CONSEQUENCES = Counter("earnest_consequences", "Consequences in rooms, by what became of them", ["what", "outcome"])

_MOST_REDACTED: Final = 100
"""Messages of somebody that are taken back in a room."""
_SHORTEST_PAUSE: Final = 1.0
_SILENT_PAUSE: Final = 10.0
_MOST_INVITED: Final = 8
"""Attempts to invite somebody back, with doubling pauses: some four minutes."""


class Applying:
    """Does what is owed in rooms."""

    def __init__(
        self, homeserver: Homeserver, cross: Crossing, container: Container, service: Service, views: Views
    ) -> None:
        """Act through ``homeserver``, in rooms as ``views`` have them."""
        self._homeserver = homeserver
        self._cross = cross
        self._container = container
        self._service = service
        self._views = views

    async def apply(self) -> int:
        """Do some of what is due; return how many jobs that were. Raises ``HomeserverUnavailable`` where it is away.

        That is so where it answers about two rooms neither: one alone waits longer than all that stands behind it.
        """
        jobs = await self._cross.aside(partial(protecting.claim, self._container))
        silent: set[RoomId] = set()
        for place, job in enumerate(jobs):
            if job[0].room in silent:
                await self._later(job, _SILENT_PAUSE)
                continue
            try:
                await self._job(job)
            except HomeserverUnavailable:
                silent.add(job[0].room)
                await self._later(job, _SILENT_PAUSE)
                if len(silent) == 1:
                    continue
                for left in jobs[place + 1 :]:
                    await self._later(left, _SHORTEST_PAUSE)
                raise
        return len(jobs)

    async def _job(self, job: Sequence[Owed]) -> None:
        one = job[0]
        try:
            view = await self._views.of(one.room)
            done = await self._act(job, view.seen)
        except SlowDown as slow:
            await self._later(job, max(slow.seconds, _SHORTEST_PAUSE))
            return
        except ElsewhereAway as away:
            await self._failed(job, type(away).__name__, for_good=False)
            return
        except HomeserverUnavailable:
            raise
        except Denied as denied:
            self._views.drop(one.room)
            error = f"{denied.status} {denied.body.get('errcode', '')}"
            LOG.warning("consequence_denied", consequence=one.id, what=one.what.value, error=error)
            await self._failed(job, error, for_good=True)
            return
        except Exception as error:
            LOG.exception("consequence_failed", consequence=one.id, what=one.what.value)
            await self._failed(job, type(error).__name__, for_good=False)
            return
        if done:
            self._views.changed(one.room)
        CONSEQUENCES.labels(one.what.value, "undone" if one.undo else "done").inc(len(job))
        await self._cross.aside(partial(protecting.done, self._container, job))

    async def _later(self, job: Sequence[Owed], seconds: float) -> None:
        CONSEQUENCES.labels(job[0].what.value, "later").inc(len(job))
        await self._cross.aside(partial(protecting.later, self._container, job, seconds))

    async def _failed(self, job: Sequence[Owed], error: str, *, for_good: bool) -> None:
        CONSEQUENCES.labels(job[0].what.value, "failed").inc(len(job))
        await self._cross.aside(partial(protecting.failed, self._container, job, error, for_good=for_good))

    async def _act(self, job: Sequence[Owed], seen: RoomSeen) -> bool:
        """Do it; ``False`` where there was nothing to do."""
        one = job[0]
        if one.what is Consequence.DENY:
            acl = acting.act_on_servers(job, seen, self._homeserver.me)
            return isinstance(acl, acting.SetAcl) and await self._homeserver.set_acl(one.room, acl.acl)
        reason, done = reason_of(one.causes), False
        match acting.act(one, seen, self._homeserver.me):
            case acting.Ban(user):
                done = await self._homeserver.ban(one.room, user, reason=reason)
            case acting.Unban(user, back):
                done = await self._homeserver.unban(one.room, user)
                if back:
                    await self._invite(one, user)
            case acting.Invite(user):
                await self._invite(one, user)
                done = True
            case acting.Kick(user):
                done = await self._homeserver.kick(one.room, user, reason=reason)
            case acting.SetLevel(user, level):
                usual = seen.powers.users_default
                done = await self._homeserver.set_level(one.room, user, usual if level is None else level)
            case acting.Redact(user):
                done = await self._redact(one, user=user, reason=reason)
            case acting.Warn(user):
                await self._homeserver.send(
                    one.room, warned(self._reader(), user, one.causes), txn=txn_of(f"warn:{one.id}")
                )
        return done

    async def _invite(self, one: Owed, user: UserId) -> None:
        """Invite somebody back; their own server may be away for long, or they may wish no invitations."""
        try:
            refused = await self._homeserver.invite(one.room, user)
        except ElsewhereAway:
            if one.attempt < _MOST_INVITED:
                raise
            LOG.info("not_invited_back", consequence=one.id)
            return
        if refused is not None:
            LOG.info("not_invited_back", consequence=one.id, errcode=refused.get("errcode"))

    async def _redact(self, one: Owed, *, user: UserId, reason: str) -> bool:
        by_rule = await self._take_out(one, user=user, reason=reason)
        if only_own(one.causes):
            return by_rule
        events = await self._homeserver.written_by(one.room, user, _MOST_REDACTED)
        for event in events:
            await self._homeserver.redact(one.room, event, reason=reason, txn=txn_of(f"redact:{one.id}:{event}"))
        return bool(events) or by_rule

    async def _take_out(self, one: Owed, *, user: UserId, reason: str) -> bool:
        """Take out the messages that a rule of the room's own is about, one by one; what is done is not done again."""
        events = await self._cross.read(
            lambda work: (
                work.moderation.outcomes.events(one.management, one.room, user) if any(map(is_own, one.causes)) else []
            )
        )
        taken: list[str] = []
        try:
            for event in events:
                txn = txn_of(f"take_out:{one.room}:{event}")
                try:
                    await self._homeserver.redact(one.room, EventId(event), reason=reason, txn=txn)
                except Denied as denied:
                    if denied.status != HTTPStatus.NOT_FOUND:
                        raise
                taken.append(event)
        finally:
            if taken:
                await self._cross.work(
                    lambda work: work.moderation.outcomes.taken(one.management, one.room, user, taken)
                )
        return bool(events)

    def _reader(self) -> Reader:
        """Return whoever reads along in a room: nobody in particular."""
        return Reader(self._service, self._container.clock())
