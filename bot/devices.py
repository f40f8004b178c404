"""Devices: what homeservers say of whose devices there are, and who can read what is encrypted for a room.

It is asked and taken person by person: nio would drop everybody's answer for one that it cannot read, which any
foreign homeserver can give.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import structlog
from nio import KeysClaimResponse, KeysQueryResponse

from bot.homeserver import ElsewhereAway
from kit.identifiers import UserId, server_of

LOG = structlog.get_logger(__name__)

_QUERY, _CLAIM = "/_matrix/client/v3/keys/query", "/_matrix/client/v3/keys/claim"
_WAIT_MS = 10_000
"""How long our homeserver waits for others: what the specification gives them where nobody says so."""


class Account(Protocol):
    """What is needed of an account: nio's state of it, and a way to ask its homeserver."""

    nio: Any

    async def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the homeserver."""
        ...


class Claimed:
    """Mixed into nio's client: before it encrypts, it would claim again by itself what ``claim`` could not take."""

    async def keys_claim(self, user_set: object) -> KeysClaimResponse:  # noqa: ARG002 - nio's signature
        """Claim nothing."""
        return KeysClaimResponse({}, {})


async def query(account: Account, users: Collection[str]) -> set[str]:
    """Learn of the devices of these; return which homeservers did not answer."""
    body = {"device_keys": {user: [] for user in sorted(users)}, "timeout": _WAIT_MS}
    answer = await account.request("POST", _QUERY, body)
    for user, devices in _of(answer, "device_keys", users).items():
        for device, said in devices.items():
            if not _is_of(said, user, device):
                LOG.warning("odd_device", user=user)
        readable = {device: said for device, said in devices.items() if _is_of(said, user, device)}
        await _take(account, KeysQueryResponse({user: readable}, {}), user)
        account.nio.olm.users_for_key_query.discard(user)
    return _silent(answer)


async def claim(account: Account, missing: Mapping[str, Collection[str]]) -> set[str]:
    """Make a way to devices that we have none to yet; return which homeservers did not answer."""
    wanted = {user: dict.fromkeys(devices, "signed_curve25519") for user, devices in missing.items()}
    answer = await account.request("POST", _CLAIM, {"one_time_keys": wanted, "timeout": _WAIT_MS})
    for user, devices in _of(answer, "one_time_keys", missing).items():
        for device, keys in devices.items():
            await _take(account, KeysClaimResponse({user: {device: keys}}, {}), user)
    return _silent(answer)


async def know_devices(account: Account, room: Any) -> None:  # noqa: ANN401 - nio's own types
    """Learn of the devices of everybody in an encrypted room, and make a way to each.

    Raises ``ElsewhereAway`` where somebody's homeserver did not answer and no device of theirs is known: nio would
    encrypt all the same, and they could never read it.
    """
    nio, silent = account.nio, set[str]()
    # Of those in this room alone: nobody else's homeserver is to be waited for.
    wanted = nio.olm.users_for_key_query & set(room.users)
    if wanted:
        silent |= await query(account, wanted)
    missing = nio.get_missing_sessions(room.room_id) if nio.olm.should_share_group_session(room.room_id) else {}
    if missing:
        silent |= await claim(account, missing)
    for user in room.users:
        if silent and server_of(UserId(user)) in silent and not _reaches(nio, user):
            message = f"the homeserver {server_of(UserId(user))} does not say on which devices its people read"
            raise ElsewhereAway(message)


def _reaches(nio: Any, user: str) -> bool:  # noqa: ANN401 - nio's own types
    devices = nio.device_store.active_user_devices(user)
    return any(nio.olm.session_store.get(device.curve25519) is not None for device in devices)


async def _take(account: Account, response: Any, user: str) -> None:  # noqa: ANN401 - nio's own types
    try:
        await account.nio.receive_response(response)
    except Exception as error:  # noqa: BLE001 - whatever it breaks in nio, only that one's devices are lost
        LOG.warning("odd_device", user=user, error=type(error).__name__)


def _of(answer: Mapping[str, Any], name: str, users: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return of those whom we asked about alone what is a map at all."""
    found = answer.get(name)
    said = found if isinstance(found, dict) else {}
    return {user: devices for user, devices in said.items() if user in users and isinstance(devices, dict)}


def _silent(answer: Mapping[str, Any]) -> set[str]:
    found = answer.get("failures")
    return set(found) if isinstance(found, dict) else set()


def _is_of(said: object, user: str, device: str) -> bool:
    """Tell whether an entry speaks of the device under whose name it stands, in a shape that nio reads."""
    if not isinstance(said, dict) or (said.get("user_id"), said.get("device_id")) != (user, device):
        return False
    algorithms, unsigned = said.get("algorithms"), said.get("unsigned", {})
    return isinstance(algorithms, list) and isinstance(said.get("keys"), dict) and isinstance(unsigned, dict)
