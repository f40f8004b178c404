"""Evidence (pure): one person's word for another, for whom it is meant, and how long it is good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kit.identifiers import PersonId

TOPIC: Final = "vouches"
"""What the change counter counts them under; the gate, which asks for none of them, follows another."""
VOUCH_LASTS: Final = timedelta(days=365)
"""How long a vouch is good unless it is renewed: what somebody said of another years ago tells little."""
TRAIL_KEPT: Final = timedelta(days=365)
"""How long a vouch is kept after its year, withdrawn or not, so that its author sees what they once said."""
MOST_VOUCHES: Final = 500
"""Whom one person may vouch for at a time."""
MOST_KEPT: Final = 1_000
"""Vouches of one person that are kept, those of the past among them: changing one's word for ever fills no disk."""
SAID_AGAIN: Final = timedelta(days=1)
"""Within this, to say the same again is to have said it once."""
LEAST_WEIGHT: Final = 1
MOST_WEIGHT: Final = 3


class Audience(StrEnum):
    """Into whose view a piece of evidence enters, by name or as part of a sum: its author's choice."""

    TRUSTED = "trusted"
    """People whom the author accepted, or vouches for so that others may know."""
    EVERYBODY = "everybody"
    MYSELF = "myself"
    """Nobody's but the author's own."""


@dataclass(frozen=True, slots=True)
class Vouch:
    """``author``'s word for ``subject``, from 1 (I know them) to 3 (I would answer for them), good until ``until``."""

    author: PersonId
    subject: PersonId
    weight: int
    audience: Audience
    since: datetime
    until: datetime
    withdrawn_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Tell whether it is good at ``now``."""
        return self.withdrawn_at is None and now < self.until


def may_see(vouch: Vouch, viewer: PersonId, *, trusted: bool) -> bool:
    """Tell whether a vouch may enter a viewer's view; ``trusted``: its author accepted the viewer, or vouches for them.

    Never the view of whom it speaks of, unless it is everybody's: else a stranger learned who trusts them.
    """
    if viewer == vouch.author or vouch.audience is Audience.EVERYBODY:
        return True
    return vouch.audience is Audience.TRUSTED and trusted and viewer != vouch.subject
