"""Schemas of the wall: who chose to be seen, and sums of all that was given."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.me import MatrixId
from api.schemas.quotes import Unix


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class GivenOut(_Out):
    """A sum of one asset from one source, as sure as one part of it is."""

    asset: Annotated[str, Field(description="An ISO currency, `ether:CHAIN` or `erc20:CHAIN:ADDRESS`.")]
    amount: Annotated[str, Field(description="Minor units: cents of a currency, base units of a token.")]
    text: Annotated[str, Field(description="For people.", examples=["25 ERN"])]
    source: Annotated[str, Field(description="`chain`, `patreon`, `liberapay` or `hand`.")]
    way: Annotated[str, Field(description="The same, for people.", examples=["the chain"])]
    finality: Annotated[str, Field(description="`seen`, `safe`, or `finalized`: it can no longer be taken back.")]


class PlaceOut(_Out):
    """Somebody on the wall, with what they let be seen."""

    mxid: Annotated[MatrixId | None, Field(description="null: without a name.")]
    tier: str
    title: Annotated[str, Field(description="What the tier is called.")]
    since: Annotated[Unix | None, Field(description="The day; null: without a name.")]
    given: Annotated[list[GivenOut] | None, Field(description="null: without what they gave.")]


class SponsorOut(_Out):
    """A company on the wall, as the operator calls it."""

    name: str
    tier: str
    title: str
    since: Unix


class WallOut(_Out):
    """The wall."""

    cause: Annotated[str, Field(description="What is supported.")]
    supporters: Annotated[int, Field(description="How many have a tier now, seen or not.")]
    shown: Annotated[int, Field(description="How many of them stand here.")]
    totals: Annotated[list[GivenOut], Field(description="All that was ever given, together.")]
    sponsors: list[SponsorOut]
    places: Annotated[list[PlaceOut], Field(description="The highest tier first, then by time.")]
