"""Schemas of buying by the contract: what a purchase is of, and what a wallet signs and sends for it."""

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
    """What a wallet sends: `buy_with_permit` with its signature, or `approve` and then `buy`."""

    approve: Call
    buy: Call
    buy_with_permit: SplitCall | None


class BuyTermsOut(_Out):
    """All that a wallet needs to buy a listing by the contract."""

    listing: Token
    version: int
    title: str
    checkout: AddressText
    purchase: Annotated[HashText, Field(description="The purchase's id, once it is paid by these very calls.")]
    terms: SaleTermsOut
    order: BuyOrderOut
    symbol: str
    decimals: int
    holds: Annotated[BaseUnits | None, Field(description="What the wallet has of it; null: the node does not tell.")]
    allowance: BaseUnits | None
    permit: Annotated[
        dict[str, Any] | None, Field(description="EIP-712, for `eth_signTypedData_v4`; null: the token takes none.")
    ]
    calls: BuyCalls
