"""Rooms: whom the bot lets invite it, where it stays, and what it says when it cannot read."""

from bot.homeserver import Entered, EventId, Invited, Left, Moved, Said, Unreadable
from kit.clock import from_unix
from kit.identifiers import RoomId, UserId
from tests.support.desk import Bot, Desk, rehearsed
from tests.support.knocks import ALICE, BOB, BOT

ROOM = RoomId("!invited:home.example")
OTHER = RoomId("!other:home.example")


def invite(bot: Bot, room: RoomId, *members: UserId, inviter: UserId = ALICE) -> list[str]:
    bot.rehearsal.rooms[room] = {inviter, *members}
    return bot.hear(Invited(room, inviter))


def unreadable(bot: Bot, room: RoomId, sender: UserId) -> list[str]:
    return bot.hear(Unreadable(room, bot.event(), sender, from_unix(bot.desk.house.time)))


def test_whoever_invites_the_bot_alone_is_greeted(bot: Bot, desk: Desk) -> None:
    done = invite(bot, ROOM)
    assert done[0] == f"would join {ROOM}"
    assert "Hello!" in done[1]
    with desk.read() as work:
        assert work.conversations.room_of(work.people.number(ALICE)) == ROOM
    assert bot.hear(Invited(ROOM, ALICE)) == [f"would join {ROOM}"]


def test_whoever_entered_and_died_is_made_up_for_by_the_next(bot: Bot, desk: Desk) -> None:
    invite(bot, ROOM)
    assert bot.hear(Entered(ROOM, ALICE)) == []
    other = rehearsed(desk)
    other.rehearsal.rooms[OTHER] = {ALICE, BOT}
    done = other.hear(Entered(OTHER, ALICE))
    assert "Hello!" in "\n".join(done)
    with desk.read() as work:
        assert work.conversations.room_of(work.people.number(ALICE)) == OTHER


def test_a_group_is_told_why_and_left(bot: Bot, desk: Desk) -> None:
    done = invite(bot, ROOM, BOB)
    assert "one person at a time" in done[1]
    assert done[2] == f"would leave {ROOM}"
    with desk.read() as work:
        assert not work.conversations.rooms()


def test_of_two_chats_with_one_person_the_newer_is_kept(bot: Bot) -> None:
    invite(bot, ROOM)
    done = invite(bot, OTHER)
    assert f"would leave {ROOM}: We talk in another room now." in done
    bot.rehearsal.rooms[ROOM].add(BOT)
    assert f"would leave {OTHER}: We talk in another room now." in bot.says("help", room=ROOM)


def test_invitations_of_one_person_are_bounded(bot: Bot) -> None:
    rooms = [RoomId(f"!room{number}:home.example") for number in range(8)]
    done = [invite(bot, room) for room in rooms]
    assert [line[0].split(" !")[0] for line in done] == ["would join"] * 5 + ["would leave"] * 3


def test_a_message_that_cannot_be_read_is_answered_once(bot: Bot, desk: Desk) -> None:
    bot.meet(ALICE, ROOM)
    assert "could not decrypt" in unreadable(bot, ROOM, ALICE)[0]
    assert unreadable(bot, ROOM, ALICE) == []
    desk.house.time += 13 * 3_600
    assert "could not decrypt" in unreadable(bot, ROOM, ALICE)[0]


def test_a_message_that_cannot_be_read_in_a_group_is_none_of_ours(bot: Bot) -> None:
    bot.rehearsal.rooms[ROOM] = {ALICE, BOB, BOT}
    assert unreadable(bot, ROOM, ALICE)[1:] == []
    assert not [line for line in bot.lines if "decrypt" in line]


def test_being_put_out_is_leaving_too(bot: Bot, desk: Desk) -> None:
    invite(bot, ROOM)
    bot.hear(Left(ROOM, BOT))
    with desk.read() as work:
        assert work.conversations.room_of(work.people.number(ALICE)) is None
        assert not work.conversations.rooms()


def test_a_chat_that_was_closed_for_another_room_is_left_and_a_new_one_opened_when_there_is_news(
    bot: Bot, desk: Desk
) -> None:
    desk.house.asking()
    invite(bot, ROOM, inviter=BOB)
    assert bot.hear(Moved(ROOM)) == [f"would leave {ROOM}"]
    assert bot.hear(Moved(ROOM)) == []
    assert bot.hear(Moved(OTHER)) == []
    desk.house.knock()
    done = bot.delivers()
    assert [line for line in done if f"would invite {BOB}" in line]
    assert [line for line in done if "would send" in line and ROOM not in line]


def test_somebody_else_leaving_changes_nothing(bot: Bot, desk: Desk) -> None:
    invite(bot, ROOM)
    assert bot.hear(Left(ROOM, BOB)) == []
    with desk.read() as work:
        assert work.conversations.room_of(work.people.number(ALICE)) == ROOM


def test_the_same_message_heard_twice_is_answered_once(bot: Bot, desk: Desk) -> None:
    desk.house.asking()
    desk.house.pay()
    bot.meet(ALICE, ROOM)
    said = Said(ROOM, EventId("$once"), ALICE, "accept", from_unix(desk.house.time))
    assert len(bot.hear(said)) == 1
    assert bot.hear(said) == []


def test_a_sender_with_a_name_that_is_none_is_ignored(bot: Bot) -> None:
    nobody = UserId("not an id")
    bot.meet(nobody, ROOM)
    assert bot.hear(Said(ROOM, bot.event(), nobody, "help", from_unix(bot.desk.house.time))) == []


def test_what_is_no_text_is_no_command(bot: Bot) -> None:
    bot.meet(ALICE, ROOM)
    for kind in ("m.image", "m.file", "m.sticker", "m.notice"):
        assert bot.hear(Said(ROOM, bot.event(), ALICE, "help", from_unix(bot.desk.house.time), kind=kind)) == []
