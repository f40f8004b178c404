"""Buying by a wallet: terms for one payer, how far a payment is, and opening what a wallet bought by its signature."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import ContainerDep, limited
from api.schemas.checkout import (
    BuyersOrderOut,
    OpenedByWalletOut,
    OpenedIn,
    OpeningIn,
    ProgressOut,
    SaleCalls,
    SaleOfferOut,
    SaleTermsIn,
    SaleTermsOut,
    ShareOut,
    SplitCall,
)
from api.schemas.problems import problems
from api.schemas.quotes import Call, Payer, TypedDataOut
from api.schemas.wallets import MessageOut
from app import checkout, opening, proofs
from app.checkout import Offer
from contracts.checkout import terms_hash
from kit.clock import unix
from kit.identifiers import Address, parse_address, parse_hash, show_address, show_hash

router = APIRouter(prefix="/v1", tags=["selling"], responses=problems(400, 404, 409, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_ListingId = Annotated[str, Path(alias="listing", pattern=_TOKEN)]
_signing = Depends(limited("opening", per_minute=20, burst=20))


@router.post("/listings/{listing}/terms", dependencies=[Depends(limited("terms", per_minute=20, burst=20))])
def make_terms(listing: _ListingId, asked: SaleTermsIn, container: ContainerDep) -> SaleOfferOut:
    """Return the exact terms for one payer, and everything that their wallet signs and sends. It changes nothing.

    Without a web3 library: sign `typed_data.permit` with `eth_signTypedData_v4`, put v, r and s as three words between
    the halves of `calls.buy_with_permit`, and send that. A wallet that cannot sign typed data sends `calls.approve`,
    then `calls.buy`. With an order what is bought is its person's on Matrix too, and handed over in their chat.
    """
    return _shown(checkout.offer(container, listing, asked.order, parse_address(asked.payer)))


@router.get("/purchases/{purchase}", dependencies=[Depends(limited("purchase", per_minute=120, burst=60))])
def progress(
    purchase: Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")],
    container: ContainerDep,
    order: Annotated[str | None, Query(pattern=_TOKEN)] = None,
) -> ProgressOut:
    """Show how far a payment is, by its id on the chain: nobody is named, and what was bought is not told."""
    found, delivered = checkout.progress(container, parse_hash(purchase), order)
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


def _shown(offer: Offer) -> SaleOfferOut:
    terms, order, calls, holds = offer.terms, offer.order, offer.calls, offer.holds
    return SaleOfferOut(
        purchase=show_hash(offer.purchase),
        due=str(terms.price),
        checkout=show_address(offer.checkout),
        terms=SaleTermsOut(
            seller=show_address(terms.seller),
            asset=show_address(terms.asset),
            price=str(terms.price),
            fee_bps=terms.fee_bps,
            fee_receiver=show_address(terms.fee_receiver),
            shares=[ShareOut(payee=show_address(share.payee), bps=share.bps) for share in terms.shares],
            listing=show_hash(terms.listing),
            content=show_hash(terms.content),
            valid_until=str(terms.valid_until),
        ),
        terms_hash=show_hash(terms_hash(terms)),
        order=BuyersOrderOut(
            buyer=show_address(order.buyer),
            memo=show_hash(order.memo),
            relay_fee=str(order.relay_fee),
            relay_receiver=show_address(order.relay_receiver),
            valid_before=order.valid_before,
            salt=show_hash(order.salt),
        ),
        typed_data=TypedDataOut(
            permit=None if offer.permit is None else offer.permit.document,
            authorization=offer.authorization.document,
        ),
        calls=SaleCalls(
            approve=_call(terms.asset, calls.approve),
            buy=_call(offer.checkout, calls.buy),
            buy_with_permit=None if calls.buy_with_permit is None else _split(offer.checkout, calls.buy_with_permit),
            buy_with_authorization=_split(offer.checkout, calls.buy_with_authorization),
        ),
        payer_holds=Payer(tokens=_text(holds.tokens), ether=_text(holds.ether), allowance=_text(holds.allowance)),
    )


def _call(to: Address, data: bytes) -> Call:
    return Call(to=show_address(to), data="0x" + data.hex())


def _split(to: Address, around: tuple[bytes, bytes]) -> SplitCall:
    before, after = around
    return SplitCall(to=show_address(to), before="0x" + before.hex(), after="0x" + after.hex())


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
