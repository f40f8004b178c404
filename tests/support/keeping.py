"""People who keep rooms by a client of another make, and what a test asks of rooms that are looked after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from app import lists
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Membership
from tests.support.matrix import Person, until
from tests.support.places import Place, chat


class Keeper:
    """Alice, who keeps rooms by a client of another make."""

    def __init__(self, place: Place) -> None:
        """Use the account of Alice."""
        self.place = place

    async def does(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask the homeserver, which must agree."""

        def _do() -> dict[str, Any]:
            with self.place.http("alice") as http:
                answer = http.request(method, f"/_matrix/client/v3/{path}", json={} if body is None else body)
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found

        return await asyncio.to_thread(_do)

    async def room(self, name: str, *, public: bool = True, **more: Any) -> RoomId:  # noqa: ANN401 - JSON
        """A room in which the bot may do what is needed."""
        levels = {"users": {self.place.user("earnest"): 90}}
        body = {"name": name, "preset": "public_chat" if public else "private_chat", **more}
        return RoomId(
            (await self.does("POST", "createRoom", {**body, "power_level_content_override": levels}))["room_id"]
        )

    async def holds(self, space: RoomId, room: RoomId, *, still: bool = True) -> None:
        """Let a space hold a room, or no more."""
        content = {"via": [self.place.homeserver.name]} if still else {}
        await self.does("PUT", f"rooms/{space}/state/m.space.child/{room}", content)

    async def invites(self, room: RoomId, user: UserId) -> None:
        """Invite somebody."""
        await self.does("POST", f"rooms/{room}/invite", {"user_id": user})


async def desk_of(person: Person, place: Place) -> RoomId:
    """Have a management room made, and go there."""
    room = await chat(person, place)
    await person.say(room, "moderate My rooms")
    await person.hears("I make a room named", room=room)
    desk = await person.comes(inviter=place.user("earnest"))
    await person.hears("looks after rooms", room=desk)
    return desk


def publish(place: Place, *users: UserId) -> None:
    """Let the list ``watch`` ban these."""
    file = place.folder / "watch.json"
    rules = [
        {
            "type": "m.policy.rule.user",
            "state_key": f"rule-{user}",
            "content": {"entity": user, "recommendation": "m.ban", "reason": "sells tea"},
        }
        for user in users
    ]
    file.write_text(json.dumps(rules))
    with place.container.work() as work:
        known = {one.name: one for one in work.followed.all()}
        kept = known.get("watch") or work.followed.follow("watch", str(file))
    lists.update(place.container, kept)


def protected(place: Place) -> set[RoomId]:
    """The rooms that are looked after."""
    with place.container.read() as work:
        return {one.room for one in work.moderation.rooms()}


async def joined(place: Place) -> set[str]:
    """The rooms that the bot is in."""

    def _ask() -> set[str]:
        with place.http("earnest") as http:
            return set(http.get("/_matrix/client/v3/joined_rooms").json()["joined_rooms"])

    return await asyncio.to_thread(_ask)


async def is_so(met: Callable[[], bool]) -> None:
    """Wait until something is so."""

    async def _met() -> bool:
        return met()

    await until(_met)


async def stands(person: Person, room: RoomId, user: UserId, membership: Membership) -> bool:
    """Whether somebody stands to a room like this."""
    member = (await person.client.state(room)).members.get(user)
    return member is not None and member.membership is membership
