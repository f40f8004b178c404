"""Schemas of rewards for servers: challenges, enrolments, and how a server stands."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, Unix
from payments.rewards.enrolling import TYPE
from payments.rewards.onchain import RootState
from payments.rewards.totalling import SMALLEST_GROUP

_MOST_KEYS = 20


class ChallengeIn(BaseModel):
    """Which server wants to earn, and where its rewards are to go."""

    model_config = ConfigDict(extra="forbid")

    server_name: Annotated[str, Field(max_length=255, examples=["example.org"])]
    payout: AddressText


class JoiningIn(ChallengeIn):
    """Which server's administrator will have it ask us."""

    forward: Annotated[
        bool, Field(description="Send its reports on to matrix.org's endpoint, since Synapse reports to one alone.")
    ] = False


class JoiningOut(BaseModel):
    """What the server's administrator does, from any client: join that alias, and do what the answer says."""

    model_config = ConfigDict(frozen=True)

    alias: Annotated[str, Field(examples=["#enrol.…:earnest.example:443"])]
    server_name: str
    payout: AddressText
    report_url: Annotated[
        str,
        Field(description="Synapse's `report_stats_endpoint`, good once the server takes part. It is secret."),
    ]
    expires_ts: Annotated[int, Field(description="Unix milliseconds.")]


class ChallengeOut(BaseModel):
    """What the server's signing key signs, to the letter (Matrix specification, "Signing JSON")."""

    model_config = ConfigDict(frozen=True)

    type: Literal["org.earnest.rewards.enrolment"] = TYPE
    server_name: str
    kind: str
    payout: AddressText
    service: str
    chain_id: int
    nonce: str
    expires_ts: Annotated[int, Field(description="Unix milliseconds.")]


class SignedIn(ChallengeOut):
    """The challenge as it was given, with the server's signature."""

    model_config = ConfigDict(extra="forbid")

    signatures: Annotated[
        dict[str, dict[str, Annotated[str, Field(max_length=100)]]],
        Field(max_length=_MOST_KEYS, examples=[{"example.org": {"ed25519:a_abcd": "base64 without padding"}}]),
    ]

    def document(self) -> dict[str, Any]:
        """Return the signed document."""
        return self.model_dump()


class EnrolledOut(BaseModel):
    """How a server stands."""

    model_config = ConfigDict(frozen=True)

    server_name: str
    kind: str
    payout: Annotated[AddressText, Field(description="Where rewards go now.")]
    payout_next: Annotated[AddressText | None, Field(description="Where they go from `payout_from` on.")]
    payout_from: Unix | None
    forwards: Annotated[bool, Field(description="Whether its reports go on to matrix.org's endpoint.")]
    enrolled_at: Unix
    seen_at: Annotated[Unix | None, Field(description="When it last answered us over federation.")]
    trouble: Annotated[
        str | None,
        Field(description="`key_changed`: it signs with a key that it never announced; enrol again with the new one."),
    ]
    claims_from: Annotated[Unix | None, Field(description="Nothing is claimed before this.")]


class EnrolmentOut(EnrolledOut):
    """What an enrolment brought."""

    report_url: Annotated[
        str, Field(description="Synapse's `report_stats_endpoint`. It is secret, and shown this once.")
    ]


class EpochOut(BaseModel):
    """A closed epoch; sums in base units."""

    model_config = ConfigDict(frozen=True)

    number: int
    begins: Unix
    ends: Unix
    servers: Annotated[int | None, Field(description="None where there were fewer than five.")]
    budget: str
    paid: str
    forfeited: Annotated[str, Field(description="Shares of servers whose claims are suspended: nobody gets them.")]
    root: Annotated[str | None, Field(description="The Merkle root of what everybody has earned in all.")]
    on_chain: Annotated[
        RootState | None,
        Field(description="How that root stands in the contract that pays; null: it was not proposed."),
    ]
    closed_at: Unix


class DayOut(BaseModel):
    """What is said of all servers that took part on one day; they are counted in fives, rounded down."""

    model_config = ConfigDict(frozen=True)

    day: Annotated[date, Field(description="In UTC.")]
    servers: int
    people: Annotated[
        dict[str, int],
        Field(description="By how many people used them, as far as that is believed.", examples=[{"1 to 4": 15}]),
    ]
    availability: Annotated[
        dict[str, int],
        Field(description="By how many of the day's looks they answered.", examples=[{"99 % and more": 20}]),
    ]


class NothingOut(BaseModel):
    """That it was taken, and nothing more."""


class TotalsOut(BaseModel):
    """What is said of the newest days, the newest first. What was said of a day is never changed."""

    model_config = ConfigDict(frozen=True)

    smallest_group: int = SMALLEST_GROUP
    days: list[DayOut]


class EpochsOut(BaseModel):
    """All closed epochs, the newest first."""

    model_config = ConfigDict(frozen=True)

    epochs: list[EpochOut]
