"""Schemas of lists of others at one's own door."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reputation.door_lists import MOST_EXCEPTED, Does
from reputation.policy import Tokens
from reputation.trying import MOST_DAYS, USUAL_DAYS

ListName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,52}$")]


class SubscriptionIn(BaseModel):
    """What a list does at your door with whoever it bans."""

    model_config = ConfigDict(extra="forbid")

    do: Annotated[Does, Field(description="With `notify` nothing follows; `why` tells whom the list speaks of.")]
    stake: Annotated[Tokens | None, Field(description="For which stake it holds; 5 where nothing is said.")] = None
    excepted: Annotated[
        list[Annotated[str, Field(max_length=255)]],
        Field(max_length=MOST_EXCEPTED, description="Matrix ids and servers of which it does not speak here."),
    ] = []


class SubscriptionTryIn(SubscriptionIn):
    """The same, to be tried on who knocked lately."""

    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="How far back.")] = USUAL_DAYS


class SubscriptionOut(BaseModel):
    """A list that your door asks, and the rule that it is there."""

    model_config = ConfigDict(frozen=True)

    name: str
    do: Does
    stake: Tokens | None
    excepted: list[str]
    rule: Annotated[str, Field(description="The name of the rule in your door's document.")]


class SubscriptionsOut(BaseModel):
    """The lists that your door asks, in the order of their rules, and those that it could ask."""

    model_config = ConfigDict(frozen=True)

    subscriptions: list[SubscriptionOut]
    others: list[str]
