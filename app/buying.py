"""Buying by x402: what a program pays for something that is sold here, settled first, and only then handed over."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import structlog

from app import carrying_tips, facilitating, handing, selling
from app.container import Container, Work
from app.facilitating import Settled
from contracts.erc20 import Silent
from kit.errors import ChainUnavailable, Conflict, NotFound
from kit.identifiers import show_hash
from ledger.calls import OutgoingState
from ledger.model import Level, erc20
from payments.content.model import GRACE, WHOLE, Buyer, Kind, Listing, Paid, Purchase, PurchaseState, Stored, Version
from payments.settlements.model import Order, Use, order_of, purchase_key
from payments.settlements.service import Standing
from payments.settlements.x402 import Demand, Flaw, Payment, Reason, Token, check_signature, read_payment

LOG = structlog.get_logger(__name__)

SECONDS: Final = 300
"""For how long a buyer is asked to sign."""
_LONGEST_HEADER: Final = 12_000
_CLAIM: Final = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_MOST_UNTOLD: Final = 3
_HANDED_AT_ONCE: Final = 20
_UNSENT: Final = (OutgoingState.WAITING, OutgoingState.SENT)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a buyer sends: their payment, and the claim that came back with it."""

    payment: Payment
    claim: str


@dataclass(frozen=True, slots=True)
class Handed:
    """What is handed over (``parts`` gives its bytes), and by which purchase."""

    purchase: Purchase
    stored: Stored


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind the gateway, by what its terms say of it, and which purchase opens it (``app.gateway``)."""

    purchase: Purchase
    reference: str


def read(header: str) -> Sent:
    """Read the header ``PAYMENT-SIGNATURE``. Raises ``Flaw``, and ``Invalid`` for an identifier that is none."""
    told: Any = None
    if len(header) <= _LONGEST_HEADER:
        try:
            told = json.loads(base64.b64decode(header, validate=True))
        except (binascii.Error, ValueError, RecursionError):
            told = None
    if told is None:
        raise Flaw(Reason.PAYLOAD, "The header PAYMENT-SIGNATURE is base64 of JSON, and not long.")
    payment = read_payment(told)
    extra = told["accepted"].get("extra")
    claim = extra.get("claim") if isinstance(extra, dict) else None
    if not isinstance(claim, str) or not _CLAIM.fullmatch(claim):
        raise Flaw(Reason.PAYLOAD, "Send back in `accepted` what was asked, `extra.claim` too.")
    return Sent(payment, claim)


def quote(container: Container, listing: str) -> tuple[Listing, list[Demand]]:
    """Return a listing that is for sale, and what is asked for it: one of these; none where x402 cannot pay it.

    It can where one wallet gets all of a price in a token that takes signed transfers, and settlements have a budget.
    Our own token's comes first. Raises ``NotFound``, and ``Conflict`` for what is not for sale, or is handed over
    elsewhere.
    """
    with container.read() as work:
        found = work.content.listing(listing)
        if not found.version.is_fetched:
            raise Conflict("delivered_elsewhere", "This is nothing that can be fetched here.")
        work.content.quote(listing)
        return found, _demands(container, work, found.version)


def offered(container: Container, *, offset: int, limit: int) -> tuple[list[tuple[Listing, list[Demand]]], int]:
    """Return what x402 can pay of a page of what is listed, each with what is asked, and how many are listed in all."""
    with container.read(one_moment=True) as work:
        found, total = work.content.catalogue(offset=offset, limit=limit)
        here = [one for one in found if one.is_for_sale(work.now) and one.version.is_fetched]
        asked = [(one, _demands(container, work, one.version)) for one in here]
    return [(one, demands) for one, demands in asked if demands], total


def begin(container: Container, listing: str, sent: Sent) -> Purchase | None:
    """Take a payment for a listing on, and return what it bought; ``None`` while that is yet to be seen.

    The same payment is made once and buys once, however often it is sent in, and by whomever has its claim too: the
    buyer alone. Raises ``Flaw`` where it is not good, ``NotFound``, ``Conflict`` for what is not for sale or for a
    payment for something else, and ``ChainUnavailable``.
    """
    payment, order = sent.payment, order_of(listing, sent.claim)
    with container.read() as work:
        check_signature(payment, facilitating.token_of(work, payment.asset))
        work.settlements.check_name(payment, order)
        work.content.listing(listing)
        known = _known(work, payment, order)
        standing = _standing(work, payment)
        if known is not None and known.state is not PurchaseState.TAKEN_BACK:
            return known
        demand = None
        if standing is not None:
            _same(standing, order)
            demand = _promised(container, work, standing)
    if demand is None:
        demand = _asked(quote(container, listing)[1], payment)
    settled = _settle(container, payment, demand, order, standing)
    if not settled.made and not settled.pending:
        raise Flaw(settled.reason or Reason.SETTLE, "The payment was carried to the chain in vain.")
    return look(container, sent, order)


def look(container: Container, sent: Sent, order: Order) -> Purchase | None:
    """Return what a payment bought that was taken on; ``None`` while it is yet to be seen. Raises as ``begin``."""
    with container.read() as work:
        known, standing = _known(work, sent.payment, order), _standing(work, sent.payment)
    if known is not None and known.state is not PurchaseState.TAKEN_BACK:
        return known
    if standing is not None:
        taken_in = _take_in(container, standing)
        return None if taken_in is None or taken_in.state is PurchaseState.TAKEN_BACK else taken_in
    return None


def find(container: Container, listing: str, sent: Sent) -> Purchase | None:
    """Return what a payment bought before; nothing is taken on. Raises ``Flaw`` for who is not its payer."""
    with container.read() as work:
        check_signature(sent.payment, facilitating.token_of(work, sent.payment.asset))
        return _known(work, sent.payment, order_of(listing, sent.claim))


def hand_over(container: Container, purchase: Purchase, number: int | None = None) -> Handed | Behind | None:
    """Return what a purchase opens; ``None`` while its payment is not as sure as the seller wants.

    ``number``: which version of it, the one that was paid for or any later one; the newest by default. Raises
    ``NotFound`` for any other version, and ``Conflict`` where it opens nothing: taken down, owed back, refunded, or
    moved to somebody else.
    """
    with container.work() as work:
        if purchase.because is not None:
            raise Conflict("owed_back", f"This payment bought nothing ({purchase.because}): the seller owes it back.")
        buyer = purchase.buyer
        access = None if buyer is None else work.content.access(buyer, purchase.listing)
        opened = [] if access is None else [one for one in access.versions if number in (None, one.number)]
        if access is not None and not opened:
            raise NotFound("version_unknown", "This payment opens no such version.")
        found = handed(purchase, opened[-1]) if opened else None
        if found is None:
            now = work.content.purchase(purchase.key)
            if now is not None and now.state is PurchaseState.PAID and not now.level.reaches(now.finality):
                return None
            raise Conflict(
                "not_opened", "This payment opens this no more: it was taken down, refunded, moved, or is over."
            )
        if isinstance(found, Handed):
            work.content.delivered(purchase.id)
        return found


def handed(purchase: Purchase, version: Version) -> Handed | Behind | None:
    """Return what a purchase opens of a version; ``None`` for what is fetched nowhere."""
    if version.offer.kind is Kind.GATEWAY:
        return Behind(purchase, version.offer.reference)
    return None if version.stored is None else Handed(purchase, version.stored)


def parts(container: Container, handed: Handed, start: int, end: int) -> Iterator[bytes]:
    """Give bytes of what is handed over; no transaction is open while they are read. Raises as ``Content.open_``."""
    with container.read() as work:
        return work.content.open_(selling.blobs(container), handed.stored, start=start, end=end)


def follow(container: Container) -> None:
    """Let purchases be as sure as their payments have become, and those be made that nobody asked for again.

    And let tips that somebody signed be paid.
    """
    with container.read() as work:
        orders = work.settlements.orders()
    for standing in orders:
        is_tip = standing.settlement.order is not None and standing.settlement.order.tip
        (carrying_tips.take_in if is_tip else _take_in)(container, standing)


def follow_handed(container: Container) -> None:
    """Do as ``follow`` for what another facilitator carries, and hand over again what is in no block.

    Raises ``ChainUnavailable`` where the node told too little of several; nobody waits but whoever calls.
    """
    with container.read() as work:
        standings = work.settlements.handed()
    waiting, untold = [], 0
    for standing in standings:
        made = standing.settlement
        try:
            known = _take_in(container, standing)
            if made.use is not None:  # as of before: so what it bought was told of it
                with container.work() as work:
                    work.settlements.close(made)
            elif not handing.look_up(container, made) and (known is None or known.state is PurchaseState.TAKEN_BACK):
                waiting.append(made)
        except Silent:  # its token is to blame, and holds up nothing else
            LOG.warning("token_silent", settlement=show_hash(made.id))
        except ChainUnavailable:
            untold += 1
            if untold > _MOST_UNTOLD:
                raise
            LOG.warning("handed_payment_untold", settlement=show_hash(made.id))
    asked = 0
    for made in waiting:
        asked += handing.hand_over(container, made)
        if asked >= _HANDED_AT_ONCE:
            break


# ------------------------------------------------------------------------------------------------- within


def _settle(container: Container, payment: Payment, demand: Demand, order: Order, standing: Standing | None) -> Settled:
    """Let our facilitator settle a payment, or another where the operator named one; each ends what it began."""
    there = container.settings.facilitator_url if standing is None else standing.carried is None
    if not there:
        return facilitating.begin(container, payment, demand, order)
    if standing is None:
        return handing.begin(container, payment, demand, order)
    return facilitating.look(container, payment)


def _demands(container: Container, work: Work, version: Version) -> list[Demand]:
    """Return what is asked for a version: one of these."""
    own, prices = work.settlements.token, version.offer.prices
    if not _is_payable(container, version):
        return []
    theirs = erc20(own.chain_id, own.address)
    tokens = [own] if theirs in prices and len(prices) == 1 else facilitating.all_served(work)
    priced = [(one, prices.get(erc20(one.chain_id, one.address))) for one in tokens]
    return [_demand(token, price, version) for token, price in priced if price is not None]


def _is_payable(container: Container, version: Version) -> bool:
    """Tell whether a program can pay for a version at all, in whatever token."""
    offer = version.offer
    settled = container.relay_limits.settlements is not None or container.settings.facilitator_url
    return bool(settled) and offer.shares.get(offer.wallet) == WHOLE and not offer.fee_bps


def _demand(token: Token, price: int, version: Version) -> Demand:
    wallet = version.offer.wallet
    return Demand(token.network, token.address, price, wallet, SECONDS, token.name, token.version)


def _asked(demands: list[Demand], payment: Payment) -> Demand:
    """Return what is asked in the token that a buyer paid in: nothing that they name is taken for a price."""
    if not demands:
        raise Conflict("not_payable", "This cannot be paid by x402 here.")
    found = next((one for one in demands if one.asset == payment.asset), None)
    if found is None:
        raise Flaw(Reason.MISMATCH, "The buyer accepted something else than what is asked.")
    return found


def _promised(container: Container, work: Work, standing: Standing) -> Demand | None:
    """Return what was asked when a payment was taken on, whatever is asked now, and is allowed."""
    found, made = _version(work, standing), standing.settlement
    if found is None or not _is_payable(container, found):
        return None
    return _demand(facilitating.token_of(work, made.asset), made.signed.amount, found)


def _version(work: Work, standing: Standing) -> Version | None:
    """Return what a payment was taken on for: the newest version then, or one replaced just before, of its price."""
    made, order = standing.settlement, standing.settlement.order
    asset = erc20(work.settlements.token.chain_id, made.asset)
    for one in reversed([] if order is None else work.content.versions(order.listing)):
        good = one.replaced_at is None or made.created_at <= one.replaced_at + GRACE
        then = one.created_at <= made.created_at and good
        if then and one.offer.prices.get(asset) == made.signed.amount and one.offer.wallet == made.signed.recipient:
            return one
    return None


def _known(work: Work, payment: Payment, order: Order) -> Purchase | None:
    signed = payment.signed
    found = work.content.purchase(purchase_key(work.settlements.id_of(payment.asset, signed), order))
    if found is not None and found.listing != order.listing:
        raise _another()
    if found is not None and (found.buyer is None or found.buyer.wallet != signed.payer):
        raise Conflict("moved", "What this payment bought is another's by now, by its buyer's own word.")
    return found


def _standing(work: Work, payment: Payment) -> Standing | None:
    try:
        return work.settlements.find(payment.asset, payment.signed)
    except Conflict as refusal:
        raise Flaw(Reason.USED, refusal.message) from None


def _same(standing: Standing, order: Order) -> None:
    """Refuse a payment that is for something else, or whose claim whoever sends it does not know."""
    theirs = standing.settlement.order
    if theirs is None or theirs.listing != order.listing:
        raise _another()
    if theirs.claim != order.claim:
        raise Flaw(Reason.USED, "This payment bought this for somebody else.")


def _another() -> Conflict:
    return Conflict("payment_for_another", "This payment is for something else: nothing is bought twice with it.")


def _take_in(container: Container, standing: Standing) -> Purchase | None:
    """Let a purchase be what became of its payment, and return it; ``None`` where there is none yet."""
    made, order = standing.settlement, standing.settlement.order
    if order is None:
        return None
    key = purchase_key(made.id, order)
    with container.read() as work:
        known, state = work.content.purchase(key), work.settlements.call(standing)
    standing_still = known is not None and known.state is not PurchaseState.TAKEN_BACK
    if made.elsewhere:
        level = handing.look(container, standing)
        if level is None and standing_still:
            level = Level.ORPHANED
        if known is None and level is Level.ORPHANED:
            return None
    elif made.use is Use.MADE or (state is OutgoingState.DONE and made.asset == container.terms.token):
        level = Level.FINALIZED
    elif state is OutgoingState.GIVEN_UP or made.use is Use.LOST:
        level = Level.ORPHANED if made.use is not None else None
    elif state is OutgoingState.MINED and known is not None and standing_still and known.level.reaches(known.finality):
        return known
    else:
        level = _seen(container, standing, state)
    if level is None or (known is not None and standing_still and known.level is level):
        return known
    try:
        with container.work() as work:
            return _told(work, standing, order, level)
    except NotFound:  # the seller erased themselves before anything was paid
        LOG.warning("purchase_of_nothing", settlement=show_hash(made.id))
        return None


def _told(work: Work, standing: Standing, order: Order, level: Level) -> Purchase | None:
    made = standing.settlement
    key = purchase_key(made.id, order)
    if level is Level.ORPHANED:
        return work.content.took_back(key)
    version = _version(work, standing)
    terms = work.content.listing(order.listing).version.terms if version is None else version.terms
    return work.content.bought(
        Paid(
            key=key,
            listing=order.listing,
            terms=terms,
            buyer=Buyer(wallet=made.signed.payer),
            asset=erc20(work.settlements.token.chain_id, made.asset),
            amount=made.signed.amount,
            level=level,
            at=made.created_at,
        )
    )


def _seen(container: Container, standing: Standing, state: OutgoingState | None) -> Level | None:
    """Return how sure the block of a payment is; ``ORPHANED`` where it is to be sent anew, ``None`` for who knows."""
    for attempt in standing.attempts:
        receipt = container.chain.receipt(attempt.hash)
        if receipt is not None and facilitating.made_by(container, standing.settlement, receipt):
            with container.read() as work:
                try:
                    level = work.book.level(receipt.block_hash)
                except NotFound:
                    return Level.SEEN
            return Level.SEEN if level is Level.ORPHANED else level
    return Level.ORPHANED if state in _UNSENT else None
