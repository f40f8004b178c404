"""Carrying gifts: a giver's signed gift looked at, tried out and taken on, so that no ether is needed."""

from __future__ import annotations

import structlog

from app import gasless
from app.container import Container
from contracts import pledges, typed_data
from contracts.events import SignedGift
from contracts.signatures import signer_of
from kit.errors import Forbidden, Invalid, NotFound
from kit.identifiers import Address, show_hash
from payments.carrying.model import Cargo, Carried
from payments.flair.onchain import Place

LOG = structlog.get_logger(__name__)

_SHORTEST_SECONDS = 120
_LONGEST_SECONDS = 7 * 86_400
"""How much longer a signature is good when it is taken on: too short comes too late, too long is a debt for ever."""


def place_of(container: Container) -> Place:
    """Return where gifts arrive. Raises ``NotFound`` where nothing can be given here."""
    place = container.gifts_arrive
    if place is None:
        raise NotFound("no_cause", "This service names nothing that could be given to.")
    return place


def carry(container: Container, gift: SignedGift, signature: bytes) -> Carried:
    """Take on a gift that its giver signed, to be sent by the relayer's key; asking twice is once.

    Raises ``NotFound`` where nothing can be given, ``Invalid`` for a gift that the contract or we would not take,
    ``Forbidden`` for a signature that is not the giver's, and ``Conflict`` where a limit is reached or the chain would
    refuse it now. The node is asked while no transaction is open.
    """
    place = place_of(container)
    with container.read() as work:
        contract, gift_id = work.signed_gifts.contract, work.signed_gifts.id_of(gift)
        known, chain_time = work.carrying.find(gift_id), work.chain_time
    authorization = typed_data.authorization_to_give(
        gift, chain_id=container.terms.chain_id, token=place.token, pledges=contract
    )
    if signer_of(authorization.digest, signature) != gift.giver:
        raise Forbidden("signature_not_givers", "The signature is not the giver's over this gift: sign it anew.")
    if known is not None and (known.outcome is None or not known.outcome.may_try_again):
        return known
    _check(container, gift, place, chain_time)
    with container.read() as work:
        work.carrying.check(Cargo.GIFT, person=None, payer=gift.giver)
        set_aside = work.carrying.set_aside()
    gas, max_fee, tokens = gasless.try_out(
        container,
        Cargo.GIFT,
        to=contract,
        data=pledges.encode_give_with_authorization(gift, signature),
        payer=gift.giver,
        due=gift.amount + gift.relay_fee,
        set_aside=set_aside,
    )
    with container.work() as work:
        carried = work.signed_gifts.queue(gift, signature, gas=gas, max_fee=max_fee, tokens=tokens)
    LOG.info("gift_taken_on", gift=show_hash(carried.id), gwei=carried.gwei)
    return carried


def _check(container: Container, gift: SignedGift, place: Place, chain_time: int) -> None:
    """Refuse a gift that is not for our cause, or by other terms than ours."""
    terms = container.terms
    ours: tuple[Address, int, Address] = (place.cause, terms.relay_fee.base_units, terms.relay_receiver)
    if (gift.cause, gift.relay_fee, gift.relay_receiver) != ours:
        raise Invalid("gift_not_ours", "Only gifts to this service's cause, with its relay fee, are carried.")
    if not gift.amount or gift.months > pledges.MOST_MONTHS or gift.giver == place.cause:
        raise Invalid("gift_impossible", f"A gift is of something, for at most {pledges.MOST_MONTHS} months.")
    left = gift.valid_before - chain_time
    if not _SHORTEST_SECONDS <= left <= _LONGEST_SECONDS:
        raise Invalid("gift_times", "A signed gift is good for two minutes to seven days from now.")
