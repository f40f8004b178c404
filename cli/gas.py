"""What our keys have for gas, and how much of it openings may still take today."""

from __future__ import annotations

from app import spending
from app.container import RELAYER, RESOLVER, Container
from kit.amounts import Amount, show
from kit.identifiers import show_address

_WEI_DECIMALS = 18
_GWEI_DECIMALS = 9


def look(container: Container) -> tuple[str, str, bool]:
    """Return what there is in one sentence, how to mend it (empty where it is good), and whether answers stand still.

    So too where a key has sent all that it may in a day, or is not to be had.

    Without ether for openings only strangers who have none themselves are kept out.
    """
    keys = container.signers
    held = {role: container.chain.balance(signer.address) for role, signer in keys.items()}
    shown = {
        role: f"{role} {show_address(keys[role].address)} {show(Amount(wei), _WEI_DECIMALS)} ETH"
        for role, wei in held.items()
    }
    if not held[RESOLVER]:
        return f"No ether for gas: {shown[RESOLVER]}.", "Send some there, else no answer reaches the chain.", True
    with container.read() as work:
        days = spending.key_days(container, work)
    if any(one.held for one in days):
        return (
            spending.health(days).says,
            "What waits is sent by itself once that is mended, or the day is over.",
            False,
        )
    limits = container.relay_limits
    if limits.off:
        return f"{shown[RESOLVER]}; no openings are carried.", "", False
    with container.read() as work:
        left = show(Amount(max(limits.budget - work.carrying.spent(), 0)), _GWEI_DECIMALS)
    if not held[RELAYER] or left == "0":
        says = f"Nothing is carried for strangers without ether: {shown[RELAYER]}, {left} ETH of today's budget left."
        return says, "Send some there, or raise EARNEST_RELAY_BUDGET. Whoever has ether can pay all the same.", False
    day = f"{left} of {show(Amount(limits.budget), _GWEI_DECIMALS)} ETH left to carry with today"
    return f"{shown[RESOLVER]}; {shown[RELAYER]}, {day}.", "", False
