"""Proving: asks the chain for the other side of the books, at their own block; no transaction stands open meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contracts import codec
from contracts.chain import Chain
from kit.errors import ChainUnavailable, Refusal
from kit.identifiers import Address
from ledger import reconciling
from ledger.reconciling import Reconciliation, Standing


def silent(done: int, of: int) -> None:
    """Tell nobody how far it is."""


def prove(
    standing: Standing,
    chain: Chain,
    *,
    wallets: Sequence[Address] | None = None,
    asked: Callable[[int, int], None] = silent,
) -> Reconciliation:
    """Hold the books against the chain's own words at the same block.

    ``wallets``: which addresses to ask for; by default all that hold something. ``asked`` is told after each how many
    it was, and of how many. Raises ``ChainUnavailable`` where the node does not answer for that block (one that keeps
    no old state answers only for the newest ones).
    """
    block, number = standing.block.hash, standing.block.number

    def ask(data: bytes) -> int:
        try:
            answer = chain.call(standing.token, data, block=block)
            if answer:
                return codec.decode_uint(answer)
        except Refusal as error:  # our token answers each of these
            raise ChainUnavailable(f"The token does not say what it must at block {number}: {error}") from error
        raise ChainUnavailable(
            f"The node has no token at block {number}: it lost that block's state, or keeps it no more."
        )

    total_supply = ask(codec.encode_total_supply())
    escrow = ask(codec.encode_balance_of(standing.escrow))
    told = {}
    wanted = standing.wallets if wallets is None else wallets
    for place, address in enumerate(wanted, start=1):
        told[address] = ask(codec.encode_balance_of(address))
        asked(place, len(wanted))
    found = reconciling.outer_checks(standing.balances, total_supply=total_supply, escrow=escrow, wallets=told)
    return Reconciliation(
        block=standing.block,
        level=standing.level,
        checks=(*standing.checks, *found),
        stakes=reconciling.stakes(standing.balances),
        unsolicited=reconciling.strays(standing.balances),
        full=standing.full,
        wallets=len(standing.wallets),
        asked=tuple(told),
    )
