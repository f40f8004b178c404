"""Sales: what a person puts up, revises and takes out of sale; what was paid to them, and whether they pay it back."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.dependencies import ContainerDep, Reader, Writer
from api.listings import show_listing, show_prices
from api.routes.library import show_purchase
from api.schemas.problems import problems
from api.schemas.sales import (
    ComplaintOut,
    GatewayOut,
    MyListingOut,
    MyListingsOut,
    OfferIn,
    OneOfMineOut,
    OwedOut,
    RevisionIn,
    SaleOut,
    SalesOut,
)
from api.uploads import Uploads
from app import gateway, offering, selling, shopkeeping
from app.container import Container, Work
from app.statements import read_day
from kit.clock import from_unix, unix
from kit.errors import Conflict, Invalid
from kit.identifiers import PersonId, show_hash
from ledger.model import Asset, Level
from payments.content.behind import WELL_KNOWN
from payments.content.model import LONGEST_TITLE, Kind, Listing, Offer, Purchase, tidy

router = APIRouter(prefix="/v1/me", tags=["sales"], responses=problems(400, 401, 403, 404, 409, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_MOST_LINES = 20_000
_UPSTREAM_WRONG = (
    "What is sold by an address, and nothing else, has `upstream`; neither that nor a post is given a `reference`."
)
_ListingId = Annotated[str, Path(alias="listing", pattern=_TOKEN)]
_PurchaseId = Annotated[str, Path(alias="purchase", pattern=_TOKEN)]
_Before = Annotated[str | None, Query(pattern=_TOKEN, description="The `next` of the page before.")]
_Limit = Annotated[int, Query(ge=1, le=100)]
_Name = Annotated[str, Query(max_length=300, description="The file's name; its last part is kept, made safe.")]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The content as it is, of at most 128 MiB.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _one_price(
    container: ContainerDep,
    price: Annotated[str, Query(pattern="^[0-9]{1,78}$", description="Base units of the asset.")],
    asset: Annotated[
        str | None, Query(max_length=100, description="`erc20:<chain>:<address>`; the service's token by default.")
    ] = None,
) -> dict[Asset, int]:
    """Return what an upload is sold for; what is not allowed is refused before anything comes in."""
    with container.read() as work:
        return {work.tokens.allowed[0] if asset is None else work.tokens.find(asset): int(price)}


@router.get("/listings")
def listings(reader: Reader, container: ContainerDep, before: _Before = None, limit: _Limit = 50) -> MyListingsOut:
    """List what you have put up, in whatever state, newest first."""
    with container.read(one_moment=True) as work:
        found, following = work.content.mine(reader.person, before=before, limit=limit)
        shown = [MyListingOut(**_shown(work, container, one)) for one in found]
        return MyListingsOut(listings=shown, room=work.content.room_left(reader.person), next=following)


@router.post("/listings", status_code=201)
def put_up(asked: OfferIn, writer: Writer, container: ContainerDep) -> MyListingOut:
    """Put up a text, or what the bot or a gateway looks after. Your wallet is paid, so it is linked first."""
    if (asked.text is not None) != (asked.kind is Kind.TEXT):
        raise Invalid("text_wrong", "A text, and nothing else, has `text`; a file comes by POST /v1/me/listings/files.")
    behind = None
    if (asked.upstream is not None) != (asked.kind is Kind.GATEWAY) or (asked.upstream and asked.reference):
        raise Invalid("upstream_wrong", _UPSTREAM_WRONG)
    if asked.upstream is not None:
        behind = gateway.prove(container, writer.person, asked.upstream)
    with container.read() as work:
        wallet = offering.wallet_of(work, writer.person, asked.wallet)
    offer = Offer(
        kind=asked.kind,
        title=asked.title,
        wallet=wallet,
        prices=offering.prices_of(asked.prices),
        payees=offering.payees_of(asked.payees),
        preview=asked.preview,
        licence=asked.licence,
        reference=asked.reference if behind is None else behind.reference,
        finality=asked.finality,
        stock=asked.stock,
        expires_at=None if asked.expires_at is None else _moment(asked.expires_at),
        admitted=None if asked.admitted_seconds is None else timedelta(seconds=asked.admitted_seconds),
    )
    if behind is not None:
        return _one(container, gateway.put_up(container, writer.person, offer, behind, draft=asked.draft))
    parts = None if asked.text is None else [asked.text.encode()]
    listing = selling.put_up(container, writer.person, offer, parts, name=f"{asked.title}.txt", draft=asked.draft)
    return _one(container, listing)


@router.post("/listings/files", status_code=201, openapi_extra=_BODY, responses=problems(413))
async def put_up_file(
    request: Request,
    writer: Writer,
    container: ContainerDep,
    name: _Name,
    prices: Annotated[dict[Asset, int], Depends(_one_price)],
    title: Annotated[str | None, Query(max_length=LONGEST_TITLE, description="The file's name by default.")] = None,
    finality: Level = Level.SAFE,
    *,
    draft: Annotated[bool, Query(description="`PATCH` says the rest of it, `relist` lists it.")] = True,
) -> MyListingOut:
    """Put up a file, which is the body as it is; it is sealed while it comes in, and a draft until you list it.

    What says itself to be beyond your room is refused unread.
    """
    room, wallet = await run_in_threadpool(partial(_ready, container, writer.person))
    shown = tidy((title or name).replace("\n", " "), LONGEST_TITLE)
    offer = Offer(Kind.FILE, shown, wallet, prices, finality=finality)
    uploads: Uploads = request.app.state.uploads
    store = partial(selling.put_up, container, writer.person, offer, name=name, draft=draft)
    listing = await uploads.take(request, writer.person, room, store)
    return await run_in_threadpool(partial(_one, container, listing))


@router.get("/listings/{listing}")
def one_listing(listing: _ListingId, reader: Reader, container: ContainerDep) -> OneOfMineOut:
    """Show a listing of yours, and what buyers said of it."""
    with container.read(one_moment=True) as work:
        found = work.content.own(reader.person, listing)
        said = [
            ComplaintOut(made_at=unix(at), text=text) for at, text in work.content.complaints(found.seller, listing)
        ]
        behind = gateway.told_to_seller(work, found)
        return OneOfMineOut(
            **_shown(work, container, found),
            said=said,
            upstream=None if behind is None else behind.url,
            upstream_salt=None if behind is None else behind.salt,
        )


@router.patch("/listings/{listing}")
def revise(listing: _ListingId, asked: RevisionIn, writer: Writer, container: ContainerDep) -> MyListingOut:
    """Put a new version up: what you name changes. Whoever bought an earlier one has this one too."""
    changed = asked.model_fields_set
    with container.read() as work:
        known = work.content.own(writer.person, listing)
        told: dict[str, Any] = {name: getattr(asked, name) for name in changed & _AS_THEY_ARE}
        if "wallet" in changed:
            told["wallet"] = offering.wallet_of(work, writer.person, asked.wallet)
    if "prices" in changed:
        told["prices"] = offering.prices_of(asked.prices)
    if "payees" in changed:
        told["payees"] = offering.payees_of(asked.payees)
    if "expires_at" in changed:
        told["expires_at"] = None if asked.expires_at is None else _moment(asked.expires_at)
    if "text" in changed and known.version.offer.kind is not Kind.TEXT:
        raise Invalid("text_wrong", "A text, and nothing else, has `text`.")
    kind = known.version.offer.kind
    if (changed & {"upstream"} and kind is not Kind.GATEWAY) or (changed & {"reference"} and kind in _KEEPS_REFERENCE):
        raise Invalid("upstream_wrong", _UPSTREAM_WRONG)
    offer = replace(known.version.offer, **told)
    if asked.upstream:
        behind = gateway.prove(container, writer.person, asked.upstream)
        return _one(container, gateway.revise(container, writer.person, listing, offer, behind))
    parts = [asked.text.encode()] if "text" in changed else None
    return _one(container, selling.revise(container, writer.person, listing, offer, parts, name=f"{offer.title}.txt"))


_KEEPS_REFERENCE = (Kind.GATEWAY, Kind.POST)
"""What these refer to is looked at before, and not taken from anybody's words."""
_AS_THEY_ARE = {"title", "preview", "licence", "reference", "finality", "stock"}


@router.put("/listings/{listing}/content", openapi_extra=_BODY, responses=problems(413))
async def put_content(
    listing: _ListingId, request: Request, writer: Writer, container: ContainerDep, name: _Name
) -> MyListingOut:
    """Put a new version up with another content, which is the body as it is, on the terms of the one before."""
    known, room = await run_in_threadpool(partial(_to_revise, container, writer.person, listing))
    uploads: Uploads = request.app.state.uploads
    store = partial(selling.revise, container, writer.person, listing, known.version.offer, name=name)
    found = await uploads.take(request, writer.person, room, store)
    return await run_in_threadpool(partial(_one, container, found))


@router.get("/gateway")
def gateway_token(writer: Writer, container: ContainerDep) -> GatewayOut:
    """Show the token that a host of yours has at its well-known place, so that you may sell what stands there."""
    with container.work() as work:
        token = work.gateways.token(writer.person)
    return GatewayOut(token=token, path=WELL_KNOWN, keys=f"{container.settings.public_url}/v1/gateway/keys")


@router.post("/listings/{listing}/unlist")
def unlist(listing: _ListingId, writer: Writer, container: ContainerDep) -> MyListingOut:
    """Sell it no more; whoever bought it keeps it."""
    with container.work() as work:
        return MyListingOut(**_shown(work, container, work.content.unlist(writer.person, listing)))


@router.post("/listings/{listing}/relist")
def relist(listing: _ListingId, writer: Writer, container: ContainerDep) -> MyListingOut:
    """Sell a draft, or what you had unlisted."""
    shopkeeping.ready(container)
    with container.work() as work:
        return MyListingOut(**_shown(work, container, work.content.relist(writer.person, listing)))


@router.get("/sales")
def sales(reader: Reader, container: ContainerDep, before: _Before = None, limit: _Limit = 50) -> SalesOut:
    """List what was paid to you, and what you owe back, latest first."""
    with container.read(one_moment=True) as work:
        found, following = work.content.sales(reader.person, before=before, limit=limit)
        owed = work.content.owed(reader.person).items()
        told = [OwedOut(asset=asset, payments=count, amount=str(total)) for asset, (count, total) in owed]
        return SalesOut(sales=[_sale(work, one) for one in found], owed=told, next=following)


@router.get("/sales/statement.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def statement(
    reader: Reader,
    container: ContainerDep,
    first: Annotated[str | None, Query(alias="from", max_length=10, examples=["2026-11-01"])] = None,
    last: Annotated[str | None, Query(alias="to", max_length=10, examples=["2026-11-30"])] = None,
) -> Response:
    """Return what was paid to you as CSV in which no cell is a formula; both days (UTC) are included.

    At most 20,000 lines at a time.
    """
    begin, end = read_day(first), read_day(last)
    since = None if begin is None else datetime.combine(begin, time(), tzinfo=UTC)
    before = None if end is None else datetime.combine(end + timedelta(days=1), time(), tzinfo=UTC)
    with container.read(one_moment=True) as work:
        names = work.tokens.name
        found = selling.statement_csv(work.content.statement(reader.person, since, before), names)
        lines = list(islice(found, _MOST_LINES + 2))
    if len(lines) > _MOST_LINES + 1:
        raise Conflict("statement_too_long", f"That is more than {_MOST_LINES} lines: ask for fewer days at a time.")
    headers = {
        "Content-Disposition": 'attachment; filename="earnest-sales.csv"',
        "Cache-Control": "private, no-store",
    }
    return Response("".join(lines), media_type="text/csv", headers=headers)


@router.post("/sales/{purchase}/approve-refund")
def approve_refund(purchase: _PurchaseId, writer: Writer, container: ContainerDep) -> SaleOut:
    """Say that you will pay it back. Your own transaction does: the service holds no money of yours."""
    with container.work() as work:
        return _sale(work, work.content.approve_refund(writer.person, purchase))


@router.post("/sales/{purchase}/decline-refund")
def decline_refund(purchase: _PurchaseId, writer: Writer, container: ContainerDep) -> SaleOut:
    """Say that you will not pay it back; you may approve it later."""
    with container.work() as work:
        return _sale(work, work.content.decline_refund(writer.person, purchase))


def _ready(container: Container, seller: PersonId) -> tuple[int, Any]:
    with container.read() as work:
        return work.content.room_left(seller), offering.wallet_of(work, seller, None)


def _to_revise(container: Container, seller: PersonId, listing: str) -> tuple[Listing, int]:
    with container.read() as work:
        known = work.content.own(seller, listing)
        if known.version.offer.kind not in (Kind.TEXT, Kind.FILE):
            raise Invalid("content_missing", "A text or a file, and nothing else, is given another content.")
        return known, work.content.room_left(seller)


def _one(container: Container, listing: Listing) -> MyListingOut:
    with container.read() as work:
        return MyListingOut(**_shown(work, container, listing))


def _shown(work: Work, container: Container, listing: Listing) -> dict[str, Any]:
    stored = listing.version.stored
    tokens = work.tokens
    return show_listing(work, listing, tokens) | {
        "prices": show_prices(tokens, listing.version.offer.prices),
        "reason": listing.reason,
        "page": f"{container.settings.public_url}/buy/{listing.id}",
        "file_name": None if stored is None else stored.file_name,
    }


def _sale(work: Work, one: Purchase) -> SaleOut:
    return SaleOut(**show_purchase(work, one), key=show_hash(one.key), wash=one.wash)


def _moment(seconds: int) -> datetime:
    try:
        return from_unix(seconds)
    except (OverflowError, ValueError, OSError):
        raise Invalid("time_outside", "That is no moment that a calendar has.") from None
