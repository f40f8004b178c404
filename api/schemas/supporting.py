"""Schemas of a person's own support: what they gave, what they have by it, and what they let be seen."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import Unix
from api.schemas.wall import GivenOut
from ledger import siwe
from payments.flair.claiming import Result


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GiftOut(_Out):
    """One gift of yours."""

    key: Annotated[str, Field(examples=["chain:1:0xab…:3"])]
    source: Annotated[str, Field(examples=["chain"])]
    asset: Annotated[str, Field(description="An ISO currency, `ether:CHAIN` or `erc20:CHAIN:ADDRESS`.")]
    amount: Annotated[str, Field(description="Minor units: cents of a currency, base units of a token.")]
    text: Annotated[str, Field(description="For people.", examples=["5 ERN"])]
    at: Unix
    months: Annotated[int, Field(description="Prepaid months; 0: once, or as long as `recurring`.")]
    recurring: Annotated[str | None, Field(description="`week`, `month` or `year`, where it comes again by itself.")]
    finality: Annotated[str, Field(description="`seen`, `safe`, or `finalized`: it can no longer be taken back.")]
    taken_back: Annotated[Unix | None, Field(description="When it was charged back, or left the chain.")]


class GiftsOut(_Out):
    """All gifts that are yours, the latest first, and their sums."""

    gifts: list[GiftOut]
    more: Annotated[bool, Field(description="There are more than are listed; the sums count them all.")]
    given: list[GivenOut]


class HeldOut(_Out):
    """A tier of yours: now, ahead, or the last time."""

    tier: str
    title: str
    gives: Annotated[list[str], Field(description="`flair`, `wall`, `space`, `rooms`, `skip_stake`.")]
    since: Unix
    until: Annotated[Unix | None, Field(description="Until when what you gave lasts; null: for good.")]
    grace_until: Annotated[Unix | None, Field(description="When all of it ends unless more is given.")]
    phase: Annotated[str, Field(description="`ahead`, `running`, `ending`, `grace` or `lapsed`.")]
    source: str
    renews: Annotated[bool, Field(description="The source charges again by itself.")]


class ShowingModel(_In):
    """What others may see: the flair; a place on the wall, with your name or without it, with what you gave or not."""

    flair: bool = False
    wall: bool = False
    name: Annotated[bool, Field(description="On the wall.")] = False
    amount: Annotated[bool, Field(description="On the wall.")] = False


class ShowIn(ShowingModel):
    """The same, with the preview's code; to hide something takes none."""

    seen: Annotated[str | None, Field(max_length=20, description="`seen` of the preview of just this.")] = None


class PreviewOut(_Out):
    """Who would see what."""

    text: Annotated[str, Field(description="In your language, with all that anybody would see.")]
    seen: Annotated[str, Field(description="Send it along to say that you have seen this.")]


class MyFlairOut(_Out):
    """Your tiers, what you let be seen of them, and where."""

    tiers: list[HeldOut]
    showing: ShowingModel
    statement: Annotated[
        dict[str, Any] | None, Field(description="What is signed while you show it; null where no tier gives a flair.")
    ]
    url: Annotated[str, Field(description="Where the signed statement stands while you show it.")]
    badge: str
    wall: str


class CodeIn(_In):
    """A claim code: of a gift of yours, or as the operator gave it to you."""

    code: Annotated[str, Field(max_length=100, examples=["ABCDE-FGHJK-MNPQR-TUVWX-Y3468"])]


class AddressIn(_In):
    """The address that gave."""

    address: Annotated[str, Field(max_length=120)]


class ToSignOut(_Out):
    """What is to be signed with that address, to the letter, within half an hour."""

    address: str
    message: str


class SignatureIn(_In):
    """The signature of the message."""

    signature: Annotated[str, Field(max_length=2 + 2 * siwe.MOST_SIGNATURE_BYTES)]


class ClaimedOut(_Out):
    """What became of a claim. To claim shows nothing to anybody."""

    result: Annotated[
        Result,
        Field(
            description="`claimed`; `yours`: it was already; `taken`: by somebody else; `unknown`: it is none, or none "
            "that is good; `locked`: you named too many that were none."
        ),
    ]
    until: Annotated[Unix | None, Field(description="`locked`: when you are listened to again.")] = None
