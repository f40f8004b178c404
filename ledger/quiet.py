"""Quiet: after a restore nothing new is signed until all that was sent before it is final and in our books.

A backup knows nothing of what was sent since it was made. Were the same call made again meanwhile, it would get another
nonce, and the chain two transactions for one call. So what the node knows of our keys must have become final first, and
whatever was in a block when we came back, too; by then our books say what of it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.chain import Chain
from contracts.events import BlockRef
from kit.database import Database
from kit.identifiers import Address
from ledger.store import books
from ledger.store import outgoing as store


def is_quiet(database: Database, chain: Chain, senders: Iterable[Address]) -> bool:
    """Tell whether nothing new may be signed yet, and end the quiet once its time is over.

    Safe to ask at any time. Raises ``ChainUnavailable``.
    """
    with database.read() as session:
        until = store.quiet_until(session, chain.chain_id)
    if until is None:
        return False
    keys = list(senders)
    settled, sent, final, head = chain.at_one(lambda one: _asked(one, keys))
    if final is None or head is None:
        return True
    if not until:
        with database.write() as session:
            store.set_quiet(session, chain.chain_id, max(head.number, 1))
        return True
    with database.read() as session:
        booked = books.last_final(session, chain.chain_id)
    if booked is None or booked.number < max(until, final.number) or settled != sent:
        return True
    with database.write() as session:
        store.set_quiet(session, chain.chain_id, None)
    return False


def _asked(chain: Chain, keys: Sequence[Address]) -> tuple[list[int], list[int], BlockRef | None, BlockRef | None]:
    """Ask for what was sent, in this order: whatever is counted lies at or below the block that is asked for last."""
    settled = [chain.nonce(key, "finalized") for key in keys]
    sent = [chain.nonce(key) for key in keys]
    return settled, sent, chain.block("finalized"), chain.block("latest")
