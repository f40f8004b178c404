"""What a wallet bought: how far its payment is, and opening it by the signature of that wallet."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import ContainerDep, limited
from api.schemas.bought import OpenedByWalletOut, OpenedIn, OpeningIn, ProgressOut
from api.schemas.problems import problems
from api.schemas.wallets import MessageOut
from app import opening, proofs
from kit.clock import unix
from kit.identifiers import parse_address, parse_hash

router = APIRouter(prefix="/v1", tags=["selling"], responses=problems(400, 404, 409, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_ListingId = Annotated[str, Path(alias="listing", pattern=_TOKEN)]
_signing = Depends(limited("opening", per_minute=20, burst=20))


@router.get("/purchases/{purchase}", dependencies=[Depends(limited("purchase", per_minute=120, burst=60))])
def progress(
    purchase: Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")],
    container: ContainerDep,
    order: Annotated[str | None, Query(pattern=_TOKEN)] = None,
) -> ProgressOut:
    """Show how far a payment is, by its id on the chain: nobody is named, and what was bought is not told."""
    found, delivered = opening.progress(container, parse_hash(purchase), order)
    return ProgressOut(
        state=found.state,
        because=found.because,
        level=found.level,
        finality=found.finality,
        opens=found.opens(container.clock()),
        delivered=delivered,
    )


@router.post("/listings/{listing}/opening/message", dependencies=[_signing])
def opening_message(listing: _ListingId, asked: OpeningIn, container: ContainerDep) -> MessageOut:
    """Make the message that a wallet signs to open what it bought (EIP-4361); it is good for ten minutes."""
    message = opening.message_for(container, listing, parse_address(asked.address))
    return MessageOut(message=message.text(), expires_at=unix(container.clock() + proofs.SIGN_WITHIN))


@router.post("/listings/{listing}/opening", dependencies=[_signing], responses=problems(403))
def open_it(listing: _ListingId, signed: OpenedIn, container: ContainerDep) -> OpenedByWalletOut:
    """Give whoever signed with the wallet that bought it a link to it, good for ten minutes. No account is needed."""
    found, link = opening.open_(container, listing, signed.message, signed.signature)
    url = f"{container.settings.public_url}/v1/downloads/{link.token}"
    return OpenedByWalletOut(purchase=found.id, url=url, expires_at=link.expires_at)
