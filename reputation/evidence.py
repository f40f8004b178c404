"""Evidence (pure): one person's word for or against another, for whom it is meant, and how long it is good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kit.identifiers import PersonId

TOPIC: Final = "words"
"""What the change counter counts them under; the gate, which asks for none of them, follows another."""
WORD_LASTS: Final = timedelta(days=365)
"""How long a word is good unless it is renewed: what somebody said of another years ago tells little."""
TRAIL_KEPT: Final = timedelta(days=365)
"""How long a word is kept after its year, withdrawn or not, so that its author sees what they once said."""
MOST_WORDS: Final = 500
"""Of how many people one person may have a word standing at a time, for or against."""
MOST_KEPT: Final = 1_000
"""Words of one person that are kept, those of the past among them: changing one's word for ever fills no disk."""
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


class Reason(StrEnum):
    """What a report says of somebody. A closed list: no stranger's own words reach anybody by a report."""

    SPAM = "spam"
    SCAM = "scam"
    ABUSE = "abuse"
    IMPERSONATION = "impersonation"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Said:
    """``author``'s word of ``subject``, good until ``until``: a vouch, or a report where it has a ``reason``.

    ``weight`` is from 1 (I know them) to 3 (I would answer for them), and below zero against them.
    """

    author: PersonId
    subject: PersonId
    weight: int
    audience: Audience
    since: datetime
    until: datetime
    reason: Reason | None = None
    withdrawn_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Tell whether it is good at ``now``."""
        return self.withdrawn_at is None and now < self.until


def may_see(said: Said, viewer: PersonId, *, trusted: bool) -> bool:
    """Tell whether a word may enter a viewer's view; ``trusted``: its author accepted the viewer, or vouches for them.

    Never the view of whom it speaks of, unless it is everybody's: else a stranger learned who trusts or reports them.
    """
    if viewer == said.author or said.audience is Audience.EVERYBODY:
        return True
    return said.audience is Audience.TRUSTED and trusted and viewer != said.subject
