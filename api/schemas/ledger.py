"""Schemas of the ledger: the books beside the chain."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, HashText, Unix

Signed = Annotated[str, Field(pattern="^-?[0-9]{1,78}$", description="A whole number, as a decimal text.")]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class CheckOut(_Out):
    """One invariant: what the books say, and what that is held against."""

    line: Annotated[str, Field(examples=["supply"])]
    says: Annotated[str, Field(examples=["sum of all holdings = totalSupply"])]
    account: Annotated[str | None, Field(description="The account, where the line is about one.")]
    books: Signed
    other: Signed
    unit: Literal["base_units", "count"]
    holds: bool


class ReconciliationOut(_Out):
    """How the books stood beside the chain at one block; of the wallets only those that differ are listed."""

    agrees: bool
    differs_since: Annotated[int | None, Field(description="Since when (Unix) something differs.")]
    checked_at: Unix
    full_at: Annotated[int | None, Field(description="When (Unix) every posting ever made was last summed anew.")]
    block_number: int
    block_hash: HashText
    block_time: Unix
    level: Annotated[str, Field(examples=["finalized"])]
    chain_id: int
    token: AddressText
    escrow: AddressText
    symbol: str
    decimals: int
    wallets: Annotated[int, Field(description="Wallets that hold something.")]
    wallets_asked: Annotated[int, Field(description="Of how many the chain was asked this time; they take turns.")]
    checks: list[CheckOut]
