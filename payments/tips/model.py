"""Tips as values (pure): a link by which somebody may tip, what they wish to say with it, and a tip that was paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contracts.events import BlockRef
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, PersonId, RoomId, is_hidden
from ledger.model import Asset, Level

LONGEST_NOTE: Final = 300
"""Characters of what is said with a tip."""
GOOD_FOR: Final = timedelta(days=7)
"""For how long a link can be paid by."""
KEPT_FOR: Final = timedelta(days=37)
"""For how long an unpaid link is known: a wallet may sign the last moment, and its payment come late."""
NOTE_KEPT_FOR: Final = timedelta(days=30)
"""After which a note goes at the latest, delivered or not."""
MOST_A_DAY: Final = 20
"""Links that one person is given in 24 hours."""
MOST_FOR_ONE_A_DAY: Final = 500
"""Links of 24 hours by which one person can be tipped and nobody has paid yet: a link costs whoever asks nothing."""
MOST_QUIET: Final = 20
"""Payments by one link that are kept; beyond them those of which nobody is told are not."""
MOST_TERMS: Final = 20
"""Ways in which one link may be asked to be paid (sums, notes)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a giver wants: base units of a token (``None``: not chosen yet), a note, and who may see what.

    ``public``: sum, note and both names are shown in the room of the message. ``anonymous``: the receiver is not told
    who gives.
    """

    amount: int | None = None
    note: str = ""
    public: bool = False
    anonymous: bool = False
    asset: Asset | None = None
    """Which token that is; ``None``: our own."""


@dataclass(frozen=True, slots=True)
class Link:
    """Somebody may tip somebody. ``token`` is random: whoever has it sees it and can pay for them, no more.

    ``receiver`` is ``None`` where only the message is known yet. ``event`` is a message in ``room``.
    """

    token: str
    giver: PersonId
    receiver: PersonId | None
    room: RoomId | None
    event: str | None
    wish: Wish
    created_at: datetime

    @property
    def expires_at(self) -> datetime:
        """Until when it can be paid by."""
        return self.created_at + GOOD_FOR


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment by a link's terms, in a block: what stands for link and terms on the chain, and what was paid by whom.

    ``key`` is the purchase's id, whichever way it was paid: ``Checkout`` tells of it, or its payer signed it as the
    nonce of a transfer.
    """

    key: Hash32
    link: Hash32
    terms: Hash32
    payer: Address
    asset: Asset
    amount: int
    block: BlockRef


class TipState(StrEnum):
    """Whether the chain holds the payment."""

    PAID = "paid"
    TAKEN_BACK = "taken_back"


class News(StrEnum):
    """Who is told what of a tip."""

    SEEN = "seen"
    """The giver: it is in a block."""
    PAID = "paid"
    """The receiver: they were tipped."""
    RECEIPT = "receipt"
    """The giver: the receiver has it."""
    LINE = "line"
    """The room: a public note."""
    GONE_GIVER = "gone_giver"
    """The giver: it left the chain; likewise the receiver, and the line in the room is taken back."""
    GONE_RECEIVER = "gone_receiver"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class Tip:
    """A tip that was paid: under the key of its purchase, as sure as its block.

    ``giver`` is ``None`` where they left us. ``quiet``: paid to oneself, not the first by its link, or in a token that
    the operator had taken away by then: it is booked and nobody is told. ``round`` counts how often the chain took it
    back.
    """

    id: str
    key: Hash32
    giver: PersonId | None
    receiver: PersonId
    room: RoomId | None
    event: str | None
    payer: Address
    asset: Asset
    amount: int
    note: str | None
    """``None`` where it is not kept any more."""
    public: bool
    anonymous: bool
    level: Level
    state: TipState
    quiet: bool
    round: int
    paid_at: datetime
    line: str | None
    """The event of the line in the room."""
    line_tried: bool

    @property
    def is_told(self) -> bool:
        """Whether it is sure enough to be told of."""
        return self.state is TipState.PAID and not self.quiet and self.level.reaches(Level.SAFE)


def note_of(text: str) -> str:
    """Return a note on one line, without what cannot be seen or turns text around. Raises ``Invalid`` if too long."""
    line = " ".join("".join(" " if sign in "\n\t" else sign for sign in text[: 4 * LONGEST_NOTE]).split())
    said = "".join(sign for sign in line if not is_hidden(sign))
    if len(said) > LONGEST_NOTE:
        raise Invalid("note_long", f"A note has at most {LONGEST_NOTE} characters.")
    return said


def least(decimals: int) -> int:
    """Return the smallest tip in base units: a hundredth of the token, so that being told of one costs something."""
    return int(10 ** max(decimals - 2, 0))
