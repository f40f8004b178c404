"""How roots stand, by what the distributor told: also once what was left of earlier epochs was joined."""

from __future__ import annotations

from contracts.events import BlockRef, EarlierJoined, Position, RewardEvent, RootAccepted, RootProposed
from kit.identifiers import Address, Hash32
from payments.carrying.model import Cargo, Outcome
from payments.rewards.onchain import RootState, roots

PLACE = Address(b"\x01" * 20)
FIRST, SECOND = (Hash32(bytes([number]) * 32) for number in (1, 2))


def at(number: int) -> Position:
    block = BlockRef(31337, number, Hash32(bytes([number]) * 32), Hash32(bytes(32)), 1_800_000_000 + number)
    return Position(block, 0, Hash32(bytes([number]) * 32))


def test_what_was_joined_pays_under_the_newest_root_alone() -> None:
    events: list[RewardEvent] = [
        RootProposed(at(1), PLACE, 1, FIRST, 5, 1_800_300_000, replaces=False),
        RootAccepted(at(2), PLACE, 1, FIRST, 5),
        RootProposed(at(3), PLACE, 2, SECOND, 5, 1_800_600_000, replaces=False),
        RootAccepted(at(4), PLACE, 2, SECOND, 5),
    ]
    assert [one.state for one in roots(events)] == [RootState.EARLIER, RootState.COUNTS]
    joined = roots([*events, EarlierJoined(at(5), PLACE, 2, SECOND, 3)])
    assert [one.state for one in joined] == [RootState.OVER, RootState.COUNTS]


def test_a_claim_that_never_came_to_the_chain_is_carried_again() -> None:
    again = {outcome for outcome in Outcome if outcome.may_be_tried(Cargo.CLAIM)}
    assert again == {Outcome.WOULD_REVERT, Outcome.TOO_LATE, Outcome.WITHDRAWN}
    assert {outcome for outcome in Outcome if outcome.may_be_tried(Cargo.STAKE)} == {Outcome.WOULD_REVERT}
