"""Whether the bot's device is signed, as its homeserver shows it to everybody."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import httpx

from app.settings import Settings
from bot.cross_signing import FILE
from bot.identity import shown
from bot.kept import Kept
from kit.identifiers import UserId

_TIMEOUT: Final = 10.0
_NEWS: Final = timedelta(days=30)
"""For how long a replaced identity is worth a word."""
_LATER: Final = "It is signed when `earnest bot` logs in."
_RESTART: Final = "Restart `earnest bot` with EARNEST_BOT_PASSWORD_FILE set; its log says what stands in the way."


def look(settings: Settings, bot: UserId, now: datetime) -> tuple[str, str, bool]:
    """Return what there is in one sentence, how to mend it (empty where it is good), and whether people are kept out.

    Clients leave out devices that their owner does not vouch for: they neither let it read nor show what it says.
    """
    kept = Kept(settings.data / "bot")
    login, identity = kept.read("account.json"), kept.read(FILE)
    if "access_token" not in login:
        return _LATER, "", False
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    url = f"{settings.homeserver_url}/_matrix/client/v3/keys/query"
    answer = httpx.post(url, json={"device_keys": {bot: []}}, headers=headers, timeout=_TIMEOUT)
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return _LATER, "", False
    answer.raise_for_status()
    there = shown(answer.json(), bot, login.get("device_id", ""))
    master = there.public.get("master")
    if master is not None and master != identity.get("master"):
        says = "The homeserver shows another identity of the bot than the one that is kept beside its store."
        return says, f"{_RESTART} The kept one takes its place.", True
    if not there.device_signed or not there.master_signed:
        return "The bot's device is not signed: careful clients cannot talk with it.", _RESTART, True
    if "replaced_at" in identity and now - datetime.fromisoformat(identity["replaced_at"]) < _NEWS:
        says = f"The bot's device is signed, by an identity that replaced a lost one at {identity['replaced_at']}."
        mend = f"Whoever had verified the bot is warned by their app. Keep {kept.folder} in your backups."
        return says, mend, False
    return "The bot's device is signed.", "", False
