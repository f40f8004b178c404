"""Vendors: how whoever sells something stands with one reader, and whether lists of a room speak of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.container import Work
from kit.identifiers import PersonId, RoomId
from reputation.enforcement.model import Mode

_ACTING: Final = frozenset({Mode.ACT, Mode.APPROVE})


@dataclass(frozen=True, slots=True)
class Vendor:
    """How a seller stands with one reader, in per cent, and how sure that is; ``nobody``: no word of anybody counts."""

    nobody: bool
    percent: int
    sure: int


def vendor(work: Work, viewer: PersonId, seller: PersonId) -> Vendor | None:
    """Return how a seller stands with a reader: never as seen by anybody else.

    ``None`` where all words are to be read first, since whoever asks holds a transaction; the next one is told. What
    was sold to whom counts for nothing in it, so that no purchase of one's own lifts anybody.
    """
    found = work.hearing.told(viewer, seller, work.outlooks.staked(viewer, seller))
    if found is None:
        return None
    reputation, confidence = found
    return Vendor(confidence == 0, round(100 * reputation), round(100 * confidence))


def is_unwelcome(work: Work, room: RoomId, seller: PersonId) -> bool:
    """Tell whether a list that acts in a room, or would after a yes, speaks of a seller or their server."""
    protected, mxid, labels = work.moderation.protected(room), work.people.mxid(seller), work.knowing.labels()
    if protected is None or mxid is None or labels is None:
        return False
    lists = work.moderation.lists.subscriptions(protected.management)
    acting = {one.name for one in lists if one.mode in _ACTING and (one.until is None or work.now < one.until)}
    return not acting.isdisjoint(labels.of_user(mxid))
