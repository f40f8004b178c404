"""Grants: what stakes open. A grant follows its stake: onto the chain, up the levels, off the chain and back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from kit.amounts import Amount
from kit.changes import touch
from kit.identifiers import PersonId, server_of
from ledger.model import Level
from ledger.people import People
from payments.stakes.model import Price, Stake, StakeChange, StakeState
from payments.stakes.service import Stakes
from reputation.doors import Doors
from reputation.happenings import Happenings
from reputation.model import GrantState, OpensAt
from reputation.notices import Notices
from reputation.pricing import origin_of
from reputation.store import GateStore
from reputation.tables import GrantRow
from reputation.tenants import TOPIC


class Grants:
    """Opens and ends grants as the chain says, in one transaction."""

    def __init__(
        self,
        session: Session,
        *,
        now: datetime,
        people: People,
        doors: Doors,
        stakes: Stakes,
        notices: Notices,
        opens_at: OpensAt,
    ) -> None:
        """Work in ``session``."""
        self._people = people
        self._session = session
        self._now = now
        self._doors = doors
        self._stakes = stakes
        self._notices = notices
        self._happenings = Happenings(session, now, stakes.terms)
        self._opens_at = opens_at
        self._store = GateStore(session)

    def stake_changed(self, change: StakeChange) -> None:
        """Open or end the grant that a stake stands for, and tell its stranger what became of it.

        A grant is live exactly while its stake is open, unless it was answered: what was accepted stays accepted.
        """
        stake = change.stake
        if stake.stranger is None or stake.recipient is None:
            return
        grant = self._store.grant_row(stake.id, lock=True)
        if stake.opens and grant is None:
            grant = self._take(stake, stake.stranger, stake.recipient)
        if grant is not None:
            grant.opened_at = 0 if stake.state is StakeState.ORPHANED else stake.opened_at
        if grant is not None and grant.answer is None:
            self._follow(grant, stake)
        answered = grant is not None and grant.answer is not None
        if change.before is stake.state or stake.state is StakeState.OPEN:
            return
        if stake.state is not StakeState.ORPHANED or not (stake.surplus or answered):
            self._notices.of_stake(stake)

    def _take(self, stake: Stake, stranger: PersonId, recipient: PersonId) -> GrantRow:
        """Keep what a new stake stands for; where it is taken no more, it goes back and its stranger hears why."""
        name = self._people.mxid(stranger)
        origin = "" if name is None else origin_of(server_of(name))
        grant = self._store.add_grant(stake, stranger, recipient, origin)
        if self._costs(recipient, stranger):
            door, pressures = self._doors.show(recipient), self._doors.pressures
            wallets = (stake.terms.payer, stake.terms.return_to)
            found = pressures.on(door, stranger, recipient, name, wallets=wallets, but=stake.id)
            price = Price(Amount(stake.terms.amount), Amount(stake.terms.fee))
            own = price if stake.quote_id is None else self._stakes.find_quote(stake.quote_id).price.own
            why = pressures.refusal(door.asking(own), price, found)
            if why is not None:
                self._doors.release(stake.id)
                self._notices.not_taken(stake, why)
        return grant

    def levels_moved(self) -> None:
        """Open the doors whose stakes have become sure enough."""
        for stake_id in self._store.unconfirmed():
            stake = self._stakes.lock(stake_id)
            grant = self._store.grant_row(stake_id, lock=True)
            if grant is not None and grant.state == GrantState.UNCONFIRMED:
                self._follow(grant, stake)

    def opens_at(self, stake: Stake) -> Level | None:
        """Return the level that a stake must reach to open its door; ``None`` where it waits for none."""
        grant = self._store.grant_row(stake.id)
        waits = grant is not None and grant.state == GrantState.UNCONFIRMED
        return self._opens_at.level_for(stake.terms) if waits else None

    def _follow(self, grant: GrantRow, stake: Stake) -> None:
        """Let an unanswered grant be what its stake makes it; whose door that opens is told."""
        before, wanted = grant.state, self._state_for(stake)
        if before == wanted and before != GrantState.UNCONFIRMED:
            return
        if stake.opens and not self._costs(PersonId(grant.recipient), PersonId(grant.stranger)):
            # The door changed while the stake was on its way: it would buy nothing, so it does not wait for an answer.
            grant.state = GrantState.UNCONFIRMED.value
            self._session.flush()
            self._doors.release(stake.id)
        if grant.answer is None:
            grant.state = wanted.value
            if wanted is GrantState.OPEN:
                self._notices.door_opened(stake)
                self._happenings.grant_opened(stake, self._opens_at.level_for(stake.terms))
            elif before == GrantState.OPEN and stake.state is not StakeState.ORPHANED:
                self._happenings.grant_closed(stake, stake.state.value)
        if grant.state != before:  # one that goes on waiting changes no verdict, and blocks come all the time
            touch(self._session, TOPIC, grant.recipient)

    def _state_for(self, stake: Stake) -> GrantState:
        if not stake.opens:
            return GrantState.ENDED
        needed = self._opens_at.level_for(stake.terms)
        sure = needed is Level.SEEN or self._stakes.level(stake).reaches(needed)
        return GrantState.OPEN if sure else GrantState.UNCONFIRMED

    def _costs(self, recipient: PersonId, stranger: PersonId) -> bool:
        """Tell whether a stake is what this stranger needs to reach this recipient now."""
        return (
            bool(self._doors.show(recipient).prices)
            and not self._store.called_spam(recipient, stranger)
            and not self._store.is_exempt(recipient, stranger)
            and self._store.contact(recipient, stranger) is None
        )
