"""``earnest rooms``: what an operator sees of rooms in which lists act."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.container import Container
from cli.commands.rooms_import import Wish, take_up
from cli.main import main
from cli.other_bots import OtherBot, WatchedRoom
from kit.database import Database, make_engine
from kit.identifiers import RoomId, UserId
from reputation.enforcement.arriving import TurnedAway
from reputation.enforcement.model import Cause, Consequence, Does, Mode, Step, Subscription, Veto
from reputation.followed import MOST_LISTS
from reputation.lists.model import Entry, Recommendation, Subject
from tests.support.databases import make_schema
from tests.support.services import PASSWORD, a_container

OWNER, BAD = UserId("@owner:home.example"), UserId("@bad:evil.example")
ROOM = RoomId("!r\u202e:home.example")


@pytest.fixture
def container(tmp_path: Path) -> Container:
    engine = make_engine(f"sqlite:///{tmp_path / 'earnest.db'}")
    make_schema(engine)
    return a_container(tmp_path, Database(engine))


def earnest(container: Container, *arguments: str) -> Result:
    environment = {"EARNEST_DATA": str(container.settings.data), "EARNEST_KEYSTORE_PASSWORD": PASSWORD}
    return CliRunner().invoke(main, [*arguments], env=environment)


@pytest.fixture
def number(container: Container) -> str:
    """A management room with a room, a list, a veto, and a ban that is owed."""
    with container.work() as work:
        made = work.moderation.make(work.people.number(OWNER), "Home")
        work.moderation.protect(made.id, ROOM)
        work.moderation.lacking(ROOM, (Consequence.DENY,))
        kept = work.followed.follow("bad", "/list")
        work.followed.write(kept.id, [Entry(Subject.USER, BAD, Recommendation.BAN, "spam")])
        work.moderation.lists.subscribe(made.id, Subscription(kept.id, "bad", Mode.ACT))
        work.moderation.lists.veto(made.id, Veto(server="nice.example"))
        cause = Cause(kept.id, "bad", Subject.USER, BAD, Recommendation.BAN, "spam\x1b[2J")
        work.moderation.consequences.write(made.id, [Step(Does.DO, ROOM, Consequence.BAN, BAD, (cause,))])
    return str(made.id)


def test_nothing_is_there_at_first(container: Container) -> None:
    assert "No room is looked after." in earnest(container, "rooms", "list").output
    assert json.loads(earnest(container, "rooms", "list", "--json").output) == []


def test_what_stands_and_what_was_done_is_shown(container: Container, number: str) -> None:
    listed = earnest(container, "rooms", "list").output
    assert "Home" in listed
    assert "1 room, 1 list, 1 veto; 1 owed" in listed
    shown = earnest(container, "rooms", "show", number)
    assert "no power to deny" in shown.output
    assert "list bad: act, weight 1, share 5 %" in shown.output
    history = earnest(container, "rooms", "history", number)
    assert f"ban \u2068{BAD}\u2069" in history.output
    assert "bad says ban by" in history.output
    for output in (listed, shown.output, history.output):
        assert not {"\u202e", "\x1b"} & set(output), "nothing of strangers turns a terminal around"


def test_it_is_told_to_programs_too(container: Container, number: str) -> None:
    (row,) = json.loads(earnest(container, "rooms", "list", "--json").output)
    assert (row["owner"], row["consequences"]) == (OWNER, {"owed": 1})
    shown = json.loads(earnest(container, "rooms", "show", number, "--json").output)
    assert shown["subscriptions"][0]["people"] == {"ban": ["ban"], "takedown": ["ban", "redact"]}
    assert shown["vetoed"][0]["about"] == "nice.example"
    (done,) = json.loads(earnest(container, "rooms", "history", number, "--who", BAD, "--json").output)
    assert (done["state"], done["causes"][0]["entity"]) == ("owed", BAD)
    assert json.loads(earnest(container, "rooms", "history", number, "--who", "other.example", "--json").output) == []
    assert json.loads(earnest(container, "rooms", "overrides", "bad", "--json").output)["acted"] == 1
    assert "Of 1 that bad caused, 0 were overruled" in earnest(container, "rooms", "overrides", "bad").output


def test_whom_lists_kept_out_is_shown(container: Container, number: str) -> None:
    assert "Nobody." in earnest(container, "rooms", "kept-out", number).output
    with container.work() as work:
        cause = Cause(work.followed.find("bad").id, "bad", Subject.USER, BAD, Recommendation.BAN, "spam\x1b[2J")
        for _ in range(2):
            work.moderation.turning.note(int(number), ROOM, TurnedAway(Consequence.BAN, BAD, (cause,)))
    told = earnest(container, "rooms", "kept-out", number).output
    assert f"\u2068{BAD}\u2069 from" in told
    assert "2 times" in told
    assert "bad says ban by" in told
    assert not {"\u202e", "\x1b"} & set(told), "nothing of strangers turns a terminal around"
    (one,) = json.loads(earnest(container, "rooms", "kept-out", number, "--who", BAD, "--json").output)
    assert (one["who"], one["times"], one["causes"][0]["list"]) == (BAD, 2, "bad")
    assert json.loads(earnest(container, "rooms", "kept-out", number, "--who", "x.example", "--json").output) == []


def test_one_is_ended(container: Container, number: str) -> None:
    assert "aborted" in earnest(container, "rooms", "end", number).output.lower()
    assert earnest(container, "rooms", "end", number, "--yes").exit_code == 0
    assert "ended 2" in earnest(container, "rooms", "list").output
    assert earnest(container, "rooms", "end", number, "--yes").exit_code == 1
    assert earnest(container, "rooms", "show", "99").exit_code == 1


def test_a_list_that_acts_is_let_go_of_by_force_alone(container: Container, number: str) -> None:
    refused = earnest(container, "list", "unfollow", "bad", "--yes")
    assert refused.exit_code == 1
    assert "acts in the rooms of Home" in refused.output
    assert earnest(container, "list", "unfollow", "bad", "--yes", "--force").exit_code == 0
    assert json.loads(earnest(container, "rooms", "show", number, "--json").output)["subscriptions"] == []


def test_what_is_too_many_to_follow_is_left_out_and_the_rest_is_taken_up(container: Container) -> None:
    found = OtherBot()
    for number in range(MOST_LISTS + 3):
        found.watched[f"!list{number}:home.example"] = WatchedRoom(f"!list{number}:home.example", (), applied=True)
    made = take_up(container, found, Wish("draupnir", BAD, OWNER, "Rooms", 14))
    assert (len(made["lists"]), len(made["not_followed"])) == (MOST_LISTS, 3)
    assert set(made["not_followed"].values()) == {"50 lists are followed already."}
    with container.read() as work:
        assert len(work.followed.all()) == MOST_LISTS


def test_what_could_not_be_undone_is_tried_again(container: Container, number: str) -> None:
    assert "Nothing of it was given up" in earnest(container, "rooms", "end", number, "--again").output
    with container.work() as work:
        work.moderation.consequences.done(work.moderation.consequences.claim())
        work.moderation.end(int(number))
        for _ in range(5):
            for one in work.moderation.consequences.claim():
                work.moderation.consequences.failed(one, "403 M_FORBIDDEN", for_good=True)
            work.session.execute(text("UPDATE consequences SET due_at = planned_at WHERE due_at IS NOT NULL"))
    shown = earnest(container, "rooms", "history", number).output
    assert "stuck" in shown
    assert "403 M_FORBIDDEN" in shown
    assert "The bot tries again" in earnest(container, "rooms", "end", number, "--again").output
    with container.read() as work:
        assert work.moderation.consequences.waits(int(number))
