"""`earnest rooms import`: what another bot keeps on a real homeserver is read by one login, shown, and taken up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.local.synapse import Login
from cli.main import main
from cli.migrations import upgrade
from cli.other_bots import ENABLED, PROTECTED, WATCHED
from kit.database import Database, make_engine
from reputation.enforcement.model import Mode
from tests.support.services import PASSWORD as KEYSTORE
from tests.support.services import a_container
from tests.support.synapse import PASSWORD, Homeserver

pytestmark = pytest.mark.homeserver
API = "/_matrix/client/v3"
LIST, ROOM = "!fTjMjIzNKEsFlUIiru:neko.dev", "!choir:home.example"
OWNER = "@alice:home.example"


@pytest.fixture
def container(tmp_path: Path) -> Container:
    database = Database(make_engine(f"sqlite:///{tmp_path / 'data' / 'earnest.db'}"))
    upgrade(database.engine.url.render_as_string(hide_password=False))
    return a_container(tmp_path / "data", database)


@pytest.fixture
def earnest(container: Container) -> Callable[..., Result]:
    environment = {
        "EARNEST_DATA": str(container.settings.data),
        "EARNEST_KEYSTORE_PASSWORD": KEYSTORE,
        "EARNEST_BOT_USER_ID": "@earnest:home.example",
    }

    def run(*words: str, typed: str = "") -> Result:
        begun = ["rooms"] if words[0] == "show" else ["rooms", "import"]
        return CliRunner().invoke(main, [*begun, *words], input=typed, env=environment)

    return run


def a_draupnir(homeserver: Homeserver) -> tuple[Login, str]:
    """An account that keeps what Draupnir does, and its management room."""
    bot = homeserver.account()
    kept = {
        WATCHED: {"references": [f"https://matrix.to/#/{quote(LIST)}?via=neko.dev", "https://matrix.to/#/@no:room"]},
        PROTECTED: {"rooms": [ROOM]},
        ENABLED: {"enabled": ["BasicFloodingProtection", "WordListProtection"]},
    }
    setting = {"type": "org.matrix.mjolnir.setting", "state_key": "BasicFloodingProtection", "content": {"max": 5}}
    with homeserver.client(bot) as client:
        for kind, content in kept.items():
            client.put(f"{API}/user/{bot.user_id}/account_data/{kind}", json=content).raise_for_status()
        room: str = client.post(f"{API}/createRoom", json={"initial_state": [setting]}).json()["room_id"]
    return bot, room


def devices(homeserver: Homeserver, bot: Login) -> set[str]:
    with homeserver.client(bot) as client:
        return {one["device_id"] for one in client.get(f"{API}/devices").json()["devices"]}


def written(folder: Path, text: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_what_draupnir_does_is_shown_and_then_rehearsed_beside_it(
    homeserver: Homeserver, container: Container, earnest: Callable[..., Result], tmp_path: Path
) -> None:
    bot, room = a_draupnir(homeserver)
    before = devices(homeserver, bot)
    given = ["draupnir", "--user", bot.user_id, "--homeserver", homeserver.url, "--owner", OWNER]
    given += ["--management-room", room, "--name", "Choirs"]

    tried = earnest(*given, "--dry-run", "--json", typed=f"{PASSWORD}\n")
    assert tried.exit_code == 0, tried.output
    found = json.loads(tried.stdout)
    assert found["watched"] == [{"room": LIST, "via": ["neko.dev"], "applied": True}]
    assert found["protected"] == [ROOM]
    assert found["covered"] == {"BasicFloodingProtection": "protections preset flood"}
    assert (found["uncovered"], found["left_out"], found["made"]) == (["WordListProtection"], 1, None)
    assert found["logged_out"]
    with container.read() as work:
        assert not work.moderation.all()

    refused = earnest(*given, typed=f"{PASSWORD}\nn\n")
    assert refused.exit_code == 1
    with container.read() as work:
        assert not work.followed.all()

    done = earnest(*given, typed=f"{PASSWORD}\ny\n")
    assert done.exit_code == 0, done.output
    assert "not covered here: WordListProtection" in done.output
    assert "invites the bot into this room" in done.output
    with container.read() as work:
        (one,) = work.moderation.all()
        (followed,) = work.followed.all()
        (subscribed,) = work.moderation.lists.subscriptions(one.id)
        beside = work.moderation.beside.of(one.id)
        assert (one.name, work.people.mxid(one.owner)) == ("Choirs", OWNER)
        assert one.rehearse_until is not None
        assert (followed.source, subscribed.list, subscribed.mode) == (LIST, followed.id, Mode.NOTIFY)
        assert beside is not None
        assert (beside.bot, beside.acting) == (bot.user_id, False)
        assert work.moderation.beside.outside(one.id) == {ROOM: False}
    shown = earnest("show", str(one.id))
    assert shown.exit_code == 0, shown.output
    assert f"beside \u2068{bot.user_id}\u2069: it acts, policy room not made yet" in shown.output
    told = json.loads(earnest("show", str(one.id), "--json").output)
    assert told["outside"] == {ROOM: "waited for"}
    assert told["beside"] == {"bot": bot.user_id, "acting": False, "room": None}
    assert devices(homeserver, bot) == before
    assert not written(tmp_path, PASSWORD)


def test_a_bot_that_has_nothing_is_said_to(homeserver: Homeserver, earnest: Callable[..., Result]) -> None:
    bot = homeserver.account()
    given = ["mjolnir", "--user", bot.user_id, "--homeserver", homeserver.url, "--owner", OWNER]
    done = earnest(*given, "--token-stdin", typed=f"{bot.access_token}\n")
    assert done.exit_code == 0, done.output
    assert "There is nothing to take up." in done.output
    with homeserver.client(bot) as client:
        assert client.get(f"{API}/account/whoami").status_code == 200, "the token was theirs"
