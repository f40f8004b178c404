"""Schemas of buying by a wallet: a listing's terms on the chain for one payer, and how far a payment is."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.library import DownloadOut
from api.schemas.quotes import AddressText, BaseUnits, Bytes, Call, HashText, Payer, TypedDataOut, Unix
from api.schemas.selling import Token
from ledger import siwe
from ledger.model import Level
from payments.content.model import OwedBecause, PurchaseState

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class SaleTermsIn(BaseModel):
    """Who pays, and by which order of the bot's, if any."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"payer": _ADDRESS}]})

    payer: Annotated[str, Field(max_length=42)]
    order: Annotated[Token | None, Field(description="What stands behind `order=` in the bot's link.")] = None


class ShareOut(_Out):
    """Who sells along."""

    payee: AddressText
    bps: int


class SaleTermsOut(_Out):
    """`Checkout.Terms`: the seller's part."""

    seller: AddressText
    asset: AddressText
    price: BaseUnits
    fee_bps: int
    fee_receiver: AddressText
    shares: list[ShareOut]
    listing: HashText
    content: Annotated[HashText, Field(description="The `terms` of the listing.")]
    valid_until: Annotated[str, Field(description="Unix seconds, as a decimal text.")]


class BuyersOrderOut(_Out):
    """`Checkout.Order`: the buyer's part."""

    buyer: AddressText
    memo: Annotated[HashText, Field(description="Zero, or for which order it is.")]
    relay_fee: BaseUnits
    relay_receiver: AddressText
    valid_before: Unix
    salt: HashText


class SplitCall(_Out):
    """A transaction that needs a signature: its data is `before`, v, r and s as three words, and `after`."""

    to: AddressText
    before: Bytes
    after: Bytes
    value: str = "0x0"


class SaleCalls(_Out):
    """The ways to buy; one of them is enough."""

    approve: Call
    buy: Annotated[Call, Field(description="After ``approve``.")]
    buy_with_permit: SplitCall | None
    buy_with_authorization: Annotated[SplitCall, Field(description="Anybody may send this one.")]


class SaleOfferOut(_Out):
    """A listing's terms for one payer, and all that their wallet needs; no web3 library is needed on its side."""

    purchase: Annotated[HashText, Field(description="The id of the purchase; `/v1/purchases/{id}` tells of it then.")]
    due: Annotated[BaseUnits, Field(description="What leaves the payer's address.")]
    checkout: AddressText
    terms: SaleTermsOut
    terms_hash: HashText
    order: BuyersOrderOut
    typed_data: TypedDataOut
    calls: SaleCalls
    payer_holds: Payer


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
