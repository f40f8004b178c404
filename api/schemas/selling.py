"""Schemas of what is sold: listings as anybody sees them, with the terms that a payment names."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import Unix
from ledger.model import Level
from payments.content.model import Kind, ListingState

Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{22}$", examples=["q3Zk1x9fYw0Lr8TbAc5d7E"])]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class SaleAssetOut(_Out):
    """What something can be sold for."""

    asset: Annotated[str, Field(description="`erc20:<chain>:<address>`.")]
    symbol: Annotated[str, Field(description="Its name here; with the address where it looks like another's.")]
    decimals: int


class PriceOut(SaleAssetOut):
    """What it costs in one asset."""

    amount: Annotated[str, Field(description="Base units.")]


class ListingOut(_Out):
    """A listing as it stands."""

    id: Token
    kind: Kind
    title: str
    preview: str
    licence: str
    state: ListingState
    reason: Annotated[str | None, Field(description="Why the operator took it down.")]
    for_sale: bool
    version: int
    prices: Annotated[list[PriceOut], Field(description="What it can be paid in now, each a price of the whole.")]
    pay_to: Annotated[str, Field(description="The seller's wallet.")]
    finality: Annotated[Level, Field(description="How sure the chain must be of a payment before it opens.")]
    left: Annotated[int | None, Field(description="Pieces that are left; null: no end of them.")]
    sold: int
    complaints: int
    size: Annotated[int | None, Field(description="Bytes of the content.")]
    media_type: str | None
    terms: Annotated[str, Field(description="keccak256 of the canonical terms, which a payment names.")]
    created_at: Unix
    expires_at: Unix | None


class OneListingOut(ListingOut):
    """A listing with the document that its terms are the hash of (docs/selling.md)."""

    terms_document: dict[str, Any]


class ListingsOut(_Out):
    """A page of listings, newest first."""

    listings: list[ListingOut]
    next: Annotated[Token | None, Field(description="Where the next page begins: its `before`.")]
    assets: Annotated[
        list[SaleAssetOut], Field(description="What people may sell for here, the service's token first.")
    ]
