"""Folding (pure): what a stake's own events, in whatever order they came to us, say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.events import Expired, ForfeitAnnounced, Forfeited, Opened, Returned, StakeEvent
from kit.identifiers import Hash32
from payments.stakes.model import StakeState

KINDS: Mapping[type[StakeEvent], str] = {
    Opened: "opened",
    Returned: "returned",
    ForfeitAnnounced: "forfeit_announced",
    Forfeited: "forfeited",
    Expired: "expired",
}
"""The word under which each kind of event is stored."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One log of a stake that stands on the chain; ``time`` and ``executable_at`` are Unix seconds of chain time."""

    kind: str
    block_number: int
    block_hash: Hash32
    log_index: int
    time: int
    transaction: Hash32
    answered: bool | None = None
    executable_at: int | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands: earlier logs have smaller places."""
        return (self.block_number, self.log_index)


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of a stake; ``opening`` is ``None`` exactly while it is ``ORPHANED``."""

    state: StakeState
    opening: Logged | None = None
    last: Logged | None = None
    answered: bool | None = None
    executable_at: int | None = None


_STEPS: Mapping[tuple[StakeState, str], StakeState] = {
    (StakeState.ORPHANED, "opened"): StakeState.OPEN,
    (StakeState.OPEN, "returned"): StakeState.RETURNED,
    (StakeState.OPEN, "expired"): StakeState.EXPIRED,
    (StakeState.OPEN, "forfeit_announced"): StakeState.FORFEIT_ANNOUNCED,
    (StakeState.FORFEIT_ANNOUNCED, "returned"): StakeState.RETURNED,
    (StakeState.FORFEIT_ANNOUNCED, "forfeited"): StakeState.FORFEITED,
}
"""The steps that the escrow allows; whatever is not here changes nothing, so no stake resolves twice."""


def fold(logs: Iterable[Logged]) -> Folded:
    """Return what the logs that stand on the chain come to; their order does not matter, nor do repetitions."""
    folded = Folded(StakeState.ORPHANED)
    for log in sorted(logs, key=lambda log: log.place):
        state = _STEPS.get((folded.state, log.kind))
        if state is None:
            continue
        folded = Folded(
            state=state,
            opening=log if log.kind == "opened" else folded.opening,
            last=log,
            answered=log.answered if log.kind == "returned" else folded.answered,
            executable_at=log.executable_at if log.kind == "forfeit_announced" else folded.executable_at,
        )
    return folded


def payer_of_quote(openings: Mapping[Hash32, Logged], superseded_at: int | None) -> Hash32 | None:
    """Return which of a quote's stakes pays it: the first opened while it stood; every other one is surplus."""
    in_time = [
        (opening.place, stake)
        for stake, opening in openings.items()
        if superseded_at is None or opening.time <= superseded_at
    ]
    return min(in_time)[1] if in_time else None
