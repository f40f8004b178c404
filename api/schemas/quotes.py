"""Schemas of quotes and stakes: what a stranger sees before and after paying, and what their wallet is given."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

BaseUnits = Annotated[str, Field(pattern="^[0-9]{1,78}$", description="Base units, as a decimal text.")]
AddressText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$", description="An address with its EIP-55 checksum.")]
HashText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{64}$", description="32 bytes in hexadecimal.")]
Bytes = Annotated[str, Field(pattern="^0x([0-9a-fA-F]{2})*$", description="Bytes in hexadecimal.")]
Unix = Annotated[int, Field(ge=0, description="Unix seconds.")]

_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
_OTHER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
_HASH = "0x" + "ab" * 32


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class QuoteState(StrEnum):
    """Where a quote and its stake stand."""

    WAITING = "waiting"
    """Nobody has paid yet."""
    SUPERSEDED = "superseded"
    """Another price took its place; do not pay this one."""
    QUOTE_EXPIRED = "quote_expired"
    """Its time is over; knock again for a new one."""
    SEEN = "seen"
    """The stake is in a block, which the chain may still take back."""
    CONFIRMED = "confirmed"
    """The block is safe: taking it back would take an attack."""
    OPEN = "open"
    """The block is final; the recipient has not answered yet."""
    FORFEIT_ANNOUNCED = "forfeit_announced"
    RETURNED = "returned"
    FORFEITED = "forfeited"
    EXPIRED = "expired"
    ORPHANED = "orphaned"
    """The block that held the stake left the chain; it may come back."""


class Finality(StrEnum):
    """How sure the chain is of the block that holds the stake's opening."""

    SEEN = "seen"
    SAFE = "safe"
    FINALIZED = "finalized"
    ORPHANED = "orphaned"


class PriceOut(_Out):
    """What a door asks. The stake comes back unless the recipient calls it spam; the fee is theirs once they answer."""

    stake: BaseUnits
    fee: BaseUnits
    total: BaseUnits
    symbol: str
    decimals: int
    text: Annotated[str, Field(description="For people.", examples=["5 ERN, refundable"])]
    base: Annotated[BaseUnits | None, Field(description="The door's own stake, where more is asked.")] = None
    dearer: Annotated[list[str], Field(description="Why more is asked.", examples=[["door", "wallet"]])] = []
    why_dearer: Annotated[str | None, Field(description="The same, for people.")] = None


class TrackRecordOut(_Out):
    """What became of earlier stakes at this recipient's door: counts alone."""

    returned: int
    forfeited: int
    expired: int
    open: int


class TermsOut(_Out):
    """All terms of a stake, in the order in which the escrow hashes them."""

    payer: AddressText
    return_to: AddressText
    amount: BaseUnits
    fee: BaseUnits
    fee_payee: AddressText
    relay_fee: BaseUnits
    relay_receiver: AddressText
    resolver: AddressText
    guardian: AddressText
    answer_by: Unix
    quote_expiry: Unix
    commitment: HashText


class StakeOut(_Out):
    """A stake as the chain has it. Who knocked on whose door is not in it, nor on the chain."""

    id: HashText
    state: Annotated[str, Field(examples=["open"])]
    finality: Finality
    terms: TermsOut
    opened_at: Unix
    opening_transaction: HashText
    last_transaction: HashText
    executable_at: Annotated[int | None, Field(description="From when on (Unix) an announced forfeit is executable.")]
    answered: Annotated[bool | None, Field(description="Of a returned stake: whether the recipient answered.")]
    surplus: Annotated[bool, Field(description="It opens nothing and goes back: its quote was paid, or stood no more.")]


class GaslessState(StrEnum):
    """Where an opening stands that was signed and is carried for the payer."""

    QUEUED = "queued"
    """It waits to be sent."""
    SENT = "sent"
    """It is on its way into a block."""
    MINED = "mined"
    """It stands in a block."""
    OPENED = "opened"
    """It stands in a final block."""
    FAILED = "failed"
    """It came to nothing; ``code`` says why, and nothing was taken from the wallet."""


class GaslessOut(_Out):
    """The way for wallets without ether: sign once, and the service carries the opening for a fee in tokens."""

    available: Annotated[bool, Field(description="Whether a signed opening would be taken, as far as is known.")]
    why_not: Annotated[str | None, Field(examples=["gasless_budget_empty"])]
    why_not_text: str | None
    relay_fee: Annotated[BaseUnits, Field(description="Due only if the opening is carried; it is not refunded.")]
    total: Annotated[BaseUnits, Field(description="Stake, fee and relay fee.")]
    text: Annotated[str, Field(description="For people.", examples=["0.1 ERN"])]
    state: Annotated[GaslessState | None, Field(description="Of the latest opening that was signed, if any.")] = None
    code: Annotated[str | None, Field(description="Why it failed.", examples=["reverted"])] = None
    stake_id: HashText | None = None


class QuoteOut(_Out):
    """A price for one stranger at one door, and where it stands."""

    id: str
    url: str
    state: QuoteState
    door_open: Annotated[bool, Field(description="Whether an invite would get through on this stake now.")]
    opens_at: Annotated[Finality | None, Field(description="What finality the stake must reach to open the door.")]
    stranger: Annotated[str | None, Field(examples=["@bob:example.org"])]
    recipient: Annotated[str | None, Field(examples=["@alice:example.org"])]
    price: PriceOut
    chain_id: int
    token: AddressText
    escrow: AddressText
    resolver: Annotated[AddressText, Field(description="The key that may return a stake or announce its forfeit.")]
    guardian: Annotated[AddressText, Field(description="The key that may turn an announced forfeit into a return.")]
    commitment: HashText
    check_code: Annotated[str, Field(description="Stands in the refusal, the bot's message and on the page alike.")]
    quote_expiry: Annotated[Unix, Field(description="Until when the stake can be opened.")]
    answer_by: Annotated[Unix, Field(description="From then on an unanswered stake goes back.")]
    track_record: TrackRecordOut
    stake: StakeOut | None
    gasless: GaslessOut


class TermsIn(BaseModel):
    """Who pays, and where the stake goes back to (to the payer, unless said)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"payer": _ADDRESS}, {"payer": _ADDRESS, "return_to": _OTHER}]},
    )

    payer: Annotated[str, Field(max_length=42, description="The address whose tokens are staked.")]
    return_to: Annotated[str | None, Field(max_length=42, description="Where the stake goes back to.")] = None


class SignatureParts(BaseModel):
    """A signature in its three parts."""

    model_config = ConfigDict(extra="forbid")

    v: Annotated[int, Field(ge=0, le=28)]
    r: HashText
    s: HashText


class OpenIn(TermsIn):
    """The terms that were signed, and the signature over `typed_data.authorization` of those terms."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"payer": _ADDRESS, "signature": "0x" + "ab" * 64 + "1b"}]},
    )

    signature: Annotated[str, Field(pattern="^0x[0-9a-fA-F]{130}$", description="r, s and v: 65 bytes.")] | (
        SignatureParts
    )


class OpeningOut(_Out):
    """An opening that was taken on, and where to look for what becomes of it."""

    stake_id: HashText
    state: GaslessState
    code: Annotated[str | None, Field(description="Why it failed, where it did.")]
    quote: Annotated[str, Field(description="Look here (`gasless.state`, then `state` and `door_open`).")]
    stake: Annotated[str, Field(description="The stake, from when it is on the chain.")]


class Call(_Out):
    """A transaction for the payer's wallet."""

    to: AddressText
    data: Bytes
    value: Annotated[str, Field(examples=["0x0"])] = "0x0"


class SignedCall(_Out):
    """A transaction that needs a signature: append v, r and s to ``data``, as three words of 32 bytes."""

    to: AddressText
    data: Bytes
    value: Annotated[str, Field(examples=["0x0"])] = "0x0"


class Calls(_Out):
    """The ways to open the stake; one of them is enough."""

    approve: Call
    open: Annotated[Call, Field(description="After ``approve``.")]
    open_with_permit: SignedCall | None
    open_with_authorization: SignedCall


class TypedDataOut(_Out):
    """What to hand to ``eth_signTypedData_v4``. ``permit`` is null while the chain's node does not answer."""

    permit: dict[str, Any] | None
    authorization: dict[str, Any]


class Payer(_Out):
    """What the payer's address holds; null while the chain's node does not answer."""

    tokens: BaseUnits | None
    ether: Annotated[str | None, Field(description="Wei, as a decimal text.")]
    allowance: Annotated[BaseUnits | None, Field(description="What the escrow may take already.")]


class ReceiptOut(_Out):
    """Enough to get the stake back without us: keep it."""

    what: str = (
        "Receipt of an Earnest contact stake. After answer_by anybody may call expire(terms) on the escrow; stake and "
        "fee then go to return_to. `earnest stake reclaim FILE --rpc URL` does it."
    )
    chain_id: int
    escrow: AddressText
    token: AddressText
    symbol: str
    decimals: int
    stake_id: HashText
    terms: TermsOut
    transaction: Annotated[HashText | None, Field(description="The transaction that opened it, once known.")]
    answer_by: Unix
    answer_by_text: Annotated[str, Field(examples=["2026-12-01 12:00:00 UTC"])]
    get_it_back: Annotated[list[str], Field(description="What to do, in words.")]
    expire: Annotated[Call, Field(description="Anybody may send this from ``answer_by`` on.")]


class GaslessOfferOut(_Out):
    """Whether the service would carry this payer's signed opening, and what would leave their address then."""

    available: bool
    why_not: Annotated[str | None, Field(examples=["gasless_relayer_empty"])]
    why_not_text: str | None
    relay_fee: BaseUnits
    due: Annotated[BaseUnits, Field(description="Stake, fee and relay fee.")]


class OfferOut(_Out):
    """A quote's terms for one payer, and everything that their wallet needs; no web3 library is needed on its side."""

    stake_id: HashText
    terms: TermsOut
    due: Annotated[BaseUnits, Field(description="What leaves the payer's address: stake and fee.")]
    gasless: GaslessOfferOut
    typed_data: TypedDataOut
    calls: Calls
    payer_holds: Payer
    receipt: ReceiptOut
