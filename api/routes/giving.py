"""Giving: where gifts go, and gifts of the service's own token that are carried for whoever has no ether."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.dependencies import ContainerDep, limited
from api.etags import tagged
from api.schemas.giving import (
    AssetOut,
    CarriedGiftOut,
    CarriedGiftState,
    CauseOut,
    GaslessGivingOut,
    GivingOut,
    SignedGiftIn,
)
from api.schemas.problems import problems
from app import carrying_gifts, gasless
from app.container import Container, Work
from contracts.events import SignedGift
from contracts.pledges import MOST_MONTHS
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import Address, parse_address, parse_hash, show_address, show_hash
from ledger.model import Asset, erc20, ether
from payments.carrying.model import Cargo, Carried, CarriedState, Outcome

router = APIRouter(prefix="/v1/giving", tags=["giving"], responses=problems(400, 404, 409, 429, 503))

_TOKEN_PARTS = 3


@router.get("", response_model=GivingOut, dependencies=[Depends(limited("giving", per_minute=120, burst=60))])
def show(request: Request, container: ContainerDep) -> Response:
    """Show how to give: the cause's address, the contract, what can be given, and what carrying costs.

    A transfer of the service's own token to the cause counts by itself. Ether, other tokens, months and a memo go
    through the contract `pledges`.
    """
    place, terms = carrying_gifts.place_of(container), container.terms
    refusal = gasless.why_none(container, Cargo.GIFT)
    with container.read() as work:
        assets = [_asset(container, *one) for one in work.supporters.assets.known]
    return tagged(
        request,
        GivingOut(
            chain_id=terms.chain_id,
            cause=CauseOut(address=show_address(place.cause), title=container.settings.cause_title),
            token=show_address(place.token),
            pledges=None if place.pledges is None else show_address(place.pledges),
            symbol=terms.symbol,
            decimals=terms.decimals,
            assets=[asset for asset in assets if asset is not None],
            most_months=MOST_MONTHS,
            gasless=GaslessGivingOut(
                available=refusal is None and place.pledges is not None,
                why_not=refusal.code if refusal else None,
                why_not_text=refusal.message if refusal else None,
                relay_fee=str(terms.relay_fee.base_units),
                relay_receiver=show_address(terms.relay_receiver),
            ),
        ),
    )


@router.post(
    "/signed",
    status_code=202,
    responses=problems(403),
    dependencies=[Depends(limited("give", per_minute=10, burst=10))],
)
def give_signed(signed: SignedGiftIn, container: ContainerDep) -> CarriedGiftOut:
    """Take on a gift of the service's own token that its giver signed; the relay fee is paid with it.

    Sign `ReceiveWithAuthorization` of the token (EIP-3009): from the giver to `pledges`, amount and relay fee together,
    valid from 0 until `valid_before`, with the gift's id as nonce: the hash of chain id, `pledges` and the nine fields.
    The same may be sent again: it is carried once, and answered with how far it is.
    """
    gift = SignedGift(
        giver=parse_address(signed.giver),
        cause=parse_address(signed.cause),
        amount=int(signed.amount),
        months=signed.months,
        memo=parse_hash(signed.memo),
        relay_fee=int(signed.relay_fee),
        relay_receiver=parse_address(signed.relay_receiver),
        valid_before=signed.valid_before,
        salt=parse_hash(signed.salt),
    )
    carried = carrying_gifts.carry(container, gift, bytes.fromhex(signed.signature[2:]))
    with container.read() as work:
        return _show(work, container, carried)


@router.get("/signed/{gift_id}", dependencies=[Depends(limited("gift", per_minute=120, burst=60))])
def show_signed(
    gift_id: Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")], container: ContainerDep
) -> CarriedGiftOut:
    """Show where a signed gift stands that was taken on. Whoever knows its id signed it, or was told."""
    with container.read() as work:
        carried = work.carrying.find(parse_hash(gift_id))
        if carried is None or carried.cargo is not Cargo.GIFT:
            raise NotFound("gift_unknown", "No such gift is carried here.")
        return _show(work, container, carried)


def _show(work: Work, container: Container, carried: Carried) -> CarriedGiftOut:
    state = work.carrying.state(carried)
    gift_id = show_hash(carried.id)
    return CarriedGiftOut(
        id=gift_id,
        state=CarriedGiftState.GIVEN if state is CarriedState.DONE else CarriedGiftState(state.value),
        code=None if carried.outcome in (None, Outcome.DONE) else str(carried.outcome),
        taken_on_at=unix(carried.created_at),
        look=f"{container.settings.public_url}/v1/giving/signed/{gift_id}",
    )


def _asset(container: Container, name: str, asset: Asset, decimals: int) -> AssetOut | None:
    """Return an asset of this chain; ``None`` for any other."""
    chain_id = container.terms.chain_id
    if asset == ether(chain_id):
        return AssetOut(name=name, token=None, decimals=decimals)
    parts = asset.split(":")
    if len(parts) != _TOKEN_PARTS or len(parts[2]) != 42:  # noqa: PLR2004 - 0x and 40 digits
        return None
    token = Address(bytes.fromhex(parts[2][2:]))
    if asset != erc20(chain_id, token):
        return None
    return AssetOut(name=name, token=show_address(token), decimals=decimals)
