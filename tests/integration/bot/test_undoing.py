"""What the homeserver does not let the bot undo: tried a few times, said, given up, and tried again when asked for."""

from __future__ import annotations

import pytest

from bot.homeserver import Invited, Left
from reputation.enforcement.model import Consequence, State
from reputation.undoing import PAUSES
from tests.integration.bot.test_guards import CHOIR, DESK, MUTED, SPAM, TEA, floods
from tests.integration.bot.test_looking_after import Playing
from tests.support.desk import Desk
from tests.support.knocks import ALICE, BOT


@pytest.fixture
def play(desk: Desk) -> Playing:
    """A bot that has muted somebody in two rooms, and lost its power in them."""
    play = Playing(desk)
    play.asks("protections preset flood 5 5 10")
    floods(play)
    play.goes_on()
    play.tells()
    assert play.level(SPAM) == MUTED
    play.rooms.fixed = True
    return play


def ends(play: Playing) -> None:
    with play.desk.work() as work:
        work.moderation.end(play.number)
    play.goes_on()


def waits_out(play: Playing) -> None:
    for pause in PAUSES:
        play.goes_on(int(pause.total_seconds()) + 1)


def desk_is_gone(play: Playing) -> bool:
    with play.desk.read() as work:
        return work.moderation.get(play.number).room is None


def test_a_desk_that_ends_says_what_it_cannot_undo_gives_it_up_and_goes(play: Playing) -> None:
    ends(play)
    assert "Cannot be taken back yet: I have not the power (2)" in play.tells()
    assert play.tells() == ""
    assert not desk_is_gone(play)
    waits_out(play)
    assert not desk_is_gone(play), "it is still to be said"
    told = play.tells()
    assert "Cannot be taken back, and given up (2)" in told
    assert "the homeserver says 403 M_FORBIDDEN" in told
    play.goes_on()
    assert desk_is_gone(play)
    assert set(play.states(Consequence.MUTE)) == {State.STUCK}
    play.goes_on(10 * 24 * 3_600)
    assert set(play.states(Consequence.MUTE)) == {State.STUCK}, "it is not tried for ever"


def test_a_desk_that_cannot_be_told_goes_all_the_same(play: Playing) -> None:
    ends(play)
    play.rooms.silenced.add(DESK)
    waits_out(play)
    play.goes_on(61)
    assert desk_is_gone(play)


def test_what_was_given_up_is_tried_again_where_somebody_asks_for_it(play: Playing) -> None:
    ends(play)
    waits_out(play)
    play.goes_on(61)
    leaves(play)
    with play.desk.work() as work:
        assert work.moderation.again(play.number)
        assert not work.moderation.again(play.number), "it is being tried"
        assert {TEA, CHOIR} <= work.moderation.all_rooms()
    play.rooms.fixed = False
    for room in (TEA, CHOIR):
        play.bot.hear(Invited(room, ALICE))
    assert not any("would leave" in line for line in leaves(play)), "not before it is done"
    play.goes_on()
    assert set(play.states(Consequence.MUTE)) == {State.UNDONE}
    assert play.level(SPAM) == 0
    play.desk.house.time += 6
    left = leaves(play)
    assert all(any(f"would leave {room}" in line for line in left) for room in (TEA, CHOIR))


def leaves(play: Playing) -> list[str]:
    before = len(play.bot.lines)
    play.bot.run(play.bot.watcher.leave_owed)
    return play.bot.lines[before:]


def test_the_desk_tries_again_what_a_veto_could_not_undo(play: Playing) -> None:
    play.asks(f"veto {SPAM}")
    play.goes_on()
    waits_out(play)
    assert "!earnest again" in play.tells()
    play.rooms.fixed = False
    assert "I try it again" in play.asks("again")
    play.goes_on()
    assert play.level(SPAM) == 0
    assert "nothing that I could not take back" in play.asks("again")


def test_what_was_to_be_undone_where_we_were_put_out_is_given_up_at_once(play: Playing) -> None:
    ends(play)
    play.bot.hear(Left(TEA, BOT))
    found = {one.room: one for one in play.history() if one.what is Consequence.MUTE}
    assert (found[TEA].state, found[TEA].error) == (State.STUCK, "put out")
    assert found[CHOIR].state is State.UNDOING
    assert "I was put out of the room" in play.tells()


def test_a_desk_that_was_ended_and_lost_its_own_room_lets_go_of_the_others(play: Playing) -> None:
    play.rooms.fixed = False
    with play.desk.work() as work:
        work.moderation.end(play.number)
        work.moderation.unhoused(play.number)
    play.goes_on()
    with play.desk.read() as work:
        assert work.moderation.rooms(play.number) == []
