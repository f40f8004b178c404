"""The gate: puts every knock to its door, opens doors for stakes, and takes the recipients' answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, NotFound
from kit.identifiers import Hash32, PersonId, RoomId, UserId, server_of
from ledger.model import Level
from ledger.people import People
from payments.stakes.model import Answer, Stake, StakeChange, StakeState, undo_closes
from payments.stakes.service import Stakes
from reputation.arrivals import BY_DOOR, Arrivals
from reputation.courtesy import Courtesy
from reputation.decision import grant_for, teaches
from reputation.doors import Doors
from reputation.grants import Grants
from reputation.happenings import ANSWERED, Happenings
from reputation.knowing import Knowing
from reputation.model import (
    INVITED_KEPT,
    KNOCKS_KEPT,
    LIVE,
    MOST_INVITED,
    MOST_PRUNED,
    AnswerOutcome,
    ContactWhy,
    GateAnswer,
    GrantState,
    Knock,
    KnockCount,
    OpensAt,
    Repeats,
    Tenant,
    Waiting,
    Why,
)
from reputation.notices import Notices
from reputation.policy_rules import explain
from reputation.store import GateStore
from reputation.tenants import TOPIC, Tenants
from reputation.verdict import Admit, Code, Hold, Refuse, Verdict
from reputation.weighing import Weighed, Weighing

_OF_NOBODY = frozenset({Code.FORGED, Code.UNPROVEN})
_BY_STAKE = (Code.STAKED,)
_UNDONE = "undone"
_MOST_KNOCKS_SHOWN = 100
_MOST_ASKED = 500


class Gate:
    """Everything that decides who may reach whom, in one transaction."""

    def __init__(
        self,
        session: Session,
        *,
        now: datetime,
        people: People,
        doors: Doors,
        stakes: Stakes,
        bot_id: UserId | None,
        opens_at: OpensAt,
        knowing: Knowing,
    ) -> None:
        """Work in ``session``; ``opens_at`` is how sure the chain must be of a stake that opens a door."""
        self._session = session
        self._now = now
        self._people = people
        self._doors = doors
        self._stakes = stakes
        self._bot_id = bot_id
        self._store = GateStore(session)
        self._tenants = Tenants(session, now)
        self._arrivals = Arrivals(session, now)
        self.weighing = Weighing(
            session,
            people=people,
            doors=doors,
            stakes=stakes,
            tenants=self._tenants,
            knowing=knowing,
            bot_id=bot_id,
        )
        self._notices = Notices(session, now=now, people=people)
        self._happenings = Happenings(session, now, stakes.terms)
        self._grants = Grants(
            session,
            now=now,
            people=people,
            doors=doors,
            stakes=stakes,
            notices=self._notices,
            opens_at=opens_at,
        )

    # -------------------------------------------------------------------------------------------- knocks

    def ask(self, knock: Knock) -> GateAnswer:
        """Give a knock its verdict, and do what follows from it: count it, quote a price, remember the invite.

        The tenant is believed about its own users alone: as invitees, and as inviters that people here know.
        """
        self._learn(knock)
        found = self.weighing.weigh_to_act(knock)
        verdict = found.verdict
        while isinstance(verdict, Admit) and (grant := grant_for(knock, found.facts)) and _codes(verdict) == _BY_STAKE:
            if self._store.claim_grant(grant.stake_id, knock.room, knock.at):
                touch(self._session, TOPIC, self._people.number(knock.invitee))
                return GateAnswer(verdict)
            found = self.weighing.weigh_to_act(knock)  # another knock was quicker: look again
            verdict = found.verdict
        if isinstance(verdict, Admit):
            self._let_in(knock, _codes(verdict)[0])
            return GateAnswer(verdict)
        if _OF_NOBODY.intersection(_codes(verdict)):
            return GateAnswer(verdict)  # it is nobody's knock: not counted, and nobody is written to
        return self._not_through(knock, found, verdict)

    def let_in(self, knocks: Sequence[Knock]) -> None:
        """Count invites that passed an open door unasked; in one order, so that two never wait for each other."""
        for knock in sorted(knocks, key=lambda one: (one.inviter, one.invitee)):
            self._let_in(knock, Code.DOOR_OPEN)

    def _let_in(self, knock: Knock, code: Code) -> None:
        """Note what an admit leaves behind: that it mattered that they know each other, or whom the door let in."""
        recipient = self._people.find(knock.invitee)
        if recipient is not None and code is Code.CONTACTED_FIRST:
            self._store.use_contact(recipient, self._people.number(knock.inviter), knock.at)
        elif recipient is not None and code in BY_DOOR and self._store.has_door(recipient):
            stranger = self._people.number(knock.inviter)
            self._arrivals.count(stranger, recipient, room=knock.room, at=knock.at, code=code)

    def joined(self, tenant: Tenant, user: UserId, room: RoomId) -> None:
        """Take note that a tenant's user joins a room: where a stake brought them its invite, ask what they say of it.

        Joining accepts nothing; one must join to read. Any other join is forgotten.
        """
        for stake_id in self.brought(tenant, user, room):
            stake = self._stakes.get(stake_id)
            self._notices.ask_answer(stake, answers_close=self._stakes.answers_close(stake))

    def ask_unasked(self) -> int:
        """Ask whoever may have joined while no process of ours was there to be told; return how many that were.

        They are asked even if they have not joined: a question too early is better than none. Once per stake, as ever.
        """
        waiting = map(self._stakes.get, self._store.arrived(limit=_MOST_ASKED))
        return sum(self._notices.ask_answer(one, answers_close=self._stakes.answers_close(one)) for one in waiting)

    def brought(self, tenant: Tenant, user: UserId, room: RoomId) -> list[Hash32]:
        """Return the stakes that brought a tenant's user the invite to a room and are not answered; only reads."""
        recipient = self._people.find(user) if server_of(user) == tenant.server_name else None
        return [] if recipient is None else self._store.pending_in(recipient, room)

    def _learn(self, knock: Knock) -> None:
        """Remember whom a tenant's own user invites: they contacted them first."""
        if not teaches(knock, self._bot_id) or self._tenants.is_leaving(knock.tenant):
            return
        person, other = self._people.number(knock.inviter), self._people.number(knock.invitee)
        news = self._store.learn_contact(person, other, ContactWhy.INVITED, knock.at)
        if news:
            self._people.prune({other for _, other in self._store.drop_least_used(person, beyond=MOST_INVITED)})
            touch(self._session, TOPIC, person)
        else:
            self._store.use_contact(person, other, knock.at)

    def _not_through(self, knock: Knock, found: Weighed, verdict: Hold | Refuse) -> GateAnswer:
        stranger, recipient = self._people.number(knock.inviter), self._people.number(knock.invitee)
        pair, fleeting = (stranger, recipient), found.door.policy is not None
        # This row is written first: on PostgreSQL it makes two knocks of one pair wait for each other.
        self._store.count_knock(stranger, recipient, room=knock.room, at=knock.at, codes=_codes(verdict))
        if isinstance(verdict, Refuse):
            if Code.INVITE_PENDING in _codes(verdict):
                self._notices.of_stake(self._stakes.get(found.facts.grants[0].stake_id), code="invite_pending_hint")
            return GateAnswer(verdict, None, pair, fleeting)
        if not (verdict.price.stake or verdict.price.fee):
            self._notices.knock_free(stranger, recipient, knock, verdict.free)
            return GateAnswer(verdict, None, pair, fleeting)
        quote = self._stakes.quote(
            stranger,
            recipient,
            verdict.price,
            found.door.fee_payee,
            stranger_id=knock.inviter,
            recipient_id=knock.invitee,
        )
        self._notices.knock_held(quote, knock, verdict.free)
        self._happenings.knock_held(quote, _codes(verdict))
        return GateAnswer(verdict, quote, pair, fleeting)

    def repeated(self, repeats: Sequence[Repeats]) -> None:
        """Count knocks that were answered from memory as their pairs' last ones; pairs forgotten since stay so."""
        self._store.count_repeats(repeats)

    # -------------------------------------------------------------------------------------------- stakes

    def stake_changed(self, change: StakeChange) -> None:
        """Open or end the grant that a stake stands for, and tell its stranger what became of it."""
        self._grants.stake_changed(change)

    def levels_moved(self) -> None:
        """Open the doors whose stakes have become sure enough; call it with the marking of the levels."""
        self._grants.levels_moved()

    def opens_at(self, stake: Stake) -> Level | None:
        """Return the level that a stake must reach to open its door; ``None`` where it waits for none."""
        return self._grants.opens_at(stake)

    # -------------------------------------------------------------------------------------------- answers

    def answer(self, recipient: PersonId, stranger: UserId, answer: Answer) -> AnswerOutcome:
        """Take what a recipient says of a stranger; saying the same twice is saying it once.

        Accept: known from now on, the stake goes back. Return: the stake goes back, a stranger again. Spam: refused
        from now on, and the stake, if one is open, is forfeited unless that is undone. Raises ``NotFound`` where
        nothing waits for an answer, ``Conflict`` where another answer was given or it is too late to answer.
        """
        other = self._people.find(stranger)
        if other is None and answer is Answer.SPAM:
            other = self._people.number(stranger)
        if other is None or other == recipient:
            raise NotFound("nothing_waiting", "Nobody of that name waits for your answer.")
        stakes = [
            self._stakes.get(Hash32(grant.stake_id))
            for grant in self._store.grants_of(recipient=recipient, stranger=other)
            if grant.answer is None and self._answer_one(recipient, Hash32(grant.stake_id), answer)
        ]
        if not stakes:
            stakes = self._said_before(recipient, other, answer)
        elif answer is not Answer.SPAM:
            self._notices.answered(stranger)
        if answer is Answer.ACCEPT:
            self._store.learn_contact(recipient, other, ContactWhy.ACCEPTED, self._now)
        elif answer is Answer.SPAM:
            self._store.call_spam(recipient, other, self._now)
            self._store.unexempt(recipient, other)
            self._store.drop_contact(recipient, other)
            self._stakes.void(recipient, other)
        touch(self._session, TOPIC, recipient)
        return AnswerOutcome(answer, other, tuple(stakes), self._undo_until(stakes))

    def _answer_one(self, recipient: PersonId, stake_id: Hash32, answer: Answer) -> bool:
        """Answer one stake if it waits for that; one whose block just left the chain is answered when it is back."""
        stake = self._stakes.lock(stake_id)
        grant = self._store.grant_row(stake_id, lock=True)
        if grant is None or grant.answer is not None:
            raise Conflict("answered_already", "Another answer was given at the same moment.")
        away = stake.counts and stake.state is StakeState.ORPHANED
        if not stake.opens and not (away and self._stakes.chain_time < self._stakes.answers_close(stake)):
            return False
        if answer is Answer.SPAM:
            self._stakes.request_forfeit(stake_id)
        else:
            self._stakes.request_return(stake_id, answered=True)
        self._happenings.answered(recipient, [stake], answer.value)
        if grant.state == GrantState.OPEN and answer is not Answer.ACCEPT:
            self._happenings.grant_closed(stake, ANSWERED)
        grant.state = (GrantState.ACCEPTED if answer is Answer.ACCEPT else GrantState.ENDED).value
        grant.answer = answer.value
        grant.answered_at = self._now
        self._session.flush()
        return True

    def _said_before(self, recipient: PersonId, other: PersonId, answer: Answer) -> list[Stake]:
        """Return the stakes of the same answer given before; a spam verdict needs no stake at all."""
        grants = self._store.grants_of(recipient=recipient, stranger=other)
        answered = [grant for grant in grants if grant.answer is not None]
        last = max(answered, key=lambda grant: grant.answered_at or self._now, default=None)
        if last is not None and last.answer == answer.value:
            return [self._stakes.get(Hash32(last.stake_id))]
        if answer is Answer.SPAM:
            return []
        raise NotFound("nothing_waiting", "Nobody of that name waits for your answer.")

    def _undo_until(self, stakes: list[Stake]) -> int | None:
        closings = [self._stakes.undo_closes(stake) for stake in stakes]
        return min((closing for closing in closings if closing is not None), default=None)

    def undo(self, recipient: PersonId, stranger: UserId) -> AnswerOutcome:
        """Take a spam verdict back: its stake goes back as answered, and the stranger is a stranger like any other.

        Raises ``NotFound`` where there is no verdict, ``Conflict`` where the stake is burned or about to be.
        """
        other = self._people.find(stranger)
        if other is None or not self._store.called_spam(recipient, other):
            raise NotFound("nothing_to_undo", "You have not called anybody of that name spam.")
        stakes = []
        for grant in self._store.grants_of(recipient=recipient, stranger=other, states={GrantState.ENDED}):
            if grant.answer != Answer.SPAM.value:
                continue
            stake = self._stakes.lock(Hash32(grant.stake_id))
            if stake.state not in (StakeState.RETURNED, StakeState.EXPIRED):
                self._reverse(stake)
            grant.answer = _UNDONE
            stakes.append(self._stakes.get(stake.id))
        self._happenings.answered(recipient, stakes, _UNDONE)
        self._store.lift_spam(recipient, other)
        touch(self._session, TOPIC, recipient)
        return AnswerOutcome(Answer.RETURN, other, tuple(stakes))

    def _reverse(self, stake: Stake) -> None:
        if stake.state is StakeState.FORFEITED:
            closed_at = undo_closes(stake.executable_at or 0)
            raise Conflict("undo_too_late", "The stake is burned; exempt them to let them in.", closed_at=closed_at)
        self._stakes.request_return(stake.id, answered=True)

    # -------------------------------------------------------------------------------------------- showing

    def waiting(self, recipient: PersonId) -> list[Waiting]:
        """Return the strangers whose stakes wait for this recipient's answer, first closing first."""
        waiting = []
        for grant in self._store.grants_of(recipient=recipient, states=LIVE):
            stake = self._stakes.get(Hash32(grant.stake_id))
            closes = self._stakes.answers_close(stake)
            if self._stakes.chain_time < closes:
                waiting.append(
                    Waiting(
                        stranger=PersonId(grant.stranger),
                        stake=stake,
                        confirmed=grant.state == GrantState.OPEN,
                        room=None if grant.pending_room is None else RoomId(grant.pending_room),
                        since=grant.pending_since,
                        answers_close=closes,
                    )
                )
        return waiting

    def knocks(self, recipient: PersonId) -> list[KnockCount]:
        """Return who was not let through in the last 30 days, latest first, at most 100."""
        return self._store.knocks_at(recipient, _MOST_KNOCKS_SHOWN)

    def known(self, person: PersonId) -> frozenset[PersonId]:
        """Return the people that a person knows: invited first, accepted, imported or exempted."""
        return frozenset(self._store.contacts(person)) | frozenset(self._store.exemptions(person))

    def why(self, recipient: PersonId, other: UserId) -> Why:
        """Tell a recipient what a knock of ``other`` would meet now, and why; changes nothing. Raises ``NotFound``."""
        found = self.weighing.weigh(self.weighing.knock_of(recipient, other, self._now))
        stranger = self._people.find(other)
        knocks = None if stranger is None else self._store.knock_count(stranger, recipient)
        rules = None if found.door.policy is None else explain(found.door.policy, found.record)
        return Why(found.verdict, found.door, found.facts, knocks, rules)

    # -------------------------------------------------------------------------------------------- keeping house

    def forget(self, person: PersonId) -> None:
        """Take out what the gate knows of a person; call it before ``People.erase``.

        Gone: door, exemptions, contacts, verdicts, knocks, rooms of pending invites, salts of quotes. What stays are
        stakes and grants under a number that names nobody. Stakes that wait for this person's answer go back at once,
        fee and all, and so do their own that brought no invite yet. Raises ``Conflict`` while a stake of theirs did
        bring an invite and waits for its answer: else a spammer could forget themselves out of a forfeit.
        """
        used = [
            grant
            for grant in self._store.grants_of(stranger=person, states=LIVE)
            if grant.pending_room is not None and self._stakes.chain_time < grant.closes_at
        ]
        if used:
            until = max(grant.closes_at for grant in used)
            raise Conflict("stake_unanswered", "A stake of yours waits for its answer.", answer_by=until)
        for grant in (
            *self._store.grants_of(recipient=person, states=LIVE),
            *self._store.grants_of(stranger=person, states=LIVE),
        ):
            self._doors.release(Hash32(grant.stake_id), used_too=True)
        others = self._store.forget(person)
        self._arrivals.forget(person)
        self._doors.versions.forget(person)
        Courtesy(self._session, self._now).forget(person)
        self._stakes.forget(person)
        touch(self._session, TOPIC, person, *others)

    def prune(self) -> int:
        """Take out some of what is past its time; return how many rows went. Call it until none does.

        Knocks, arrivals and unpaid quotes go after 30 days, contacts made by inviting when they have not mattered for a
        year, and with them the people of whom nothing else is known.
        """
        knocks = self._store.drop_knocks(before=self._now - KNOCKS_KEPT, limit=MOST_PRUNED)
        contacts = self._store.drop_contacts(before=self._now - INVITED_KEPT, limit=MOST_PRUNED)
        if contacts:
            touch(self._session, TOPIC, *(person for person, _ in contacts))
        quoted, arrived = self._stakes.prune(limit=MOST_PRUNED), self._arrivals.prune(limit=MOST_PRUNED)
        self._people.prune({*knocks, *arrived, *(other for _, other in contacts), *quoted})
        return len(knocks) + len(arrived) + len(contacts) + len(quoted) + Courtesy(self._session, self._now).prune()


def _codes(verdict: Verdict) -> tuple[Code, ...]:
    return tuple(reason.code for reason in verdict.because)
