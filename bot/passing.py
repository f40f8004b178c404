"""What passes by in rooms that the bot looks after: heard by whoever sells or tips there, and left to the warden."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import structlog

from bot.crossing import Crossing
from bot.homeserver import Denied, ElsewhereAway, Happening, Homeserver
from bot.warden import Warden

LOG = structlog.get_logger(__name__)


class Passing(ABC):
    """Hears what is said and tapped in rooms that are looked after; all of them stay the warden's."""

    what: ClassVar[str]
    """What does not come about where a homeserver refuses, in the log."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, warden: Warden) -> None:
        """Act through ``homeserver`` in the rooms of ``warden``."""
        self._homeserver = homeserver
        self._cross = cross
        self._warden = warden

    async def takes(self, happening: Happening) -> bool:
        """Hear something, and leave it to the warden: whatever becomes of it here, that one looks at it too."""
        try:
            await self._take(happening)
        except (Denied, ElsewhereAway) as failed:
            LOG.info("passed_by", what=self.what, room=happening.room, reason=str(failed))
        return False

    @abstractmethod
    async def _take(self, happening: Happening) -> None:
        """Do what it asks for."""
