"""Gifts as values: what was given by whom, tiers, what a supporter is entitled to, and in which phase that is."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from contracts.events import Position
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, PersonId
from ledger.model import Asset, Level

TOPIC: Final = "supporters"
"""What the change counter counts gifts, claims and showing under; its subjects are people."""
ELSEWHERE: Final = ""
"""The cause of gifts that were not made on a chain: there is one, and it has no address there."""
NOT_TOLD: Final = 0
"""The number of no import: what the chain, a webhook or a hand told."""
MOST_MONTHS: Final = 65_535
"""Months that one gift can be for (``uint16`` of the contract)."""
LONGEST_KEY: Final = 200
LONGEST_GIVER: Final = 120
MOST_AMOUNT: Final = 10**77
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_MONTHS: Final = 12
_WEEKS: Final = 52
_SHORTEST: Final = 28


class Source(StrEnum):
    """From where we know of a gift."""

    CHAIN = "chain"
    PATREON = "patreon"
    LIBERAPAY = "liberapay"
    HAND = "hand"
    """The operator wrote it down."""


def is_for_thanks(source: Source) -> bool:
    """Tell whether a source forbids rewards beyond thanks: a gift there gives badge and wall, and nothing else."""
    return source is Source.LIBERAPAY


class Period(StrEnum):
    """How often a gift comes again by itself."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gave, by the source's own name: an address (``0x`` and 40 lower-case digits), a member's id."""

    source: Source
    name: str


@dataclass(frozen=True, slots=True)
class Gift:
    """One gift. There are three kinds.

    *Once*: ``months`` is 0, nothing recurs; its ``amount`` (minor units: cents, base units) counts in sums. *Prepaid*:
    ``amount`` is for ``months`` from ``at`` on, or from the end of those before it; ``recurring`` where another such
    charge follows by itself. *A standing word*: ``months`` is 0 and ``recurring`` says how often: the source says that
    ``amount`` is given each period, as it was at ``at``, and that is believed until ``until``; it adds to no sum.

    ``total``: what the source says was given in all by then, this included. ``since``: since when it says that it was
    given without a break. ``level`` is that of a chain gift's block; a gift from
    elsewhere is final once charge-backs are no longer possible. ``taken_back``: when it was charged back, or left
    the chain. ``memo`` is what the giver committed to on the chain, ``cause`` the address there that got it.
    """

    key: str
    source: Source
    giver: str
    asset: Asset
    amount: int
    at: datetime
    months: int = 0
    recurring: Period | None = None
    until: datetime | None = None
    since: datetime | None = None
    total: int | None = None
    level: Level = Level.SEEN
    taken_back: datetime | None = None
    memo: Hash32 | None = None
    cause: str = ELSEWHERE

    def __post_init__(self) -> None:
        """Hold only what can be kept. Raises ``Invalid``."""
        sound = 0 < len(self.key) <= LONGEST_KEY and 0 < len(self.giver) <= LONGEST_GIVER
        sound = sound and self.key.isprintable() and self.giver.isprintable()
        sound = sound and 0 <= self.amount < MOST_AMOUNT and 0 <= (self.total or 0) < MOST_AMOUNT
        if not sound or not 0 <= self.months <= MOST_MONTHS:
            raise Invalid("gift_malformed", "A gift has a key, a giver, an amount, and at most 65,535 months.")

    @property
    def is_word(self) -> bool:
        """Tell whether it is a standing word of its source, and no payment."""
        return self.months == 0 and self.recurring is not None


class Kind(StrEnum):
    """What is compared with a tier's threshold."""

    SUM = "sum"
    """All that was given, for good."""
    MONTH = "month"
    """What is given a month, while it is."""
    STREAK = "streak"
    """What is given a month, once it was for so many months without a break."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One way to a tier: in one asset, ``amount`` in minor units (in all, or a month), and for a streak its months.

    ``year`` is what counts as twelve months of it where they are paid at once; twelve times ``amount`` else.
    """

    kind: Kind
    asset: Asset
    amount: int
    months: int = 0
    year: int | None = None

    def reached_by(self, gift: Gift) -> bool:
        """Tell whether what a gift gives a month reaches it, compared in the gift's own period and its rounding.

        A week's share of a month's sum is rounded down to minor units, as Liberapay does it.
        """
        if gift.months:
            if self.year is not None and gift.months == _MONTHS:
                return gift.amount >= self.year
            return gift.amount >= self.amount * gift.months
        if gift.recurring is Period.WEEK:
            return gift.amount >= max(1, self.amount * _MONTHS // _WEEKS)
        if gift.recurring is Period.YEAR:
            return gift.amount >= (self.amount * _MONTHS if self.year is None else self.year)
        return gift.recurring is Period.MONTH and gift.amount >= self.amount


@dataclass(frozen=True, slots=True)
class Gives:
    """What a tier gives; ``rooms`` are ids of the document's rooms, ``level`` a power level in the space, if any."""

    space: bool = False
    rooms: tuple[str, ...] = ()
    flair: bool = True
    wall: bool = True
    skip_stake: bool = False
    """Doors that ask for supporters may let them in without a stake."""
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """A room of supporters; in one with ``posts`` they read alone."""

    id: str
    title: str
    topic: str = ""
    posts: bool = False


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier; one threshold reached is enough."""

    id: str
    title: str
    thresholds: tuple[Threshold, ...]
    gives: Gives = Gives()
    corporate: bool = False
    """For those alone of whom the operator said that they are companies; and they are in no other tier."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The operator's times: before a lapse that can be seen coming, after it, and until imports are sure."""

    warning: timedelta = timedelta(days=7)
    grace: timedelta = timedelta(days=14)
    charge_back: timedelta = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Space:
    """What the supporters' space is called."""

    title: str
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Tiers:
    """An operator's tier document, read: its tiers from the lowest to the highest."""

    tiers: tuple[Tier, ...] = ()
    spans: Spans = Spans()
    space: Space | None = None
    rooms: tuple[Room, ...] = ()

    def find(self, tier_id: str) -> Tier | None:
        """Return the tier of that id."""
        return next((tier for tier in self.tiers if tier.id == tier_id), None)

    def rank(self, tier_id: str) -> int:
        """Return a tier's place, from 1; 0 for one that is there no more."""
        return next((place for place, tier in enumerate(self.tiers, 1) if tier.id == tier_id), 0)


class Phase(StrEnum):
    """Where an entitlement stands at a time."""

    AHEAD = "ahead"
    """A streak that will be complete."""
    RUNNING = "running"
    ENDING = "ending"
    """Prepaid, and ends soon unless more is given: the time to say so."""
    GRACE = "grace"
    """What was given has run out; all of it is taken away once grace ends."""
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """That somebody has a tier: a person, or a giver who claimed nothing yet (exactly one of both).

    ``until`` is ``None`` where it lasts. ``renews``: the source charges again by itself, so that only grace warns.
    ``sure_from``: from when on it rests on what can no longer be taken back (``None``: nothing of it is so sure yet).
    ``thanks_only``: it gives badge and wall alone.
    """

    person: PersonId | None
    giver: Giver | None
    tier: str
    since: datetime
    until: datetime | None
    grace_until: datetime | None
    source: Source
    renews: bool = False
    thanks_only: bool = False
    sure_from: datetime | None = None

    def phase(self, now: datetime, spans: Spans) -> Phase:
        """Tell where it stands at ``now``."""
        if now < self.since:
            return Phase.AHEAD
        if self.until is None or now < self.until:
            ending = self.until is not None and not self.renews and now >= self.until - spans.warning
            return Phase.ENDING if ending else Phase.RUNNING
        return Phase.GRACE if self.grace_until is None or now < self.grace_until else Phase.LAPSED

    def holds(self, now: datetime) -> bool:
        """Tell whether it counts at ``now``, grace included."""
        return self.since <= now and (self.grace_until is None or now < self.grace_until)

    def sure(self, now: datetime) -> bool:
        """Tell whether it counts and rests on what can no longer be taken back."""
        return self.holds(now) and self.sure_from is not None and self.sure_from <= now


@dataclass(frozen=True, slots=True)
class Showing:
    """What a person lets be seen of their support: nothing, unless they chose so after seeing who would see it.

    ``flair``: statement, badge, and state of the space; ``wall``: a line there, with ``name`` or ``amount`` or not.
    """

    flair: bool = False
    wall: bool = False
    name: bool = False
    amount: bool = False


NOTHING: Final = Showing()


class ClaimedBy(StrEnum):
    """How somebody showed that a gift is theirs."""

    CODE = "code"
    SIGNATURE = "signature"
    WALLET = "wallet"
    AMOUNT = "amount"
    HAND = "hand"


def months_after(moment: datetime, months: int) -> datetime:
    """Return the same day and hour so many months later; the last day of a shorter month, and the year 9999 at most."""
    year, month = divmod(moment.year * _MONTHS + moment.month - 1 + months, _MONTHS)
    if year >= _LAST.year:
        return _LAST
    day = moment.day
    if day > _SHORTEST:
        day = min(day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def currency(code: str) -> Asset:
    """Return the asset that a currency is, by its ISO 4217 code."""
    return Asset(code)


def chain_key(at: Position) -> str:
    """Return the key of the gift that a log is."""
    return f"{Source.CHAIN}:{at.block.chain_id}:0x{at.block.hash.hex()}:{at.log_index}"


def address_name(address: Address) -> str:
    """Return an address as the name of a giver."""
    return f"0x{address.hex()}"
