"""Settling (pure): which calls the escrow is owed for a stake as it stands now."""

from __future__ import annotations

from dataclasses import dataclass

from contracts import codec
from kit.identifiers import Address, Hash32
from payments.stakes.model import Stake, StakeState, Wish

RESOLVER = "resolver"
"""The key that ends stakes. It opens none: what openings cost never keeps a stake from going back."""

_RETURN_ANSWERED = "return_answered"
_RETURN_UNANSWERED = "return_unanswered"
_ANNOUNCE = "announce_forfeit"
_EXECUTE = "execute_forfeit"
_EXPIRE = "expire"
_VERBS = (_RETURN_ANSWERED, _RETURN_UNANSWERED, _ANNOUNCE, _EXECUTE, _EXPIRE)


@dataclass(frozen=True, slots=True)
class Errand:
    """A call to the escrow: under which key of ours, once ``after_block`` is final; one key is never sent twice.

    ``signer``: the resolver whom the terms name, where the escrow takes it from nobody else.
    """

    key: str
    role: str
    data: bytes
    after_block: Hash32
    signer: Address | None = None


def possible_keys(stake: Stake) -> tuple[str, ...]:
    """Return the keys of all calls that a stake could need as long as its last event is this one."""
    return tuple(_key(stake, verb) for verb in _VERBS)


def errands(stake: Stake, *, chain_time: int) -> tuple[Errand, ...]:
    """Return what the escrow is owed now: at most one call.

    Money moves only on finalized facts, so every call waits for the block that it rests on: the opening's, or the
    announcement's where a forfeit is executed.
    """
    if stake.quote_id is None:
        return ()
    wish = Wish.RETURN_UNANSWERED if stake.surplus else stake.wish
    if stake.state is StakeState.OPEN:
        return (_while_open(stake, wish, chain_time),) if _anything_due(stake, wish, chain_time) else ()
    if stake.state is StakeState.FORFEIT_ANNOUNCED:
        if wish in (Wish.RETURN_ANSWERED, Wish.RETURN_UNANSWERED):
            data = codec.encode_return(stake.terms, answered=True)
            key, resolver = _key(stake, _RETURN_ANSWERED), stake.terms.resolver
            return (Errand(key, RESOLVER, data, stake.opened_hash, resolver),)
        if stake.executable_at is not None and chain_time >= stake.executable_at:
            data = codec.encode_execute_forfeit(stake.terms)
            return (Errand(_key(stake, _EXECUTE), RESOLVER, data, stake.last_hash),)
    return ()


def _anything_due(stake: Stake, wish: Wish | None, chain_time: int) -> bool:
    return wish is not None or chain_time >= stake.terms.answer_by


def _while_open(stake: Stake, wish: Wish | None, chain_time: int) -> Errand:
    if chain_time >= stake.terms.answer_by:  # too late for any wish: the escrow would revert it
        return Errand(_key(stake, _EXPIRE), RESOLVER, codec.encode_expire(stake.terms), stake.opened_hash)
    if wish is Wish.FORFEIT:
        data = codec.encode_announce_forfeit(stake.terms)
        return Errand(_key(stake, _ANNOUNCE), RESOLVER, data, stake.opened_hash, stake.terms.resolver)
    answered = wish is Wish.RETURN_ANSWERED
    data = codec.encode_return(stake.terms, answered=answered)
    verb = _RETURN_ANSWERED if answered else _RETURN_UNANSWERED
    return Errand(_key(stake, verb), RESOLVER, data, stake.opened_hash, stake.terms.resolver)


def _key(stake: Stake, verb: str) -> str:
    """Name a call by the block it rests on: a stake that was opened anew elsewhere is answered anew."""
    rests_on = stake.last_hash if verb == _EXECUTE else stake.opened_hash
    return f"{verb}:{stake.id.hex()}:{rests_on.hex()}"
