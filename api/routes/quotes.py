"""Quotes: what a stranger may see before paying, and what their wallet needs to pay."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.dependencies import ContainerDep, limited
from api.etags import tagged
from api.offers import offer, receipt
from api.presenting import show_opening, show_quote
from api.schemas.problems import problems
from api.schemas.quotes import OfferOut, OpenIn, OpeningOut, QuoteOut, ReceiptOut, SignatureParts, TermsIn
from app import gasless, paying
from app.container import Work
from kit.errors import NotFound
from kit.identifiers import parse_address, parse_hash
from payments.stakes.model import Stake

router = APIRouter(prefix="/v1/quotes", tags=["quotes"], responses=problems(400, 404, 409, 429, 503))

QuoteId = Annotated[
    str, Path(min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$", examples=["q7Hc0kZ3nB1vXw2yT5sLdA"])
]


@router.get("/{quote_id}", response_model=QuoteOut, dependencies=[Depends(limited("quote", per_minute=600, burst=120))])
def show(quote_id: QuoteId, request: Request, container: ContainerDep) -> Response:
    """Show a quote: price, deadlines, how this recipient dealt with earlier stakes, and where its stake stands.

    Answers with an ETag; poll with `If-None-Match`.
    """
    with container.read() as work:
        return tagged(request, show_quote(work, container, work.stakes.find_quote(quote_id)))


@router.post("/{quote_id}/terms", dependencies=[Depends(limited("terms", per_minute=20, burst=20))])
def make_terms(quote_id: QuoteId, asked: TermsIn, container: ContainerDep) -> OfferOut:
    """Return the exact terms for one payer, and everything that their wallet signs and sends.

    Where the price does not hold for that wallet, or not any more, the problem `price_rose` tells the new one, which
    takes this one's place; where the door is full, `door_full`. Otherwise it changes nothing.
    Without a web3 library: sign `typed_data.permit` with `eth_signTypedData_v4`, append v, r and s as three words to
    `calls.open_with_permit.data`, and send that. A wallet that cannot sign typed data sends `calls.approve`, then
    `calls.open`.
    """
    payer = parse_address(asked.payer)
    return_to = parse_address(asked.return_to) if asked.return_to else None
    with container.read() as work:
        quote = work.stakes.find_quote(quote_id)
        gasless.payable(work, quote)
    paying.check(container, quote, payer, return_to)
    # Outside of the transaction: the chain's node may be slow, and a reader must not hold up the database.
    refusal = gasless.why_not(container, quote, payer)
    return offer(quote, container.terms, container.chain, payer=payer, return_to=return_to, gasless=refusal)


@router.post(
    "/{quote_id}/open",
    status_code=202,
    responses=problems(403),
    dependencies=[Depends(limited("open", per_minute=10, burst=10))],
)
def open_gasless(quote_id: QuoteId, signed: OpenIn, container: ContainerDep) -> OpeningOut:
    """Take on an opening that the payer signed, so that no ether is needed; the relay fee is paid with it.

    Get the terms for the payer, have `typed_data.authorization` signed with `eth_signTypedData_v4`, and send payer,
    return address and signature here. The same signature may be sent again: it is carried once, and answered with how
    far it is. Where it is not taken, the problem says why, and the plain way is open as before.
    """
    payer = parse_address(signed.payer)
    return_to = parse_address(signed.return_to) if signed.return_to else None
    signature = _bytes_of(signed.signature)
    opening = gasless.carry(container, quote_id, payer=payer, return_to=return_to, signature=signature)
    with container.read() as work:
        return show_opening(work, container, opening)


@router.get("/{quote_id}/receipt", dependencies=[Depends(limited("receipt", per_minute=60, burst=30))])
def show_receipt(quote_id: QuoteId, container: ContainerDep, response: Response) -> ReceiptOut:
    """Return the receipt of the quote's stake: enough to get it back with nothing but the chain."""
    with container.read() as work:
        stake = _stake_of(work, quote_id)
    response.headers["Content-Disposition"] = f'attachment; filename="earnest-receipt-{stake.id.hex()[:10]}.json"'
    return receipt(stake.terms, container.terms, transaction=stake.opened_transaction)


def _stake_of(work: Work, quote_id: str) -> Stake:
    quote = work.stakes.find_quote(quote_id)
    stake = work.stakes.of_quote(quote.id)
    if stake is None:
        raise NotFound("stake_unknown", "Nobody has paid this quote yet.")
    return stake


def _bytes_of(signature: str | SignatureParts) -> bytes:
    if isinstance(signature, str):
        return bytes.fromhex(signature[2:])
    return parse_hash(signature.r) + parse_hash(signature.s) + bytes([signature.v])
