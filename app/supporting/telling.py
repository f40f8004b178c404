"""Telling (pure): what a supporter is to be told of a tier of theirs, by what they were told of it before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from payments.flair.model import Entitlement, Phase, Spans


class News(StrEnum):
    """What there is to tell."""

    REACHED = "tier_reached"
    ENDING = "tier_ending"
    GRACE = "tier_grace"
    RENEWED = "tier_renewed"
    LAPSED = "tier_lapsed"
    RETURNED = "tier_returned"
    TAKEN_BACK = "tier_taken_back"
    """The chain, or whoever handled the payment, took a gift back."""
    CHANGED = "tier_changed"
    """The tiers are others now."""
    SMALL = "gift_small"
    """A gift came that reaches no tier."""
    SMALL_GONE = "gift_small_gone"


NOT_HELD: Final = frozenset({Phase.AHEAD, Phase.LAPSED})


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody was told of a tier last: how it stood, and until when it was good then."""

    phase: Phase
    until: datetime | None


def of_tier(entitlements: Iterable[Entitlement], tier: str, now: datetime) -> Entitlement | None:
    """Return by what somebody has a tier now: by all of it rather than by thanks alone; ``None`` where they have not.

    There is the one that ends last, of several.
    """
    held = [one for one in entitlements if one.tier == tier and one.holds(now)]
    return max(held, key=lambda one: (not one.thanks_only, one.until is None, one.until or now), default=None)


def told_of(held: Entitlement | None, now: datetime, spans: Spans) -> Told:
    """Return what is told of a tier that stands like this."""
    if held is None:
        return Told(Phase.LAPSED, None)
    return Told(held.phase(now, spans), held.until)


def news(before: Told | None, after: Told, now: datetime, *, taken_back: bool = False) -> News | None:
    """Return what there is to tell, if anything; ``taken_back``: with what was, they would have it."""
    had, has = before is not None and before.phase not in NOT_HELD, after.phase not in NOT_HELD
    if before is None or not had:
        return (News.REACHED if before is None else News.RETURNED) if has else None
    if not has:
        lapsed = before.phase is Phase.GRACE or (before.until is not None and before.until <= now)
        return News.LAPSED if lapsed else News.TAKEN_BACK if taken_back else News.CHANGED
    if after.phase is before.phase:
        return None
    if after.phase is Phase.GRACE:
        return News.GRACE
    # Out of its grace it was renewed, if only for some days.
    return News.ENDING if after.phase is Phase.ENDING and before.phase is Phase.RUNNING else News.RENEWED
