"""Lists that are followed: read from files and from the web, kept slice by slice, and asked for by doors."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app import lists
from app.container import Container
from app.drafts import written
from kit.database import Database
from kit.errors import Conflict, Invalid, NotFound, PeerUnavailable
from kit.identifiers import PersonId, RoomId, UserId, parse_server_name, parse_user_id
from reputation import followed
from reputation.followed import EVERY, SOONER
from reputation.lists.labels import Labels
from reputation.lists.reading import read_list
from reputation.model import Knock, Tenant
from reputation.policy import DoorDocument
from reputation.verdict import Admit, Refuse, Verdict
from tests.support.services import Clock, a_container
from tests.support.together import at_once

ALICE = parse_user_id("@alice:home.example")
DOOR = """{"version": 1, "kind": "door", "rules": [{"name": "listed", "when": "'bad' in sender.labels",
  "then": {"do": "refuse"}}], "otherwise": {"do": "admit"}}"""


class Web(ThreadingHTTPServer):
    """Serves one document, or an error."""

    daemon_threads = True

    def __init__(self) -> None:
        self.text: str | None = None
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, name="web", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/list.csv"


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        body = (self.server.text or "").encode()
        self.send_response(200 if self.server.text is not None else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    made = a_container(tmp_path, database, clock=clock, private_networks="127.0.0.0/8")
    with made.work() as work:
        work.tenants.add(parse_server_name("home.example"))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    """Write a list into a file; return where it stands."""

    def write(text: str) -> str:
        (tmp_path / "list").write_text(text)
        return str(tmp_path / "list")

    return write


def follow(container: Container, name: str, source: str) -> lists.Read:
    with container.work() as work:
        kept = work.followed.follow(name, source)
    return lists.update(container, kept)


def refresh(container: Container, name: str) -> lists.Read:
    with container.read() as work:
        kept = work.followed.find(name)
    return lists.update(container, kept)


def labels(container: Container, user: str) -> list[str]:
    return container.labelling.prepare().of_user(UserId(user))


def knocks(container: Container, stranger: str, door: str = DOOR) -> Verdict:
    """What somebody's knock at Alice's door meets."""
    container.labelling.prepare()
    with container.work() as work:
        alice: PersonId = work.people.number(ALICE)
        work.doors.write(alice, written(door, DoorDocument))
        tenant: Tenant | None = work.tenants.find(parse_server_name("home.example"))
        assert tenant is not None
        knock = Knock(
            tenant.id, tenant.server_name, UserId(stranger), ALICE, RoomId("!r:x.example"), work.now, federated=True
        )
        return work.gate.weighing.weigh(knock).verdict


def test_a_door_asks_whether_a_list_speaks_of_a_stranger(container: Container, file: Callable[[str], str]) -> None:
    assert isinstance(knocks(container, "@x:evil.example"), Admit)
    found = follow(container, "bad", file("evil.example\n"))
    assert (found.kept, len(found.written), len(found.gone)) == (1, 1, 0)
    for stranger in ("@x:evil.example", "@x:chat.evil.example", "@x:evil.example:8448"):
        assert isinstance(knocks(container, stranger), Refuse), stranger
    assert isinstance(knocks(container, "@x:good.example"), Admit)
    lists.unfollow(container.work, "bad")
    assert isinstance(knocks(container, "@x:evil.example"), Admit)


def test_before_the_lists_are_in_memory_nobody_waits_and_labels_are_unknown(
    container: Container, file: Callable[[str], str]
) -> None:
    assert container.labelling.told() is not None  # none is followed: that is known
    follow(container, "bad", file("evil.example\n"))
    first = container.labelling.told()
    while (found := container.labelling.told()) is None:
        continue
    assert first is None or first.of_server("evil.example") == ["bad"]
    assert found.of_server("evil.example") == ["bad"]
    lists.unfollow(container.work, "bad")
    while container.labelling.told() is found:
        continue


def test_what_changed_is_written_and_nothing_else(
    container: Container, file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.lists.SLICE", 3)
    monkeypatch.setattr("reputation.followed.SLICE", 3)
    follow(container, "bad", file("".join(f"s{n}.example\n" for n in range(10))))
    found = again = refresh(container, "bad")
    assert (len(found.written), len(found.gone)) == (0, 0)
    file(
        "domain,severity\n"
        + "".join(f"s{n}.example,suspend\n" for n in range(3, 9))
        + "s9.example,silence\nnew.example,suspend\n"
    )
    dry = lists.look(container, str(container.settings.data / "list"), _kept(container, "bad"))
    assert (len(again.written), len(dry.written), len(dry.gone)) == (0, 2, 3)
    assert labels(container, "@x:s0.example") == ["bad"], "to look changes nothing"
    found = refresh(container, "bad")
    assert {entry.entity for entry in found.written} == {"s9.example", "new.example"}
    assert {entity for _, entity in found.gone} == {"s0.example", "s1.example", "s2.example"}
    assert labels(container, "@x:s0.example") == []
    assert labels(container, "@x:s9.example") == ["bad-limit"]
    assert labels(container, "@x:new.example") == ["bad"]
    assert _kept(container, "bad").entries == 8
    lists.unfollow(container.work, "bad")
    with container.read() as work:
        assert work.followed.all() == []


def _kept(container: Container, name: str) -> followed.FollowedList:
    with container.read() as work:
        return work.followed.find(name)


def test_what_would_hit_everybody_or_ourselves_is_left_out(container: Container, file: Callable[[str], str]) -> None:
    def rule(kind: str, entity: str) -> dict[str, object]:
        content = {"entity": entity, "recommendation": "m.ban"}
        return {"type": f"m.policy.rule.{kind}", "state_key": f"rule:{entity}", "content": content}

    hostile = [
        ("user", "@*:*"),
        ("server", "*"),
        ("server", "*.com"),
        ("server", "home.example"),
        ("user", "@earn*:example.org"),
    ]
    text = json.dumps([rule(*one) for one in [*hostile, ("user", "@spam:evil.example")]])
    found = follow(container, "bad", file(text))
    assert {one.entry.entity for one in found.left_out} == {entity for _, entity in hostile}
    assert found.kept == 1
    assert labels(container, "@a:home.example") == []
    assert labels(container, "@spam:evil.example") == ["bad"]
    assert _kept(container, "bad").left_out == 5


def test_what_looks_like_a_hash_is_no_server(container: Container, file: Callable[[str], str]) -> None:
    found = follow(container, "bad", file("sha256:zz\nsha256:abcd\nevil.example\n"))
    assert (found.kept, [fault.code for fault in found.listing.faults]) == (1, ["no_server"] * 2)
    assert labels(container, "@x:evil.example") == ["bad"], "such a name kept all labels from being made"


def test_what_stands_on_the_web_is_read_again_and_kept_where_it_fails(
    container: Container, web: Web, clock: Clock
) -> None:
    web.text = "evil.example\n"
    follow(container, "bad", web.url)
    lists.regular(container)
    assert _kept(container, "bad").read_at == clock()
    web.text = None
    clock.pass_(seconds=EVERY.total_seconds())
    lists.regular(container)
    kept = _kept(container, "bad")
    assert (kept.error, kept.entries) == ("It answered 503.", 1)
    assert labels(container, "@x:evil.example") == ["bad"]
    web.text = "no list, only a sentence"
    clock.pass_(seconds=SOONER.total_seconds())
    lists.regular(container)
    assert "no list of domains" in (_kept(container, "bad").error or "")
    web.text = "other.example\n"
    lists.regular(container)
    assert _kept(container, "bad").error, "it is not due yet"
    clock.pass_(seconds=SOONER.total_seconds())
    lists.regular(container)
    assert _kept(container, "bad").error, "after the second failure in a row it waits twice as long"
    clock.pass_(seconds=SOONER.total_seconds())
    lists.regular(container)
    assert _kept(container, "bad").error is None
    assert (labels(container, "@x:evil.example"), labels(container, "@x:other.example")) == ([], ["bad"])


def test_one_that_cannot_be_read_keeps_no_other_waiting(container: Container, web: Web, clock: Clock) -> None:
    with container.work() as work:
        work.followed.follow("first", "http://127.0.0.1:1/none")
    clock.pass_(seconds=1)
    web.text = "evil.example\n"
    with container.work() as work:
        work.followed.follow("second", web.url)
    lists.regular(container)
    lists.regular(container)
    assert (_kept(container, "first").error, _kept(container, "second").error) != (None, None)
    assert labels(container, "@x:evil.example") == ["second"]


def test_what_cannot_be_followed(container: Container, file: Callable[[str], str]) -> None:
    for name in ("", "Bad", "1st", "a" * 60, "x y"):
        with pytest.raises(Invalid), container.work() as work:
            work.followed.follow(name, "somewhere")
    follow(container, "bad", file("evil.example\n"))
    with pytest.raises(Conflict), container.work() as work:
        work.followed.follow("bad", "elsewhere")
    with pytest.raises(NotFound):
        lists.unfollow(container.work, "unknown")
    with pytest.raises(PeerUnavailable):
        lists.look(container, "http://127.0.0.1:1/none")
    with pytest.raises(Invalid):
        lists.look(container, str(container.settings.data / "nowhere"))
    (container.settings.data / "raw").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="UTF-8"):
        lists.look(container, str(container.settings.data / "raw"))


def test_what_a_list_says_of_a_person_goes_before_what_it_says_of_their_server() -> None:
    def rule(kind: str, entity: str, recommendation: str) -> dict[str, object]:
        content = {"entity": entity, "recommendation": recommendation}
        return {"type": f"m.policy.rule.{kind}", "state_key": f"{recommendation}{entity}", "content": content}

    allow = "org.matrix.mjolnir.allow"
    strict = read_list(
        json.dumps(
            [
                rule("server", "evil.example", "m.ban"),
                rule("user", "@good:evil.example", allow),
                rule("user", "@spam*:*", "m.ban"),
                rule("server", "fine.example", allow),
                rule("server", "*.example", "m.ban"),
                rule("room", "!bad:evil.example", "m.ban"),
            ]
        )
    )
    found = Labels({"strict": strict, "mild": read_list("domain,severity\nevil.example,silence\n")})
    assert found.of_user(UserId("@bob:evil.example")) == ["mild-limit", "strict"]
    assert found.of_user(UserId("@good:evil.example")) == ["mild-limit"]
    assert found.of_user(UserId("@spammer:fine.example")) == ["strict"]
    assert found.of_user(UserId("@bob:fine.example")) == []
    assert found.of_server("evil.example:8448") == ["mild-limit", "strict"]
    assert found.of_room("!bad:evil.example") == ["strict"]
    assert found.of_room("!good:evil.example") == []


def test_whoever_dies_in_the_midst_of_reading_a_list_is_made_up_for(
    container: Container, file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = file("evil.example\n")
    follow(container, "bad", source)
    before = container.labelling.told()
    while before is None:
        before = container.labelling.told()
    file("other.example\nmore.example\n")

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(followed.Followed, "read", dies)
        with pytest.raises(KeyboardInterrupt):
            refresh(container, "bad")
    lists.regular(container)  # a file too, which is not read again by itself else
    assert _kept(container, "bad").entries == 2
    while container.labelling.told() is before:
        continue
    assert labels(container, "@x:other.example") == ["bad"]
    with container.work() as work:
        assert work.followed.due() == []


def test_two_who_read_a_list_at_once_keep_it_once(container: Container, file: Callable[[str], str]) -> None:
    follow(container, "bad", file("evil.example\n"))
    file("".join(f"s{n}.example\n" for n in range(3_000)))
    done = at_once([lambda: refresh(container, "bad")] * 2)
    assert all(isinstance(one, lists.Read) for one in done), done
    with container.read() as work:
        assert len(work.followed.kept(_kept(container, "bad").id)) == 3_000


def test_entries_are_taken_out_by_their_keys_however_long_the_list(container: Container) -> None:
    asked: list[tuple[str, Any]] = []

    def hear(_: object, __: object, text: str, given: object, *___: object) -> None:
        asked.append((text, given))

    with container.work() as work:
        one = work.followed.follow("bad", "bad.csv")
        connection = work.session.connection()
        if connection.dialect.name != "sqlite":
            return  # PostgreSQL looks for pairs by the key, too
        event.listen(connection, "before_cursor_execute", hear)
        work.followed.take_out(one.id, [("user", "@a:evil.example"), ("server", "evil.example")])
        gone = [one for one in asked if one[0].startswith("DELETE")]
        plans = [str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all()) for text, given in gone]
    assert ["list=? AND subject=? AND entity=?" in plan for plan in plans] == [True, True]
