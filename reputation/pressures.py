"""Pressures: what is unanswered at a door and of a stranger, counted in a few bounded queries on grants.

They run for strangers who would be asked for a price, and for stakes as they open; never for people who are known.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, PersonId, UserId, server_of
from ledger.holders import Holders
from payments.stakes.model import ANSWER_WINDOW, QUOTE_TTL, Answer, Price
from payments.stakes.service import Stakes
from reputation import pricing
from reputation.model import LIVE, Door, Facts, GrantState
from reputation.pricing import Pressure
from reputation.tables import GrantRow
from reputation.verdict import Code

_WINDOW = int((QUOTE_TTL + ANSWER_WINDOW + pricing.REMEMBERED).total_seconds())
_REMEMBERED = int(pricing.REMEMBERED.total_seconds())
_DAY = 24 * 3600
_LIVE = sorted(LIVE)
_ANSWERS = [answer.value for answer in Answer] + ["undone"]
_MOST_COUNTED = 1_000
"""Stakes of one kind that are looked at, latest first: more of them raise no price any further."""
_MOST_WALLETS = 20
_MOST_LAPSED = 20


@dataclass(frozen=True, slots=True)
class _Tally:
    unanswered: int
    answered: int
    accepted_by: int
    live: int
    today: int
    first_closing: int | None
    first_today: int | None


class Pressures:
    """Counts in one transaction."""

    def __init__(self, session: Session, *, holders: Holders, stakes: Stakes) -> None:
        """Count in ``session``, at the stakes' chain time."""
        self._session = session
        self._holders = holders
        self._stakes = stakes
        self._now = stakes.chain_time

    # -------------------------------------------------------------------------------------------- asking

    def complete(self, facts: Facts, door: Door, stranger: PersonId | None, recipient: PersonId, name: UserId) -> Facts:
        """Return the facts with all that the price for a stranger rests on; ``stranger`` is ``None`` if never seen."""
        pressure = self.on(door, stranger, recipient, name)
        if stranger is None:
            return replace(facts, pressure=pressure)
        quoted, lapsed = self._stakes.quoted(stranger, recipient), self._lapsed(stranger, recipient)
        return replace(facts, pressure=pressure, lapsed=lapsed, quoted=quoted)

    def on(
        self,
        door: Door,
        stranger: PersonId | None,
        recipient: PersonId,
        name: UserId | None,
        *,
        wallets: Collection[Address] = (),
        but: Hash32 | None = None,
    ) -> Pressure:
        """Return the pressure on a pair; ``wallets`` are what the stranger pays with, ``but`` is left out."""
        at_door = self._tally(GrantRow.recipient == recipient, but)
        own = wallet = 0
        known = set(wallets)
        if stranger is not None:
            own = self._tally(GrantRow.stranger == stranger, but).unanswered
            known |= self._wallets(stranger)
        if known:
            keys = [bytes(address) for address in known]
            wallet = self._tally(or_(GrantRow.payer.in_(keys), GrantRow.return_to.in_(keys)), but).unanswered
        server = _Tally(0, 0, 0, 0, 0, None, None)
        if name is not None:
            server = self._tally(GrantRow.origin == pricing.origin_of(server_of(name)), but)
        return Pressure(
            door=at_door.unanswered,
            door_answered=at_door.answered,
            own=own,
            wallet=wallet,
            server=server.unanswered,
            server_accepted=server.accepted_by,
            open_now=at_door.live,
            opened_today=at_door.today,
            free_at=_free_at(door, at_door),
        )

    def refusal(self, door: Door, price: Price, found: Pressure) -> Code | None:
        """Tell why a stake at this price is not taken under this pressure: the door is full, or it stands no more.

        Prices can be asked for all at once and paid later, and a wallet is known only when it pays.
        """
        if pricing.is_full(door.caps, found):
            return Code.DOOR_FULL
        now = pricing.price_for(door.price, found)
        # Whoever was told a price of the door as it was before may pay that: its owner's change is no surge.
        if price.stake < door.stake or pricing.still_stands(price, now):
            return None
        return Code(f"dearer_{now.dearer[-1]}")

    # -------------------------------------------------------------------------------------------- counting

    def _lapsed(self, stranger: PersonId, recipient: PersonId) -> tuple[int, ...]:
        """Return when the pair's stakes that brought an invite ended unanswered, since the last that was answered."""
        query = (
            select(GrantRow.answer, GrantRow.closes_at, GrantRow.pending_room)
            .where(GrantRow.stranger == stranger, GrantRow.recipient == recipient, GrantRow.opened_at > 0)
            # Of those of one second, what was answered came first: else chance decided whether the other was cleared.
            .order_by(GrantRow.opened_at.desc(), GrantRow.closes_at.desc(), GrantRow.answered_at.desc().nulls_first())
            .limit(_MOST_LAPSED)
        )
        lapsed = []
        for answer, closes_at, room in self._session.execute(query):
            if answer in _ANSWERS:
                break
            if answer is None and room is not None and closes_at <= self._now:
                lapsed.append(closes_at)
        return tuple(reversed(lapsed))

    def _wallets(self, stranger: PersonId) -> set[Address]:
        query = select(GrantRow.payer, GrantRow.return_to).where(GrantRow.stranger == stranger, GrantRow.opened_at > 0)
        paid = self._session.execute(query.order_by(GrantRow.opened_at.desc()).limit(_MOST_WALLETS))
        used = {Address(address) for pair in paid for address in pair}
        return used | set(self._holders.addresses(stranger))

    def _tally(self, where: Any, but: Hash32 | None) -> _Tally:  # noqa: ANN401 - any condition
        now = self._now
        rows = select(GrantRow).where(where, GrantRow.opened_at > now - _WINDOW)
        if but is not None:
            rows = rows.where(GrantRow.stake_id != bytes(but))
        of = rows.order_by(GrantRow.opened_at.desc()).limit(_MOST_COUNTED).subquery().c
        live = and_(of.answer.is_(None), of.state.in_(_LIVE), of.closes_at > now)
        waits_or_ran_out = or_(
            of.state.in_(_LIVE), and_(of.state == GrantState.ENDED.value, of.closes_at <= now)
        )  # one that ended before its time was returned by a rule, or left the chain
        unanswered = and_(of.answer.is_(None), waits_or_ran_out, of.closes_at > now - _REMEMBERED)
        # One that went back because the door changed was never a stranger at it.
        today = and_(or_(of.answer.is_(None), of.answer.in_(_ANSWERS)), of.opened_at > now - _DAY)
        accepted = case((of.answer == Answer.ACCEPT.value, of.recipient))
        found = self._session.execute(
            select(
                _count(unanswered),
                _count(of.answer.in_(_ANSWERS)),
                func.count(func.distinct(accepted)),
                _count(live),
                _count(today),
                func.min(case((live, of.closes_at))),
                func.min(case((today, of.opened_at))),
            )
        ).one()
        return _Tally(*found)


def _count(condition: Any) -> Any:  # noqa: ANN401 - any condition on columns
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _free_at(door: Door, at_door: _Tally) -> int | None:
    frees = []
    if at_door.live >= door.caps.most_open:
        frees.append(at_door.first_closing)
    if at_door.today >= door.caps.most_a_day and at_door.first_today is not None:
        frees.append(at_door.first_today + _DAY)
    return max((moment for moment in frees if moment is not None), default=None)
