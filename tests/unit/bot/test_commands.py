"""Commands: every word of the bot, and how people are named in them."""

from datetime import UTC, datetime

import pytest

from app.wording.buttons import OFFERED, SIGNS, Word, word_of
from app.wording.reader import Reader, Service
from bot.commands.command import Asked, Unclear, named
from bot.commands.table import COMMANDS
from kit.errors import Invalid
from kit.identifiers import PersonId, UserId

BOT = UserId("@earnest:home.example")
ALICE, BOB = UserId("@alice:home.example"), UserId("@bob:away.example")
READER = Reader(Service("ERN", 18, "https://earnest.example", BOT), datetime(2026, 11, 22, tzinfo=UTC))


def asked(*words: str, mentions: tuple[UserId, ...] = ()) -> Asked:
    return Asked(PersonId(1), ALICE, words, mentions, READER)


def name(*words: str, mentions: tuple[UserId, ...] = ()) -> UserId | None:
    question = asked(*words, mentions=mentions)
    return named(question, question.words)


def test_every_command_is_known_by_its_name_and_says_what_it_does() -> None:
    wanted = {"help", "door", "knocks", "accept", "return", "spam", "undo", "balance", "why", "link", "token", "forget"}
    assert wanted | {"stop", "start", "confirm", "cancel"} <= set(COMMANDS)
    for word, command in COMMANDS.items():
        assert command.name == word
        assert command.says
        assert all(form.split()[0] == word for form in command.usage)


def test_a_person_is_named_by_id_by_link_or_by_a_picked_name() -> None:
    assert name() is None
    assert name("@bob:away.example") == BOB
    assert name("\u2068@bob:away.example\u2069") == BOB
    assert name("https://matrix.to/#/@bob:away.example") == BOB
    assert name("https://matrix.to/#/%40bob%3Aaway.example") == BOB
    assert name("Bob", mentions=(BOB,)) == BOB
    assert name("Bob", "the", "Builder", mentions=(BOT, BOB)) == BOB


def test_an_id_that_is_written_out_counts_before_a_picked_name() -> None:
    assert name("@bob:away.example", mentions=(ALICE,)) == BOB


@pytest.mark.parametrize("words", [("bob",), ("@bob",), ("bob:away.example",), ("@bob:",), ("",)])
def test_what_is_no_id_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        name(*words)


def test_several_names_are_unclear() -> None:
    with pytest.raises(Unclear):
        name("@bob:away.example", "@carol:away.example")
    with pytest.raises(Invalid):
        name("them", mentions=(BOB, ALICE))


def test_no_two_buttons_look_alike_and_each_has_a_word() -> None:
    assert len(set(SIGNS.values())) == len(SIGNS) == len(Word)
    for meaning, words in OFFERED.items():
        for word in words:
            assert word_of(meaning, SIGNS[word]) is word
            assert word_of(meaning, SIGNS[word].replace("\ufe0f", "")) is word
            assert word_of(meaning, SIGNS[word] + "\ufe0f") is word
        assert word_of(meaning, "🦄") is None
