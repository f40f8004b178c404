"""Schemas of a person's wallets."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.quotes import AddressText, Unix
from ledger import siwe


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WalletOut(_Out):
    """One linked wallet."""

    address: AddressText
    primary: Annotated[bool, Field(description="Fees go to this one.")]
    linked_at: Unix


class WalletsOut(_Out):
    """A person's wallets, the primary one first."""

    wallets: list[WalletOut]


class MessageIn(_In):
    """The wallet that is to be linked."""

    address: AddressText


class MessageOut(_Out):
    """What the wallet signs, to the letter."""

    message: str
    expires_at: Unix


class LinkIn(_In):
    """The message as it was made, and the wallet's signature."""

    message: Annotated[str, Field(max_length=siwe.LONGEST)]
    signature: Annotated[
        str,
        Field(
            max_length=2 + 2 * siwe.MOST_SIGNATURE_BYTES,
            description="0x and hexadecimal digits: 65 bytes of a key, or whatever a contract's wallet makes.",
        ),
    ]


class PrimaryIn(_In):
    """Which wallet is to be the primary one."""

    address: AddressText
