"""Buying by the contract: what a wallet signs and sends to pay a seller itself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.dependencies import ContainerDep, limited
from api.schemas.checkout import BuyCalls, BuyIn, BuyOrderOut, BuyTermsOut, SaleTermsOut, ShareOut, SplitCall
from api.schemas.problems import problems
from api.schemas.quotes import Call
from app import checkout
from app.checkout import Due
from contracts import checkout as calls
from contracts import codec
from kit.identifiers import Address, parse_address, show_address, show_hash
from ledger.model import Asset

router = APIRouter(prefix="/v1/listings", tags=["selling"], responses=problems(400, 404, 409, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_SIGNATURE = 3 * 32
# Any well-formed signature: it is cut out again, and what stands around it is what a wallet's own is put between.
_SOME_SIGNATURE = b"\x01" * 64 + b"\x1b"
_BEFORE_SIGNATURE = 4 + 8 * 32
"""The selector, where the terms are, the order and the deadline."""


@router.post("/{listing}/terms", dependencies=[Depends(limited("buy-terms", per_minute=20, burst=20))])
def terms(listing: Annotated[str, Path(pattern=_TOKEN)], asked: BuyIn, container: ContainerDep) -> BuyTermsOut:
    """Return the exact terms for one wallet, and everything that it signs and sends.

    Without a web3 library: sign `permit` with `eth_signTypedData_v4`, put v, r and s as three words between `before`
    and `after` of `calls.buy_with_permit`, and send that. A wallet that cannot sign typed data sends `calls.approve`,
    then `calls.buy`. Nothing is kept of who asked; each answer is another purchase, so pay one of them.
    """
    asset = None if asked.asset is None else Asset(asked.asset.lower())
    return _shown(checkout.due(container, listing, payer=parse_address(asked.payer), order=asked.order, asset=asset))


def _shown(due: Due) -> BuyTermsOut:
    terms, order = due.terms, due.order
    return BuyTermsOut(
        listing=due.listing.id,
        version=due.listing.version.number,
        title=due.listing.version.offer.title,
        checkout=show_address(due.contract),
        purchase=show_hash(due.purchase),
        terms=SaleTermsOut(
            seller=show_address(terms.seller),
            asset=show_address(terms.asset),
            price=str(terms.price),
            fee_bps=terms.fee_bps,
            fee_receiver=show_address(terms.fee_receiver),
            shares=[ShareOut(payee=show_address(one.payee), bps=one.bps) for one in terms.shares],
            listing=show_hash(terms.listing),
            content=show_hash(terms.content),
            valid_until=str(terms.valid_until),
        ),
        order=BuyOrderOut(
            buyer=show_address(order.buyer),
            memo=show_hash(order.memo),
            relay_fee=str(order.relay_fee),
            relay_receiver=show_address(order.relay_receiver),
            valid_before=order.valid_before,
            salt=show_hash(order.salt),
        ),
        symbol=due.symbol,
        decimals=due.decimals,
        holds=None if due.holds is None else str(due.holds),
        allowance=None if due.allowance is None else str(due.allowance),
        permit=None if due.permit is None else due.permit.document,
        calls=BuyCalls(
            approve=_call(terms.asset, codec.encode_approve(due.contract, terms.price)),
            buy=_call(due.contract, calls.encode_buy(terms, order)),
            buy_with_permit=None if due.permit is None else _split(due),
        ),
    )


def _split(due: Due) -> SplitCall:
    data = calls.encode_buy_with_permit(due.terms, due.order, due.order.valid_before, _SOME_SIGNATURE)
    before, after = data[:_BEFORE_SIGNATURE], data[_BEFORE_SIGNATURE + _SIGNATURE :]
    return SplitCall(to=show_address(due.contract), before="0x" + before.hex(), after="0x" + after.hex())


def _call(to: Address, data: bytes) -> Call:
    return Call(to=show_address(to), data="0x" + data.hex())
