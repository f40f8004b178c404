"""Reports on a real Synapse: an answer and a chat bring a message to the desk, a button bans; and edits are judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.homeserver import EventId, Redacted
from kit.identifiers import RoomId
from reputation.enforcement.rooms import Membership
from tests.e2e.bot.test_desk import asks
from tests.e2e.bot.test_guards import protected
from tests.support.matrix import listening, scene, until
from tests.support.places import Place
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


@pytest.fixture
def place(homeserver: Homeserver, tmp_path: Path, sqlite_template: Path) -> Iterator[Place]:
    made = Place(homeserver, tmp_path, sqlite_template, "carol")
    yield made
    made.engine.dispose()


def sends(place: Place, who: str, room: RoomId, txn: str, **content: Any) -> EventId:  # noqa: ANN401 - JSON
    """Send a message as apps do, with whatever it relates to."""
    with place.http(who) as http:
        path = f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{txn}"
        answer = http.put(path, json={"msgtype": "m.text", **content})
    return EventId(answer.json()["event_id"])


def test_a_message_is_reported_by_an_answer_and_its_author_banned_by_a_button(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, carol):
            desk, room = await protected(alice, place, bob, carol)
            bad = sends(place, "bob", room, "bad", body="buy gold")
            relation = {"m.in_reply_to": {"event_id": bad}}
            answer = sends(place, "carol", room, "report", body="!report spam", **{"m.relates_to": relation})
            told = await alice.hears("Report 1:", room=desk)
            assert f"reported by {carol.me}: spam" in told.body.replace("\u2068", "").replace("\u2069", "")
            assert "buy gold" in told.body
            await alice.inbox.take(Redacted, lambda one: one.event == answer)
            await alice.client.react(desk, told.event, "🔨", txn="ban")
            await alice.hears("I ban", room=desk)

            async def banned() -> bool:
                return (await alice.client.state(room)).members[bob.me].membership is Membership.BAN

            await until(banned)
            assert (await alice.client.state(room)).members[bob.me].reason == "the moderators: report 1"

    scene(play)


def test_a_newcomer_edits_no_link_into_a_message(place: Place) -> None:
    async def play() -> None:
        async with place.bot(), listening(*map(place.client, ("alice", "bob", "carol"))) as (alice, bob, _):
            desk, room = await protected(alice, place)
            await asks(alice, desk, "confirm off", "done at once")
            await asks(alice, desk, "protections preset newcomers-links 1440", "with links")
            await bob.client.join(room)
            first = sends(place, "bob", room, "first", body="hello")
            relation = {"rel_type": "m.replace", "event_id": first}
            new = {"msgtype": "m.text", "body": "https://spam.example"}
            parts: dict[str, Any] = {"body": "* hello", "m.new_content": new, "m.relates_to": relation}
            edit = sends(place, "bob", room, "edit", **parts)
            await alice.inbox.take(Redacted, lambda one: one.event == edit)

    scene(play)
