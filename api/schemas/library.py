"""Schemas of what a person bought: purchases, the links to them, and how they become another wallet's or person's."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, BaseUnits, HashText, Unix
from api.schemas.selling import Token
from ledger import siwe
from ledger.model import Level
from payments.content.model import LONGEST_COMPLAINT, ListingState, OwedBecause, PurchaseState


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PurchaseOut(_Out):
    """A payment for a listing, and what became of it."""

    id: Token
    listing: Token
    title: Annotated[str, Field(description="As it was when it was bought.")]
    version: int
    asset: str
    symbol: str
    decimals: int
    amount: BaseUnits
    state: PurchaseState
    because: Annotated[OwedBecause | None, Field(description="Why the payment bought nothing.")]
    level: Annotated[Level, Field(description="How sure the chain is of the payment.")]
    finality: Annotated[Level, Field(description="How sure the seller wants it to be.")]
    opens: Annotated[bool, Field(description="Whether it gives access now.")]
    wallet: Annotated[AddressText | None, Field(description="The wallet that has it too.")]
    paid_at: Unix
    delivered_at: Unix | None
    access_until: Unix | None
    refund: Annotated[HashText | None, Field(description="The transaction that paid it back.")]


class LibraryOut(_Out):
    """A page of what somebody bought, latest first."""

    purchases: list[PurchaseOut]
    next: Annotated[Token | None, Field(description="Where the next page begins: its `before`.")]


class OpenedOut(_Out):
    """A version that a purchase opens."""

    number: int
    file_name: str
    size: Annotated[int, Field(description="Bytes.")]
    media_type: str
    created_at: Unix


class OnePurchaseOut(PurchaseOut):
    """A purchase, and what it opens."""

    listing_state: ListingState
    reason: Annotated[str | None, Field(description="Why the operator took it down.")]
    versions: Annotated[list[OpenedOut], Field(description="Oldest first; each has links of its own.")]


class LinkIn(_In):
    """Which version a link is to."""

    version: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="The newest by default.")] = None


class DownloadOut(_Out):
    """A link to a content, for this buyer and ten minutes."""

    url: Annotated[str, Field(description="Whoever has it has the content: give it to nobody.")]
    expires_at: Unix


class ComplaintIn(_In):
    """What is wrong with it."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_COMPLAINT)]


class WalletIn(_In):
    """The wallet that is to sign."""

    address: AddressText


class AgreeingIn(_In):
    """A message as it was made for you, and the wallet's signature under it."""

    message: Annotated[str, Field(max_length=siwe.LONGEST)]
    signature: Annotated[str, Field(max_length=2 + 2 * siwe.MOST_SIGNATURE_BYTES)]


class MoveIn(_In):
    """The wallet that is to have it, and the one that has it, where one does: both agree."""

    to: AgreeingIn
    had: AgreeingIn | None = None


class HandOverIn(_In):
    """The wallet that has it, where one does, agrees."""

    had: AgreeingIn | None = None


class ClaimedOut(_Out):
    """How many purchases became yours."""

    claimed: int


class HandOverOut(_Out):
    """What the other one sends to have it; good once, for a day."""

    code: str
    expires_at: Unix


class ReceiveIn(_In):
    """The code that its owner was given."""

    code: Annotated[str, Field(max_length=200)]
