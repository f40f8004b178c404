"""The examination behind ``earnest doctor``: each thing that the service needs is looked at and told in one line."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import redis
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app import proposing
from app.container import Container
from cli import bot_device, callers, gas, nodes, sales, supporting
from cli.migrations import configuration
from contracts import deployment as deployments
from kit.clock import unix
from kit.errors import ChainMismatch, EarnestError, Refusal, Unavailable
from kit.identifiers import UserId, show_address
from kit.outbox import backlog
from ledger.book import Book

OLDEST_PYTHON: Final = (3, 11)
TOO_NEW_PYTHON: Final = (3, 14)
_TIMEOUT: Final = 10.0
_SKEW: Final = 30
"""Seconds by which our clock may differ from the homeserver's before it is worth a word."""
_LAG: Final = 60
"""Blocks that the chain loop may be behind before it is worth a word."""


class State(StrEnum):
    """How something is. Only ``WRONG`` fails the examination."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing: one sentence, and how to mend it where it is not good."""

    name: str
    state: State
    says: str
    mend: str = ""


class _Ill(Exception):
    """What is looked at is not good: the sentence, how to mend it, and how bad it is."""

    def __init__(self, says: str, mend: str, state: State = State.WRONG) -> None:
        super().__init__(says)
        self.says, self.mend, self.state = says, mend, state


class Examination:
    """Looks at everything that one container's service needs."""

    def __init__(self, container: Container) -> None:
        """Look with the container's eyes; nothing is changed anywhere."""
        self._container = container
        self._settings = container.settings
        self._not_good: set[str] = set()

    def findings(self) -> Iterator[Finding]:
        """Give one finding after the other; what rests on something that is not there is skipped."""
        checks: tuple[tuple[str, Callable[[], str], tuple[str, ...]], ...] = (
            ("python", self._python, ()),
            ("data folder", self._data_folder, ()),
            ("database", self._database, ()),
            ("schema", self._schema, ("database",)),
            ("keystore", self._keystore, ()),
            ("chain", self._chain, ()),
            ("contracts", self._contracts, ("chain",)),
            ("gas", self._gas, ("chain", "contracts", "keystore", "schema")),
            ("chain loop", self._chain_loop, ("chain", "contracts", "schema")),
            ("homeserver", self._homeserver, ()),
            ("bot", self._bot, ("homeserver",)),
            ("bot device", self._bot_device, ("bot",)),
            ("messages", self._messages, ("schema",)),
            ("gate", self._gate, ("schema",)),
            ("supporters", self._supporters, ("contracts", "keystore", "schema")),
            ("sales", self._sales, ("contracts", "keystore", "schema")),
            ("public address", self._public_address, ()),
            ("broker", self._broker, ()),
            ("clock", self._clock, ("homeserver",)),
        )
        if self._settings.rewards_proposes:
            checks = (*checks, ("proposer", self._proposer, ("chain", "contracts", "keystore")))
        for name, check, rests_on in checks:
            missing = [other for other in rests_on if other in self._not_good]
            if missing:
                self._not_good.add(name)
                yield Finding(name, State.SKIPPED, f"Not looked at: {' and '.join(missing)} must be good first.")
                continue
            finding = _look(name, check)
            if finding.state is State.WRONG:
                self._not_good.add(name)
            yield finding

    # ---------------------------------------------------------------------------------------------- this machine

    def _python(self) -> str:
        here = ".".join(map(str, sys.version_info[:3]))
        if not OLDEST_PYTHON <= sys.version_info[:2] < TOO_NEW_PYTHON:
            raise _Ill(f"Python {here} is not one that Earnest runs on.", "Install Python 3.11, 3.12 or 3.13.")
        return f"Python {here}."

    def _data_folder(self) -> str:
        folder = self._settings.data.resolve()
        if not folder.is_dir():
            raise _Ill(
                f"There is no folder {folder}.", "`earnest run` makes a local world there; else make it yourself."
            )
        try:
            with tempfile.NamedTemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise _Ill(
                f"{folder} cannot be written: {error.strerror}.",
                "Give it to the account that runs Earnest, or name another with EARNEST_DATA.",
            ) from None
        if folder.stat().st_mode & 0o077:
            raise _Ill(f"Others on this machine may look into {folder}.", f"chmod 700 {folder}", State.DOUBTFUL)
        return f"{folder} can be written."

    def _database(self) -> str:
        url = make_url(self._settings.database())
        shown = url.render_as_string(hide_password=True)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
            raise _Ill(f"There is no database {shown} yet.", "Run `earnest migrate`, or set EARNEST_DATABASE_URL.")
        try:
            with self._container.database.write() as session:
                session.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001 - drivers fail in ways of their own
            cause = getattr(error.__cause__, "orig", None) or error
            raise _Ill(
                f"{shown} cannot be opened for writing: {_first_line(cause)}",
                "Check EARNEST_DATABASE_URL, that the server runs, and whose the file is.",
            ) from None
        return f"{shown} answers and can be written."

    def _schema(self) -> str:
        newest = ScriptDirectory.from_config(configuration(self._settings.database())).get_current_head()
        with self._container.database.engine.connect() as connection:
            here = MigrationContext.configure(connection).get_current_revision()
        if here != newest:
            raise _Ill(f"The schema is at {here or 'nothing'}, and {newest} is wanted.", "Run `earnest migrate`.")
        return f"The schema is the newest, {newest}."

    def _keystore(self) -> str:
        keyring = self._container.keyring
        try:
            keys = [keyring.current(role) for role in self._container.roles]
            return "; ".join(f"{key.role} {show_address(key.address)} {keyring.check(key)}" for key in keys) + "."
        except Refusal as error:
            raise _Ill(
                error.message,
                "Name the password's file with EARNEST_KEYSTORE_PASSWORD_FILE; `earnest keys create` makes keys.",
            ) from None
        except OSError as error:
            raise _Ill(
                f"The keystore's password cannot be read: {error.strerror}.", "Check EARNEST_KEYSTORE_PASSWORD_FILE."
            ) from None

    def _broker(self) -> str:
        url = self._settings.broker_url
        if url is None:
            return "None is set: `earnest worker` starts an embedded one."
        place = urlsplit(url)
        try:
            with redis.Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT) as client:
                client.ping()
        except (redis.RedisError, ValueError) as error:
            raise _Ill(
                f"The broker at {place.hostname}:{place.port} does not answer ({type(error).__name__}).",
                "Start it, or check EARNEST_BROKER_URL. Without it only the regular rounds stand still.",
            ) from None
        return f"{place.hostname}:{place.port} answers."

    # -------------------------------------------------------------------------------------------------- the chain

    def _chain(self) -> str:
        says, mend, wrong = nodes.look(self._container)
        if mend:
            raise _Ill(says, mend, State.WRONG if wrong else State.DOUBTFUL)
        return says

    def _contracts(self) -> str:
        try:
            place = self._container.deployment
            deployments.check(self._container.chain, place)
        except (Refusal, Unavailable) as error:
            raise _Ill(str(error), "Name this chain's deployment file with EARNEST_DEPLOYMENT.") from None
        return f"This release's token {show_address(place.token)} and escrow {show_address(place.escrow)}."

    def _gas(self) -> str:
        says, mend, wrong = gas.look(self._container)
        if mend:
            raise _Ill(says, mend, State.WRONG if wrong else State.DOUBTFUL)
        return says

    def _proposer(self) -> str:
        says, mend = proposing.look(self._container)
        if mend:
            raise _Ill(says, mend, State.DOUBTFUL)
        return says

    def _chain_loop(self) -> str:
        place = self._container.deployment
        with self._container.database.read() as session:
            book = Book(session, chain_id=place.chain_id, token=place.token, escrow=place.escrow)
            head, final = book.head(), book.final()
        try:
            if final is not None:
                self._container.chain.stand_on(final)
        except ChainMismatch as error:
            raise _Ill(str(error), nodes.MEND) from None
        newest = self._container.chain.block("latest")
        if head is None:
            raise _Ill("No block has been read yet.", "Start `earnest chain`.")
        behind = newest.number - head.number if newest else 0
        if behind > _LAG:
            raise _Ill(
                f"The books are at block {head.number}, {behind} behind the chain.", "Is `earnest chain` running?"
            )
        return f"The books are at block {head.number}, {max(behind, 0)} behind the chain."

    # ----------------------------------------------------------------------------------------------------- Matrix

    def _homeserver(self) -> str:
        url = self._settings.homeserver_url
        answer = _get(f"{url}/_matrix/client/versions", f"The homeserver at {url}", "EARNEST_HOMESERVER_URL")
        if not isinstance(_json(answer).get("versions"), list):
            raise _Ill(f"What answers at {url} is no homeserver.", "Check EARNEST_HOMESERVER_URL.")
        return f"{url} answers."

    def _bot_id(self) -> UserId:
        if self._container.bot_id is None:
            raise _Ill("Nothing says who the bot is.", "Set EARNEST_BOT_USER_ID to its Matrix id.")
        return self._container.bot_id

    def _bot(self) -> str:
        bot = self._bot_id()
        token = self._kept_token()
        if token is not None:
            headers = {"Authorization": f"Bearer {token}"}
            answer = httpx.get(f"{self._client_api()}/account/whoami", headers=headers, timeout=_TIMEOUT)
            if answer.status_code == HTTPStatus.OK and _json(answer).get("user_id") == bot:
                return f"{bot} is logged in."
        return self._bot_can_log_in(bot, refused=token is not None)

    def _bot_can_log_in(self, bot: str, *, refused: bool) -> str:
        """Try the password, and end that login again."""
        begin = "The homeserver refuses the bot's token, and " if refused else ""
        try:
            password = self._settings.password_of_bot()
        except OSError as error:
            raise _Ill(
                f"The bot's password cannot be read: {error.strerror}.", "Check EARNEST_BOT_PASSWORD_FILE."
            ) from None
        if password is None:
            raise _Ill(f"{begin}there is no password to log in with.", "Set EARNEST_BOT_PASSWORD_FILE.")
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bot}, "password": password}
        answer = httpx.post(f"{self._client_api()}/login", json=body, timeout=_TIMEOUT)
        if answer.status_code != HTTPStatus.OK:
            said = _json(answer).get("errcode", answer.status_code)
            raise _Ill(
                f"{begin}the login of {bot} is refused ({said}).",
                "Check EARNEST_BOT_USER_ID and EARNEST_BOT_PASSWORD_FILE; does that account exist there?",
            )
        headers = {"Authorization": f"Bearer {_json(answer)['access_token']}"}
        httpx.post(f"{self._client_api()}/logout", headers=headers, timeout=_TIMEOUT)
        if refused:
            return f"The kept login of {bot} has ended, but its password is good: `earnest bot` logs in again."
        return f"{bot} can log in."

    def _kept_token(self) -> str | None:
        try:
            kept = json.loads((self._settings.data / "bot" / "account.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        token = kept.get("access_token") if isinstance(kept, dict) else None
        return token if isinstance(token, str) else None

    def _client_api(self) -> str:
        return f"{self._settings.homeserver_url}/_matrix/client/v3"

    def _bot_device(self) -> str:
        return _taken(bot_device.look(self._settings, self._bot_id(), self._container.clock()), State.DOUBTFUL)

    def _messages(self) -> str:
        with self._container.database.read() as session:
            owed = backlog(session)
            lost = session.scalar(text("SELECT count(*) FROM outbox WHERE given_up")) or 0
        if lost:
            raise _Ill(f"{lost} messages were given up.", "The table outbox says why (last_error).", State.DOUBTFUL)
        return "Nothing waits to be sent." if not owed else f"{owed} messages wait to be sent."

    def _gate(self) -> str:
        return _taken(callers.look(self._container), State.DOUBTFUL)

    def _supporters(self) -> str:
        return _taken(supporting.look(self._container), State.DOUBTFUL)

    def _sales(self) -> str:
        return _taken(sales.look(self._container), State.DOUBTFUL)

    def _public_address(self) -> str:
        url = self._settings.public_url
        answer = _get(f"{url}/health/live", f"{url} (where people find the pages)", "EARNEST_PUBLIC_URL")
        if _json(answer).get("status") != "alive":
            raise _Ill(
                f"What answers at {url} is not this service.", "Check EARNEST_PUBLIC_URL and the proxy in front of it."
            )
        place = urlsplit(url)
        if place.scheme != "https" and place.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise _Ill(f"{url} is not encrypted.", "Put a proxy with TLS in front, and set an https address.")
        return f"{url} answers."

    def _clock(self) -> str:
        answer = httpx.get(f"{self._settings.homeserver_url}/_matrix/client/versions", timeout=_TIMEOUT)
        told = answer.headers.get("Date")
        if told is None:
            return "The homeserver does not tell the time."
        skew = unix(self._container.clock()) - unix(parsedate_to_datetime(told).astimezone(UTC))
        if abs(skew) > _SKEW:
            raise _Ill(f"Our clock and the homeserver's differ by {abs(skew)} s.", "Set both by NTP.", State.DOUBTFUL)
        return f"Our clock and the homeserver's differ by {abs(skew)} s."


def _taken(found: tuple[str, str, bool], otherwise: State) -> str:
    """Raise what is to be mended: as wrong where it stands still, else as ``otherwise``."""
    says, mend, wrong = found
    if mend:
        raise _Ill(says, mend, State.WRONG if wrong else otherwise)
    return says


def _look(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, State.GOOD, check())
    except _Ill as ill:
        return Finding(name, ill.state, ill.says, ill.mend)
    except httpx.HTTPError as error:
        return Finding(name, State.WRONG, f"No proper answer ({type(error).__name__}).", "Look at its log.")
    except EarnestError as error:
        return Finding(name, State.WRONG, str(error), "Look at the log of the process that it concerns.")
    except Exception as error:  # noqa: BLE001 - whatever is broken, the other findings are still wanted
        says = f"It could not be looked at ({type(error).__name__}: {_first_line(error)})."
        return Finding(name, State.WRONG, says, "Look at the log of the process that it concerns.")


def _get(url: str, what: str, setting: str) -> httpx.Response:
    try:
        return httpx.get(url, timeout=_TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _Ill(f"{what} does not answer ({type(error).__name__}).", f"Start it, or check {setting}.") from None


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
