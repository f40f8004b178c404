"""Sums (pure): what gifts come to, for people to read: by asset, source and how sure it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ledger.model import Asset, Level
from payments.flair.entitling import joined
from payments.flair.model import Gift, Source, Spans


@dataclass(frozen=True, slots=True)
class Given:
    """So much of an asset by way of one source, all of it as sure as ``level`` says; ``amount`` in minor units."""

    asset: Asset
    source: Source
    level: Level
    amount: int


class Part(NamedTuple):
    """What one gift adds to sums; one that only says what is given each month adds nothing, and is none."""

    source: Source
    asset: Asset
    level: Level
    amount: int
    at: datetime


def given(told: Iterable[Gift], spans: Spans, now: datetime) -> list[Given]:
    """Return what gifts come to at ``now``; what was taken back, or is only said to be given, is in no sum."""
    standing = (one for one in joined(told) if one.taken_back is None and not one.is_word)
    return summed((Part(one.source, one.asset, one.level, one.amount, one.at) for one in standing), spans, now)


def summed(parts: Iterable[Part], spans: Spans, now: datetime) -> list[Given]:
    """Return what parts come to at ``now``."""
    sums: defaultdict[tuple[Asset, Source, Level], int] = defaultdict(int)
    for part in parts:
        if part.level is not Level.ORPHANED and part.amount:
            sums[part.asset, part.source, _sure(part, spans, now)] += part.amount
    return [Given(*key, amount) for key, amount in sorted(sums.items())]


def sure(gift: Gift, spans: Spans, now: datetime) -> Level:
    """Return how sure a gift is: one from elsewhere is final once it can no longer be charged back, and seen before."""
    return _sure(Part(gift.source, gift.asset, gift.level, gift.amount, gift.at), spans, now)


def _sure(part: Part, spans: Spans, now: datetime) -> Level:
    if part.source is Source.CHAIN:
        return part.level
    final = part.source is Source.HAND or part.at + spans.charge_back <= now
    return Level.FINALIZED if final else Level.SEEN
