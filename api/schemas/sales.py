"""Schemas of what a person sells: what they put up, what came of it, and what buyers said."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.library import PurchaseOut
from api.schemas.quotes import BaseUnits, HashText, Unix
from api.schemas.selling import ListingOut, Token
from kit.fetching import LONGEST_URL
from ledger.model import Level
from payments.content.model import (
    LONGEST_LICENCE,
    LONGEST_PREVIEW,
    LONGEST_REFERENCE,
    LONGEST_TITLE,
    MOST_PAYEES,
    MOST_PRICES,
    MOST_STOCK,
    Kind,
)

_LONGEST_TEXT = 40_000
_Prices = Annotated[
    dict[str, BaseUnits],
    Field(min_length=1, max_length=MOST_PRICES, description="Base units by asset, `erc20:<chain>:<address>`."),
]
_Payees = Annotated[
    dict[str, int],
    Field(max_length=MOST_PAYEES, description="Basis points by wallet, 10000 together, your own among them."),
]
_Text = Annotated[
    str, Field(min_length=1, max_length=_LONGEST_TEXT, description="The text itself, of the kind `text`.")
]
_Wallet = Annotated[str, Field(max_length=42, description="One that is linked to you; the primary one by default.")]
_Stock = Annotated[int, Field(ge=1, le=MOST_STOCK)]
_Sure = Annotated[Level, Field(description="`seen`, `safe` or `finalized`: how sure a payment must be.")]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class OfferIn(BaseModel):
    """What is put up. A file comes by `POST /v1/me/listings/files` instead."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "text",
                    "title": "On doors",
                    "text": "A door is a policy.",
                    "prices": {"erc20:31337:0x5fbdb2315678afecb367f032d93f642f64180aa3": "5000000000000000000"},
                    "draft": True,
                }
            ]
        },
    )

    kind: Annotated[Kind, Field(description="`text`, `admission` or `gateway`; a post is put up in a chat.")]
    title: Annotated[str, Field(max_length=LONGEST_TITLE)]
    prices: _Prices
    text: _Text | None = None
    wallet: _Wallet | None = None
    payees: _Payees | None = None
    preview: Annotated[str, Field(max_length=LONGEST_PREVIEW)] = ""
    licence: Annotated[str, Field(max_length=LONGEST_LICENCE)] = ""
    reference: Annotated[str, Field(max_length=LONGEST_REFERENCE, description="The room of an admission.")] = ""
    upstream: Annotated[
        str | None,
        Field(
            max_length=LONGEST_URL, description="Of the kind `gateway`: the address that is sold; nobody is shown it."
        ),
    ] = None
    finality: _Sure = Level.SAFE
    stock: _Stock | None = None
    expires_at: Unix | None = None
    admitted_seconds: Annotated[int | None, Field(ge=3_600, le=2**31 - 1)] = None
    draft: Annotated[bool, Field(description="Seen by nobody else until `relist`.")] = False


class RevisionIn(BaseModel):
    """What changes; what is left out stays, and null takes away what may be missing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"title": "On doors, revised"}]})

    title: Annotated[str, Field(max_length=LONGEST_TITLE)] = ""
    prices: _Prices = {}
    text: _Text = ""
    wallet: _Wallet = ""
    payees: _Payees = {}
    preview: Annotated[str, Field(max_length=LONGEST_PREVIEW)] = ""
    licence: Annotated[str, Field(max_length=LONGEST_LICENCE)] = ""
    reference: Annotated[str, Field(max_length=LONGEST_REFERENCE)] = ""
    finality: _Sure = Level.SAFE
    stock: _Stock | None = None
    expires_at: Unix | None = None
    upstream: Annotated[str, Field(max_length=LONGEST_URL, description="Another address, of the kind `gateway`.")] = ""


class GatewayOut(_Out):
    """What lets one sell addresses of a host."""

    token: Annotated[str, Field(description="A line of what the host has at `path`.")]
    path: str
    keys: Annotated[str, Field(description="Where the keys are that sign what the gateway asks.")]


class ComplaintOut(_Out):
    """What a buyer said."""

    made_at: Unix
    text: str


class MyListingOut(ListingOut):
    """A listing of one's own."""

    reason: Annotated[str | None, Field(description="Why the operator holds it back, or took it down.")]
    page: Annotated[str, Field(description="The page on which it is bought.")]
    file_name: str | None


class MyListingsOut(_Out):
    """A page of one's own listings, newest first."""

    listings: list[MyListingOut]
    room: Annotated[int, Field(description="Bytes of content that you may put here still.")]
    next: Annotated[Token | None, Field(description="Where the next page begins: its `before`.")]


class OneOfMineOut(MyListingOut):
    """A listing of one's own, with what buyers said of it."""

    said: Annotated[list[ComplaintOut], Field(description="Latest first; nobody else sees it.")]
    upstream: Annotated[str | None, Field(description="The address that is sold; nobody else sees it.")] = None
    upstream_salt: Annotated[
        str | None, Field(description="With it the `reference` in the terms proves which address was sold.")
    ] = None


class SaleOut(PurchaseOut):
    """A payment to the seller; who bought is told by the wallet alone."""

    key: Annotated[HashText, Field(description="The payment, on its rail.")]
    wash: Annotated[bool, Field(description="Somebody paid themselves: it counts for nothing.")]


class OwedOut(_Out):
    """What a seller owes back, or is asked for, in one asset."""

    asset: str
    payments: int
    amount: Annotated[str, Field(description="Base units.")]


class SalesOut(_Out):
    """A page of what was paid to the seller, latest first."""

    sales: list[SaleOut]
    owed: Annotated[list[OwedOut], Field(description="What is owed back or asked for, on all pages, by asset.")]
    next: Annotated[Token | None, Field(description="Where the next page begins: its `before`.")]
