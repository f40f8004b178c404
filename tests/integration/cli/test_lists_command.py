"""`earnest list`: what a moderator sees of a list before they follow it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from cli.migrations import upgrade
from kit.database import Database, make_engine
from kit.identifiers import RoomId
from tests.support.services import PASSWORD, a_container

BLOCKLIST = """#domain,#severity,#public_comment
evil.example,suspend,floods
quiet.example,silence,
com,suspend,
ex***le.org,suspend,
"""


@pytest.fixture
def blocklist(tmp_path: Path) -> Path:
    file = tmp_path / "list.csv"
    file.write_text(BLOCKLIST)
    return file


def earnest(*words: object) -> Result:
    return CliRunner().invoke(main, ["list", *map(str, words)])


def test_what_is_in_it_and_what_is_dangerous(blocklist: Path) -> None:
    found = earnest("check", blocklist, "--mine", "@me:chat.evil.example")
    assert found.exit_code == 1
    assert "ban: 2 servers, limit: 1 server (csv)." in found.output
    assert "not read: line 5: ex***le.org is written with stars" in found.output
    assert "dangerous: com (line 4) hits every server below" in found.output
    assert "dangerous: evil.example (line 2) hits @me:chat.evil.example" in found.output
    told = json.loads(earnest("check", blocklist, "--json").output)
    assert (told["form"], told["entries"], len(told["faults"])) == ("csv", 3, 1)
    assert [(one["danger"], one["entity"]) for one in told["dangers"]] == [("top_level", "com")]


def test_a_harmless_list_ends_well(tmp_path: Path) -> None:
    file = tmp_path / "domains.txt"
    file.write_text("evil.example\n")
    found = earnest("check", file)
    assert found.exit_code == 0
    assert "No entry is dangerous by itself." in found.output


def test_what_changed(blocklist: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.csv"
    later.write_text(
        BLOCKLIST.replace("quiet.example,silence", "quiet.example,suspend").replace("com,", "new.example,")
    )
    found = earnest("diff", blocklist, later)
    assert found.exit_code == 0
    assert found.output.splitlines() == [
        "- ban server com",
        "+ ban server new.example",
        "~ server quiet.example: limit, now ban",
        "1 added, 1 removed, 1 changed, 1 the same.",
    ]
    told = json.loads(earnest("diff", blocklist, later, "--json").output)
    assert [one["entity"] for one in told["added"]] == ["new.example"]
    assert "Nothing changed; 3 entries" in earnest("diff", blocklist, blocklist).output


def test_into_another_form_and_back(blocklist: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    made = earnest("convert", blocklist, "--to", "policy", "-o", policy)
    assert made.exit_code == 0
    assert "1 of 3 entries are left out: policy cannot say them." in made.stderr
    assert "1 could not be read" in made.stderr
    events = json.loads(policy.read_text())
    assert [event["content"]["entity"] for event in events] == ["evil.example", "*.evil.example", "com", "*.com"]
    assert earnest("convert", policy, "--to", "domains").stdout == "evil.example\ncom\n"
    assert earnest("convert", blocklist, "--to", "csv", "--hidden").exit_code == 2


def test_whom_it_hits_and_why(blocklist: Path) -> None:
    found = earnest("who", blocklist, "@a:chat.evil.example", "@b:good.example")
    assert found.output.splitlines() == [
        "@a:chat.evil.example: ban, by evil.example (line 2); reason: floods",
        "@b:good.example: nothing in this list speaks of them.",
    ]
    told = json.loads(earnest("who", blocklist, "@b:good.example", "evil.example", "--json").output)
    assert {name: [one["entity"] for one in entries] for name, entries in told.items()} == {
        "@b:good.example": [],
        "evil.example": ["evil.example"],
    }


def test_a_hidden_name_is_found_and_a_rule_hits_only_what_it_speaks_of(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"

    def _rule(kind: str, **content: object) -> dict[str, object]:
        key = f"{len(rules)}"
        return {"type": f"m.policy.rule.{kind}", "state_key": key, "content": {"recommendation": "m.ban", **content}}

    rules: list[dict[str, object]] = []
    digest = base64.b64encode(sha256(b"@bad:a.example").digest()).decode()
    for kind, content in (
        ("user", {"hashes": {"sha256": digest}}),
        ("server", {"entity": "*evil*"}),
        ("user", {"entity": "????.example"}),
        ("room", {"entity": "*:a.example"}),
    ):
        rules.append(_rule(kind, **content))
    file.write_text(json.dumps(rules))
    names = ("@bad:a.example", "@evil:b.example", "good.example", "@x:very.evil.example", "!r:a.example", "evil:8448")
    told = json.loads(earnest("who", file, *names, "--json").output)
    assert {name: [one["place"] for one in entries] for name, entries in told.items()} == {
        "@bad:a.example": ["0"],
        "@evil:b.example": [],
        "good.example": [],
        "@x:very.evil.example": ["1"],
        "!r:a.example": ["3"],
        "evil:8448": ["1"],
    }


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1", b"just a sentence, no list"])
def test_what_is_no_list_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "none"
    file.write_bytes(content)
    found = earnest("check", file)
    assert found.exit_code == 1
    assert found.output.startswith("Error: ")
    assert str(file) in found.output
    assert len(found.output.splitlines()) == 1


def test_names_from_right_to_left_stay_in_their_place(tmp_path: Path) -> None:
    file = tmp_path / "rooms.json"
    content = {"entity": "@שלום:b.example", "recommendation": "m.ban", "reason": "שם"}
    file.write_text(json.dumps([{"type": "m.policy.rule.user", "state_key": "a", "content": content}]))
    assert earnest("who", file, "@שלום:b.example").output == (
        "\u2068@שלום:b.example\u2069: ban, by \u2068@שלום:b.example\u2069 (a); reason: \u2068שם\u2069\n"
    )


# ------------------------------------------------------------------------------------------------------ following


@pytest.fixture
def operator(tmp_path: Path) -> Callable[..., Result]:
    """The commands of an operator with a service of their own, which is not running."""
    database = Database(make_engine(f"sqlite:///{tmp_path / 'data' / 'earnest.db'}"))
    upgrade(database.engine.url.render_as_string(hide_password=False))
    a_container(tmp_path / "data", database).close()
    environment = {"EARNEST_DATA": str(tmp_path / "data"), "EARNEST_KEYSTORE_PASSWORD": PASSWORD}

    def run(*words: object, bot: str = "@earnest:home.example") -> Result:
        return CliRunner().invoke(
            main, ["list", *map(str, words)], env=environment | {"EARNEST_BOT_USER_ID": bot or None}
        )

    return run


def test_no_name_that_is_left_out_turns_the_line_around(operator: Callable[..., Result], tmp_path: Path) -> None:
    entity = "@*\u05d0:home.example"
    rules = [{"type": "m.policy.rule.user", "state_key": "a", "content": {"entity": entity, "recommendation": "m.ban"}}]
    (tmp_path / "rules").write_text(json.dumps(rules))
    made = operator("follow", "bad", tmp_path / "rules", bot="@earnest\u05d0:home.example")
    assert "Followed 0 entries as bad." in made.output
    assert f"left out: \u2068{entity}\u2069 (yours: \u2068@earnest\u05d0:home.example\u2069)" in made.output


def test_a_list_is_followed_looked_at_read_again_and_given_up(operator: Callable[..., Result], blocklist: Path) -> None:
    assert "No list is followed" in operator("followed").output
    dry = operator("follow", "bad", blocklist, "--dry-run")
    assert "Would follow 2 entries as bad." in dry.output
    assert "left out: com (top_level)" in dry.output
    assert json.loads(operator("followed", "--json").output) == []
    made = operator("follow", "bad", blocklist)
    assert made.exit_code == 0, made.output
    assert "Followed 2 entries as bad." in made.output
    assert "'bad' in sender.labels" in made.output
    assert operator("follow", "bad", blocklist).exit_code == 1
    shown = operator("followed").output
    assert "bad: 2 entries, 1 left out, read " in shown
    assert str(blocklist) in shown
    blocklist.write_text("domain\nevil.example\nnew.example\nmore.example\n")
    would = operator("refresh", "bad", "--dry-run").output
    assert "bad: 3 entries would be written, 1 would be taken out." in would  # no more remark on evil.example
    assert json.loads(operator("refresh", "bad", "--json").output)["entries"] == 3
    assert "aborted" in operator("unfollow", "bad").output.lower()
    gone = operator("unfollow", "bad", "--yes")
    assert f"`earnest list follow bad {blocklist}` takes it up again." in gone.output
    assert "No list is followed" in operator("followed").output


def test_what_cannot_be_read_is_not_followed(operator: Callable[..., Result], tmp_path: Path) -> None:
    for source in (tmp_path / "nowhere", "http://example.org/list", "https://127.0.0.1/list"):
        found = operator("follow", "bad", source)
        assert found.exit_code == 1, source
        assert found.output.startswith("Error: "), source
        assert json.loads(operator("followed", "--json").output) == []


def test_a_list_in_a_room_waits_for_the_bot(operator: Callable[..., Result], tmp_path: Path) -> None:
    alias, room = "#bad:lists.example", "!" + "a" * 43
    assert "nothing says who it is" in operator("follow", "bad", alias, bot="").output
    dry = operator("follow", "bad", alias, "--dry-run")
    assert (dry.exit_code, "seen once the bot is there" in dry.output) == (1, True)
    for wrong in ("#bad", "!short", "https://matrix.to/#/@a:b"):
        assert operator("follow", "bad", wrong).exit_code == 1, wrong
    assert operator("follow", "bad", tmp_path / "file", "--via", "a.example").exit_code == 2
    assert json.loads(operator("followed", "--json").output) == []
    made = operator("follow", "bad", alias)
    assert made.exit_code == 0, made.output
    assert "let somebody in it invite @earnest:home.example" in made.output
    told = json.loads(operator("follow", "other", room, "--via", "a.example", "--via", "b.example", "--json").output)
    assert told == {"name": "other", "followed": True, "waits_for": "@earnest:home.example"}
    shown = operator("followed").output
    assert "bad: 0 entries, never read" in shown
    assert "the bot is to enter the room of that alias" in shown
    rows = {row["name"]: row["room"] for row in json.loads(operator("followed", "--json").output)}
    assert rows["other"] == {
        "room": room,
        "via": ["a.example", "b.example"],
        "standing": "awaited",
        "successor": None,
        "moved_from": None,
        "moved_at": None,
    }
    assert "the bot reads it now" in operator("refresh", "bad").output
    assert "seen once" not in operator("refresh", "bad", "--json").output
    assert operator("refresh", "bad", "--dry-run").exit_code == 1
    gone = operator("unfollow", "bad", "--yes").output
    assert "The bot leaves the room. `earnest list follow bad '#bad:lists.example'` takes it up again." in gone


def test_where_a_room_went_is_shown(operator: Callable[..., Result], tmp_path: Path) -> None:
    database = Database(make_engine(f"sqlite:///{tmp_path / 'data' / 'earnest.db'}"))
    container = a_container(tmp_path / "data", database)
    with container.work() as work:
        number = work.followed.follow("bad", "!old:lists.example").id
    with container.work() as work:
        work.followed.rooms.moved(number, RoomId("!new\u202e:lists.example"), ["lists.example"])
        work.followed.rooms.closed(number, RoomId("!newer:lists.example"))
        work.followed.failed("bad", "The bot is not let in.")
    container.close()
    shown = operator("followed").output
    assert "never read; last time: The bot is not let in." in shown
    assert "the bot is in \u2068!new:lists.example\u2069, for which !old:lists.example was closed" in shown
    assert "it was closed for !newer:lists.example" in shown
