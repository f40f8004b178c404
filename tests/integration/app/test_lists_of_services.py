"""Lists of another service: two real ones, each with a database and an HTTP server of its own, and one that lies."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app import lists
from app.container import Container
from app.signed_lists import read_signed
from kit.clock import unix
from kit.database import Database
from kit.errors import EarnestError, Invalid, PeerUnavailable
from kit.identifiers import PersonId, UserId
from reputation.followed import EVERY, FollowedList
from reputation.lists.authoring import NEGATIONS_KEPT, Description, Said
from reputation.lists.model import Recommendation, Subject
from reputation.lists.signed import Definition, Header, Label, ListKey, Severity, Sum
from tests.support.databases import sqlite_copy
from tests.support.services import ALICE, Clock, a_container, listening

Answer = tuple[int, bytes]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def here(tmp_path: Path, database: Database, clock: Clock) -> Container:
    """The service that follows."""
    folder = tmp_path / "here"
    folder.mkdir()
    return a_container(
        folder, database, clock=clock, private_networks="127.0.0.0/8", bot_user_id="@earnest:here.example"
    )


class There:
    """The service that publishes, and one list of Alice's."""

    def __init__(self, container: Container, url: str) -> None:
        self.container = container
        with container.work() as work:
            self.person: PersonId = work.people.number(ALICE)
            self.id = work.publishing.create(self.person, "spam", Description("Spammers")).id
        self.url = f"{url}/v1/lists/{self.id}"

    def say(self, *entities: str, remove: tuple[str, ...] = (), **more: Any) -> None:  # noqa: ANN401 - any part
        add = [Said(_kind(one), one, more.pop("value", "ban"), **more) for one in entities]
        with self.container.work() as work:
            work.publishing.change(self.person, self.id, add, [(_kind(one).value, one) for one in remove])

    def describe(self, **parts: Any) -> None:  # noqa: ANN401 - any part
        with self.container.work() as work:
            work.publishing.describe(self.person, self.id, Description("Spammers", **parts))

    @property
    def key(self) -> str:
        with self.container.read() as work:
            return work.publishing.keys.all()[0][0]


def _kind(entity: str) -> Subject:
    return {"@": Subject.USER, "!": Subject.ROOM}.get(entity[0], Subject.SERVER)


@pytest.fixture
def there(tmp_path: Path, sqlite_template: Path, clock: Clock) -> Iterator[There]:
    folder = tmp_path / "there"
    folder.mkdir()
    with sqlite_copy(sqlite_template, folder / "earnest.db") as own:
        container = a_container(folder, own, clock=clock)
        with listening(container) as url:
            yield There(container, url)


class Liar(ThreadingHTTPServer):
    """Stands before the real service and says what it likes: ``lie`` gets a path, and what is the true answer."""

    daemon_threads = True

    def __init__(self, real: str) -> None:
        self.real = real
        self.lie: Callable[[str, Answer], Answer] = lambda _, answer: answer
        self.asked: list[str] = []
        self.drips = False
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, name="liar", daemon=True).start()

    def url(self, list_id: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/lists/{list_id}"


class _Handler(BaseHTTPRequestHandler):
    server: Liar

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        true = httpx.get(self.server.real + self.path)
        status, body = self.server.lie(self.path, (true.status_code, true.content))
        self.send_response(status)
        if self.server.drips and "/labels" in self.path:
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * 100_000)
            except OSError:
                return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def liar(there: There) -> Iterator[Liar]:
    made = Liar(there.url.partition("/v1/")[0])
    yield made
    made.shutdown()
    made.server_close()


def follow(here: Container, source: str, *, key: str | None = None) -> lists.Read:
    with here.work() as work:
        kept = work.followed.follow("spam", source)
    return lists.update(here, kept, key=key)


def kept(here: Container) -> FollowedList:
    with here.read() as work:
        return work.followed.find("spam")


def refresh(here: Container) -> lists.Read:
    return lists.update(here, kept(here))


def refused(here: Container) -> str:
    """The code with which a list is not read, and that is told; nothing that was kept changes."""
    with here.read() as work:
        before = work.followed.kept(kept(here).id), work.followed.services.find(kept(here).id)
    with pytest.raises(EarnestError) as caught:
        refresh(here)
    with here.read() as work:
        assert (work.followed.kept(kept(here).id), work.followed.services.find(kept(here).id)) == before
    assert kept(here).error
    code: str = caught.value.code  # type: ignore[attr-defined]
    return code


def labelled(here: Container, *users: str) -> list[str]:
    found = here.labelling.prepare()
    return [user for user in users if found.of_user(UserId(user))]


A, B, C = "@a:evil.example", "@b:evil.example", "@c:evil.example"


def test_what_one_service_publishes_another_follows_by_what_changed(here: Container, there: There, liar: Liar) -> None:
    there.say(A, "bad.example", below=False)
    found = follow(here, liar.url(there.id))
    assert (found.kept, found.refused, len(found.written)) == (2, 0, 2)
    assert labelled(here, A, B, "@x:bad.example") == [A, "@x:bad.example"]
    with here.read() as work:
        service = work.followed.services.find(kept(here).id)
    assert service is not None
    assert (service.key, service.author, service.title, service.version) == (there.key, ALICE, "Spammers", 3)
    there.say(B, remove=(A,))
    liar.asked.clear()
    found = refresh(here)
    assert (len(found.written), found.gone, found.kept) == (1, (("user", A),), 2)
    assert [parse_qs(urlsplit(path).query).get("after") for path in liar.asked] == [None, ["3"]]
    assert labelled(here, A, B) == [B]
    liar.asked.clear()
    assert (len(refresh(here).written), len(liar.asked)) == (0, 1), "the header says that nothing changed"
    lists.unfollow(here.work, "spam")
    assert labelled(here, A, B) == []
    with here.read() as work:
        assert work.followed.services.labels(1) == {}


def test_a_long_list_is_read_page_by_page_and_only_what_changed_is_written(
    here: Container, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.signed_lists.LABELS_A_PAGE", 100)
    monkeypatch.setattr("app.lists.SLICE", 150)
    for hundred in range(5):
        there.say(*(f"@u{hundred}-{n}:evil.example" for n in range(100)))
    assert follow(here, there.url).kept == 500
    there.say("@new:evil.example", remove=("@u0-0:evil.example",))
    found = refresh(here)
    assert (found.kept, len(found.written), len(found.gone)) == (500, 1, 1)
    assert labelled(here, "@new:evil.example", "@u0-0:evil.example", "@u4-99:evil.example") == [
        "@new:evil.example",
        "@u4-99:evil.example",
    ]


def test_whoever_was_away_too_long_reads_it_whole(here: Container, there: There, clock: Clock) -> None:
    there.say(A, B, C)
    follow(here, there.url)
    there.say(remove=(A,))
    clock.pass_(seconds=NEGATIONS_KEPT.total_seconds() + 1)
    with there.container.work() as work:
        assert work.publishing.prune(limit=10) == 1
    found = refresh(here)
    assert (found.signed is not None and found.signed.whole, found.gone) == (True, (("user", A),))
    assert labelled(here, A, B, C) == [B, C]


def test_what_labels_mean_may_change(here: Container, there: There) -> None:
    there.say(A)
    follow(here, there.url)
    there.describe(definitions={"ban": Definition(Severity.WARN, Recommendation.LIMIT, {})})
    refresh(here)
    assert here.labelling.prepare().of_user(UserId(A)) == ["spam-limit"]


def test_entries_and_lists_end_when_they_say_so(here: Container, there: There, clock: Clock) -> None:
    there.say(A, until=clock().replace(microsecond=0) + EVERY / 2)
    there.say(B)
    there.describe(expires_at=clock() + EVERY * 2)
    follow(here, there.url)
    assert labelled(here, A, B) == [A, B]
    clock.pass_(seconds=EVERY.total_seconds() / 2 + 1)
    lists.regular(here)
    assert labelled(here, A, B) == [B], "an entry ends without anybody being asked"
    clock.pass_(seconds=EVERY.total_seconds() * 2)
    lists.regular(here)
    assert labelled(here, A, B) == []
    assert (kept(here).entries, "expired" in (kept(here).error or "")) == (0, True)
    there.describe()
    lists.regular(there.container)
    refresh(here)
    assert labelled(here, A, B) == [B], "its author said anew that it holds"
    there.describe(expires_at=clock() + EVERY)
    refresh(here)
    clock.pass_(seconds=EVERY.total_seconds() + 1)
    with pytest.raises(Invalid, match="expired"):
        refresh(here)
    assert labelled(here, B) == [], "whoever reads it finds that out, too"


def test_a_list_that_is_retired_labels_nobody(here: Container, there: There) -> None:
    there.say(A)
    follow(here, there.url)
    with there.container.work() as work:
        work.publishing.forget(there.person)
        work.people.erase(there.person)
    assert refresh(here).gone == (("user", A),)
    assert labelled(here, A) == []


def test_what_is_dangerous_here_is_left_out_and_still_counted(here: Container, there: There) -> None:
    there.say(A, "@earn*:here.example", "bad.example")
    found = follow(here, there.url)
    assert (found.kept, found.refused, [one.entry.entity for one in found.left_out]) == (2, 1, ["@earn*:here.example"])
    there.say(B, remove=("@earn*:here.example",))
    found = refresh(here)
    assert (found.kept, found.refused) == (3, 0)


# ------------------------------------------------------------------------------------------------------------ lies


def labels_of(liar: Liar, change: Callable[[dict[str, Any]], None]) -> None:
    """Let the liar change each page of labels."""

    def lie(path: str, true: Answer) -> Answer:
        if "/labels" not in path or true[0] != 200:
            return true
        page = json.loads(true[1])
        change(page)
        return 200, json.dumps(page).encode()

    liar.lie = lie


def test_an_older_version_is_not_believed(here: Container, there: There, liar: Liar) -> None:
    there.say(A)
    old = {path: httpx.get(there.url + path).content for path in ("", "/labels?after=0&limit=1000&whole=true")}
    there.say(B)
    follow(here, liar.url(there.id))
    liar.lie = lambda path, _: (200, old["/labels?after=0&limit=1000&whole=true" if "/labels" in path else ""])
    assert refused(here) == "list_older"
    assert labelled(here, A, B) == [A, B]
    there.say(C)
    true = httpx.get(there.url).content
    liar.lie = lambda path, _: (200, old["/labels?after=0&limit=1000&whole=true"] if "/labels" in path else true)
    assert refused(here) == "list_older", "nor below a header that is new"


def test_a_forged_entry_or_another_authors_is_not_believed(here: Container, there: There, liar: Liar) -> None:
    there.say(A)
    follow(here, liar.url(there.id))
    there.say(B)
    eve = ListKey(b"\x05" * 32)
    forged = Label(ALICE, there.id, Subject.USER, "@victim:good.example", "ban", 3, 1)

    def changes(page: dict[str, Any]) -> None:
        page["labels"][0]["subject"]["entity"] = "@victim:good.example"

    labels_of(liar, changes)
    assert refused(here) == "list_signature"
    labels_of(liar, lambda page: page.update(labels=[eve.sign(forged.shown())]))
    assert refused(here) == "list_key_other"
    with there.container.work() as work:
        other = work.publishing.create(work.people.number(UserId("@eve:there.example")), "eves", Description("Eve's"))
        work.publishing.change(other.person, other.id, [Said(Subject.USER, "@victim:good.example", "ban")])
        theirs = work.publishing.page(other.id, after=0, limit=9, whole=True)
    labels_of(liar, lambda page: page.update(labels=[*theirs.labels]))
    assert refused(here) in {"label_other_list", "list_order"}
    labels_of(liar, lambda page: page.update(header=theirs.header))
    assert refused(here) == "list_other"
    assert labelled(here, "@victim:good.example") == []


def test_nothing_can_be_kept_back_or_brought_back(here: Container, there: There, liar: Liar) -> None:
    there.say(A, B)
    follow(here, liar.url(there.id))
    banned = json.loads(httpx.get(f"{there.url}/labels?after=0").content)["labels"][0]
    there.say(C, remove=(A,))
    labels_of(liar, lambda page: page.update(labels=page["labels"][1:]))
    assert refused(here) == "list_incomplete"
    labels_of(liar, lambda page: page.update(labels=[banned, *page["labels"]]) if page["labels"] else None)
    assert refused(here) in {"list_incomplete", "list_order"}
    liar.lie = lambda _, answer: answer
    refresh(here)
    assert labelled(here, A, B, C) == [B, C]


def test_two_texts_under_one_version_are_noticed(here: Container, there: There) -> None:
    there.say(A)
    follow(here, there.url)
    with here.read() as work:
        service = work.followed.services.find(kept(here).id)
    assert service is not None
    with there.container.read() as work:
        key = work.publishing.keys.current()
    other = Header(there.id, "Spammers", ALICE, "CC0-1.0", "en", service.version, 9, Sum().digest())
    with pytest.raises(Invalid, match="something else under version"):
        read_signed(here, there.url, key.sign(other.shown()), (service, {}))


def test_another_key_stops_it_until_somebody_says_that_it_is_theirs(here: Container, there: There) -> None:
    there.say(A)
    follow(here, there.url)
    with there.container.work() as work:
        fresh = work.publishing.keys.renew()
    there.say(B)
    assert refused(here) == "list_key_changed"
    assert fresh in (kept(here).error or "")
    assert labelled(here, A, B) == [A]
    with here.work() as work:
        work.followed.services.trust(kept(here).id, fresh)
    refresh(here)
    assert labelled(here, A, B) == [A, B]


def test_the_key_may_be_known_beforehand(here: Container, there: There) -> None:
    other = ListKey(b"\x05" * 32).name
    with pytest.raises(Invalid, match="Its key is"):
        follow(here, there.url, key=other)
    assert lists.look(here, there.url, key=there.key).kept == 0
    with pytest.raises(Invalid, match="no list that a service signs"):
        lists.look(here, f"{there.url}/policy", key=there.key)


def test_what_was_signed_stays_signed(here: Container, there: There, liar: Liar) -> None:
    there.say(A)
    follow(here, liar.url(there.id))
    liar.lie = lambda _, __: (200, b"good.example\n")
    assert refused(here) == "list_unsigned"
    assert labelled(here, A, "@x:good.example") == [A]


def test_pages_without_end_and_a_page_without_end_end(
    here: Container, there: There, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.say(A)
    follow(here, liar.url(there.id))
    there.say(B)
    with there.container.read() as work:
        key, now = work.publishing.keys.current(), unix(work.now)
    count = [0]

    def endless(path: str, true: Answer) -> Answer:
        """Each page has good labels of a key that is trusted, and says that there is more."""
        if "/labels" not in path:
            return true
        after = int(parse_qs(urlsplit(path).query)["after"][0])
        last = after + 100
        header = Header(there.id, "Spammers", ALICE, "CC0-1.0", "en", last, 10**6, Sum().digest())
        said = [
            Label(ALICE, there.id, Subject.USER, f"@u{n}:x.example", "ban", n, now) for n in range(after + 1, last + 1)
        ]
        count[0] += 1
        page = {"header": key.sign(header.shown()), "labels": [key.sign(one.shown()) for one in said]}
        return 200, json.dumps({**page, "next": last, "more": True}).encode()

    liar.lie = endless
    monkeypatch.setattr("app.signed_lists.MOST_LABELS", 1_000)
    assert (refused(here), count[0]) == ("list_endless", 11)
    with monkeypatch.context() as patch:
        patch.setattr("app.signed_lists.MOST_LABELS", 10**9)
        patch.setattr("app.signed_lists._MOST_BYTES", 200_000)
        assert refused(here) == "list_endless"
    labels_of(liar, lambda page: page.update(labels=[], more=True))
    assert refused(here) == "list_endless"
    labels_of(liar, lambda page: page.update(next=0, more=True))
    assert refused(here) == "list_endless"
    liar.lie, liar.drips = (lambda _, answer: answer), True
    assert refused(here) == "too_large"
    liar.drips = False
    monkeypatch.setattr("app.lists.MOST_SECONDS", -1.0)
    assert refused(here) == "list_slow"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"{}", b'{"labels":1,"next":2,"more":false}']
)
def test_nonsense_is_refused(here: Container, there: There, liar: Liar, body: bytes) -> None:
    there.say(A)
    follow(here, liar.url(there.id))
    there.say(B)
    liar.lie = lambda path, true: (200, body) if "/labels" in path else true
    assert refused(here).startswith("list_")
    liar.lie = lambda path, true: (500, b"") if "/labels" in path else true
    with pytest.raises(PeerUnavailable):
        refresh(here)


def test_whoever_dies_in_the_midst_is_made_up_for(
    here: Container, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.say(A, B)
    follow(here, there.url)
    there.say(C, remove=(A,))

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for method in ("FollowedServices.write", "FollowedServices.read"):
        with monkeypatch.context() as patch:
            patch.setattr(f"reputation.followed_services.{method}", dies)
            with pytest.raises(KeyboardInterrupt):
                refresh(here)
    lists.regular(here)
    assert kept(here).error is None
    assert labelled(here, A, B, C) == [B, C]
    with here.read() as work:
        assert work.followed.services.labels(kept(here).id).keys() == {("user", B), ("user", C)}
