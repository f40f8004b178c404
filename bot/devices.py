"""Devices: before something is encrypted for a room, who is to read it must be known, and each reachable."""

from __future__ import annotations

from typing import Any

from bot.homeserver import ElsewhereAway
from bot.nio_client import NioClient
from kit.identifiers import UserId, server_of


async def know_devices(client: NioClient, room: Any) -> None:  # noqa: ANN401 - nio's own types
    """Learn of the devices of everybody in an encrypted room, and make a way to each.

    Raises ``ElsewhereAway`` where somebody's homeserver did not answer and no device of theirs is known: nio would
    encrypt all the same, and they could never read it.
    """
    nio = client.nio
    silent: set[str] = set()
    if nio.should_query_keys:
        silent.update((await client.checked(nio.keys_query())).failures)
    missing = nio.get_missing_sessions(room.room_id) if nio.olm.should_share_group_session(room.room_id) else {}
    if missing:
        silent.update((await client.checked(nio.keys_claim(missing))).failures)
    for user in room.users:
        if silent and server_of(UserId(user)) in silent and not _reaches(nio, user):
            message = f"the homeserver {server_of(UserId(user))} does not say on which devices its people read"
            raise ElsewhereAway(message)


def _reaches(nio: Any, user: str) -> bool:  # noqa: ANN401 - nio's own types
    devices = nio.device_store.active_user_devices(user)
    return any(nio.olm.session_store.get(device.curve25519) is not None for device in devices)
