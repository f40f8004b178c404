"""Schemas of what a wallet bought: how far its payment is, and opening it by a signature."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.library import DownloadOut
from api.schemas.selling import Token
from ledger import siwe
from ledger.model import Level
from payments.content.model import OwedBecause, PurchaseState

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class ProgressOut(_Out):
    """How far a payment is."""

    state: PurchaseState
    because: Annotated[OwedBecause | None, Field(description="Why it bought nothing.")]
    level: Annotated[Level, Field(description="How sure the chain is of it.")]
    finality: Annotated[Level, Field(description="How sure the seller wants it to be.")]
    opens: bool
    delivered: Annotated[bool | None, Field(description="Told to whoever has its order.")]


class OpeningIn(BaseModel):
    """Which wallet would open what it bought."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"address": _ADDRESS}]})

    address: Annotated[str, Field(max_length=42)]


class OpenedIn(BaseModel):
    """The message, and the wallet's signature under it."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[str, Field(max_length=siwe.LONGEST)]
    signature: Annotated[str, Field(max_length=2 + 2 * siwe.MOST_SIGNATURE_BYTES)]


class OpenedByWalletOut(DownloadOut):
    """A link for that wallet's holder."""

    purchase: Token
