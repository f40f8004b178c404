"""Schemas of giving: what a giver must know, and a signed gift that is carried for them."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, BaseUnits, HashText, Unix
from contracts.pledges import MOST_MONTHS

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_HASH = "0x" + "ab" * 32


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class CauseOut(_Out):
    """What gifts are for, and the address that gets them."""

    address: AddressText
    title: str


class AssetOut(_Out):
    """Something that can be given; `token` is null for the chain's own coin."""

    name: Annotated[str, Field(examples=["ERN"])]
    token: AddressText | None
    decimals: int


class GaslessGivingOut(_Out):
    """Whether signed gifts of the service's own token are carried, and for how much."""

    available: bool
    why_not: Annotated[str | None, Field(examples=["gasless_relayer_empty"])]
    why_not_text: str | None
    relay_fee: BaseUnits
    relay_receiver: AddressText


class GivingOut(_Out):
    """All that a wallet needs to give."""

    chain_id: int
    cause: CauseOut
    token: Annotated[AddressText, Field(description="The service's own token: transfers of it to the cause count.")]
    pledges: Annotated[AddressText | None, Field(description="The contract by which all else counts; null: none yet.")]
    symbol: str
    decimals: int
    assets: list[AssetOut]
    most_months: int
    gasless: GaslessGivingOut


class SignedGiftIn(BaseModel):
    """The nine fields of `Pledges.Gift`, and the giver's EIP-3009 signature over them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "giver": _ADDRESS,
                    "cause": _ADDRESS,
                    "amount": "5000000000000000000",
                    "months": 3,
                    "memo": _HASH,
                    "relay_fee": "100000000000000000",
                    "relay_receiver": _ADDRESS,
                    "valid_before": 1_800_086_400,
                    "salt": _HASH,
                    "signature": "0x" + "ab" * 64 + "1b",
                }
            ]
        },
    )

    giver: Annotated[str, Field(max_length=42)]
    cause: Annotated[str, Field(max_length=42)]
    amount: BaseUnits
    months: Annotated[int, Field(ge=0, le=MOST_MONTHS, strict=True)]
    memo: HashText
    relay_fee: BaseUnits
    relay_receiver: Annotated[str, Field(max_length=42)]
    valid_before: Annotated[int, Field(ge=0, lt=2**62, strict=True)]
    salt: HashText
    signature: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{130}$", description="r, s and v: 65 bytes.")]


class CarriedGiftState(StrEnum):
    """Where a signed gift stands."""

    QUEUED = "queued"
    SENT = "sent"
    MINED = "mined"
    GIVEN = "given"
    FAILED = "failed"


class CarriedGiftOut(_Out):
    """A signed gift that was taken on."""

    id: HashText
    state: CarriedGiftState
    code: Annotated[str | None, Field(description="Why it failed, where it did.", examples=["reverted"])]
    taken_on_at: Unix
    look: Annotated[str, Field(description="Look here for what becomes of it.")]
