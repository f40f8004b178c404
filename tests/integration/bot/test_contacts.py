"""The bot's word `contacts`: how many are known and by what way, one forgotten, an import taken back."""

import pytest

from kit.identifiers import UserId
from tests.support.desk import Bot, Desk
from tests.support.knocks import ALICE, BOB

CAROL = UserId("@carol:away.example")


def test_contacts_are_counted_by_the_way_forgotten_and_an_import_taken_back(bot: Bot, desk: Desk) -> None:
    said = bot.says("contacts")
    assert "You know nobody here yet" in said
    assert f"earnest contacts import --user {ALICE} --service " in said
    assert "You have imported nobody" in bot.says("contacts undo")
    desk.house.asking()
    with desk.work() as work:
        alice = work.people.number(ALICE)
        work.contacts.take(alice, [BOB, CAROL])
    shown = bot.says("contacts")
    assert "2 whom you knew before and imported" in shown
    assert "contacts undo takes it back" in shown
    assert "you knew them before, as your import of contacts told me" in bot.says(f"why {BOB}")
    assert f"Forgotten: \u2068{BOB}\u2069 is a stranger" in bot.says(f"contacts forget {BOB}")
    assert "You know nobody of that name here" in bot.says(f"contacts forget {BOB}")
    assert "Taken back: 1 whom" in bot.says("contacts undo")
    assert "You know nobody here yet" in bot.says("contacts")


def test_contacts_written_wrongly_shows_how_it_is_written(bot: Bot) -> None:
    for text in ("contacts all", "contacts forget", f"contacts {BOB}", "contacts undo all"):
        assert "Write it like this" in bot.says(text)


def test_a_large_import_is_taken_back_in_parts(bot: Bot, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.contacts.MOST_PRUNED", 1)
    with desk.work() as work:
        work.contacts.take(work.people.number(ALICE), [BOB, CAROL])
    assert "1 are left of that import: write contacts undo again" in bot.says("contacts undo")
    assert "are left" not in bot.says("contacts undo")
    assert "You have imported nobody" in bot.says("contacts undo")
