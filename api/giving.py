"""Gifts turned into what a wallet sends."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from api.schemas.giving_terms import GaslessGift, GiftCalls, GiftIn, GiftTermsOut, UnsignedGift
from api.schemas.quotes import Call
from app import gasless
from app.container import Container
from contracts import codec, pledges, typed_data
from contracts.chain import Chain
from contracts.events import SignedGift
from kit.amounts import UINT256_MAX
from kit.errors import ChainUnavailable, Conflict, Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, parse_address, show_address, show_hash
from ledger.model import Asset
from payments.carrying.model import Cargo
from payments.flair.codes import memo_in

_OF_TOKENS = "erc20:"
_GOOD_FOR_SECONDS = 3_600
"""How long a signed gift can be carried."""


def give(container: Container, asked: GiftIn) -> GiftTermsOut:
    """Return all that a wallet needs for a gift.

    Raises ``Conflict`` where nothing can be given, ``Invalid`` for what would count for nothing or be lost.
    """
    place = container.gifts_arrive
    if place is None or place.pledges is None:
        raise Conflict("giving_closed", "Nothing can be given here by a wallet.")
    giver, amount = parse_address(asked.giver), int(asked.amount)
    if giver == place.cause:
        raise Invalid("giver_is_cause", "That is the cause's own address: give from another one.")
    if not 0 < amount <= UINT256_MAX:
        raise Invalid("gift_of_nothing", "A gift is more than nothing, and less than there can be.")
    token = _token(container, asked.asset)
    memo = memo_in(asked.code) if asked.code else pledges.NO_MEMO
    holds, allowance = _holdings(container.chain, token, giver, place.pledges)
    if token == ZERO_ADDRESS:
        data, value = pledges.encode_give_ether(place.cause, asked.months, memo), amount
        approve = None
    else:
        data, value = pledges.encode_give(place.cause, token, amount, asked.months, memo), 0
        approve = _call(token, codec.encode_approve(place.pledges, amount))
    return GiftTermsOut(
        cause=show_address(place.cause),
        pledges=show_address(place.pledges),
        memo=show_hash(memo),
        holds=holds,
        allowance=allowance,
        calls=GiftCalls(approve=approve, give=_call(place.pledges, data, value)),
        gasless=_gasless(container, place.pledges, giver, place.cause, asked, memo) if token == place.token else None,
    )


def chain_assets(container: Container) -> list[tuple[str, Asset, int]]:
    """Return what counts of what can be given on the chain: what people call it, the asset, and its decimal places."""
    chain_id = container.terms.chain_id
    with container.read() as work:
        known = work.supporters.assets.known
    here = (f"ether:{chain_id}", f"{_OF_TOKENS}{chain_id}:")
    return [one for one in known if one[1].startswith(here)]


def _gasless(
    container: Container, contract: Address, giver: Address, cause: Address, asked: GiftIn, memo: Hash32
) -> GaslessGift | None:
    if gasless.why_none(container, Cargo.GIFT) is not None:
        return None
    terms = container.terms
    with container.read() as work:
        valid_before = work.chain_time + _GOOD_FOR_SECONDS
    gift = SignedGift(
        giver=giver,
        cause=cause,
        amount=int(asked.amount),
        months=asked.months,
        memo=memo,
        relay_fee=terms.relay_fee.base_units,
        relay_receiver=terms.relay_receiver,
        valid_before=valid_before,
        salt=Hash32(secrets.token_bytes(32)),
    )
    made = typed_data.authorization_to_give(gift, chain_id=terms.chain_id, token=terms.token, pledges=contract)
    return GaslessGift(
        due=str(gift.amount + gift.relay_fee),
        typed_data=made.document,
        signed=UnsignedGift(
            giver=show_address(gift.giver),
            cause=show_address(gift.cause),
            amount=str(gift.amount),
            months=gift.months,
            memo=show_hash(gift.memo),
            relay_fee=str(gift.relay_fee),
            relay_receiver=show_address(gift.relay_receiver),
            valid_before=gift.valid_before,
            salt=show_hash(gift.salt),
        ),
    )


def _token(container: Container, asset: str) -> Address:
    if asset not in {one for _, one, _ in chain_assets(container)}:
        raise Invalid("asset_unknown", "That asset does not count here.")
    return parse_address(asset.rpartition(":")[2]) if asset.startswith(_OF_TOKENS) else ZERO_ADDRESS


def _holdings(chain: Chain, token: Address, giver: Address, spender: Address) -> tuple[str | None, str | None]:
    if token == ZERO_ADDRESS:
        return _asked(lambda: chain.balance(giver)), None
    holds = _asked(lambda: codec.decode_uint(chain.call(token, codec.encode_balance_of(giver))))
    if holds is None:
        return None, None
    return holds, _asked(lambda: codec.decode_uint(chain.call(token, codec.encode_allowance(giver, spender))))


def _asked(question: Callable[[], int]) -> str | None:
    try:
        return str(question())
    except (ChainUnavailable, Invalid):  # no answer, or none that a token would give
        return None


def _call(to: Address, data: bytes, value: int = 0) -> Call:
    return Call(to=show_address(to), data="0x" + data.hex(), value=hex(value))
