"""One Matrix account through matrix-nio: its login and keys kept in a folder, its requests bounded, its syncs cleaned.

What matrix-nio lacks or gets wrong is mended here, each with its reason: it retries for ever, an event of an unforeseen
shape ends its sync, it never replenishes one-time keys once all of them are used up, it saves new ones too late, and
what belongs together one by one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from aiohttp import ClientError
from nio import (
    Api,
    AsyncClient,
    AsyncClientConfig,
    KeysUploadResponse,
    LocalProtocolError,
    LoginResponse,
    SyncResponse,
)
from nio.store import SqliteStore

from bot import devices
from bot.cross_signing import CrossSigning, Device
from bot.homeserver import Denied, SlowDown
from bot.kept import Kept
from bot.nio_sifting import sifted
from kit.clock import Clock, system_clock
from kit.errors import Conflict, HomeserverUnavailable, Invalid
from kit.identifiers import UserId

LOG = structlog.get_logger(__name__)

_REQUEST_SECONDS = 30.0
_MOST_SLOW_DOWNS = 3
_SLOW_DOWN_SECONDS = 2.0
"""For how long being told to slow down is obeyed on the spot: everybody else waits meanwhile."""
_LONGEST_SLOW_DOWN_SECONDS = 3600.0
_DEVICE_NAME = "Earnest"
_PIECE = 64 * 1024
"""Bytes of a large answer that are taken at once: whoever reads them keeps nobody else waiting for longer."""

_Answer = TypeVar("_Answer")


class SessionEnded(HomeserverUnavailable):
    """The homeserver no longer knows our access token; the next start logs in again, on the same device."""


class _SturdyClient(devices.Claimed, AsyncClient):  # type: ignore[misc] # matrix-nio ships no types
    """A client that a single odd event cannot stop: it is dropped, and the rest of the sync goes on."""

    def _handle_timeline_event(self, event: Any, room_id: str, room: Any, encrypted_rooms: set[str]) -> Any:  # noqa: ANN401 - nio's own types
        try:
            return super()._handle_timeline_event(event, room_id, room, encrypted_rooms)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's event breaks in nio, only that event is lost
            LOG.warning("odd_event", room=room_id, error=type(error).__name__)
            return None

    def _handle_decrypt_to_device(self, to_device_event: Any) -> Any:  # noqa: ANN401 - nio's own types
        try:
            return super()._handle_decrypt_to_device(to_device_event)
        except Exception as error:  # noqa: BLE001 - the same for messages between devices
            LOG.warning("odd_device_message", error=type(error).__name__)
            return None

    async def keys_upload(self) -> Any:  # noqa: ANN401 - nio's own types
        """Upload keys, saved before the server has them.

        nio saves them afterwards. Were we killed in between, the next start would make others under the same names,
        which the server refuses for ever; and whoever had taken one of the first could not be understood.
        """
        keys = self.olm.share_keys()
        self.olm.save_account()
        method, path, data = Api.keys_upload(self.access_token, keys)
        return await self._send(KeysUploadResponse, method, path, data)


class NioClient:
    """An account on a homeserver; ``folder`` keeps its access token, device, encryption keys and place in the sync.

    All accounts of a process must live in one event loop: nio binds its key stores to classes that they share.
    """

    def __init__(
        self, url: str, user: UserId, password: str | None, folder: Path, *, clock: Clock = system_clock
    ) -> None:
        """Use ``user`` on the homeserver at ``url``; ``password`` is needed only when there is no kept login."""
        self._password = password
        self._kept = Kept(folder)
        self._signing = CrossSigning(self.request, self._kept, password=password, clock=clock)
        self._signed = self._settled = False
        self._account: dict[str, str] = {}
        self._since: str | None = None
        self._started = False
        config = AsyncClientConfig(
            store=SqliteStore,
            store_name="keys.db",
            pickle_key=self._kept.pickle_key(),
            encryption_enabled=True,
            max_limit_exceeded=0,  # nio would sleep for as long as it is told, and everybody with it
            max_timeouts=0,
            request_timeout=_REQUEST_SECONDS,
        )
        self.user = user
        self.nio = _SturdyClient(url.rstrip("/"), user, store_path=str(folder), config=config)

    # ------------------------------------------------------------------------------------------------ login

    async def start(self) -> None:
        """Take up the kept login, or log in; afterwards our device's keys are on the server. Safe to call again."""
        if self._started:
            return
        kept = self._kept.read("account.json")
        if kept.get("user_id") == self.user and kept.get("device_id") and (self._kept.folder / "keys.db").exists():
            self._account = kept
        if self._account.get("access_token"):
            self.nio.restore_login(self.user, self._account["device_id"], self._account["access_token"])
            try:
                await self.request("GET", "/_matrix/client/v3/account/whoami")
            except SessionEnded:
                LOG.warning("login_ended", user=self.user)
        if not self.nio.access_token:
            await self._login()
        await self._check_own_keys()
        self._signed = False
        await self.tend_keys()
        self._started = True

    async def _login(self) -> None:
        if self._password is None:
            raise Invalid(
                "bot_password_missing", "There is no kept login and no password: set EARNEST_BOT_PASSWORD_FILE."
            )
        self.nio.device_id = self._account.get("device_id")
        answer = await self.guarded(self.nio.login(self._password, device_name=_DEVICE_NAME))
        if not isinstance(answer, LoginResponse):
            status = getattr(getattr(answer, "transport_response", None), "status", 0)
            if status in (HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
                raise Denied(status, {"errcode": str(answer.status_code), "error": str(answer.message)})
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                raise SlowDown(_pause(answer.retry_after_ms))
            message = f"login was answered with {status}"
            raise HomeserverUnavailable(message)
        self._since = None
        self._account = {
            "user_id": answer.user_id,
            "device_id": answer.device_id,
            "access_token": answer.access_token,
        }
        self.user = UserId(answer.user_id)
        self._kept.write("account.json", self._account)

    async def _check_own_keys(self) -> None:
        """Have our device's keys uploaded again where the server does not hold them (it was set up anew, say).

        nio remembers having uploaded them once, and would never look again.
        """
        answer = await self.request("POST", "/_matrix/client/v3/keys/query", {"device_keys": {self.user: []}})
        devices = answer.get("device_keys", {}).get(self.user, {})
        keys = devices.get(self.nio.device_id, {}).get("keys", {})
        if keys.get(f"ed25519:{self.nio.device_id}") != self.nio.olm.account.identity_keys["ed25519"]:
            self.nio.olm.account.shared = False

    async def close(self) -> None:
        """Close connections and the key store."""
        await self.nio.close()
        if self.nio.store:
            self.nio.store.database.close()
        self._started = False

    # ------------------------------------------------------------------------------------------------ requests

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float = _REQUEST_SECONDS
    ) -> dict[str, Any]:
        """Make one request and return its JSON object.

        Being told to slow down is obeyed three times, at most 2 s each. Raises ``Denied``, ``SessionEnded``,
        ``SlowDown`` or ``HomeserverUnavailable``.
        """

        async def _once() -> dict[str, Any]:
            return self._judge(*await self._exchange(method, path, body, seconds))

        return await self.patiently(_once)

    async def request_as(
        self, token: str, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make one request in the name of another account, whose token it is. Raises as ``request`` does."""

        async def _once() -> dict[str, Any]:
            response = await self._open(method, path, body, _REQUEST_SECONDS, token)
            answer = await self._object(response)
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise Denied(response.status, answer)  # our own login is as good as before
            return self._judge(response.status, answer)

        return await self.patiently(_once)

    async def patiently(self, call: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Make a call, again where the server wants a short pause first. Raises ``SlowDown`` for a longer one."""
        for _ in range(_MOST_SLOW_DOWNS):
            try:
                return await call()
            except SlowDown as slow:
                if slow.seconds > _SLOW_DOWN_SECONDS:
                    raise
                await asyncio.sleep(slow.seconds)
        return await call()

    def _judge(self, status: int, answer: dict[str, Any]) -> dict[str, Any]:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        if status == HTTPStatus.UNAUTHORIZED and answer.get("errcode") == "M_UNKNOWN_TOKEN":
            self.nio.access_token = ""
            self._account.pop("access_token", None)
            self._started = False
            message = "the access token is no longer valid"
            raise SessionEnded(message)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise SlowDown(_pause(answer.get("retry_after_ms")))
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT:
            raise Denied(status, answer)
        message = f"the homeserver answered {status}"
        raise HomeserverUnavailable(message)

    async def stream(self, path: str, *, seconds: float) -> AsyncIterator[bytes]:
        """Give the body of what stands at ``path`` piece by piece, however large it is. Raises as ``request`` does."""

        async def _once() -> Any:  # noqa: ANN401 - nio's own types
            response = await self._open("GET", path, None, seconds)
            if response.status != HTTPStatus.OK:
                self._judge(response.status, await self._object(response))
            return response

        async with await self.patiently(_once) as response:
            while piece := await self.guarded(response.content.read(_PIECE)):
                yield piece

    async def answer(self, response: Any) -> dict[str, Any]:  # noqa: ANN401 - nio's own types
        """Return the JSON object of a response. Raises as ``request`` does."""
        return self._judge(response.status, await self._object(response))

    async def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float
    ) -> tuple[int, dict[str, Any]]:
        response = await self._open(method, path, body, seconds)
        return response.status, await self._object(response)

    async def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float, token: str | None = None
    ) -> Any:  # noqa: ANN401 - nio's own types
        headers = {"Content-Type": "application/json"}
        if token or self.nio.access_token:
            headers["Authorization"] = f"Bearer {token or self.nio.access_token}"
        data = None if body is None else json.dumps(body)
        return await self.guarded(self.nio.send(method, path, data, headers, timeout=seconds))

    async def _object(self, response: Any) -> dict[str, Any]:  # noqa: ANN401 - nio's own types
        async with response:
            raw = await self.guarded(response.read())
        try:
            answer = json.loads(raw)
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    async def guarded(self, call: Any) -> Any:  # noqa: ANN401 - nio's own types
        """Await ``call``, telling a server that is not there by our own error."""
        try:
            return await call
        except LocalProtocolError as error:
            if self.nio.access_token:
                raise
            message = "not logged in"
            raise HomeserverUnavailable(message) from error
        except (ClientError, TimeoutError, OSError) as error:
            message = f"the homeserver cannot be reached: {type(error).__name__}"
            raise HomeserverUnavailable(message) from error

    async def checked(self, call: Any) -> Any:  # noqa: ANN401 - nio's own types
        """Await one of nio's own calls, turning its returned errors into raised ones."""
        answer = await self.guarded(call)
        status = getattr(getattr(answer, "transport_response", None), "status", HTTPStatus.OK)
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            pause = getattr(answer, "retry_after_ms", None)
            body = {"errcode": str(answer.status_code or ""), "error": str(answer.message), "retry_after_ms": pause}
            self._judge(status, body)
        return answer

    # ------------------------------------------------------------------------------------------------ sync

    async def sync(self, since: str | None, sync_filter: Mapping[str, Any], wait_seconds: float) -> SyncResponse:
        """Ask what happened after ``since``, waiting for it up to ``wait_seconds``; nio's state follows the answer.

        Events of a shape that nio cannot read are left out before nio sees them.
        """
        path = f"/_matrix/client/v3/sync?timeout={int(wait_seconds * 1000)}&filter={quote(json.dumps(sync_filter))}"
        if since:
            path += f"&since={quote(since, safe='')}"
        raw = sifted(await self.request("GET", path, seconds=wait_seconds + _REQUEST_SECONDS))
        response = SyncResponse.from_dict(raw)
        if not isinstance(response, SyncResponse):
            message = "the homeserver's sync could not be read"
            raise HomeserverUnavailable(message)
        # nio skips a batch that it believes to have seen; after a failure we want exactly that batch once more.
        self.nio.next_batch = since or ""
        # All or nothing: nio saves one by one that a key was used and what it opened. Were we killed in between, the
        # second would be lost for ever, for the batch that comes again cannot be opened twice.
        with self.nio.store.database.atomic():
            await self.nio.receive_response(response)
        if response.device_key_count.signed_curve25519 == 0:
            # nio takes a count of zero for "not told", and would never upload new one-time keys.
            self.nio.olm.uploaded_key_count = 0
        if self.user in response.device_list.changed:
            self._signed = False  # what the server shows of ourselves is another: looked at with the keys
        return response

    async def tend_keys(self) -> None:
        """Do what encryption owes: upload keys, learn of devices, claim keys, send what waits for devices."""
        if self.nio.should_upload_keys:
            await self._upload_keys()
        if self.nio.should_query_keys:
            await devices.query(self, set(self.nio.users_for_key_query))
        if self.nio.should_claim_keys:
            await devices.claim(self, self.nio.get_users_for_key_claiming())
        await self.guarded(self.nio.send_to_device_messages())
        if not self._signed:
            await self._tend_signing()

    async def _tend_signing(self) -> None:
        """Have our device signed; without that we still talk, with all whose clients do not mind."""
        device = Device(self.user, self.nio.device_id, self.nio.olm.account)
        try:
            await self._signing.ensure(device, may_replace=not self._settled)
        except (Denied, Conflict) as error:
            code = error.body.get("errcode") if isinstance(error, Denied) else error.code
            LOG.warning("device_unsigned", code=code, why=error.message, mend="`earnest doctor` says how.")
        except SessionEnded:
            raise
        except HomeserverUnavailable as error:
            LOG.warning("signing_waits", why=str(error))
            return  # until the next round
        self._signed = self._settled = True

    async def _upload_keys(self) -> None:
        try:
            await self.checked(self.nio.keys_upload())
        except Denied as denied:
            if denied.status == HTTPStatus.BAD_REQUEST:
                # It has others under these names: our store is older than that (a backup, say). The next try, which
                # comes by itself, makes new ones under new names.
                LOG.warning("keys_named_already", errcode=denied.body.get("errcode"))
                self.nio.olm.mark_keys_as_published()
                self.nio.olm.save_account()
            raise

    # ------------------------------------------------------------------------------------------------ files

    def since(self) -> str | None:
        """Return how far the happenings were taken, if they ever were."""
        if self._since is None:
            self._since = self._place().get("since")
        return self._since

    def remember(self, since: str, *, handled: str | None) -> None:
        """Go on from ``since``; the next process goes on from ``handled``, before which nothing is left to do."""
        self._since = since
        if handled is not None:
            self._kept.write("since.json", {"device_id": self.nio.device_id, "since": handled})

    def begin(self, place: str) -> None:
        """Note where we began to hear, once for ever: what happens from then on is heard, even if we die before."""
        if "beginning" not in self._place():
            self._kept.write("since.json", {"device_id": self.nio.device_id, "beginning": place})

    def beginning(self) -> str:
        """Return where we began to hear."""
        return self._place()["beginning"]

    def _place(self) -> dict[str, str]:
        kept = self._kept.read("since.json")
        return kept if kept.get("device_id") == self.nio.device_id else {}


def _pause(milliseconds: object) -> float:
    """Return how long we are to wait, in seconds, whatever a server says."""
    asked = milliseconds / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else 1.0
    return min(max(asked, 0.05), _LONGEST_SLOW_DOWN_SECONDS)
