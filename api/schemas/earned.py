"""Schemas of what servers earned: each epoch with every factor of its share, estimates, and what a claim needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, Unix
from app.epochs import Estimate, History
from kit.clock import unix
from kit.identifiers import Address, show_address, show_hash
from payments.rewards.history import Part, Proof
from payments.rewards.model import people_in

_Frozen = ConfigDict(frozen=True)


class PartOut(BaseModel):
    """What a server counted for in one epoch, by every factor of the formula; sums in base units."""

    model_config = _Frozen

    epoch: int
    begins: Unix
    ends: Unix
    payout: AddressText
    share: Annotated[str, Field(description="What its score made of the budget; nobody's where it was withheld.")]
    budget: str
    availability: Annotated[int, Field(description="Thousandths of the looks that it answered; below 900: nothing.")]
    people_from: int
    people_to: int
    weight: Annotated[int, Field(description="Hundredths.")]
    factor: Annotated[int, Field(description="Hundred-thousandths that availability and weight left.")]
    alike: Annotated[int, Field(description="Servers of its largest group: domain, payout address or network.")]
    networks: list[str]
    domain: str
    score: str
    scores: Annotated[str, Field(description="The scores of all servers together.")]
    withheld: bool
    because: Annotated[
        list[str],
        Field(
            description="What made it less: `away`, `unused`, `at_times_away`, `weighs_less`, `together`, `large`, "
            "`largest`, `withheld`."
        ),
    ]

    @classmethod
    def of(cls, part: Part) -> PartOut:
        """Show a part."""
        one = part.measured
        least, most = people_in(one.people)
        return cls(
            epoch=part.epoch,
            begins=part.begins,
            ends=part.ends,
            payout=show_address(one.payout),
            share=str(part.amount),
            budget=str(part.budget),
            availability=one.availability,
            people_from=least,
            people_to=most,
            weight=one.weight,
            factor=part.factor,
            alike=part.alike,
            networks=list(one.networks),
            domain=one.domain,
            score=str(part.score),
            scores=str(part.total),
            withheld=one.withheld,
            because=[str(because) for because in part.because],
        )


class ClaimOut(BaseModel):
    """What a claim needs; anybody may carry it, and the payee gets the money, once."""

    model_config = _Frozen

    payee: AddressText
    cumulative: Annotated[str, Field(description="Base units that the payee earned in all, by this epoch's file.")]
    epoch: int
    root: str
    proof: list[str]
    had: Annotated[str, Field(description="What the payee has had of it, as the chain has it.")]
    due: str
    root_state: Annotated[
        str | None,
        Field(
            description="How the root stands on the chain: `waiting`, `counts`, `earlier`, `over`, `cancelled`; None "
            "before it is proposed. A claim pays while it is `counts` or `earlier`."
        ),
    ]
    counts_from: Annotated[Unix | None, Field(description="Until when a root that waits can be disputed.")]
    chain_id: int
    distributor: AddressText | None

    @classmethod
    def of(cls, history: History, proof: Proof, chain_id: int, distributor: Address | None) -> ClaimOut:
        """Show a proof, and how it stands."""
        return cls(
            payee=show_address(proof.payee),
            cumulative=str(proof.cumulative),
            epoch=history.proof_of or 0,
            root=show_hash(proof.root),
            proof=[show_hash(one) for one in proof.hashes],
            had=str(history.had),
            due=str(history.due),
            root_state=None if history.root is None else history.root.state.value,
            counts_from=None if history.root is None else history.root.counts_from,
            chain_id=chain_id,
            distributor=None if distributor is None else show_address(distributor),
        )


class EarnedOut(BaseModel):
    """What a server earned in the epochs of the last year, the newest first."""

    model_config = _Frozen

    server_name: str
    epochs: list[PartOut]
    claim: Annotated[ClaimOut | None, Field(description="None where its payee never earned anything.")]

    @classmethod
    def of(cls, history: History, chain_id: int, distributor: Address | None) -> EarnedOut:
        """Show a history."""
        return cls(
            server_name=history.server,
            epochs=[PartOut.of(part) for part in history.parts],
            claim=_claim(history, chain_id, distributor),
        )


class OperatorOut(EarnedOut):
    """The same for its operator."""

    next: Annotated[
        PartOut | None,
        Field(description="The epoch that goes on, if all goes on as in its days so far; None before it was measured."),
    ]


class EstimatedOut(BaseModel):
    """Of which epoch how much."""

    model_config = _Frozen

    epoch: int
    would_have_earned: str
    budget: str


class EstimateOut(BaseModel):
    """What a server would have earned in the last epochs, always there; in base units."""

    model_config = _Frozen

    server_name: str
    people: int
    epochs: list[EstimatedOut]
    claims_from: Annotated[Unix, Field(description="When whoever enrols now can claim for the first time.")]
    formula: Literal["earnest-shares-1"] = "earnest-shares-1"

    @classmethod
    def of(cls, server: str, people: int, found: Estimate) -> EstimateOut:
        """Show an estimate."""
        rows = [
            EstimatedOut(epoch=epoch.number, would_have_earned=str(amount), budget=str(epoch.budget))
            for epoch, amount in found.epochs
        ]
        return cls(server_name=server, people=people, epochs=rows, claims_from=unix(found.claims_from))


def _claim(history: History, chain_id: int, distributor: Address | None) -> ClaimOut | None:
    return None if history.proof is None else ClaimOut.of(history, history.proof, chain_id, distributor)


class ClaimIn(BaseModel):
    """Whose reward is to be carried, and by which epoch's file: without one, the oldest under which anything is due."""

    model_config = ConfigDict(extra="forbid")

    payout: AddressText
    epoch: Annotated[int | None, Field(ge=1, le=10_000)] = None


class CarriedClaimOut(BaseModel):
    """A claim that the relayer carries."""

    model_config = _Frozen

    id: str
    payout: AddressText
    state: Annotated[str, Field(description="`queued`, `sent`, `mined`, `opened` (it was paid for good) or `failed`.")]
