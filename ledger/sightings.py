"""Sightings: what a node says became of the calls that hold a nonce, all about one call from one node.

Were the receipts of one node held against the nonces or the final block of another, one that lags or is on another
branch would make a call done that is not, or lost that is mined; and a lost one is signed anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.chain import Chain, Receipt
from contracts.events import BlockRef
from ledger.calls import Attempt, Call, OutgoingState


@dataclass(frozen=True, slots=True)
class Sighting:
    """What became of a call, as one node has it.

    ``mined``: the attempt that is in a block, with its receipt; ``final``: that block, where it stands in the node's
    chain and is final there; ``lost``: nothing is mined, and the nonce is used up in a final block.
    """

    mined: tuple[Attempt, Receipt] | None = None
    final: BlockRef | None = None
    lost: bool = False


def sightings(chain: Chain, calls: Sequence[Call], signed: Mapping[int, Sequence[Attempt]]) -> list[Sighting]:
    """Return what a node says of each of these calls; ``signed``: their attempts, by the calls' ids.

    To be asked at one node (``Chain.at_one``). Raises ``ChainUnavailable``.
    """
    # Asked before the receipts: a nonce that was used up in a final block by then has its receipt by now.
    final = chain.block("finalized")
    senders = {call.sender for call in calls if call.sender}
    used = {sender: chain.nonce(sender, "finalized") if final else 0 for sender in senders}
    found = []
    for call in calls:
        receipts = ((attempt, chain.receipt(attempt.hash)) for attempt in signed[call.id])
        mined = next(((attempt, receipt) for attempt, receipt in receipts if receipt is not None), None)
        if mined is not None:
            found.append(Sighting(mined, _final(chain, mined[1], final)))
        else:
            found.append(Sighting(lost=call.sender is not None and _lost(chain, call, used[call.sender])))
    return found


def _final(chain: Chain, receipt: Receipt, final: BlockRef | None) -> BlockRef | None:
    if final is None or receipt.block_number > final.number:
        return None
    block = chain.block(receipt.block_number)
    return block if block is not None and block.hash == receipt.block_hash else None


def _lost(chain: Chain, call: Call, used: int) -> bool:
    """Tell whether a call's nonce is used up for good: now too, for what answers as one node may be several."""
    # One that was mined before is looked at twice: a node may lag, and a second transaction would be too many.
    if call.state is not OutgoingState.SENT or call.sender is None or call.nonce is None or call.nonce >= used:
        return False
    return call.nonce < chain.nonce(call.sender, "finalized")
