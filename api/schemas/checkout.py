"""Schemas of buying by the contract: what a purchase is of, and what a wallet signs and sends for it."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, BaseUnits, Bytes, Call, HashText, Unix
from api.schemas.selling import Token


class BuyIn(BaseModel):
    """Which wallet would pay, and for whose order."""

    payer: AddressText
    order: Annotated[
        Token | None, Field(description="The order in a link that the bot gave; null: for the wallet.")
    ] = None
    asset: Annotated[
        str | None,
        Field(
            max_length=100, description="What it pays with, of the listing's `prices`; the first of them by default."
        ),
    ] = None


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class ShareOut(_Out):
    """Who sells along."""

    payee: AddressText
    bps: Annotated[int, Field(description="Basis points of what the fee leaves.")]


class SaleTermsOut(_Out):
    """`Checkout.Terms`, as the listing has them."""

    seller: AddressText
    asset: AddressText
    price: BaseUnits
    fee_bps: int
    fee_receiver: AddressText
    shares: list[ShareOut]
    listing: HashText
    content: HashText
    valid_until: str


class BuyOrderOut(_Out):
    """`Checkout.Order`."""

    buyer: AddressText
    memo: HashText
    relay_fee: BaseUnits
    relay_receiver: AddressText
    valid_before: Unix
    salt: HashText


class SplitCall(_Out):
    """A call in whose midst a signature stands: `before`, then v, r and s as three words, then `after`."""

    to: AddressText
    before: Bytes
    after: Bytes


class BuyCalls(_Out):
    """What a wallet sends: `buy_with_permit` with its signature, or `approve` and then `buy`.

    `approve_nothing` comes before where an allowance is left that is too small: some tokens change none that is not 0.
    """

    approve_nothing: Call
    approve: Call
    buy: Call
    buy_with_permit: SplitCall | None


class GaslessBuyingOut(_Out):
    """How a wallet without ether buys: it signs, and this service carries it to the contract for a fee."""

    available: bool
    why_not: Annotated[str | None, Field(examples=["gasless_relayer_empty"])]
    why_not_text: str | None
    purchase: HashText
    order: BuyOrderOut
    authorization: Annotated[dict[str, Any], Field(description="EIP-712, for `eth_signTypedData_v4` (EIP-3009).")]


class PayableOut(_Out):
    """All that a wallet needs to pay by the contract; `symbol` and `decimals` are those of the terms' `asset`."""

    symbol: str
    decimals: int
    checkout: AddressText
    purchase: Annotated[HashText, Field(description="The purchase's id, once it is paid by these very calls.")]
    terms: SaleTermsOut
    order: BuyOrderOut
    holds: Annotated[BaseUnits | None, Field(description="What the wallet has of it; null: the node does not tell.")]
    allowance: BaseUnits | None
    permit: Annotated[
        dict[str, Any] | None, Field(description="EIP-712, for `eth_signTypedData_v4`; null: the token takes none.")
    ]
    calls: BuyCalls


class BuyTermsOut(PayableOut):
    """All that a wallet needs to buy a listing by the contract."""

    listing: Token
    version: int
    title: str
    gasless: GaslessBuyingOut | None


class SignedPurchaseIn(BaseModel):
    """A purchase as its buyer signed it: the version, what of `gasless.order` is the buyer's, and the signature."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, lt=2**31, strict=True)]
    buyer: AddressText
    memo: HashText
    valid_before: Annotated[int, Field(ge=0, lt=2**62, strict=True)]
    salt: HashText
    signature: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{130}$", description="65 bytes: r, s and v.")]


class CarriedPurchaseState(StrEnum):
    """Where a signed purchase stands."""

    QUEUED = "queued"
    SENT = "sent"
    MINED = "mined"
    BOUGHT = "bought"
    FAILED = "failed"


class CarriedPurchaseOut(_Out):
    """A signed purchase that was taken on."""

    purchase: HashText
    state: CarriedPurchaseState
    code: Annotated[str | None, Field(description="Why it failed, where it did.", examples=["reverted"])]
    taken_on_at: Unix
    look: Annotated[str, Field(description="Look here for what becomes of it.")]
