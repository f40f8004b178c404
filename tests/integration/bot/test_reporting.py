"""Reports of members: told at the desk once, with buttons that do what they say; nobody else learns who reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.forgetting import forget_person, prune_all
from app.wording.message import Message
from app.wording.reports import SIGNS
from bot.homeserver import Denied, EventId, Reacted, Said, txn_of
from bot.room_state import Told
from kit.clock import from_unix
from kit.identifiers import RoomId, UserId
from reputation.complaints import KEPT_FOR, MOST_BY_ONE
from reputation.enforcement.model import Consequence, State
from reputation.enforcement.rooms import Membership
from reputation.protections.model import Outcome
from tests.integration.bot.test_guards import CHOIR, DESK, MUTED, SPAM, TEA, Play, plain
from tests.integration.bot.test_guards import Rooms as Usual
from tests.support.desk import Desk
from tests.support.knocks import ALICE, BOB

BAD = EventId("$bad")
EVE = UserId("@eve:away.example")
OTHERS = RoomId("!others:home.example")


class Died(BaseException):
    """The bot is killed."""


class Rooms(Usual):
    """A homeserver that has messages of which we have no key."""

    unread: frozenset[EventId] = frozenset()
    dies = ""
    """After which deed at the desk the bot is killed."""
    mute = False
    """Nobody may put signs under messages."""

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        sent = await super().send(room, message, txn=txn)
        if self.dies == "asking":
            raise Died
        return sent

    async def react(self, room: RoomId, event: EventId, key: str, *, txn: str) -> EventId:
        if self.mute:
            raise Denied(403, {"errcode": "M_FORBIDDEN"})
        put = await super().react(room, event, key, txn=txn)
        if self.dies == "a button":
            raise Died
        return put

    async def message(self, room: RoomId, event: EventId) -> Told | None:
        found = await super().message(room, event)
        return replace(found, text=None) if found is not None and event in self.unread else found


class Playing(Play):
    usual = Rooms
    rooms: Rooms

    def writes(self, user: UserId, event: str, text: str, room: RoomId = TEA) -> None:
        """Let somebody write a message that can be looked at again."""
        said = Said(room, EventId(event), user, text, from_unix(self.desk.house.time))
        self.rooms.past.setdefault(room, []).append(said)
        self.bot.hear(said)

    def answers(self, user: UserId, to: EventId, text: str, room: RoomId = TEA) -> None:
        said = Said(room, self.bot.event(), user, text, from_unix(self.desk.house.time))
        self.bot.hear(replace(said, replies_to=to))

    def reacts(self, user: UserId, to: EventId, sign: str, room: RoomId = TEA) -> list[str]:
        return self.bot.hear(Reacted(room, self.bot.event(), user, to, sign, from_unix(self.desk.house.time)))

    def told(self) -> str:
        before = len(self.bot.lines)
        self.bot.run(self.bot.manager.report)
        return plain(self.bot.lines[before:])

    def presses(self, sign: str) -> str:
        """Press a button under what the desk was told last."""
        asked = [line for line in self.bot.lines if "would put 🙈 on" in line]
        event = asked[-1].split(" on ")[1].split(" in ")[0]
        answer = plain(self.reacts(ALICE, EventId(event), sign, DESK))
        self.goes_on()
        return answer


@pytest.fixture
def play(desk: Desk) -> Playing:
    play = Playing(desk)
    play.writes(SPAM, BAD, "buy <b>gold</b>")
    return play


def test_an_answer_reports_a_message_and_the_desk_alone_learns_who_did(play: Playing) -> None:
    play.answers(BOB, BAD, "!report spam, again")
    told = play.told()
    assert f"would send to {DESK}: Report 1: a message of {SPAM} in tea" in told
    assert f"reported by {BOB}: spam, again" in told
    assert "It says: buy <b>gold</b>" in told
    assert f"https://matrix.to/#/{TEA}/{BAD}" in told
    assert "would redact $event-1 in" in told, "what gives the reporter away is taken out"
    assert all(f"would put {sign} on" in told for sign in ("🗑️", "🔇", "👢", "🔨", "🙈"))
    assert str(BOB) not in "".join(line for line in told.splitlines() if f"send to {TEA}" in line)
    assert play.told() == ""


@pytest.mark.parametrize(
    ("sign", "what"),
    [("🔇", Consequence.MUTE), ("👢", Consequence.KICK), ("🔨", Consequence.BAN), ("🗑", Consequence.REDACT)],
)
def test_a_button_does_it_at_once_though_kicks_wait_for_a_yes(play: Playing, sign: str, what: Consequence) -> None:
    play.reacts(BOB, BAD, "🚩")
    play.told()
    assert str(SPAM) in play.presses(sign) or what is Consequence.REDACT
    found = {one.room: one for one in play.history(State.APPLIED) if one.what is what}
    assert set(found) == ({TEA} if what is Consequence.REDACT else {TEA, CHOIR})
    assert found[TEA].causes[0].reason == "report 1"
    if what is Consequence.MUTE:
        assert play.level(SPAM) == MUTED
    if what is Consequence.REDACT:
        assert f"would redact {BAD} in {TEA}: the moderators: report 1" in play.bot.lines
    else:
        assert "the word of somebody who looks after the rooms, after report 1" in play.asks(f"why {SPAM}")


@pytest.mark.parametrize("after", ["asking", "a button"])
def test_a_button_is_obeyed_of_a_bot_that_died_before_all_was_noted(play: Playing, after: str) -> None:
    play.reacts(BOB, BAD, "🚩")
    play.rooms.dies = after
    with pytest.raises(Died):
        play.told()
    play.rooms.dies = ""
    play.restart()
    asked = play.rooms._sent[txn_of("report:1")]
    assert f"I ban {SPAM}" in plain(play.reacts(ALICE, asked, "🔨", DESK))
    play.told()
    assert sum("Report 1: " in line for line in play.bot.lines) == 1
    assert [sum(f"would put {sign} on {asked}" in line for line in play.bot.lines) for sign in SIGNS.values()] == [
        1
    ] * 5


def test_a_report_is_obeyed_where_the_bot_may_put_no_buttons(play: Playing) -> None:
    play.reacts(BOB, BAD, "🚩")
    play.rooms.mute = True
    play.told()
    with play.desk.read() as work:
        assert work.moderation.complaints.unheard() == [], "it is not tried for ever"
    assert f"I ban {SPAM}" in plain(play.reacts(ALICE, play.rooms._sent[txn_of("report:1")], "🔨", DESK))


def test_what_is_let_be_is_done_nothing_about(play: Playing) -> None:
    play.reacts(BOB, BAD, "🚩")
    play.told()
    assert "one reported it" in play.asks("reports")
    assert "I let it be" in play.presses("🙈")
    assert play.history() == []
    assert "No report waits" in play.asks("reports")


def test_a_word_does_what_a_button_does_and_in_a_rehearsal_too(play: Playing) -> None:
    play.asks("rehearse 3")
    play.reacts(BOB, BAD, "🚩")
    play.told()
    assert "no report of that number" in play.asks("report 7 ban")
    assert f"I ban {SPAM}" in play.asks("report 1 ban")
    play.goes_on()
    assert play.rooms.seen[CHOIR].members[SPAM].membership is Membership.BAN


def test_several_who_report_the_same_make_one_report(play: Playing) -> None:
    play.comes(EVE)
    play.reacts(BOB, BAD, "🚩")
    play.answers(EVE, BAD, "!report")
    assert play.told().count(f"would send to {DESK}") == 1
    play.answers(BOB, BAD, "!report once more")
    play.comes(UserId("@late:away.example"))
    play.reacts(UserId("@late:away.example"), BAD, "🚩")
    assert f"would send to {DESK}" not in play.told()
    assert "3 reported it" in play.asks("reports")


def test_a_report_in_the_chat_is_of_members_alone_and_answers_all_the_same(play: Playing) -> None:
    link = f"https://matrix.to/#/{TEA}/{BAD}?via=home.example"
    answer = play.bot.says(f"report {link} it is spam", user=EVE, room=RoomId("!eve:away.example"))
    assert "those who look after it with me are told" in answer
    assert f"would send to {DESK}" not in play.told()
    with play.desk.read() as work:
        assert work.moderation.complaints.unheard() == []
    assert (
        plain([answer]).partition(": ")[2]
        == plain(
            [
                play.bot.says(
                    f"report https://matrix.to/#/!none:x.example/{BAD}", user=EVE, room=RoomId("!eve:away.example")
                )
            ]
        ).partition(": ")[2]
    )
    play.bot.says(f"report {link} it is spam", user=BOB, room=RoomId("!bob:home.example"))
    assert f"reported by {BOB}: it is spam" in play.told()


def test_what_cannot_be_read_is_said(play: Playing) -> None:
    play.rooms.unread = frozenset({BAD})
    play.rooms.seen[TEA] = replace(play.rooms.seen[TEA], encrypted=True)
    play.restart()
    play.reacts(BOB, BAD, "🚩")
    told = play.told()
    assert "I cannot read it: the room is encrypted" in told
    assert "gold" not in told


def test_a_message_that_there_is_not_is_reported_to_nobody(play: Playing) -> None:
    play.reacts(BOB, EventId("$none"), "🚩")
    assert f"would send to {DESK}" not in play.told()


def test_who_looks_after_rooms_is_reported_and_left_alone(play: Playing) -> None:
    play.writes(ALICE, "$hers", "no")
    play.reacts(BOB, EventId("$hers"), "🚩")
    told = play.told()
    assert "They look after rooms themselves" in told
    assert "would put 🔨" not in told
    assert "Nothing is done to" in play.asks("report 1 ban")


def test_somebody_reports_no_more_than_ten_messages_an_hour(play: Playing) -> None:
    with play.desk.work() as work:
        bob = work.people.number(BOB)
        taken = [work.moderation.complaints.note(TEA, f"$m{n}", bob, "") for n in range(MOST_BY_ONE + 2)]
    assert taken == [True] * MOST_BY_ONE + [False] * 2
    play.desk.house.time += 3_601
    with play.desk.work() as work:
        assert work.moderation.complaints.note(TEA, "$later", work.people.number(BOB), "")


def test_a_reporter_who_writes_without_end_costs_a_few_rows(play: Playing) -> None:
    for number in range(40):
        play.reacts(BOB, EventId(f"$x{number}"), "🚩")
    with play.desk.read() as work:
        assert len(work.moderation.complaints.unheard(100)) == 5


def test_who_is_forgotten_is_in_no_report_any_more(play: Playing) -> None:
    play.comes(EVE)
    play.writes(BOB, "$bobs", "hello")
    play.reacts(EVE, EventId("$bobs"), "🚩")
    play.reacts(EVE, BAD, "🚩")
    play.reacts(BOB, BAD, "🚩")
    play.told()
    with play.desk.work() as work:
        forget_person(work, work.people.number(BOB))
    with play.desk.read() as work:
        (left,) = work.moderation.complaints.open(play.number)
        assert (left.event, [voice.user for voice in left.voices]) == (BAD, [EVE])


def test_a_report_is_kept_for_a_time(play: Playing) -> None:
    play.reacts(BOB, BAD, "🚩")
    play.told()
    play.desk.house.time += int(KEPT_FOR.total_seconds()) + 1
    prune_all(play.desk.work, events_kept=KEPT_FOR)
    with play.desk.read() as work:
        assert work.moderation.complaints.open(play.number) == []


def test_a_desk_that_dies_before_it_notes_what_it_asked_asks_once(
    play: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    play.reacts(BOB, BAD, "🚩")
    with monkeypatch.context() as dying:
        dying.setattr("reputation.complaints.Complaints.told", _dies)
        assert "Report 1" in play.told()
    play.restart()
    assert "Report 1" not in play.told(), "the homeserver drops the second"
    assert f"I ban {SPAM}" in play.presses("🔨")


def _dies(*_: object) -> None:
    raise RuntimeError


def test_a_number_that_is_gone_is_of_no_other_report(play: Playing) -> None:
    play.comes(EVE)
    play.writes(EVE, "$eves", "hello")
    play.reacts(BOB, EventId("$eves"), "🚩")
    assert "Report 1" in play.told()
    with play.desk.work() as work:
        forget_person(work, work.people.number(EVE))
    play.reacts(BOB, BAD, "🚩")
    assert f"Report 2: a message of {SPAM}" in play.told(), "the homeserver drops what it takes for the first"
    assert "no report of that number" in play.asks("report 1 ban")


def test_taking_out_what_was_reported_takes_out_nothing_that_waits_for_a_yes(play: Playing) -> None:
    with play.desk.work() as work:
        rule = Outcome(TEA, SPAM, "redact", "flood", 1, work.now, None, ("$one", "$two"))
        work.moderation.outcomes.note(play.number, [rule])
    play.goes_on()
    assert play.states(Consequence.REDACT) == [State.ASKED]
    play.reacts(BOB, BAD, "🚩")
    play.told()
    play.presses("🗑")
    play.goes_on()
    out = "\n".join(line for line in play.bot.lines if "would redact" in line)
    assert str(BAD) in out
    assert "$one" not in out, "nobody said yes to that"
    assert sorted(play.states(Consequence.REDACT)) == [State.APPLIED, State.ASKED]
    play.asks("approve")
    play.goes_on()
    out = "\n".join(line for line in play.bot.lines if "would redact" in line)
    assert "$one" in out
    assert "$two" in out


def test_what_was_decided_once_is_no_yes_to_what_a_rule_wants_later(play: Playing) -> None:
    with play.desk.work() as work:
        decided = Outcome(TEA, SPAM, "kick", "report 1", 1, work.now, None)
        work.moderation.outcomes.note(play.number, [decided], decided=True)
    play.desk.house.time += 61
    with play.desk.work() as work:
        rule = Outcome(TEA, SPAM, "kick", "flood", 1, work.now, None)
        work.moderation.outcomes.note(play.number, [rule])
    play.goes_on()
    assert {*play.states(Consequence.KICK)} == {State.ASKED}


def test_a_report_goes_to_whoever_looks_after_the_room_now(play: Playing) -> None:
    play.reacts(BOB, BAD, "🚩")
    with play.desk.work() as work:
        work.moderation.unprotect(TEA)
        other = work.moderation.make(work.people.number(BOB), "Others").id
        work.moderation.housed(other, OTHERS)
        work.moderation.protect(other, TEA)
    play.rooms.open(OTHERS)
    play.restart()
    assert "Report" not in play.told(), "who looked after it reads nothing of it any more"
    play.comes(EVE)
    play.reacts(EVE, BAD, "🚩")
    assert f"would send to {OTHERS}: Report" in play.told()
