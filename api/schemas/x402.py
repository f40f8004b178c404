"""Schemas of x402: what a facilitator is sent and answers, in the names of its specification (version 2)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_HASH = "0x" + "ab" * 32


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class PaymentIn(_Wire):
    """A buyer's payment, and what its seller asks; what is unknown in either is ignored, as the specification wants."""

    x402_version: Annotated[int, Field(strict=True, alias="x402Version")]
    payment_payload: Annotated[dict[str, Any], Field(description="`PaymentPayload`, as the buyer sent it.")]
    payment_requirements: Annotated[dict[str, Any], Field(description="`PaymentRequirements`: what the seller asks.")]


class VerifiedOut(_Wire):
    """Whether a payment would be settled now."""

    is_valid: bool
    invalid_reason: Annotated[str | None, Field(examples=["insufficient_funds"])] = None
    invalid_message: str | None = None
    payer: str | None = None


class SettledOut(_Wire):
    """How far a settlement is. `settlement_pending`: ask again with the same payment, which is never made twice."""

    success: bool
    error_reason: Annotated[str | None, Field(examples=["settlement_pending"])] = None
    error_message: str | None = None
    payer: str | None = None
    transaction: Annotated[str, Field(examples=[_HASH], description="Empty where nothing was signed yet.")]
    network: Annotated[str, Field(examples=["eip155:8453"])]
    amount: str | None = None


class KindOut(_Wire):
    """One kind of payment."""

    x402_version: Annotated[int, Field(alias="x402Version")]
    scheme: str
    network: str
    extra: dict[str, Any] | None = None


class SupportedOut(_Wire):
    """What can be settled here; no kinds where the operator serves nobody."""

    kinds: list[KindOut]
    extensions: list[str]
    signers: dict[str, list[str]]


class DiscoveredOut(_Wire):
    """Something that can be bought; asking there says what is to be signed, with what the buyer is to send back."""

    resource: Annotated[str, Field(examples=["https://earnest.example/v1/listings/3kTMd9fWq2LxYc7bR5nPzA/content"])]
    type: str
    x402_version: Annotated[int, Field(alias="x402Version")]
    accepts: Annotated[list[dict[str, Any]], Field(description="`PaymentRequirements`, without the buyer's `claim`.")]
    last_updated: Annotated[str, Field(examples=["2026-01-31T12:00:00+00:00"])]
    description: str
    mime_type: str
    extensions: dict[str, Any]


class PagingOut(_Wire):
    """Which page of how many."""

    limit: int
    offset: int
    total: int


class DiscoveryOut(_Wire):
    """A page of what can be bought."""

    x402_version: Annotated[int, Field(alias="x402Version")]
    items: list[DiscoveredOut]
    pagination: PagingOut
