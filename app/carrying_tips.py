"""Carrying tips: a giver's signed tip looked at, tried out and taken on, so that no ether is needed.

One in our own token goes to ``Checkout``; one in another token that takes signed transfers goes from the giver to the
receiver, as programs pay (``app.facilitating``), and what was signed as its nonce is the purchase's id.
"""

from __future__ import annotations

from collections.abc import Iterator

from app import carrying_orders, facilitating, tipping
from app.carrying_orders import Unsigned
from app.container import Container
from contracts import typed_data
from contracts.authorizations import Authorization
from contracts.chain import Receipt
from contracts.checkout import Order, SaleTerms, purchase_id, terms_hash
from contracts.typed_data import Domain
from kit.errors import Conflict, Forbidden, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import Level, erc20
from payments.carrying.model import Carried
from payments.settlements.model import Order as What
from payments.settlements.model import Use
from payments.settlements.service import Standing
from payments.settlements.x402 import Demand, Flaw, Payment, Reason, Token
from payments.tips.model import Paid, Wish
from payments.tips.onchain import Place, listing_hash, memo_of


def carry(
    container: Container,
    token: str,
    wish: Wish,
    signature: bytes,
    *,
    payer: Address,
    valid_before: int,
    salt: Hash32,
) -> Carried:
    """Take on a tip by a link that its payer signed, to be sent by the relayer's key; asking twice is once.

    ``wish``: just what the terms were asked for with. Raises ``NotFound`` for a link that is over and for what was not
    asked for by it, and what ``carrying_orders.carry`` does.
    """
    place = tipping.place_of(container)
    with container.read() as work:
        terms = work.tip_links.asked(token, wish, place)
    order = Order(payer, memo_of(token), 0, ZERO_ADDRESS, valid_before, salt)
    if terms.asset != place.token:
        return _by_transfer(container, token, terms, order, signature, place)
    return carrying_orders.carry(container, terms, order, signature, of=lambda work: work.signed_tips)


# ------------------------------------------------------------------------------------------------ in other tokens


def unsigned(container: Container, terms: SaleTerms, order: Order) -> Unsigned | None:
    """Return what a giver would sign of a tip in another token than ours; nothing is asked for carrying it.

    ``None`` where the token takes no signed transfers, or the operator has a part: one transfer has one recipient. Its
    ``purchase`` is the id under which it is carried.
    """
    place = tipping.place_of(container)
    with container.read() as work:
        try:
            token = facilitating.served(work, terms.asset)
        except Flaw:
            return None
        signed = _transfer(terms, order, place)
        carried = work.settlements.id_of(terms.asset, signed)
    if terms.fee_bps:
        return None
    return Unsigned(order, carried, _asks(signed, token))


def _transfer(terms: SaleTerms, order: Order, place: Place) -> Authorization:
    """Return the transfer that pays a tip. Its nonce commits to link, note and who may see it, as ``Checkout`` does."""
    nonce = purchase_id(terms, order, chain_id=place.chain_id, checkout=place.checkout)
    return Authorization(order.buyer, terms.seller, terms.price, 0, order.valid_before, nonce)


def _asks(signed: Authorization, token: Token) -> typed_data.TypedData:
    domain = Domain(token.name, token.version)
    return typed_data.transfer_with_authorization(signed, chain_id=token.chain_id, token=token.address, domain=domain)


def _by_transfer(
    container: Container, link: str, terms: SaleTerms, order: Order, signature: bytes, place: Place
) -> Carried:
    signed, what = _transfer(terms, order, place), What(link, terms_hash(terms), tip=True)
    try:
        with container.read() as work:
            token = facilitating.token_of(work, terms.asset)
            known = work.settlements.find(terms.asset, signed)
            if known is None:
                work.tip_links.check_terms(terms, erc20(place.chain_id, terms.asset))
        if terms.fee_bps:
            raise Conflict("wrong_asset", "The operator has a part of tips here: in that token none can be carried.")
        demand = Demand(
            token.network,
            token.address,
            terms.price,
            terms.seller,
            tipping.GOOD_FOR_SECONDS,
            token.name,
            token.version,
        )
        facilitating.begin(container, Payment(demand, signed, signature), demand, what)
    except Flaw as flaw:
        if flaw.reason is Reason.SIGNATURE:
            raise Forbidden("signature_not_buyers", f"{flaw.sentence} Ask for the terms again.") from None
        raise Conflict(str(flaw.reason), flaw.sentence) from None
    with container.read() as work:
        carried = work.carrying.find(work.settlements.id_of(terms.asset, signed))
    if carried is None:
        raise NotFound("purchase_unknown", "No such tip is carried here.")
    return carried


def take_in(container: Container, standing: Standing) -> None:
    """Let a tip that somebody signed be what became of it: it is paid by the block in which its transfer is.

    A block that leaves the chain takes it back as any other tip. Raises ``ChainUnavailable``.
    """
    made, what = standing.settlement, standing.settlement.order
    if what is None or made.use is Use.LOST:
        return
    for receipt in _receipts(container, standing):
        with container.read() as work:
            if work.tips.stands_in(made.signed.nonce, receipt.block_hash):
                return
        block = container.chain.block(receipt.block_hash)
        if block is None or not facilitating.made_by(container, made, receipt):
            continue
        with container.work() as work:
            try:
                level = work.book.level(block.hash)
            except NotFound:  # a block that is final comes into the books for sure; of any other that is yet to be seen
                level = Level.FINALIZED if made.use is Use.MADE else Level.ORPHANED
            if level is Level.ORPHANED:
                continue
            asset = erc20(block.chain_id, made.asset)
            link, signed = listing_hash(what.listing), made.signed
            work.tips.paid(Paid(signed.nonce, link, what.claim, signed.payer, asset, signed.amount, block))
        return


def _receipts(container: Container, standing: Standing) -> Iterator[Receipt]:
    """Give the receipts that there are of the transactions in which a transfer may have been made."""
    found = standing.settlement.transaction
    for transaction in (found,) if found is not None else (one.hash for one in standing.attempts):
        receipt = container.chain.receipt(transaction)
        if receipt is not None:
            yield receipt
