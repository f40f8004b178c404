"""Profiles: the flair of supporters who want that is written into their profiles, where the homeserver is ours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog

from app.container import Work
from app.supporting.planning import FLAIR
from app.supporting.service import PROFILE
from bot.crossing import Crossing
from bot.homeserver import Denied, Homeserver
from kit import outbox
from kit.errors import HomeserverUnavailable
from kit.identifiers import PersonId, UserId
from kit.outbox import Effect

LOG = structlog.get_logger(__name__)

_AT_ONCE = 50


async def owe_profiles(cross: Crossing) -> None:
    """Owe the profiles that say something else than they are to say."""
    behind = await cross.read(lambda work: work.support.profiles_behind())
    for begin in range(0, len(behind), _AT_ONCE):
        await cross.work(partial(_owe, people=behind[begin : begin + _AT_ONCE]))


async def write_profiles(homeserver: Homeserver, cross: Crossing) -> None:
    """Write what is owed and due."""
    if not await cross.read(lambda work: outbox.waits(work.session, PROFILE, work.now)):
        return
    for effect in await cross.work(lambda work: outbox.claim(work.session, kinds=(PROFILE,), now=work.now)):
        found = await cross.read(partial(_profile, effect=effect))
        try:
            if found is not None:
                await homeserver.set_profile(found[0], FLAIR, found[1])
        except HomeserverUnavailable as error:
            await cross.work(partial(_failed, effect=effect, why=str(error), for_good=False))
            raise
        except Denied as denied:
            LOG.warning("profile_not_written", effect=effect.id, status=denied.status)
            await cross.work(partial(_failed, effect=effect, why=denied.message, for_good=True))
        else:
            await cross.work(partial(_done, effect=effect))


def _owe(work: Work, *, people: list[PersonId]) -> None:
    for person in people:
        work.support.owe_profile(person)


def _profile(work: Work, *, effect: Effect) -> tuple[UserId, Mapping[str, Any] | None] | None:
    return work.support.profile(effect.payload)


def _done(work: Work, *, effect: Effect) -> None:
    outbox.mark_done(work.session, effect, now=work.now)
    outbox.wipe(work.session, effect)


def _failed(work: Work, *, effect: Effect, why: str, for_good: bool) -> None:
    outbox.mark_failed(work.session, effect, error=why, now=work.now, for_good=for_good)
    outbox.wipe(work.session, effect)
