"""What events of nio's say: what stands in an encrypted one is its sender's word alone, and odd ones are not logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from nio import Event

from app import logs
from bot.homeserver import Edited, EventId, Happening, Left, Moved, Polled, Redacted, Said
from bot.nio_events import read
from kit.identifiers import RoomId, UserId

ROOM = RoomId("!room:home.example")
ALICE, BOB, ME = (UserId(f"@{name}:home.example") for name in ("alice", "bob", "earnest"))
_ABOUT = {"event_id": "$event", "sender": BOB, "origin_server_ts": 1_800_000_000_000, "room_id": ROOM}
_OF_ROOMS: list[tuple[dict[str, Any], Happening]] = [
    ({"type": "m.room.redaction", "redacts": "$spam", "content": {}}, Redacted(ROOM, EventId("$spam"))),
    ({"type": "m.room.redaction", "content": {"redacts": "$spam"}}, Redacted(ROOM, EventId("$spam"))),
    ({"type": "m.room.member", "state_key": ALICE, "content": {"membership": "leave"}}, Left(ROOM, ALICE)),
    ({"type": "m.room.member", "state_key": ME, "content": {"membership": "ban"}}, Left(ROOM, ME, banned=True)),
    (
        {"type": "m.room.tombstone", "state_key": "", "content": {"body": "", "replacement_room": "!new:h"}},
        Moved(ROOM, RoomId("!new:h")),
    ),
]


def heard(event: dict[str, Any], *, encrypted: bool) -> Happening | None:
    """What is heard of an event; nio marks those that it decrypted."""
    read_by_nio: Any = (Event.parse_decrypted_event if encrypted else Event.parse_event)(_ABOUT | event)
    read_by_nio.decrypted = encrypted
    return read(ROOM, read_by_nio, ME)


@pytest.mark.parametrize(("event", "happening"), _OF_ROOMS)
def test_who_left_and_what_was_taken_back_nobody_says_in_an_encrypted_message(
    event: dict[str, Any], happening: Happening
) -> None:
    assert heard(event, encrypted=False) == happening
    assert heard(event, encrypted=True) is None


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("odd", [{"formatted_body": 5}, {"formatted_body": ["b"]}, {"format": {}}])
def test_a_text_with_something_odd_beside_it_is_heard(odd: dict[str, Any], *, encrypted: bool) -> None:
    content = {"msgtype": "m.text", "body": "airdrop", "format": "org.matrix.custom.html", "formatted_body": "x"} | odd
    said = heard({"type": "m.room.message", "content": content}, encrypted=encrypted)
    assert isinstance(said, Said)
    assert (said.body, said.kind, said.sender) == ("airdrop", "m.text", BOB)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("m.room.message", {"msgtype": "m.text", "body": 5}),
        ("m.room.message", {"msgtype": ["m.text"], "body": "x"}),
        ("m.room.topic", {"msgtype": "m.text", "body": "x", "topic": 5}),
        (
            "m.room.message",
            {"msgtype": "m.text", "body": "x", "formatted_body": 5, "m.relates_to": {"rel_type": "m.replace"}},
        ),
    ],
)
def test_what_is_no_text_is_not_heard(kind: str, content: dict[str, Any]) -> None:
    assert heard({"type": kind, "state_key": "", "content": content}, encrypted=False) is None


@pytest.fixture
def _logged() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("nio", "nio.events")}
    logs.set_up(process="test")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.mark.usefixtures("_logged")
def test_what_an_odd_message_says_stands_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("nio").warning("logs are written")
    heard({"type": "m.room.message", "content": {"msgtype": "m.image", "body": "twelve zebras"}}, encrypted=True)
    heard({"type": "m.room.message", "content": {"body": {"twelve": "zebras"}, "msgtype": "m.text"}}, encrypted=False)
    found = caplog.text
    assert "logs are written" in found
    assert "zebras" not in found


@pytest.mark.parametrize("encrypted", [False, True])
def test_an_edit_is_heard_as_what_it_says_now(*, encrypted: bool) -> None:
    new = {"msgtype": "m.text", "body": "new", "formatted_body": "<b>new</b>"}
    content = {"msgtype": "m.text", "body": "* new", "m.new_content": new}
    content["m.relates_to"] = {"rel_type": "m.replace", "event_id": "$first"}
    found = heard({"type": "m.room.message", "content": content}, encrypted=encrypted)
    assert isinstance(found, Edited)
    assert (found.of, found.body, found.fallback, found.html, found.sender) == (
        "$first",
        "new",
        "* new",
        "<b>new</b>",
        BOB,
    )


@pytest.mark.parametrize("new", [None, 5, "x", [], {"body": 5}, {"msgtype": ["m.text"], "formatted_body": {}}])
def test_an_odd_edit_ends_nothing(new: object) -> None:
    content = {"msgtype": "m.text", "body": "* new", "m.new_content": new}
    content["m.relates_to"] = {"rel_type": "m.replace", "event_id": "$first"}
    found = heard({"type": "m.room.message", "content": content}, encrypted=False)
    assert found is None or (isinstance(found, Edited) and found.fallback == "* new")


@pytest.mark.parametrize(
    ("kind", "content", "texts"),
    [
        (
            "org.matrix.msc3381.poll.start",
            {
                "org.matrix.msc3381.poll.start": {
                    "question": {"org.matrix.msc1767.text": "Tea?", "body": "Tea?"},
                    "answers": [{"id": "a", "org.matrix.msc1767.text": "yes"}, {"org.matrix.msc1767.text": "no"}],
                }
            },
            ("Tea?", "yes", "no"),
        ),
        (
            "m.poll.start",
            {"m.poll": {"question": {"m.text": [{"body": "Tea?"}]}, "answers": [{"m.text": [{"body": "yes"}]}]}},
            ("Tea?", "yes"),
        ),
        ("m.poll.start", {"m.poll": {"question": 5, "answers": {"a": 1}}}, ()),
        ("m.poll.start", {"m.poll": []}, ()),
    ],
)
def test_a_poll_is_heard_by_its_texts(kind: str, content: dict[str, Any], texts: tuple[str, ...]) -> None:
    for encrypted in (False, True):
        found = heard({"type": kind, "content": content}, encrypted=encrypted)
        assert isinstance(found, Polled)
        assert found.texts == texts


@pytest.mark.parametrize(
    ("relation", "answers"),
    [
        ({"m.in_reply_to": {"event_id": "$first"}}, "$first"),
        ({"rel_type": "m.thread", "event_id": "$root", "m.in_reply_to": {"event_id": "$last"}}, None),
        (
            {"rel_type": "m.thread", "event_id": "$r", "is_falling_back": False, "m.in_reply_to": {"event_id": "$l"}},
            "$l",
        ),
        ({"m.in_reply_to": ["$first"]}, None),
        ("x", None),
    ],
)
def test_what_a_message_answers_is_heard(relation: object, answers: str | None) -> None:
    content = {"msgtype": "m.text", "body": "!report", "m.relates_to": relation}
    found = heard({"type": "m.room.message", "content": content}, encrypted=False)
    assert isinstance(found, Said)
    assert found.replies_to == answers


@pytest.mark.parametrize(("length", "known"), [(254, True), (255, False)])
def test_of_an_event_id_that_is_none_nothing_is_asked(length: int, *, known: bool) -> None:
    event = "$" + "x" * length
    answering = {"msgtype": "m.text", "body": "!tip 5", "m.relates_to": {"m.in_reply_to": {"event_id": event}}}
    said = heard({"type": "m.room.message", "content": answering}, encrypted=False)
    assert isinstance(said, Said)
    assert said.replies_to == (event if known else None)
    annotation = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "x"}}
    reacted = heard({"type": "m.reaction", "content": annotation}, encrypted=False)
    assert (reacted is not None) is known
