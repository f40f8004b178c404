"""What other policy bots keep of themselves is read, whatever shape it has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.other_bots import ACCOUNT_DATA, ENABLED, MOST, PROTECTED, WATCHED, OtherBot, WatchedRoom

ROOM = "!fTjMjIzNKEsFlUIiru:neko.dev"


def test_draupnir_says_in_its_account_what_it_watches_and_protects() -> None:
    bot = OtherBot()
    link = f"https://matrix.to/#/{ROOM.replace('!', '%21').replace(':', '%3A')}?via=neko.dev&via=matrix.org"
    bot.read_account(WATCHED, {"references": [link, "https://matrix.to/#/%23coc-bl%3Amatrix.org"]})
    bot.read_account(PROTECTED, {"rooms": ["!a:b.example"]})
    bot.read_account(ENABLED, {"enabled": ["BasicFloodingProtection", "WordListProtection"]})
    bot.read_state(
        [{"type": "org.matrix.mjolnir.setting", "state_key": "BasicFloodingProtection", "content": {"maxPerMinute": 5}}]
    )

    assert list(bot.watched.values()) == [
        WatchedRoom(ROOM, ("neko.dev", "matrix.org")),
        WatchedRoom("#coc-bl:matrix.org"),
    ]
    assert list(bot.protected) == ["!a:b.example"]
    assert bot.protections == {"BasicFloodingProtection": {"maxPerMinute": 5}, "WordListProtection": {}}
    assert bot.uncovered() == ["WordListProtection"]
    assert not bot.left_out


def test_meowlnir_says_all_of_it_in_its_management_room() -> None:
    bot = OtherBot()
    lists = [{"room_id": ROOM, "shortcode": "cme", "name": "CME"}, {"room_id": "!x:y.example", "dont_apply": True}]
    bot.read_state(
        [
            {"type": "fi.mau.meowlnir.watched_lists", "state_key": "", "content": {"lists": lists}},
            {"type": "fi.mau.meowlnir.protected_rooms", "state_key": "", "content": {"rooms": ["!a:b.example"]}},
            {"type": "fi.mau.meowlnir.protections", "state_key": "", "content": {"max_mentions": {"max_mentions": 5}}},
        ]
    )

    assert [(one.room, one.applied) for one in bot.watched.values()] == [(ROOM, True), ("!x:y.example", False)]
    assert list(bot.protected) == ["!a:b.example"]
    assert not bot.uncovered()


def test_what_is_taken_up_can_be_followed() -> None:
    bot = OtherBot()
    bot.read_account(WATCHED, {"references": [f"https://matrix.to/#/{ROOM}?via=_no_server_&via=matrix.org&via="]})
    bot.read_account(WATCHED, {"references": [f"#{'a' * 43}", "#a:no server", "#:a.example"]})
    assert list(bot.watched.values()) == [WatchedRoom(ROOM, ("matrix.org",))]
    assert bot.left_out == 3


@pytest.mark.parametrize("link", ["", "https://matrix.to/#/", "@a:b.example", "!", 5, None, "!a b\0:c"])
def test_what_is_no_room_is_left_out_and_counted(link: object) -> None:
    bot = OtherBot()
    bot.read_account(WATCHED, {"references": [link]})
    assert not bot.watched
    assert bot.left_out == 1


def test_no_more_is_read_than_anybody_can_have() -> None:
    bot = OtherBot()
    bot.read_account(WATCHED, {"references": [f"!{n}:a.example" for n in range(MOST + 5)]})
    assert len(bot.watched) == MOST
    assert bot.left_out == 5


_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["references", "rooms", "enabled", "lists", "room_id", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(_ANYTHING, st.lists(_ANYTHING, max_size=3))
def test_nothing_that_is_said_breaks_the_reading(content: object, contents: list[object]) -> None:
    bot = OtherBot()
    for kind in ACCOUNT_DATA:
        bot.read_account(kind, content)
    for name in ("watched_lists", "protected_rooms", "protections"):
        bot.read_state([{"type": f"fi.mau.meowlnir.{name}", "state_key": "", "content": one} for one in contents])
    bot.uncovered()
