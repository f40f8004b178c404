"""The library: what a person bought, links to it, complaints and refunds, and making it another's."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import ContainerDep, Reader, Writer, limited
from api.schemas.library import (
    AgreeingIn,
    ClaimedOut,
    ComplaintIn,
    DownloadOut,
    HandOverIn,
    HandOverOut,
    LibraryOut,
    LinkIn,
    MoveIn,
    OnePurchaseOut,
    OpenedOut,
    PurchaseOut,
    ReceiveIn,
    WalletIn,
)
from api.schemas.problems import problems
from api.schemas.wallets import MessageOut
from app import downloads, owning, proofs
from app.container import Work
from app.owning import Signed
from kit.clock import unix
from kit.identifiers import parse_address, show_address, show_hash
from payments.content.model import Buyer, ListingState, Purchase

router = APIRouter(prefix="/v1/me/library", tags=["library"], responses=problems(400, 401, 403, 404, 409, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_PurchaseId = Annotated[str, Path(alias="purchase", pattern=_TOKEN)]
_few = Depends(limited("library_moves", per_minute=10, burst=10))


@router.get("")
def library(
    reader: Reader,
    container: ContainerDep,
    before: Annotated[str | None, Query(pattern=_TOKEN, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> LibraryOut:
    """List what you bought, latest first. What a wallet of yours bought by itself is here once you `claim` it."""
    with container.read(one_moment=True) as work:
        found, following = work.content.library(Buyer(person=reader.person), before=before, limit=limit)
        return LibraryOut(purchases=[PurchaseOut(**show_purchase(work, one)) for one in found], next=following)


@router.post("/message")
def message(asked: WalletIn, writer: Writer, container: ContainerDep) -> MessageOut:
    """Make the message by which a wallet lets you have, and move, what it bought (EIP-4361); good for ten minutes."""
    made = owning.message_for(container, writer.person, parse_address(asked.address))
    return MessageOut(message=made.text(), expires_at=unix(container.clock() + proofs.SIGN_WITHIN))


@router.post("/claim", dependencies=[_few])
def claim(signed: AgreeingIn, writer: Writer, container: ContainerDep) -> ClaimedOut:
    """Let what a wallet bought be yours too: it signs the message that was made for you. It needs not be linked.

    What was bought for somebody by name is theirs, whoever paid.
    """
    return ClaimedOut(claimed=owning.claim(container, writer.person, _signed(signed)))


@router.post("/receive", dependencies=[_few])
def receive(asked: ReceiveIn, writer: Writer, container: ContainerDep) -> PurchaseOut:
    """Take what another hands over to you, by the code that they were given: from then on it is yours alone."""
    with container.work() as work:
        return PurchaseOut(**show_purchase(work, owning.receive(work, writer.person, asked.code)))


@router.get("/{purchase}")
def one_purchase(purchase: _PurchaseId, reader: Reader, container: ContainerDep) -> OnePurchaseOut:
    """Show a purchase of yours, and which versions it opens now."""
    with container.read(one_moment=True) as work:
        found = work.content.purchase_of(Buyer(person=reader.person), purchase)
        listing = work.content.listing(found.listing)
        access = work.content.access(Buyer(person=reader.person), found.listing) if found.opens(work.now) else None
        opened = [
            OpenedOut(
                number=one.number,
                file_name=one.stored.file_name,
                size=one.stored.size,
                media_type=one.stored.media_type,
                created_at=unix(one.created_at),
            )
            for one in (() if access is None else access.versions)
            if one.stored is not None and one.number >= found.version
        ]
        return OnePurchaseOut(
            **show_purchase(work, found),
            listing_state=listing.state,
            reason=listing.reason if listing.state is ListingState.TAKEN_DOWN else None,
            versions=opened,
        )


@router.post("/{purchase}/link")
def link(purchase: _PurchaseId, writer: Writer, container: ContainerDep, asked: LinkIn | None = None) -> DownloadOut:
    """Make a link to what you bought, good for ten minutes: for a browser, or for whatever fetches files for you."""
    with container.read(one_moment=True) as work:
        buyer = Buyer(person=writer.person)
        found = work.content.purchase_of(buyer, purchase)
        made = downloads.issue(work, buyer, found, None if asked is None else asked.version)
    return DownloadOut(url=f"{container.settings.public_url}/v1/downloads/{made.token}", expires_at=made.expires_at)


@router.put("/{purchase}/complaint", status_code=204)
def complain(purchase: _PurchaseId, asked: ComplaintIn, writer: Writer, container: ContainerDep) -> None:
    """Tell the seller what is wrong with it; the listing counts it, and shows nobody else what you say."""
    with container.work() as work:
        work.content.complain(Buyer(person=writer.person), purchase, asked.text)


@router.delete("/{purchase}/complaint", status_code=204)
def withdraw_complaint(purchase: _PurchaseId, writer: Writer, container: ContainerDep) -> None:
    """Take back what you said of it."""
    with container.work() as work:
        work.content.withdraw_complaint(Buyer(person=writer.person), purchase)


@router.post("/{purchase}/refund")
def ask_refund(purchase: _PurchaseId, writer: Writer, container: ContainerDep) -> PurchaseOut:
    """Ask the seller for the money. They decide; you keep what you bought until it is paid back."""
    with container.work() as work:
        return PurchaseOut(**show_purchase(work, work.content.ask_refund(Buyer(person=writer.person), purchase)))


@router.post("/{purchase}/move", dependencies=[_few])
def move(purchase: _PurchaseId, asked: MoveIn, writer: Writer, container: ContainerDep) -> PurchaseOut:
    """Let another wallet have it, and the one no more that had it; both have signed the message made for you."""
    had = None if asked.had is None else _signed(asked.had)
    found = owning.move(container, writer.person, purchase, _signed(asked.to), had)
    with container.read() as work:
        return PurchaseOut(**show_purchase(work, found))


@router.post("/{purchase}/hand-over", dependencies=[_few])
def hand_over(
    purchase: _PurchaseId, writer: Writer, container: ContainerDep, asked: HandOverIn | None = None
) -> HandOverOut:
    """Make a code by which another account, a new one of yours perhaps, takes it over. It is yours until then."""
    had = None if asked is None or asked.had is None else _signed(asked.had)
    made = owning.offer(container, writer.person, purchase, had)
    return HandOverOut(code=made.token, expires_at=made.expires_at)


def _signed(told: AgreeingIn) -> Signed:
    return Signed(told.message, told.signature)


def show_purchase(work: Work, one: Purchase) -> dict[str, Any]:
    """Return what ``PurchaseOut`` has."""
    symbol, decimals = work.tokens.name(one.asset)
    wallet = None if one.buyer is None else one.buyer.wallet
    return {
        "id": one.id,
        "listing": one.listing,
        "title": one.title,
        "version": one.version,
        "asset": one.asset,
        "symbol": symbol,
        "decimals": decimals,
        "amount": str(one.amount),
        "state": one.state,
        "because": one.because,
        "level": one.level,
        "finality": one.finality,
        "opens": one.opens(work.now),
        "wallet": None if wallet is None else show_address(wallet),
        "paid_at": unix(one.paid_at),
        "delivered_at": _unix(one.delivered_at),
        "access_until": _unix(one.access_until),
        "refund": None if one.refund is None else show_hash(one.refund),
    }


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else unix(moment)
