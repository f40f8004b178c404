"""Cross-signing: has the bot's device vouched for by an identity of its own, so that careful clients talk to it.

matrix-nio has no code for it. Every step looks at what the server shows first and does only what is wanting, so that it
may be cut off anywhere and begun again; the keys are on disk before the server has them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import structlog

from bot.homeserver import Denied
from bot.identity import Identity, Shown, fresh_seeds, shown
from bot.kept import Kept
from kit.clock import Clock
from kit.errors import Conflict
from kit.identifiers import UserId

LOG = structlog.get_logger(__name__)

FILE: Final = "signing.json"
_PURPOSE: Final = "cross-signing keys"
_BY_NOTHING: Final = "m.login.dummy"
_STAGES: Final = frozenset({"m.login.password", _BY_NOTHING})
_MOST_STAGES: Final = 3


class Account(Protocol):
    """The device's own keys, as matrix-nio has them."""

    @property
    def identity_keys(self) -> dict[str, str]:
        """The device's public keys."""
        ...

    def sign(self, message: str, /) -> str:
        """Sign with the device's own key."""
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """One device of an account, and its keys."""

    user: UserId
    id: str
    account: Account


class CrossSigning:
    """Keeps one account's identity, and keeps its device signed."""

    def __init__(
        self,
        ask: Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]],
        kept: Kept,
        *,
        password: str | None,
        clock: Clock,
    ) -> None:
        """Make requests by ``ask``; ``password`` is what the server wants to see before it takes another identity."""
        self._ask = ask
        self._kept = kept
        self._password = password
        self._clock = clock

    async def ensure(self, device: Device, *, may_replace: bool) -> None:
        """Have the device signed by our identity, and that identity shown by the server.

        Where the server shows an identity whose keys we do not have (our store was lost, say), ours takes its place;
        while the bot runs (``may_replace`` is unset) it does not, lest two that hold one account undo each other for
        ever. Raises ``Denied`` or ``Conflict`` where the server does not let us.
        """
        mine = self._mine(device.user)
        there = await self._look(device)
        if there.public != mine.public:
            self._check_place(mine, there, may_replace=may_replace)
            await self._upload(device.user, mine.upload())
            there = await self._look(device)
        if there.device is None or there.device_key != device.account.identity_keys["ed25519"]:
            raise Conflict("device_unknown", "The homeserver does not show the bot's device as it is.")
        wanting: dict[str, Any] = {}
        if not there.device_signed:
            wanting[device.id] = mine.signed_device(there.device)
        if not there.master_signed:
            wanting[mine.public["master"]] = mine.signed_master(device.id, device.account.sign)
        if not wanting:
            return
        answer = await self._ask("POST", "/_matrix/client/v3/keys/signatures/upload", {device.user: wanting})
        if answer.get("failures"):
            raise Conflict("signature_refused", "The homeserver did not take the signatures.")
        LOG.info("device_signed", user=device.user, device=device.id, master=mine.public["master"])

    def _mine(self, user: UserId) -> Identity:
        """Take up the kept identity, or make one and keep it."""
        kept = self._kept.read(FILE)
        if kept.get("user_id") == user:
            seeds = self._kept.unseal(kept.get("sealed", ""), _PURPOSE)
            if seeds is not None:
                return Identity(user, seeds)
            LOG.error("identity_unreadable", file=FILE)
        seeds = fresh_seeds()
        mine = Identity(user, seeds)
        content = {"user_id": user, "master": mine.public["master"], "sealed": self._kept.seal(seeds, _PURPOSE)}
        self._kept.write(FILE, content)
        return mine

    def _check_place(self, mine: Identity, there: Shown, *, may_replace: bool) -> None:
        """Say loudly where another identity is in the way; note that it is replaced before it is."""
        other = there.public.get("master")
        if other is None or other == mine.public["master"]:
            return
        if not may_replace:
            raise Conflict("identity_foreign", "Another identity took the place of the bot's while it ran.")
        LOG.error(
            "identity_replaced",
            before=other,
            now=mine.public["master"],
            says="The homeserver has an identity of the bot whose keys are not in the bot's folder: a new one takes its"
            " place, and whoever verified the bot is warned by their app.",
        )
        at = self._clock().isoformat(timespec="seconds")
        self._kept.write(FILE, {**self._kept.read(FILE), "replaced": other, "replaced_at": at})

    async def _look(self, device: Device) -> Shown:
        answer = await self._ask("POST", "/_matrix/client/v3/keys/query", {"device_keys": {device.user: []}})
        return shown(answer, device.user, device.id)

    async def _upload(self, user: UserId, keys: dict[str, Any]) -> None:
        """Upload the public keys.

        A first identity is taken at once by servers with MSC3967; for another one, or by others, the password is
        wanted (Matrix specification, "User-Interactive Authentication").
        """
        body = keys
        for _ in range(_MOST_STAGES):
            try:
                await self._ask("POST", "/_matrix/client/v3/keys/device_signing/upload", body)
            except Denied as denied:
                if denied.status != HTTPStatus.UNAUTHORIZED or "errcode" in denied.body:
                    raise
                body = {**keys, "auth": self._proof(user, denied.body)}
            else:
                return
        raise Conflict("proof_refused", "The homeserver goes on asking who the bot is.")

    def _proof(self, user: UserId, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer the server's question who we are, stage by stage. Raises ``Conflict`` where we cannot."""
        flows, done = asked.get("flows"), asked.get("completed")
        for flow in _list(flows):
            stages = flow.get("stages") if isinstance(flow, dict) else None
            wanting = [str(stage) for stage in _list(stages) if stage not in _list(done)]
            if not wanting or not set(wanting) <= _STAGES:
                continue
            proof = {"type": wanting[0], "session": asked.get("session")}
            if wanting[0] == _BY_NOTHING:
                return proof
            if self._password is None:
                raise Conflict("bot_password_missing", "The bot's password is wanted for that.")
            return {**proof, "identifier": {"type": "m.id.user", "user": user}, "password": self._password}
        raise Conflict("proof_unknown", "The homeserver wants another proof than a password.")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
