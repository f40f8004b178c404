"""Schemas of giving by a wallet: what is given, and what the giver's wallet sends."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, BaseUnits, Call, HashText, Unix
from contracts.pledges import MOST_MONTHS

LONGEST_CODE = 80


class GiftIn(BaseModel):
    """A gift that somebody is about to give."""

    model_config = ConfigDict(extra="forbid")

    giver: AddressText
    asset: Annotated[str, Field(max_length=80, description="`ether:CHAIN` or `erc20:CHAIN:ADDRESS`, one that counts.")]
    amount: BaseUnits
    months: Annotated[int, Field(ge=0, le=MOST_MONTHS, description="Prepaid months; 0: once.")] = 0
    code: Annotated[
        str | None,
        Field(
            max_length=LONGEST_CODE,
            description="A claim code, of which the chain is told the hash alone, or a memo that the bot made (`0x…`).",
        ),
    ] = None


class GiftCalls(BaseModel):
    """What the giver's wallet sends, in this order."""

    model_config = ConfigDict(frozen=True)

    approve: Annotated[Call | None, Field(description="Allows exactly the gift; none for ether.")]
    give: Call


class UnsignedGift(BaseModel):
    """The nine fields of `Pledges.Gift`, as `POST /v1/giving/signed` takes them with a signature."""

    model_config = ConfigDict(frozen=True)

    giver: AddressText
    cause: AddressText
    amount: BaseUnits
    months: int
    memo: HashText
    relay_fee: BaseUnits
    relay_receiver: AddressText
    valid_before: Unix
    salt: HashText


class GaslessGift(BaseModel):
    """The way without ether: `typed_data` is signed, and `signed` sent with the signature."""

    model_config = ConfigDict(frozen=True)

    due: Annotated[BaseUnits, Field(description="The gift and the fee for carrying it.")]
    typed_data: Annotated[dict[str, Any], Field(description="For `eth_signTypedData_v4`.")]
    signed: UnsignedGift


class GiftTermsOut(BaseModel):
    """All that a wallet needs for a gift. Nothing is changed by asking for it."""

    model_config = ConfigDict(frozen=True)

    cause: AddressText
    pledges: AddressText
    memo: HashText
    holds: Annotated[BaseUnits | None, Field(description="What the giver has of the asset; null: the node is silent.")]
    allowance: Annotated[BaseUnits | None, Field(description="What is allowed already; null for ether.")]
    calls: GiftCalls
    gasless: Annotated[
        GaslessGift | None, Field(description="Of the service's own token; null where no gift is carried now.")
    ]
