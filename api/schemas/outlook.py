"""Shapes of what a person thinks of strangers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reputation.outlook import Strangers
from reputation.trust.formula import MOST_QUORUM

Quorum = Annotated[
    int, Field(ge=1, le=MOST_QUORUM, description="How many whom you hear must speak for somebody who is then heard.")
]


class OutlookIn(BaseModel):
    """What to change; what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"strangers": "wary", "quorum": 2}]})

    strangers: Strangers | None = None
    quorum: Quorum | None = None


class OutlookOut(BaseModel):
    """What you think of somebody of whom nobody speaks, and whom it takes to be heard."""

    model_config = ConfigDict(frozen=True)

    strangers: Strangers
    prior: Annotated[float, Field(ge=0, le=1, description="The reputation that this gives a stranger.")]
    quorum: Quorum
