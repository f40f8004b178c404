"""Wallets: a person's own, linked by a signature, one of them the primary one; told to nobody but that person."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import ContainerDep, Reader, Writer
from api.schemas.problems import problems
from api.schemas.wallets import LinkIn, MessageIn, MessageOut, PrimaryIn, WalletOut, WalletsOut
from app import linking
from app.container import Work
from kit.clock import unix
from kit.identifiers import PersonId, parse_address, show_address

router = APIRouter(prefix="/v1/me/wallets", tags=["me"], responses=problems(400, 401, 403, 404, 409, 429, 503))

WalletAddress = Annotated[str, Path(max_length=64, examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"])]


@router.get("")
def wallets(reader: Reader, container: ContainerDep) -> WalletsOut:
    """List your wallets, the primary one first: fees that strangers pay at your door go to it."""
    with container.read() as work:
        return _wallets(work, reader.person)


@router.post("/message")
def make_message(asked: MessageIn, writer: Writer, container: ContainerDep) -> MessageOut:
    """Make the message that a wallet signs to be linked to you (EIP-4361); it is good once, for ten minutes."""
    address = parse_address(asked.address)
    with container.work() as work:
        message = linking.message_for(container, work, writer.person, address)
        return MessageOut(message=message.text(), expires_at=unix(work.now + linking.SIGN_WITHIN))


@router.post("")
def link(signed: LinkIn, writer: Writer, container: ContainerDep) -> WalletsOut:
    """Link the wallet that signed the message: by its key (EIP-191), or as a contract (EIP-1271, ERC-6492).

    The first one is the primary one. A wallet is linked to one person at a time.
    """
    proof = linking.prove(container, writer.person, signed.message, signed.signature)
    with container.work() as work:
        linking.link(container, work, writer.person, proof)
        return _wallets(work, writer.person)


@router.put("/primary")
def make_primary(asked: PrimaryIn, writer: Writer, container: ContainerDep) -> WalletsOut:
    """Make one of your wallets the primary one. Prices that were told already keep the wallet that they name."""
    address = parse_address(asked.address)
    with container.work() as work:
        linking.make_primary(work, writer.person, address)
        return _wallets(work, writer.person)


@router.delete("/{address}")
def unlink(address: WalletAddress, writer: Writer, container: ContainerDep) -> WalletsOut:
    """Unlink one of your wallets; where it was the primary one, the oldest of the others takes over.

    Open stakes stay as they are: each goes back to the address that its own terms name.
    """
    wallet = parse_address(address)
    with container.work() as work:
        linking.unlink(work, writer.person, wallet)
        return _wallets(work, writer.person)


def _wallets(work: Work, person: PersonId) -> WalletsOut:
    known = work.holders.wallets(person)
    return WalletsOut(
        wallets=[
            WalletOut(address=show_address(one.address), primary=one.primary, linked_at=unix(one.linked_at))
            for one in known
        ]
    )
