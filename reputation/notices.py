"""Notices: what the bot is to tell people, put into the outbox; numbers of people and amounts, never names or texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from kit import outbox
from kit.clock import unix
from kit.identifiers import Hash32, PersonId, show_hash
from ledger.people import People
from payments.stakes.model import Quote, Stake, StakeState

KIND = "notice"

OF_STATE: Mapping[StakeState, str] = {
    StakeState.OPEN: "door_opened",
    StakeState.RETURNED: "stake_returned",
    StakeState.EXPIRED: "stake_expired",
    StakeState.FORFEIT_ANNOUNCED: "forfeit_announced",
    StakeState.FORFEITED: "stake_forfeited",
    StakeState.ORPHANED: "stake_orphaned",
}
"""What a stranger is told when their stake comes to be so."""


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
            "stake": str(quote.price.stake.base_units),
            "fee": str(quote.price.fee.base_units),
            "quote_id": quote.id,
            "check_code": quote.check_code,
            "answer_by": quote.answer_by,
            "quote_expiry": quote.quote_expiry,
            "tried_at": unix(self._now),
        }
        self._tell("knock_held", quote.id, quote.stranger, quote.recipient, (quote.stranger, quote.recipient), values)

    def of_stake(self, stake: Stake, *, code: str | None = None, again: bool = False) -> None:
        """Tell the stranger what became of their stake (or ``code``); ``again``: once more after it was orphaned."""
        if stake.stranger is None or stake.recipient is None:
            return
        said = code or OF_STATE[stake.state]
        subject = show_hash(stake.id) + (":again" if again else "")
        pair = (stake.stranger, stake.recipient)
        self._tell(said, subject, stake.stranger, stake.recipient, pair, _values(stake))

    def ask_answer(self, stake: Stake) -> None:
        """Ask the recipient what they say of the stranger; once per stake."""
        if stake.stranger is None or stake.recipient is None:
            return
        pair = (stake.stranger, stake.recipient)
        self._tell("ask_answer", show_hash(stake.id), stake.recipient, stake.stranger, pair, _values(stake))

    def _tell(
        self,
        code: str,
        subject: str,
        to: PersonId,
        about: PersonId,
        pair: tuple[PersonId, PersonId],
        values: Mapping[str, object],
    ) -> None:
        if not self._people.wants_notices(to):
            return
        told = {"stranger": pair[0], "recipient": pair[1], **values}
        payload = {"to": to, "about": about, "code": code, "values": told}
        outbox.append(self._session, kind=KIND, key=f"{code}:{subject}", payload=payload, now=self._now)


def _values(stake: Stake) -> dict[str, object]:
    return {
        "stake": str(stake.terms.amount),
        "fee": str(stake.terms.fee),
        "quote_id": stake.quote_id,
        "stake_id": show_hash(stake.id),
        "answer_by": stake.terms.answer_by,
        "executable_at": stake.executable_at,
        "answered": stake.answered,
        "surplus": stake.surplus,
        "transaction": show_hash(Hash32(stake.last_transaction)),
    }
