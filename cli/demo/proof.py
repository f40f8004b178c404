"""The books in the demo: what each step wrote into them, and at the end the proof that all of it is true."""

from __future__ import annotations

from app.statements import of_everybody
from cli.demo.stage import Stage, money
from contracts import codec
from kit.errors import Unavailable
from ledger import reconciling
from ledger.model import Account
from ledger.movements import Movement

_MOST_LINES = 4
_SHORT = 14
"""Letters that tell one account from another on a screen."""


async def tell(stage: Stage) -> None:
    """Show what the books have that they did not have before, and that they stand as the chain does."""
    newest = stage.world.chain.block("latest")
    stage.demand(newest is not None, "the chain has a head")
    await stage.until(lambda: _head(stage) >= (newest.number if newest else 0), "the books have read the chain")
    with stage.world.container.read(one_moment=True) as work:
        lines = list(of_everybody(work).lines)
        balances, head = work.book.balances(), work.book.head()
    fresh, stage.booked = lines[stage.booked :], len(lines)
    if not fresh or head is None:
        return
    shown = [_line(one) for one in fresh[-_MOST_LINES:]]
    if len(fresh) > _MOST_LINES:
        shown.insert(0, f"… {len(fresh) - _MOST_LINES} more before")
    escrow = stage.world.deployment.escrow
    held = codec.decode_uint(
        stage.world.chain.call(stage.world.deployment.token, codec.encode_balance_of(escrow), block=head.hash)
    )
    staked, strays = reconciling.stakes(balances), reconciling.strays(balances)
    stage.demand(staked + strays == held, "the books hold what the escrow holds", (staked, strays, held))
    stage.saw(
        f"the books at block {head.number}: {money(staked)} staked + {money(strays)} unsolicited = {money(held)} in "
        "the escrow; new in them:",
        "\n".join(shown),
    )


async def proved(stage: Stage) -> None:
    """Books proved: every sum with its two sides, and the chain read once more comes to the same."""
    verified = await stage.earnest("ledger", "verify")
    stage.demand("Everything holds." in str(verified["printed"]), "every invariant holds", verified)
    stage.saw("earnest ledger verify", str(verified["printed"]))
    rebuilt = await stage.earnest("ledger", "rebuild", "--compare")
    stage.demand("Both ledgers are equal." in str(rebuilt["printed"]), "both ledgers are equal", rebuilt)
    stage.saw("earnest ledger rebuild --compare", str(rebuilt["printed"]))


STEPS = (proved,)


def _head(stage: Stage) -> int:
    try:
        with stage.world.container.read() as work:
            head = work.book.head()
    except Unavailable:
        return -1
    return -1 if head is None else head.number


def _line(one: Movement) -> str:
    what = one.what.replace("_", " ") + (", taken back" if one.reversal else "")
    return f"{what}: {money(one.amount)} from {_short(one.source)} to {_short(one.target)} ({one.level})"


def _short(account: Account) -> str:
    kind, _, name = account.partition(":")
    return f"{kind} {name[:_SHORT]}…" if name else kind
