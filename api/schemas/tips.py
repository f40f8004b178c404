"""Schemas of tips: what a giver chooses, what their wallet is given, how far it is, and tips that were paid."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.checkout import GaslessBuyingOut, PayableOut
from api.schemas.me import MatrixId
from api.schemas.quotes import AddressText, BaseUnits, Bytes, HashText, Unix
from api.schemas.selling import SaleAssetOut, Token
from ledger.model import Level
from payments.tips.model import LONGEST_NOTE, TipState


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class TipIn(BaseModel):
    """What is tipped, by which wallet, and what is said with it."""

    model_config = ConfigDict(extra="forbid")

    payer: AddressText
    amount: BaseUnits
    asset: Annotated[
        str | None,
        Field(max_length=100, description="Which token that is, of those that they take; the service's by default."),
    ] = None
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""
    public: Annotated[
        bool, Field(description="Whether the room of the message sees sum, note and both names; else the two alone.")
    ] = False
    anonymous: Annotated[
        bool, Field(description="Whether the receiver is not told who gives; never with `public`.")
    ] = False


class TipTermsOut(PayableOut):
    """All that a wallet needs to pay a tip by the contract."""

    note_salt: Annotated[
        Bytes,
        Field(
            description="`terms.content` is keccak256 of `earnest-tip-note:`, this, a byte each for public and "
            "anonymous, and the note in UTF-8: with it a giver can prove what they said."
        ),
    ]
    gasless: GaslessBuyingOut | None


class SignedTipIn(TipIn):
    """A tip as its payer signed it: what the terms were asked for with, what of `gasless.order` is theirs, and that."""

    valid_before: Annotated[int, Field(ge=0, lt=2**62, strict=True)]
    salt: HashText
    signature: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{130}$", description="65 bytes: r, s and v.")]


class TipProgressOut(_Out):
    """How far the tip of a link is, and while it is open, what it can be paid in."""

    state: Literal["open", "paid", "taken_back"]
    level: Level | None
    takes: Annotated[
        list[SaleAssetOut], Field(description="What they are tipped in now, the service's own token first.")
    ]


class TipOut(_Out):
    """A tip of yours."""

    id: Token
    side: Literal["given", "received"]
    other: Annotated[MatrixId | None, Field(description="Null: they do not say who they are, or have left us.")]
    anonymous: bool
    public: bool
    asset: str
    symbol: str
    decimals: int
    amount: BaseUnits
    note: Annotated[str | None, Field(description="Null: it is kept no more. A note goes once it was brought.")]
    room: str | None
    event: str | None
    state: TipState
    level: Level
    counts: Annotated[bool, Field(description="False: from a wallet of the receiver's own, or by a link used before.")]
    key: Annotated[HashText, Field(description="The purchase on the chain, which proves it.")]
    paid_at: Unix


class TipsOut(_Out):
    """A page of tips, latest first; and where you are tipped."""

    wallet: Annotated[AddressText | None, Field(description="Where you are tipped; null: you take no tips.")]
    takes: Annotated[
        list[SaleAssetOut], Field(description="What you are tipped in, the service's token first; none: in nothing.")
    ]
    tips: list[TipOut]
    next: Annotated[Token | None, Field(description="Where the next page begins: its `before`.")]
