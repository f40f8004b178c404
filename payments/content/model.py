"""What is sold: listings and their versions, purchases of them, and what a payment of them comes to; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contracts.checkout import MOST_FEE_BPS
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, PersonId, is_hidden, parse_room_id
from ledger.model import Asset, Level

WHOLE: Final = 10_000
"""Basis points in all of a price."""
LONGEST_TITLE: Final = 120
LONGEST_PREVIEW: Final = 2_000
LONGEST_LICENCE: Final = 2_000
LONGEST_COMPLAINT: Final = 1_000
LONGEST_REFERENCE: Final = 500
LONGEST_REASON: Final = 300
MOST_PAYEES: Final = 10
MOST_PRICES: Final = 8
MOST_STOCK: Final = 1_000_000_000
LONGEST_ADMISSION: Final = timedelta(days=3_650)
GRACE: Final = timedelta(hours=1)
"""For how long terms are good still that were replaced or unlisted: somebody may be about to pay by them."""
_MOST_WORD: Final = 2**256 - 1
_NEVER: Final = timedelta(seconds=1)


class Kind(StrEnum):
    """What a buyer gets. Texts, files and posts are delivered from here, the others by who looks after those."""

    TEXT = "text"
    FILE = "file"
    POST = "post"
    ADMISSION = "admission"
    GATEWAY = "gateway"

    @property
    def has_content(self) -> bool:
        """Tell whether it has a content of its own here."""
        return self in (Kind.TEXT, Kind.FILE, Kind.POST)

    @property
    def has_reference(self) -> bool:
        """Tell whether it names something elsewhere: a message, a room, an address."""
        return self not in (Kind.TEXT, Kind.FILE)

    @property
    def is_fetched(self) -> bool:
        """Tell whether a buyer fetches it by HTTP: its content, or what stands behind the gateway."""
        return self.has_content or self is Kind.GATEWAY


class ListingState(StrEnum):
    """Who sees a listing. Unlisting takes from nobody what they bought; what is taken down is delivered no more."""

    DRAFT = "draft"
    LISTED = "listed"
    UNLISTED = "unlisted"
    HELD = "held"
    """The seller wants it for sale, and the operator's rules object; what was bought of it is delivered."""
    TAKEN_DOWN = "taken_down"


class PurchaseState(StrEnum):
    """What became of a payment."""

    PAID = "paid"
    TAKEN_BACK = "taken_back"
    """Its block left the chain."""
    OWED_BACK = "owed_back"
    """It bought nothing: the seller has the money and owes it."""
    REFUND_ASKED = "refund_asked"
    REFUND_DECLINED = "refund_declined"
    """The seller keeps the money, the buyer what they bought; the seller may think again, the buyer asks once."""
    REFUND_APPROVED = "refund_approved"
    REFUNDED = "refunded"


STANDING: Final = (
    *(PurchaseState.PAID, PurchaseState.REFUND_ASKED, PurchaseState.REFUND_DECLINED, PurchaseState.REFUND_APPROVED),
)
"""What one has still who paid: until the money is back, asking for it ends nothing."""


OWED: Final = (PurchaseState.OWED_BACK, PurchaseState.REFUND_ASKED, PurchaseState.REFUND_APPROVED)
"""What the seller was asked to pay back, or has to."""


class OwedBecause(StrEnum):
    """Why a payment bought nothing."""

    UNKNOWN_TERMS = "unknown_terms"
    TERMS_EXPIRED = "terms_expired"
    WRONG_ASSET = "wrong_asset"
    TOO_LITTLE = "too_little"
    NOT_FOR_SALE = "not_for_sale"
    SOLD_OUT = "sold_out"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a seller puts up: one version of a listing.

    ``prices`` are base units by asset; ``payees`` the co-sellers' shares and the seller's own, in basis points that sum
    to 10,000; ``fee_bps`` what the operator's ``fee_receiver`` takes of the whole before; ``admitted`` for how long an
    admission is.
    """

    kind: Kind
    title: str
    wallet: Address
    prices: Mapping[Asset, int]
    payees: Mapping[Address, int] = field(default_factory=dict)
    preview: str = ""
    licence: str = ""
    reference: str = ""
    fee_bps: int = 0
    fee_receiver: Address = ZERO_ADDRESS
    finality: Level = Level.SAFE
    stock: int | None = None
    expires_at: datetime | None = None
    admitted: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody could buy. Raises ``Invalid``."""
        _texts(self)
        _money(self)
        if self.finality is Level.ORPHANED:
            raise Invalid("finality_unknown", "A sale is final when its payment is seen, safe or finalized.")
        if self.stock is not None and not 0 < self.stock <= MOST_STOCK:
            raise Invalid("stock_outside", f"A stock is of 1 to {MOST_STOCK:,}.")
        if self.admitted is None and self.kind is Kind.ADMISSION:
            raise Invalid("admission_period", "An admission is for a period.")
        if self.admitted is not None and self.kind not in (Kind.ADMISSION, Kind.GATEWAY):
            raise Invalid("admission_period", "An admission or an address, and nothing else, is for a period.")
        if self.admitted is not None and not timedelta(hours=1) <= self.admitted <= LONGEST_ADMISSION:
            raise Invalid("admission_period", "A period is of an hour to ten years.")
        if self.kind is Kind.ADMISSION:
            parse_room_id(self.reference)
        if self.kind.has_reference != bool(self.reference):
            raise Invalid("reference_wrong", "A text or a file has a content alone; all else names what it is of.")

    @property
    def shares(self) -> Mapping[Address, int]:
        """Return who gets which part of the price, in basis points; the seller's wallet all, where nobody is named."""
        return self.payees or {self.wallet: WHOLE}


def _texts(offer: Offer) -> None:
    if not tidy(offer.title, LONGEST_TITLE) == offer.title or not offer.title or "\n" in offer.title:
        raise Invalid("title_wrong", f"A title is one line of at most {LONGEST_TITLE} characters.")
    for name, text, most in (
        ("preview", offer.preview, LONGEST_PREVIEW),
        ("licence", offer.licence, LONGEST_LICENCE),
        ("reference", offer.reference, LONGEST_REFERENCE),
    ):
        if tidy(text, most) != text:
            raise Invalid(f"{name}_wrong", f"A {name} has at most {most:,} characters, all of them to be seen.")


def _money(offer: Offer) -> None:
    if not 1 <= len(offer.prices) <= MOST_PRICES:
        raise Invalid("no_price", f"A price is in one to {MOST_PRICES} assets.")
    if not all(0 < amount <= _MOST_WORD for amount in offer.prices.values()):
        raise Invalid("price_outside", "A price is of something, and fits into 256 bits.")
    shares = offer.shares
    if len(shares) > MOST_PAYEES or sum(shares.values()) != WHOLE or min(shares.values()) < 1:
        raise Invalid("shares_wrong", f"The shares of at most {MOST_PAYEES} payees come to {WHOLE:,} basis points.")
    if offer.wallet not in shares:
        raise Invalid("shares_wrong", "The seller's own wallet has a share.")
    if ZERO_ADDRESS in shares:
        raise Invalid("wallet_zero", "What is paid to the zero address is lost.")
    if not 0 <= offer.fee_bps <= MOST_FEE_BPS:
        raise Invalid("fee_outside", f"A fee is of 0 to {MOST_FEE_BPS:,} basis points.")


def tidy(text: str, most: int) -> str:
    """Return a text without what cannot be seen or would turn it around, cut to ``most`` characters; lines stay."""
    return "".join(c for c in text[:most] if c == "\n" or not is_hidden(c)).strip()


@dataclass(frozen=True, slots=True)
class Stored:
    """A content that is here: its blob, what it is, and its SHA-256. ``size`` is in bytes."""

    blob: str
    size: int
    digest: bytes
    media_type: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a listing, and the hash of its terms (``payments.content.terms``)."""

    number: int
    offer: Offer
    terms: Hash32
    stored: Stored | None
    created_at: datetime
    replaced_at: datetime | None

    @property
    def is_fetched(self) -> bool:
        """Tell whether its buyer fetches it here; a post or address of before they were looked at gives nothing."""
        return self.stored is not None or (self.offer.kind is Kind.GATEWAY and self.offer.reference[:7] == "sha256:")


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing as it stands. ``id`` is public and random; ``left`` is the stock that is left."""

    id: str
    seller: PersonId
    state: ListingState
    reason: str | None
    version: Version
    left: int | None
    sold: int
    complaints: int
    created_at: datetime
    ended_at: datetime | None

    @property
    def was_shown(self) -> bool:
        """Tell whether it was ever for sale, as neither a draft was nor what was held at once."""
        return self.state is ListingState.LISTED or self.ended_at is not None

    @property
    def off_since(self) -> datetime | None:
        """Return since when its newest version is off sale: a moment before it was made, where it was never on sale.

        ``None``: it is on sale.
        """
        if self.state is ListingState.LISTED:
            return None
        made = self.version.created_at
        if self.ended_at is None or (self.version.number > 1 and made >= self.ended_at):
            return made - _NEVER
        return self.ended_at

    def is_for_sale(self, now: datetime) -> bool:
        """Tell whether it can be bought at a moment."""
        expires = self.version.offer.expires_at
        return self.state is ListingState.LISTED and self.left != 0 and (expires is None or now < expires)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, or asks for what they bought: a person, a wallet that they proved to hold, or both."""

    person: PersonId | None = None
    wallet: Address | None = None

    def __post_init__(self) -> None:
        """Be somebody."""
        if self.person is None and self.wallet is None:
            raise Invalid("no_buyer", "A buyer is a person or a wallet.")


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as a rail tells it. ``key`` is the same however often it is told; ``amount`` in base units.

    ``block``: the one that holds it, where the chain is the rail. ``allowed``: whether the operator let people be paid
    in that asset then, or an hour before.
    """

    key: Hash32
    listing: str
    terms: Hash32
    buyer: Buyer
    asset: Asset
    amount: int
    level: Level
    at: datetime
    block: Hash32 | None = None
    allowed: bool = True


@dataclass(frozen=True, slots=True)
class Purchase:
    """A payment for a listing, and what became of it. ``id`` is random; ``key`` is the rail's."""

    id: str
    key: Hash32
    listing: str
    seller: PersonId
    version: int
    title: str
    buyer: Buyer | None
    asset: Asset
    amount: int
    level: Level
    state: PurchaseState
    because: OwedBecause | None
    wash: bool
    finality: Level
    paid_at: datetime
    delivered_at: datetime | None
    access_until: datetime | None
    refund: Hash32 | None
    refund_block: Hash32 | None = None
    payer: Address | None = None
    """The wallet that paid, whoever has it since: money goes back there."""

    @property
    def stands(self) -> bool:
        """Tell whether it bought something, and was neither taken nor paid back."""
        return self.state in STANDING and self.because is None

    def opens(self, now: datetime) -> bool:
        """Tell whether it gives access at a moment: it stands, as surely as the seller asked, and is not over."""
        over = self.access_until is not None and now >= self.access_until
        return self.stands and not over and self.level.reaches(self.finality)


@dataclass(frozen=True, slots=True)
class Refunds:
    """How much stands of a listing, and how much of that its buyers want the money of, or were promised it."""

    bought: int
    asked: int


@dataclass(frozen=True, slots=True)
class Access:
    """What a buyer may open: the version they bought and all later ones."""

    purchase: Purchase
    versions: tuple[Version, ...]

    @property
    def newest(self) -> Version:
        """Return the newest of them."""
        return self.versions[-1]


def judged(paid: Paid, listing: Listing, version: Version | None) -> OwedBecause | None:
    """Return why a payment buys nothing of a listing; ``None`` where it does, as far as its stock goes."""
    if version is None:
        return OwedBecause.UNKNOWN_TERMS
    offer = version.offer
    replaced = version.replaced_at is not None and paid.at > version.replaced_at + GRACE
    if replaced or (offer.expires_at is not None and paid.at >= offer.expires_at):
        return OwedBecause.TERMS_EXPIRED
    off = listing.off_since if version.replaced_at is None else version.replaced_at
    never = not listing.was_shown or (off is not None and off < version.created_at)
    over = listing.ended_at is not None and paid.at > listing.ended_at + GRACE
    if never or over or listing.state is ListingState.TAKEN_DOWN:
        return OwedBecause.NOT_FOR_SALE
    if paid.asset not in offer.prices or not paid.allowed:
        return OwedBecause.WRONG_ASSET
    return OwedBecause.TOO_LITTLE if paid.amount < offer.prices[paid.asset] else None
