"""Schemas of how a person hears of their queue, and who answers it with them: digest and helpers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.me import MatrixId
from api.schemas.quotes import Unix
from reputation.schedule import USUAL, Every


class DigestIn(BaseModel):
    """When a digest is to come."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"every": "weekly", "weekday": 0, "hour": 9}, {"every": "off"}]},
    )

    every: Every
    weekday: Annotated[int, Field(ge=0, le=6, description="0 is Monday; for a weekly one.")] = USUAL.weekday
    hour: Annotated[int, Field(ge=0, le=23, description="A full hour in your own time zone.")] = USUAL.hour


class DigestOut(BaseModel):
    """When a digest comes: at a full hour in the person's own time zone."""

    model_config = ConfigDict(frozen=True)

    every: Every
    weekday: Annotated[int, Field(description="0 is Monday; of a weekly one.")]
    hour: int
    time_zone: Annotated[str, Field(description="What the person told the bot by 'zone'.", examples=["Europe/Vienna"])]
    due_at: Annotated[Unix | None, Field(description="The next one; null where none ever comes.")]


class HelpOut(BaseModel):
    """One person who helps another, or was asked to."""

    model_config = ConfigDict(frozen=True)

    who: MatrixId | None
    asked_at: Unix
    accepted_at: Annotated[Unix | None, Field(description="From when on it counts; null while they have not accepted.")]


class HelpersOut(BaseModel):
    """Who sees and answers your queue with you, and whose queue you see and answer."""

    model_config = ConfigDict(frozen=True)

    helpers: list[HelpOut]
    helping: list[HelpOut]
