"""Notices: what the bot is to tell people, put into the outbox; numbers of people and amounts, never names or texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from kit import outbox
from kit.clock import unix
from kit.identifiers import Hash32, PersonId, show_hash
from ledger.people import People
from payments.stakes.model import OpeningOutcome, Quote, Stake, StakeState

KIND = "notice"

OF_STATE: Mapping[StakeState, str] = {
    StakeState.RETURNED: "stake_returned",
    StakeState.EXPIRED: "stake_expired",
    StakeState.FORFEIT_ANNOUNCED: "forfeit_announced",
    StakeState.FORFEITED: "stake_forfeited",
    StakeState.ORPHANED: "stake_orphaned",
}
"""What a stranger is told when their stake comes to be so."""
_FOR_BOTH = frozenset({StakeState.FORFEIT_ANNOUNCED, StakeState.FORFEITED})
"""What the recipient is told as well, who said so and can take an announcement back."""


class Notices:
    """Writes notices in one transaction. One notice per code and quote or stake, whatever happens how often."""

    def __init__(self, session: Session, *, now: datetime, people: People) -> None:
        """Write in ``session``; whoever stopped notices gets none."""
        self._session = session
        self._now = now
        self._people = people

    def knock_held(self, quote: Quote) -> None:
        """Tell the stranger what a knock costs; once per quote."""
        values = {
            "stranger": quote.stranger,
            "recipient": quote.recipient,
            "stake": str(quote.price.stake.base_units),
            "fee": str(quote.price.fee.base_units),
            "quote_id": quote.id,
            "check_code": quote.check_code,
            "answer_by": quote.answer_by,
            "quote_expiry": quote.quote_expiry,
            "tried_at": unix(self._now),
        }
        self._tell(f"knock_held:{quote.id}", quote.stranger, quote.recipient, values)

    def gasless_failed(self, quote: Quote, stake_id: Hash32, outcome: OpeningOutcome) -> None:
        """Tell the stranger that the opening they signed, and we carried, came to nothing; once per stake."""
        values = {
            "stranger": quote.stranger,
            "recipient": quote.recipient,
            "stake": str(quote.price.stake.base_units),
            "fee": str(quote.price.fee.base_units),
            "quote_id": quote.id,
            "outcome": outcome.value,
        }
        self._tell(f"gasless_failed:{show_hash(stake_id)}", quote.stranger, quote.recipient, values)

    def door_opened(self, stake: Stake) -> None:
        """Tell the stranger that the door is open for them; once more where it had closed because of a reorg."""
        if stake.stranger is None or stake.recipient is None:
            return
        key = f"door_opened:{show_hash(stake.id)}"
        if not self._tell(key, stake.stranger, stake.recipient, _values(stake)):
            self._tell(f"{key}:again", stake.stranger, stake.recipient, _values(stake))

    def of_stake(self, stake: Stake, *, code: str | None = None) -> None:
        """Tell the stranger what became of their stake (or ``code``); of a forfeit the recipient is told too."""
        if stake.stranger is None or stake.recipient is None:
            return
        key = f"{code or OF_STATE[stake.state]}:{show_hash(stake.id)}"
        self._tell(key, stake.stranger, stake.recipient, _values(stake))
        if code is None and stake.state in _FOR_BOTH:
            self._tell(f"{key}:recipient", stake.recipient, stake.stranger, _values(stake))

    def ask_answer(self, stake: Stake, *, answers_close: int) -> None:
        """Ask the recipient what they say of the stranger; once per stake."""
        if stake.stranger is None or stake.recipient is None:
            return
        values = {**_values(stake), "answers_close": answers_close}
        self._tell(f"ask_answer:{show_hash(stake.id)}", stake.recipient, stake.stranger, values)

    def _tell(self, key: str, to: PersonId, about: PersonId, values: Mapping[str, object]) -> bool:
        """Owe ``to`` a notice; the code is the key up to its first colon. ``False`` where it was owed before."""
        if not self._people.wants_notices(to):
            return False
        payload = {"to": to, "about": about, "code": key.partition(":")[0], "values": values}
        return outbox.append(self._session, kind=KIND, key=key, payload=payload, now=self._now)


def _values(stake: Stake) -> dict[str, object]:
    return {
        "stranger": stake.stranger,
        "recipient": stake.recipient,
        "stake": str(stake.terms.amount),
        "fee": str(stake.terms.fee),
        "quote_id": stake.quote_id,
        "stake_id": show_hash(stake.id),
        "answer_by": stake.terms.answer_by,
        "executable_at": stake.executable_at,
        "answered": stake.answered,
        "surplus": stake.surplus,
        "transaction": show_hash(stake.last_transaction),
    }
