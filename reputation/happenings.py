"""Happenings: what becomes of stakes, doors and knocks, put into the feeds of the two people whom it concerns.

Each of the two learns what they can see anyway: never an address of the other, and what a recipient answered is told to
the recipient alone; the stranger learns what the chain does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from contracts.events import StakeEvent
from kit.identifiers import Hash32, PersonId, show_hash
from ledger.feed import Feed
from ledger.model import Level, erc20
from ledger.telling import Fact, Telling, block_data
from payments.stakes.model import EscrowTerms, Quote, Stake, StakeChange, StakeState

ANSWERED = "answered"
"""Why a grant is open no more whose recipient returned the stake or called it spam; which of them is theirs to know."""
MOST_KNOCKS_A_DAY = 200
"""Held knocks that one person is told of in 24 hours: a flood fills no feed. All of them are counted in ``knocks``."""
KNOCK_HELD = "knock.held"

OF_STATE: Mapping[StakeState, str] = {
    StakeState.OPEN: "stake.opened",
    StakeState.FORFEIT_ANNOUNCED: "stake.forfeit_announced",
    StakeState.RETURNED: "stake.returned",
    StakeState.FORFEITED: "stake.forfeited",
    StakeState.EXPIRED: "stake.expired",
}
"""What is told when a log makes a stake be so; what a reorg takes back, the feed tells by itself."""


class Happenings:
    """Tells what happens, in one transaction."""

    def __init__(self, session: Session, now: datetime, place: EscrowTerms) -> None:
        """Tell in ``session``, at ``now``."""
        self._feed = Feed(session, now)
        self._now = now
        self._place = place

    def stake_moved(self, change: StakeChange, event: StakeEvent) -> None:
        """Tell both what a log did to a stake; of one that opens nothing its stranger alone hears."""
        stake = change.stake
        if stake.id != event.stake_id or change.before is stake.state or stake.state is StakeState.ORPHANED:
            return  # another stake on the same quote; or its opening is away, and it counts when that is back
        where = event.at.block
        data = {**self._of(stake), "transaction": show_hash(event.at.transaction), **block_data(where)}
        self._tell(stake, OF_STATE[stake.state], data, block=where.hash)

    def answered(self, recipient: PersonId, stakes: Iterable[Stake], answer: str) -> None:
        """Tell the recipient what they said of stakes, and so whatever listens to their events."""
        for stake in stakes:
            data = {**self._of(stake), "role": "recipient", "answer": answer}
            self._feed.tell(recipient, Fact("stake.answered", _subject(stake), data), other=stake.stranger)

    def grant_opened(self, stake: Stake, level: Level) -> None:
        """Tell both that a door is open for its stranger."""
        self._tell(stake, "grant.opened", self._of(stake), block=stake.opened_hash, level=level)

    def grant_closed(self, stake: Stake, because: str) -> None:
        """Tell both that it is open no more, and why: it was ended here, or by what the chain did last to its stake.

        It rests on the last block of its stake, so that nobody hears that it is final before the opening is.
        """
        data = {**self._of(stake), "because": because}
        self._tell(stake, "grant.closed", data, block=stake.last_hash)

    def knock_held(self, quote: Quote, because: Iterable[str]) -> None:
        """Tell the recipient that a stranger was asked for a stake; once for each quote, and no more than so many."""
        subject = f"quote:{quote.id}"
        if quote.created_at != self._now or self._feed.was_told(quote.recipient, subject):
            return  # it was told when the quote was made
        if self._feed.told_lately(quote.recipient, KNOCK_HELD, timedelta(days=1), most=MOST_KNOCKS_A_DAY):
            return
        data = {
            "role": "recipient",
            "quote_id": quote.id,
            "stake": str(quote.price.stake.base_units),
            "fee": str(quote.price.fee.base_units),
            "asset": self._asset(),
            "quote_expiry": quote.quote_expiry,
            "because": list(because),
        }
        self._feed.tell(quote.recipient, Fact(KNOCK_HELD, subject, data), other=quote.stranger)

    def _tell(
        self,
        stake: Stake,
        kind: str,
        data: Mapping[str, Any],
        *,
        block: Hash32 | None = None,
        level: Level = Level.SEEN,
    ) -> None:
        stranger, recipient = stake.stranger, stake.recipient
        if stranger is None or recipient is None:
            return
        rests_on = None if block is None else (self._place.chain_id, block)
        tellings: list[Telling] = []
        for person, other, role in ((stranger, recipient, "stranger"), (recipient, stranger, "recipient")):
            if role == "recipient" and stake.surplus:
                continue
            fact = Fact(kind, _subject(stake), {"role": role, **data}, rests_on, level)
            tellings.append((person, fact, other))
        self._feed.tell_all(tellings)

    def _of(self, stake: Stake) -> dict[str, Any]:
        return {
            "stake_id": show_hash(stake.id),
            "quote_id": stake.quote_id,
            "stake": str(stake.terms.amount),
            "fee": str(stake.terms.fee),
            "asset": self._asset(),
            "answer_by": stake.terms.answer_by,
            "executable_at": stake.executable_at,
            "answered": stake.answered,
            "surplus": stake.surplus,
        }

    def _asset(self) -> str:
        return erc20(self._place.chain_id, self._place.token)


def _subject(stake: Stake) -> str:
    return f"stake:{show_hash(stake.id)}"
