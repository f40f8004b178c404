"""Whatever strangers, recipients and the chain do to each other, in whatever order, these hold.

One stake lets in one invite; a grant is open exactly while its stake is and nobody answered; nothing that was accepted
or returned is ever burned, nothing that was called spam ever goes back unless that was undone; a stake is owed one call
at most; and nobody is told the same thing twice (promises 3, 5 and 6, as far as they concern the gate).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from contracts.events import StakeEvent
from kit.amounts import Amount
from kit.database import Database, make_engine
from kit.errors import Refusal
from kit.identifiers import Hash32, RoomId, UserId
from payments.stakes.model import Answer, Quote, StakeState
from reputation.model import GateAnswer
from reputation.verdict import Code, Hold, Refuse
from tests.support.house import House
from tests.support.stakes import OTHER_PAYER, PAYER, announced, expired, forfeited, opened, returned, terms_on

STRANGERS = [UserId("@bob:away.example"), UserId("@eve:home.example")]
ROOMS = [RoomId(f"!{number}:away.example") for number in range(3)]
strangers = st.sampled_from(STRANGERS)


class Life(RuleBasedStateMachine):
    """Two strangers before one door, on a chain whose last block may leave and come back."""

    prepared: Path
    folder: Path

    @initialize()
    def begin(self) -> None:
        file = self.folder / "life.db"
        for leftover in self.folder.glob("life.db*"):
            leftover.unlink()
        shutil.copyfile(self.prepared, file)
        self.house = House(Database(make_engine(f"sqlite:///{file}")))
        self.alice = self.house.asking(5)
        self.quotes: dict[UserId, Quote] = {}
        self.stakes: dict[Hash32, UserId] = {}
        self.words: dict[Hash32, Answer] = {}
        self.admitted: dict[UserId, int] = dict.fromkeys(STRANGERS, 0)
        self.away: list[StakeEvent] = []
        self.house.chain.grow(time=self.house.time)

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.house.database.engine.dispose()

    # ------------------------------------------------------------------------------------ what strangers do

    @rule(who=strangers, room=st.sampled_from(ROOMS), federated=st.booleans())
    def knock(self, who: UserId, room: RoomId, *, federated: bool) -> None:
        passing = self.house.passing(inviter=who, room=room, federated=federated)
        answer = self.house.knock(inviter=who, room=room, federated=federated)
        if passing is not None:
            assert passing.verdict == answer.verdict, "the look-up says what the gate says, or nothing"
        self._check(who, answer)
        if answer.quote is not None:
            self.quotes[who] = answer.quote

    def _check(self, who: UserId, answer: GateAnswer) -> None:
        verdict, code = answer.verdict, answer.verdict.because[0].code
        with self.house.work() as rooms:
            why = rooms.gate.why(self.alice, who)
        if why.facts.called_spam:
            assert isinstance(verdict, Refuse)
        if code is Code.STAKED:
            self.admitted[who] += 1
            paid = sum(self.house.stake(stake).counts for stake, payer in self.stakes.items() if payer == who)
            assert self.admitted[who] <= paid, "one stake lets in one invite"
        assert isinstance(verdict, Hold) == (answer.quote is not None)

    @rule(who=strangers, payer=st.sampled_from([PAYER, OTHER_PAYER]))
    def pay(self, who: UserId, payer: type) -> None:
        """Open on the last quote that they saw, whatever became of it since; the escrow minds its expiry only."""
        quote = self.quotes.get(who)
        if quote is None or self.house.time >= quote.quote_expiry:
            return
        event = opened(terms_on(quote, payer), self.house.chain.grow(time=self.house.time))  # type: ignore[arg-type]
        if event.stake_id not in self.stakes:
            self.stakes[event.stake_id] = who
            self.house.put(event)

    # ------------------------------------------------------------------------------------ what Alice does

    @rule(who=strangers, answer=st.sampled_from(Answer))
    def answer(self, who: UserId, answer: Answer) -> None:
        try:
            outcome = self.house.answer(answer, stranger=who)
        except Refusal:
            return
        for stake in outcome.stakes:
            self.words.setdefault(stake.id, answer)

    @rule(who=strangers)
    def undo(self, who: UserId) -> None:
        try:
            with self.house.work() as rooms:
                outcome = rooms.gate.undo(self.alice, who)
        except Refusal:
            return
        for stake in outcome.stakes:
            assert self.words[stake.id] is Answer.SPAM
            self.words[stake.id] = Answer.RETURN

    @rule(change=st.sampled_from(["open", "closed", "ask", "ask", "ask", "dearer"]))
    def change_door(self, change: str) -> None:
        with self.house.work() as rooms:
            if change in ("ask", "dearer"):
                rooms.doors.ask(self.alice, stake=Amount(5 if change == "ask" else 6))
            else:
                getattr(rooms.doors, change)(self.alice)

    @rule(who=strangers, back=st.booleans())
    def exempt(self, who: UserId, *, back: bool) -> None:
        with self.house.work() as rooms:
            number = rooms.people.number(who)
            if back:
                rooms.doors.unexempt(self.alice, number)
            else:
                rooms.doors.exempt(self.alice, number)

    # ------------------------------------------------------------------------------------ what the chain does

    @rule(hours=st.sampled_from([0, 1, 47, 48, 24 * 7]))
    def wait(self, hours: int) -> None:
        self.house.time += 12 + hours * 3600

    @rule()
    def carry_out(self) -> None:
        """All calls that wait reach the chain, where the escrow allows them."""
        with self.house.work() as rooms:
            rooms.stakes.sweep()
        with self.house.database.read() as session:
            keys = list(session.scalars(text("SELECT key FROM outgoing WHERE state = 'waiting' ORDER BY key")))
        where = self.house.chain.grow(time=self.house.time)
        for key in keys:
            verb, stake_hex, _ = key.split(":")
            stake = self.house.stake(Hash32(bytes.fromhex(stake_hex)))
            in_time = self.house.time < stake.terms.answer_by
            announced_before = stake.state is StakeState.FORFEIT_ANNOUNCED
            if verb in ("return_answered", "return_unanswered") and (in_time or announced_before):
                answered = verb == "return_answered" or announced_before
                self.house.put(returned(stake.id, where, answered=answered))
            elif verb == "announce_forfeit" and in_time and stake.state is StakeState.OPEN:
                self.house.put(announced(stake.id, where))
            elif verb == "execute_forfeit" and self.house.time >= (stake.executable_at or 0):
                self.house.put(forfeited(stake.id, where))
            elif verb == "expire" and not in_time:
                self.house.put(expired(stake.id, where))

    @rule()
    def leave(self) -> None:
        """The last block leaves; its logs are mined again in the next one, unless another leaves first."""
        if len(self.house.chain.blocks) > 1:
            block, logs = self.house.chain.blocks[-1]
            self.house.rewind(block.hash)
            self.house.chain.cut()
            self.away = logs + self.away

    @rule()
    def come_back(self) -> None:
        if self.away:
            self.house.chain.grow(time=self.house.time)
            for log in self.away:
                self.house.put(log)
            self.away = []

    # ------------------------------------------------------------------------------------ what must hold

    @invariant()
    def grants_are_open_unanswered_stakes(self) -> None:
        if not hasattr(self, "house"):
            return
        with self.house.database.read() as session:
            grants = session.execute(text("SELECT stake_id, state, answer FROM grants")).all()
        for stake_id, state, answer in grants:
            stake = self.house.stake(Hash32(bytes(stake_id)))
            assert (state == "open") == (stake.opens and answer is None)
            if state == "accepted":
                assert answer == "accept"
        known = {bytes(grant.stake_id) for grant in grants}
        assert all(bytes(stake) in known for stake in self.stakes if self.house.stake(stake).opens)

    @invariant()
    def nothing_is_lost_or_given_against_the_recipients_word(self) -> None:
        if not hasattr(self, "house"):
            return
        for stake_id in self.stakes:
            stake, word = self.house.stake(stake_id), self.words.get(stake_id)
            if stake.state in (StakeState.FORFEITED, StakeState.FORFEIT_ANNOUNCED) and word is not Answer.SPAM:
                assert word is Answer.RETURN, "burned without a verdict"
                assert stake.state is StakeState.FORFEIT_ANNOUNCED, "burned although it was undone"
            if stake.state is StakeState.RETURNED and stake.answered:
                assert word in (Answer.ACCEPT, Answer.RETURN)
            if stake.surplus:
                assert stake.state in (StakeState.OPEN, StakeState.RETURNED, StakeState.EXPIRED, StakeState.ORPHANED)

    @invariant()
    def a_stake_is_owed_one_call(self) -> None:
        if not hasattr(self, "house"):
            return
        with self.house.database.read() as session:
            keys = list(session.scalars(text("SELECT key FROM outgoing WHERE state = 'waiting'")))
        stakes = [key.split(":")[1] for key in keys]
        assert len(stakes) == len(set(stakes)), keys


@pytest.fixture
def life(sqlite_template: Path, tmp_path: Path) -> type[Life]:
    """The machine, on this test's own files."""
    Life.folder, Life.prepared = tmp_path, sqlite_template
    return Life


def test_these_hold_whatever_happens(life: type[Life]) -> None:
    run_state_machine_as_test(life, settings=settings(max_examples=30, stateful_step_count=40, deadline=None))
