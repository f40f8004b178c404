"""Buying by the contract: what a wallet signs and sends to pay a seller itself."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path

from api.dependencies import ContainerDep, limited
from api.schemas.checkout import (
    BuyCalls,
    BuyIn,
    BuyOrderOut,
    BuyTermsOut,
    CarriedPurchaseOut,
    CarriedPurchaseState,
    GaslessBuyingOut,
    SaleTermsOut,
    ShareOut,
    SignedPurchaseIn,
    SplitCall,
)
from api.schemas.problems import problems
from api.schemas.quotes import Call
from app import carrying_orders, carrying_purchases, checkout, gasless
from app.checkout import Due
from app.container import Container
from contracts import checkout as calls
from contracts import codec
from contracts.checkout import Order, SaleTerms
from contracts.typed_data import TypedData
from kit.clock import unix
from kit.errors import NotFound
from kit.identifiers import Address, Hash32, parse_address, parse_hash, show_address, show_hash
from ledger.model import Asset
from payments.carrying.model import Cargo, Carried, CarriedState, Outcome

router = APIRouter(prefix="/v1", tags=["selling"], responses=problems(400, 404, 409, 429, 503))

_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_ListingId = Annotated[str, Path(alias="listing", pattern=_TOKEN)]
_SIGNATURE = 3 * 32
# Any well-formed signature: it is cut out again, and what stands around it is what a wallet's own is put between.
_SOME_SIGNATURE = b"\x01" * 64 + b"\x1b"
_BEFORE_SIGNATURE = 4 + 8 * 32
"""The selector, where the terms are, the order and the deadline."""


@router.post("/listings/{listing}/terms", dependencies=[Depends(limited("buy-terms", per_minute=20, burst=20))])
def terms(listing: _ListingId, asked: BuyIn, container: ContainerDep) -> BuyTermsOut:
    """Return the exact terms for one wallet, and everything that it signs and sends.

    Without a web3 library: sign `permit` with `eth_signTypedData_v4`, put v, r and s as three words between `before`
    and `after` of `calls.buy_with_permit`, and send that. A wallet that cannot sign typed data sends `calls.approve`,
    then `calls.buy`. Nothing is kept of who asked; each answer is another purchase, so pay one of them.
    """
    asset = None if asked.asset is None else Asset(asked.asset.lower())
    due = checkout.due(container, listing, payer=parse_address(asked.payer), order=asked.order, asset=asset)
    return _shown(due, without_ether(container, due, Cargo.PURCHASE))


@router.post(
    "/listings/{listing}/signed",
    status_code=202,
    responses=problems(403),
    dependencies=[Depends(limited("buy-signed", per_minute=10, burst=10))],
)
def buy_signed(listing: _ListingId, signed: SignedPurchaseIn, container: ContainerDep) -> CarriedPurchaseOut:
    """Take on a purchase that its buyer signed (`gasless.authorization` of the terms); its fee is paid with it.

    The same may be sent again: it is carried once, and answered with how far it is. What is sold out or taken down
    before it is sent is not carried, and costs nothing.
    """
    wish = carrying_purchases.Wish(
        listing=listing,
        version=signed.version,
        buyer=parse_address(signed.buyer),
        memo=parse_hash(signed.memo),
        valid_before=signed.valid_before,
        salt=parse_hash(signed.salt),
    )
    carried = carrying_purchases.carry(container, wish, bytes.fromhex(signed.signature[2:]))
    return show_order(container, carried)


@router.get("/purchases/{purchase}/carried", dependencies=[Depends(limited("purchase", per_minute=120, burst=60))])
def show_carried(
    purchase: Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")], container: ContainerDep
) -> CarriedPurchaseOut:
    """Show where a signed purchase or tip stands that was taken on. Whoever knows its id signed it, or was told."""
    with container.read() as work:
        carried = work.carrying.find(parse_hash(purchase))
        is_tip = carried is not None and carried.cargo is Cargo.SETTLEMENT and work.settlements.pays_tip(carried)
    if carried is None or not (is_tip or carried.cargo in (Cargo.PURCHASE, Cargo.TIP)):
        raise NotFound("purchase_unknown", "No such purchase is carried here.")
    return show_order(container, carried)


def show_order(container: Container, carried: Carried) -> CarriedPurchaseOut:
    """Show where a signed purchase or tip stands."""
    with container.read() as work:
        state = work.carrying.state(carried)
    purchase = show_hash(carried.id)
    return CarriedPurchaseOut(
        purchase=purchase,
        state=CarriedPurchaseState.BOUGHT if state is CarriedState.DONE else CarriedPurchaseState(state.value),
        code=None if carried.outcome in (None, Outcome.DONE) else str(carried.outcome),
        taken_on_at=unix(carried.created_at),
        look=f"{container.settings.public_url}/v1/purchases/{purchase}/carried",
    )


def _order(order: Order) -> BuyOrderOut:
    return BuyOrderOut(
        buyer=show_address(order.buyer),
        memo=show_hash(order.memo),
        relay_fee=str(order.relay_fee),
        relay_receiver=show_address(order.relay_receiver),
        valid_before=order.valid_before,
        salt=show_hash(order.salt),
    )


def _shown(due: Due, gasless: GaslessBuyingOut | None) -> BuyTermsOut:
    return BuyTermsOut(
        listing=due.listing.id,
        version=due.listing.version.number,
        title=due.listing.version.offer.title,
        gasless=gasless,
        **payable(due),
    )


_Elsewhere = Callable[[Container, SaleTerms, Order], carrying_orders.Unsigned | None]
"""What is signed to pay in another token."""


class Payable(Protocol):
    """What a wallet is given to pay by the contract, whatever for (``app.checkout.Due``, ``app.tipping.Due``)."""

    @property
    def contract(self) -> Address:
        """The contract."""
        ...

    @property
    def terms(self) -> SaleTerms:
        """What is paid."""
        ...

    @property
    def order(self) -> Order:
        """Who pays."""
        ...

    @property
    def purchase(self) -> Hash32:
        """Its id."""
        ...

    @property
    def holds(self) -> int | None:
        """What the wallet has."""
        ...

    @property
    def allowance(self) -> int | None:
        """What it allows."""
        ...

    @property
    def permit(self) -> TypedData | None:
        """What it may sign."""
        ...

    @property
    def symbol(self) -> str:
        """What the token is called."""
        ...

    @property
    def decimals(self) -> int:
        """How many decimal places that has."""
        ...


def without_ether(
    container: Container, due: Payable, cargo: Cargo, *, elsewhere: _Elsewhere = lambda *_: None
) -> GaslessBuyingOut | None:
    """Return what a wallet without ether would sign; ``None`` where that cannot be.

    ``elsewhere``: what it would sign where it pays in another token than ours.
    """
    own = due.terms.asset == container.deployment.token
    asked = (carrying_orders.unsigned if own else elsewhere)(container, due.terms, due.order)
    if asked is None:
        return None
    refusal = gasless.why_none(container, cargo if own else Cargo.SETTLEMENT)
    return GaslessBuyingOut(
        available=refusal is None,
        why_not=refusal.code if refusal else None,
        why_not_text=refusal.message if refusal else None,
        purchase=show_hash(asked.purchase),
        order=_order(asked.order),
        authorization=asked.asks.document,
    )


def payable(due: Payable) -> dict[str, Any]:
    """Return what ``PayableOut`` has."""
    terms = due.terms
    return {
        "symbol": due.symbol,
        "decimals": due.decimals,
        "checkout": show_address(due.contract),
        "purchase": show_hash(due.purchase),
        "terms": SaleTermsOut(
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
        "order": _order(due.order),
        "holds": None if due.holds is None else str(due.holds),
        "allowance": None if due.allowance is None else str(due.allowance),
        "permit": None if due.permit is None else due.permit.document,
        "calls": BuyCalls(
            approve_nothing=_call(terms.asset, codec.encode_approve(due.contract, 0)),
            approve=_call(terms.asset, codec.encode_approve(due.contract, terms.price)),
            buy=_call(due.contract, calls.encode_buy(terms, due.order)),
            buy_with_permit=None if due.permit is None else _split(due),
        ),
    }


def _split(due: Payable) -> SplitCall:
    data = calls.encode_buy_with_permit(due.terms, due.order, due.order.valid_before, _SOME_SIGNATURE)
    before, after = data[:_BEFORE_SIGNATURE], data[_BEFORE_SIGNATURE + _SIGNATURE :]
    return SplitCall(to=show_address(due.contract), before="0x" + before.hex(), after="0x" + after.hex())


def _call(to: Address, data: bytes) -> Call:
    return Call(to=show_address(to), data="0x" + data.hex())
