"""Supporters as people and programs are shown them: sums in words, and the wall."""

from __future__ import annotations

from api.schemas.wall import GivenOut, PlaceOut, SponsorOut, WallOut
from app.wall import Wall
from app.wording.showing import GIVES, SOURCES
from kit.amounts import show_signed
from ledger.model import Asset
from payments.flair.documents import Assets
from payments.flair.model import Kind, Threshold, Tier
from payments.flair.summing import Given


def money(assets: Assets, amount: int, asset: Asset) -> str:
    """Write an amount of an asset: ``2.50 EUR``; of one that the operator did not name, in base units."""
    name, decimals = assets.name(asset)
    return f"{show_signed(amount, decimals)} {name}"


def show_given(assets: Assets, one: Given) -> GivenOut:
    """Return a sum."""
    return GivenOut(
        asset=one.asset,
        amount=str(one.amount),
        text=money(assets, one.amount, one.asset),
        source=one.source.value,
        way=SOURCES[one.source],
        finality=one.level.value,
    )


def show_wall(wall: Wall, assets: Assets, cause: str) -> WallOut:
    """Return the wall of a cause."""
    return WallOut(
        cause=cause,
        supporters=wall.supporters,
        shown=len(wall.places) + len(wall.sponsors),
        totals=[show_given(assets, one) for one in wall.totals],
        sponsors=[
            SponsorOut(name=one.name, tier=one.tier.id, title=one.tier.title, since=one.since) for one in wall.sponsors
        ],
        places=[
            PlaceOut(
                mxid=one.mxid,
                tier=one.tier.id,
                title=one.tier.title,
                since=one.since,
                given=None if one.given is None else [show_given(assets, sum_) for sum_ in one.given],
            )
            for one in wall.places
        ],
    )


def show_tier(assets: Assets, tier: Tier) -> dict[str, object]:
    """Return a tier as a page shows it: what it is called, each way to it, and what it gives."""
    return {
        "title": tier.title,
        "corporate": tier.corporate,
        "ways": [_way(assets, one) for one in tier.thresholds],
        "gives": [GIVES[one] for one in gives_of(tier)],
    }


def gives_of(tier: Tier, *, thanks_only: bool = False) -> list[str]:
    """Return what a tier gives, by the names of the tier document; for thanks alone, flair and wall at most."""
    gives = tier.gives
    thanks = {"flair": gives.flair, "wall": gives.wall}
    more = {"space": gives.space, "rooms": bool(gives.rooms), "skip_stake": gives.skip_stake}
    return [name for name, given in (thanks if thanks_only else thanks | more).items() if given]


def _way(assets: Assets, one: Threshold) -> str:
    amount = money(assets, one.amount, one.asset)
    if one.kind is Kind.SUM:
        return f"{amount} in all, for good"
    if one.kind is Kind.STREAK:
        return f"{amount} a month, once it was for {one.months} months on end"
    year = "" if one.year is None else f", or {money(assets, one.year, one.asset)} for a year at once"
    return f"{amount} a month{year}"
