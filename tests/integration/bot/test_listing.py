"""Lists by the bot: begun, changed, shown, undone, retired; what is dangerous in them is said."""

from __future__ import annotations

import pytest

from kit.identifiers import UserId
from reputation.lists.model import Entry
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOT


def plain(said: str) -> str:
    return said.translate({0x2068: None, 0x2069: None})


def entries(desk: Desk, name: str = "spam") -> list[Entry]:
    with desk.read() as work:
        return list(work.publishing.entries(work.publishing.named(work.people.number(ALICE), name).id))


def test_a_list_is_begun_changed_shown_and_undone(bot: Bot, desk: Desk) -> None:
    assert "You publish no list" in bot.says("lists")
    said = plain(bot.says("list new spam People who send the same to all"))
    assert "You publish the list spam now: People who send the same to all." in said
    assert "/v1/lists/" in said
    said = plain(bot.says("list add spam @bob:evil.example the same in 20 rooms"))
    assert "spam is at version 2 now: 1 said, 0 taken back." in said
    assert "list undo spam undoes it." in said
    bot.says("list add spam evil.example")
    bot.says("list add spam @ad*:other.example")
    bot.says("list add spam !room:evil.example")
    shown = plain(bot.says("list show spam"))
    assert "4 entries, version 5" in shown
    assert "- ban @bob:evil.example: the same in 20 rooms" in shown
    assert [(entry.subject.value, entry.entity) for entry in entries(desk)] == [
        ("user", "@bob:evil.example"),
        ("server", "evil.example"),
        ("user", "@ad*:other.example"),
        ("room", "!room:evil.example"),
    ]
    assert "0 said, 1 taken back" in plain(bot.says("list remove spam EVIL.example"))
    assert "1 said, 0 taken back" in plain(bot.says("list undo spam"))
    assert len(entries(desk)) == 4
    assert "That is how spam was already" in plain(bot.says("list add spam evil.example"))
    assert "- spam: People who send the same to all (4 entries)" in plain(bot.says("lists"))


def test_what_is_dangerous_is_refused_or_said(bot: Bot, desk: Desk) -> None:
    bot.says("list new spam Spam")
    for entity in ("@*:*", "*", "*.com"):
        assert "would hit nearly everybody" in bot.says(f"list add spam {entity}"), entity
    assert "is no Matrix id, server or room" in bot.says("list add spam no_server!")
    assert entries(desk) == []
    assert "has letters that look like others" in bot.says("list add spam @\u0430lice:home.example")
    assert f"hits you: {ALICE}" in plain(bot.says("list add spam @ali*:home.example"))


def test_what_is_written_wrongly_is_explained(bot: Bot) -> None:
    assert "list new spammers" in bot.says("list"), "its forms"
    assert "You publish no list of that name" in bot.says("list show spam")
    assert "A list's name has small letters" in bot.says("list new 1st Title")
    bot.says("list new spam Spam")
    assert "You publish a list of that name already" in bot.says("list new spam Spam")
    assert "There is nothing to undo in that list" in bot.says("list undo spam")
    assert "A list's title is one line" in bot.says(f"list new more {'x' * 101}")
    for number in range(9):
        bot.says(f"list new more{number} x")
    assert "You publish 10 lists" in bot.says("list new last x")


def test_whoever_is_named_beside_an_entry_does_not_take_its_place(bot: Bot, desk: Desk) -> None:
    bob = UserId("@bob:evil.example")
    bot.says("list new spam Spam")
    bot.says("list add spam evil.example", mentions=(BOT,))  # an answer to a message of the bot's
    assert [one.entity for one in entries(desk)] == ["evil.example"]
    assert "list add spammers" in bot.says("list add spam loud.example as Bob says", mentions=(bob,))
    assert "list add spammers" in bot.says("list remove spam !room:evil.example says Bob", mentions=(bob,))
    bot.says("list add spam Bob the Great", mentions=(bob, BOT))
    assert [one.entity for one in entries(desk)] == ["evil.example", bob]


def test_a_list_is_retired_when_its_author_says_so_twice(bot: Bot, desk: Desk) -> None:
    bot.says("list new spam Spam")
    bot.says("list add spam @bob:evil.example")
    assert "list retire spam yes" in plain(bot.says("list retire spam"))
    assert len(entries(desk)) == 1
    assert "You publish spam no more" in plain(bot.says("list retire spam yes"))
    assert "You publish no list" in bot.says("lists")


@pytest.mark.parametrize("reason", ["**bold**", "<b>bold</b>", "`code`", "a\u202eb", "x" * 3_000])
def test_nothing_that_stands_in_a_list_is_shown_as_ours(bot: Bot, reason: str) -> None:
    bot.says("list new spam Spam")
    bot.says(f"list add spam @bob:evil.example {reason}")
    said = bot.says("list show spam")
    assert "ban" in said
    assert "\u202e" not in said
    assert len(said) < 4_000


def test_a_list_is_asked_for_a_room_once(bot: Bot, desk: Desk) -> None:
    bot.says("list new spam Spam")
    assert "I make a room for spam" in plain(bot.says("list room spam"))
    assert "I make a room for spam" in plain(bot.says("list room spam"))
    with desk.read() as work:
        assert [one.name for one in work.publishing.rooms.due()] == ["spam"]
        assert work.people.find(UserId("@bob:evil.example")) is None, "who stands in a list is nobody whom we know"


def test_a_list_of_others_is_tried_at_the_door_set_excepted_from_and_left(bot: Bot, desk: Desk) -> None:
    with desk.work() as work:
        work.followed.follow("watch", "/list")
    assert "Your door asks no list of others" in bot.says("lists")
    assert "It could ask these: watch." in plain(bot.says("lists"))
    said = plain(bot.says("list subscribe watch hold 20"))
    assert "only tried" in said
    assert "list subscribe watch hold 20 yes" in said
    with desk.read() as work:
        assert work.doors.show(work.people.number(ALICE)).policy is None
    said = plain(bot.says("list subscribe watch hold 20 yes"))
    assert "watch: whom it bans is held" in said
    assert "door undo takes this back" in said
    said = plain(bot.says("list except watch @bob:evil.example"))
    assert "but for @bob:evil.example" in said
    assert "but for" not in plain(bot.says("list unexcept watch @bob:evil.example"))
    assert "but for good.example" in plain(bot.says("list except watch good.example"))
    assert "nothing follows" in plain(bot.says("list subscribe watch notify yes"))
    assert "Your door asks no list" in plain(bot.says("list unsubscribe watch"))
    with desk.read() as work:
        assert work.doors.show(work.people.number(ALICE)).policy is None
    assert "No list of the name other" in bot.says("list subscribe other refuse")
    assert "list subscribe NAME" in bot.says("list subscribe watch love")
