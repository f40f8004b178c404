"""Tips: what a wallet signs and sends to pay one by a link, and which tips a person gave and received."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from api.dependencies import ContainerDep, Reader, limited
from api.routes.checkout import payable, show_order, without_ether
from api.schemas.checkout import CarriedPurchaseOut
from api.schemas.problems import problems
from api.schemas.selling import SaleAssetOut
from api.schemas.tips import SignedTipIn, TipIn, TipOut, TipProgressOut, TipsOut, TipTermsOut
from app import carrying_tips, tipped, tipping
from app.container import Work
from app.tipped import Side
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import PersonId, parse_address, parse_hash, show_address, show_hash
from ledger.model import Asset
from payments.carrying.model import Cargo
from payments.tips.model import Tip, Wish

router = APIRouter(prefix="/v1", tags=["tips"], responses=problems(400, 404, 409, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_Token = Annotated[str, Path(pattern=_TOKEN)]


@router.post(
    "/tips/{token}/terms",
    responses=problems(403),
    dependencies=[Depends(limited("tip-terms", per_minute=20, burst=20))],
)
def terms(token: _Token, asked: TipIn, container: ContainerDep) -> TipTermsOut:
    """Return the exact terms of a tip for one wallet, and everything that it signs and sends.

    As `POST /v1/listings/{listing}/terms` does. Whoever has the link sees the wallet that is tipped.
    """
    due = tipping.due(container, token, _wish(asked), payer=parse_address(asked.payer))
    gasless = without_ether(container, due, Cargo.TIP, elsewhere=carrying_tips.unsigned)
    return TipTermsOut(note_salt="0x" + due.salt.hex(), gasless=gasless, **payable(due))


@router.post(
    "/tips/{token}/signed",
    status_code=202,
    responses=problems(403),
    dependencies=[Depends(limited("tip-signed", per_minute=10, burst=10))],
)
def tip_signed(token: _Token, signed: SignedTipIn, container: ContainerDep) -> CarriedPurchaseOut:
    """Take on a tip that its payer signed (`gasless.authorization` of the terms); its fee is paid with it.

    The same may be sent again: it is carried once, and answered with how far it is. What is no tip any more before it
    is sent (one was paid by the link, or they take none) is not carried, and costs nothing.
    """
    carried = carrying_tips.carry(
        container,
        token,
        _wish(signed),
        bytes.fromhex(signed.signature[2:]),
        payer=parse_address(signed.payer),
        valid_before=signed.valid_before,
        salt=parse_hash(signed.salt),
    )
    return show_order(container, carried)


@router.get("/tips/{token}", dependencies=[Depends(limited("tip-progress", per_minute=120, burst=60))])
def progress(token: _Token, container: ContainerDep) -> TipProgressOut:
    """Show how far the tip of a link is; nobody is named."""
    with container.read() as work:
        found = work.tips.of_link(token)
        if found is not None:
            return TipProgressOut(state=found.state.value, level=found.level, takes=[])
        link = work.tip_links.find(token)
        if link is None:
            raise NotFound("tip_unknown", "That link is over. Ask the bot for another one.")
        return TipProgressOut(
            state="open", level=None, takes=[] if link.receiver is None else _takes(work, link.receiver)
        )


@router.get("/me/tips", responses=problems(401, 403))
def tips(
    reader: Reader,
    container: ContainerDep,
    side: Literal["given", "received"] = "received",
    before: Annotated[str | None, Query(pattern=_TOKEN, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> TipsOut:
    """List the tips that you gave or received, latest first; who gave without a name is not told."""
    with container.read(one_moment=True) as work:
        page = work.tips.given if side == "given" else work.tips.received
        found, following = page(reader.person, before=before, limit=limit)
        wallet = work.tip_links.wallet_of(reader.person)
        shown = [_shown(work, reader.person, Side(side), one) for one in found]
        takes = _takes(work, reader.person)
    at = None if wallet is None else show_address(wallet)
    return TipsOut(wallet=at, takes=takes, tips=shown, next=following)


@router.get(
    "/me/tips/statement.csv",
    response_class=Response,
    dependencies=[Depends(limited("tip-statement", per_minute=6, burst=6))],
    responses={200: {"content": {"text/csv": {}}}, **problems(401, 403)},
)
def statement(reader: Reader, container: ContainerDep) -> Response:
    """Return the tips that you gave and received as CSV in which no cell is a formula; the last 10,000 of each."""
    with container.read(one_moment=True) as work:
        lines = list(tipped.statement_csv(work, reader.person))
    headers = {
        "Content-Disposition": 'attachment; filename="earnest-tips.csv"',
        "Cache-Control": "private, no-store",
    }
    return Response("".join(lines), media_type="text/csv", headers=headers)


def _wish(asked: TipIn) -> Wish:
    asset = None if asked.asset is None else Asset(asked.asset.lower())
    return Wish(int(asked.amount), asked.note, asked.public, asked.anonymous, asset)


def _takes(work: Work, receiver: PersonId) -> list[SaleAssetOut]:
    tokens = work.tokens
    named = [(asset, *tokens.name(asset)) for asset in work.tip_links.takes(receiver)]
    return [SaleAssetOut(asset=asset, symbol=symbol, decimals=decimals) for asset, symbol, decimals in named]


def _shown(work: Work, person: PersonId, side: Side, one: Tip) -> TipOut:
    symbol, decimals = work.tokens.name(one.asset)
    return TipOut(
        id=one.id,
        side=side.value,
        other=tipped.other(work, person, side, one),
        anonymous=one.anonymous,
        public=one.public,
        asset=one.asset,
        symbol=symbol,
        decimals=decimals,
        amount=str(one.amount),
        note=one.note,
        room=one.room,
        event=one.event,
        state=one.state,
        level=one.level,
        counts=not one.quiet,
        key=show_hash(one.key),
        paid_at=unix(one.paid_at),
    )
