"""Lists over HTTP, on both databases: published, changed, read by version, undone, retired, and in others' forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from app.forgetting import forget_person, prune_all
from kit.clock import unix
from kit.database import Database
from reputation.lists.authoring import NEGATIONS_KEPT, Description, Said
from reputation.lists.model import Subject
from reputation.lists.reading import read_list
from reputation.lists.signed import Header, Label, Sum
from reputation.lists.verifying import read_header, read_label
from tests.support.services import ALICE, BOB, Clock, Door, a_container, a_token, http_door
from tests.support.together import at_once

MINE = "/v1/me/lists"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


@pytest.fixture
def alice(container: Container) -> dict[str, str]:
    return {"Authorization": a_token(container, ALICE)}


def publish(door: Door, author: dict[str, str], name: str = "spam", **more: Any) -> str:  # noqa: ANN401 - any part
    made = door.post(MINE, headers=author, json={"name": name, "title": f"My {name}", **more})
    assert made.status_code == 201, made.text
    found: str = made.json()["id"]
    return found


def change(door: Door, author: dict[str, str], list_id: str, add: Any = (), remove: Any = ()) -> dict[str, Any]:  # noqa: ANN401
    asked = {
        "add": [one if isinstance(one, dict) else {"kind": "user", "entity": one} for one in add],
        "remove": [{"kind": "user", "entity": one} for one in remove],
    }
    answer = door.post(f"{MINE}/{list_id}/entries", headers=author, json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def code(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - a response
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


class Follower:
    """Somebody elsewhere, who has nothing but what is answered, and verifies all of it."""

    def __init__(self, door: Door, list_id: str, now: int) -> None:
        self.door, self.id, self.now = door, list_id, now
        self.key = door.get("/v1/lists/keys").json()["keys"][0]["key"]
        self.header: Header | None = None
        self.held: dict[str, Label] = {}

    def read(self, limit: int = 1000, *, after: int | None = None) -> list[Label]:
        """Read what is new, page by page; the sum of what is held must be the header's."""
        at = (self.header.version if self.header else 0) if after is None else after
        whole, came = at == 0, []
        while True:
            url = f"/v1/lists/{self.id}/labels?after={at}&limit={limit}&whole={str(whole).lower()}"
            page = self.door.get(url).json()
            header = read_header(page["header"], self.key, now=self.now, before=self.header)
            for one in page["labels"]:
                label = read_label(one, self.key, header)
                self.held.pop(label.entity or "", None)
                if not label.negates:
                    self.held[label.entity or ""] = label
                came.append(label)
            at = page["next"]
            if not page["more"]:
                break
        total = Sum()
        total.add([label.digest() for label in self.held.values()])
        assert (total.digest(), len(self.held), at) == (header.digest, header.entries, header.version)
        self.header = header
        return came


def test_what_is_published_is_read_by_anybody_by_version(door: Door, alice: dict[str, str], clock: Clock) -> None:
    list_id = publish(door, alice)
    first = change(door, alice, list_id, ["@a:evil.example", "@b:evil.example", "@c:evil.example"])
    assert (first["version"], first["said"], first["taken_back"], first["same"]) == (4, 3, 0, 0)
    follower = Follower(door, list_id, unix(clock()))
    assert [label.version for label in follower.read(limit=2)] == [2, 3, 4]
    assert (follower.header.title, follower.header.author) == ("My spam", ALICE) if follower.header else False
    clock.pass_(seconds=60)
    again = change(door, alice, list_id, ["@a:evil.example", "@d:evil.example"], ["@b:evil.example", "@x:y.example"])
    assert (again["version"], again["said"], again["taken_back"], again["same"]) == (6, 1, 1, 2)
    news = follower.read()
    assert [(label.entity, label.negates) for label in news] == [("@b:evil.example", True), ("@d:evil.example", False)]
    assert follower.read() == []
    late = Follower(door, list_id, unix(clock()))
    assert [label.entity for label in late.read()] == ["@a:evil.example", "@c:evil.example", "@d:evil.example"]
    assert late.held == follower.held


def test_what_was_not_changed_is_not_sent_again(door: Door, alice: dict[str, str]) -> None:
    list_id = publish(door, alice)
    change(door, alice, list_id, ["@a:evil.example"])
    for number, url in enumerate(("", "/labels", "/labels?after=1", "/policy", ".csv")):
        first = door.get(f"/v1/lists/{list_id}{url}")
        assert first.status_code == 200, first.text
        known = {"If-None-Match": first.headers["etag"]}
        assert door.get(f"/v1/lists/{list_id}{url}", headers=known).status_code == 304
        change(door, alice, list_id, [{"kind": "server", "entity": f"e{number}.example", "below": True}])
        assert door.get(f"/v1/lists/{list_id}{url}", headers=known).status_code == 200, url


def test_a_version_that_is_too_old_or_was_never_given_is_told(
    door: Door, alice: dict[str, str], container: Container, clock: Clock
) -> None:
    list_id = publish(door, alice)
    change(door, alice, list_id, [f"@u{n}:evil.example" for n in range(5)])
    early = Follower(door, list_id, unix(clock()))
    early.read()
    change(door, alice, list_id, [], ["@u0:evil.example", "@u1:evil.example"])
    clock.pass_(seconds=NEGATIONS_KEPT.total_seconds() + 1)
    alice = {"Authorization": a_token(container, ALICE)}  # the one before has run out
    change(door, alice, list_id, ["@new:evil.example"], ["@u2:evil.example"])
    prune_all(container.work, events_kept=NEGATIONS_KEPT)
    gone = door.get(f"/v1/lists/{list_id}/labels?after=6")
    assert (code(gone), gone.json()["oldest"]) == ((410, "labels_gone"), 8)
    ahead = door.get(f"/v1/lists/{list_id}/labels?after=99")
    assert (code(ahead), ahead.json()["last"]) == ((409, "cursor_ahead"), 10)
    whole = Follower(door, list_id, unix(clock()))
    whole.read(limit=1)
    assert sorted(whole.held) == ["@new:evil.example", "@u3:evil.example", "@u4:evil.example"]
    assert code(door.get("/v1/lists/nothing/labels")) == (404, "list_unknown")


def test_nobody_fills_a_list_by_turns(
    door: Door, alice: dict[str, str], monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr("reputation.publishing.MOST_ENTRIES", 5)
    list_id = publish(door, alice)
    for turn in range(4):
        some = [f"@u{turn}-{n}:evil.example" for n in range(5)]
        change(door, alice, list_id, some)
        change(door, alice, list_id, [], some[1:])
        change(door, alice, list_id, [], some[:1])
    full = [{"kind": "user", "entity": f"@u{n}:evil.example"} for n in range(6)]
    assert code(door.post(f"{MINE}/{list_id}/entries", headers=alice, json={"add": full})) == (409, "list_full")
    page = door.get(f"/v1/lists/{list_id}/labels?after=41").json()
    assert len(page["labels"]) <= 5
    assert code(door.get(f"/v1/lists/{list_id}/labels?after=1")) == (410, "labels_gone")
    Follower(door, list_id, unix(clock())).read()


def test_what_ends_is_taken_back_by_itself(
    door: Door, alice: dict[str, str], container: Container, clock: Clock
) -> None:
    list_id = publish(door, alice)
    until = unix(clock()) + 60
    change(door, alice, list_id, [{"kind": "user", "entity": "@a:evil.example", "until": until}, "@b:evil.example"])
    follower = Follower(door, list_id, unix(clock()))
    assert follower.read()[0].until == until
    clock.pass_(seconds=61)
    with container.work() as work:
        assert (work.publishing.expire(limit=500), work.publishing.expire(limit=500)) == (1, 0)
    assert [(label.entity, label.negates) for label in follower.read()] == [("@a:evil.example", True)]
    past = door.post(
        f"{MINE}/{list_id}/entries", headers=alice, json={"add": [{"kind": "user", "entity": "@a:b.c", "until": 1}]}
    )
    assert code(past) == (400, "entry_expiry")


def test_what_would_hit_everybody_is_refused_and_look_alikes_are_told(door: Door, alice: dict[str, str]) -> None:
    list_id = publish(door, alice)
    for kind, entity in (("user", "@*:*"), ("server", "*"), ("server", "*.com"), ("room", "*"), ("user", "*")):
        answer = door.post(
            f"{MINE}/{list_id}/entries",
            headers=alice,
            json={"add": [{"kind": "user", "entity": "@a:evil.example"}, {"kind": kind, "entity": entity}]},
        )
        assert code(answer) == (400, "entry_dangerous"), entity
    for kind, entity, value in (("user", "no user", "ban"), ("server", "a b", "ban"), ("room", "x", "ban")):
        answer = door.post(
            f"{MINE}/{list_id}/entries",
            headers=alice,
            json={"add": [{"kind": kind, "entity": entity, "value": value}]},
        )
        assert code(answer) == (400, "entry_unreadable"), entity
    other = {"add": [{"kind": "user", "entity": "@a:b.example", "value": "rude"}]}
    assert code(door.post(f"{MINE}/{list_id}/entries", headers=alice, json=other)) == (400, "label_undefined")
    assert door.get(f"/v1/lists/{list_id}").json()["entries"] == 0, "all or nothing"
    found = change(door, alice, list_id, ["@\u0430lice:evil.example", ALICE])
    assert [(one["danger"], one["whom"]) for one in found["look"]] == [("looks_alike", ""), ("yours", ALICE)]


def test_the_last_change_can_be_undone_and_that_too(door: Door, alice: dict[str, str], clock: Clock) -> None:
    list_id = publish(door, alice)
    assert code(door.post(f"{MINE}/{list_id}/undo", headers=alice)) == (409, "list_unchanged")
    change(door, alice, list_id, [{"kind": "user", "entity": "@a:evil.example", "reason": "spam"}])
    change(door, alice, list_id, ["@b:evil.example"], ["@a:evil.example"])
    follower = Follower(door, list_id, unix(clock()))
    follower.read()
    assert door.post(f"{MINE}/{list_id}/undo", headers=alice).json()["version"] == 6
    follower.read()
    assert {entity: label.reason for entity, label in follower.held.items()} == {"@a:evil.example": "spam"}
    door.post(f"{MINE}/{list_id}/undo", headers=alice)
    follower.read()
    assert list(follower.held) == ["@b:evil.example"]


@pytest.mark.parametrize("entity", ["@a\0:evil.example", "@" + "x" * 240 + ":evil.example"])
def test_what_can_stand_in_no_list_is_taken_out_of_none(door: Door, alice: dict[str, str], entity: str) -> None:
    list_id = publish(door, alice)
    change(door, alice, list_id, ["@a:evil.example"])
    asked = {"add": [], "remove": [{"kind": "user", "entity": entity}]}
    answer = door.post(f"{MINE}/{list_id}/entries", headers=alice, json=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["taken_back"] == 0
    assert door.get(f"/v1/lists/{list_id}").json()["entries"] == 1


def test_what_has_a_label_that_means_nothing_any_more_does_not_come_back(
    door: Door, alice: dict[str, str], clock: Clock
) -> None:
    rude = {"severity": "warn", "recommendation": "limit", "says": {}}
    list_id = publish(door, alice, definitions={"rude": rude})
    change(door, alice, list_id, [{"kind": "user", "entity": "@a:evil.example", "value": "rude"}])
    follower = Follower(door, list_id, unix(clock()))
    follower.read()
    change(door, alice, list_id, [], ["@a:evil.example"])
    assert door.put(f"{MINE}/{list_id}", headers=alice, json={"title": "Spammers"}).status_code == 200
    assert code(door.post(f"{MINE}/{list_id}/undo", headers=alice)) == (400, "label_undefined")
    assert door.get(f"/v1/lists/{list_id}.csv").status_code == 200
    follower.read()
    assert not follower.held


def test_a_list_is_described_anew_and_means_what_its_author_says(
    door: Door, alice: dict[str, str], clock: Clock
) -> None:
    rude = {"severity": "warn", "recommendation": "limit", "says": {"de": {"name": "Grob"}}}
    list_id = publish(door, alice, definitions={"rude": rude})
    change(door, alice, list_id, [{"kind": "server", "entity": "rude.example", "value": "rude", "below": True}])
    again = {
        "title": "Rude servers",
        "licence": "CC-BY-4.0",
        "expires": unix(clock()) + 5,
        "definitions": {"rude": rude},
    }
    assert door.put(f"{MINE}/{list_id}", headers=alice, json=again).json()["version"] == 3
    follower = Follower(door, list_id, unix(clock()))
    follower.read()
    assert follower.header is not None
    assert (follower.header.title, follower.header.definitions["rude"].says["de"].name) == ("Rude servers", "Grob")
    assert code(door.put(f"{MINE}/{list_id}", headers=alice, json={"title": "x"})) == (409, "label_used")
    for wrong in ({"title": "a\nb"}, {"title": " "}, {"title": "x", "language": "?"}, {"title": "x", "expires": 1}):
        assert door.put(f"{MINE}/{list_id}", headers=alice, json=wrong).status_code == 400, wrong
    assert "rude.example,silence" in door.get(f"/v1/lists/{list_id}.csv").text
    clock.pass_(seconds=6)
    assert "rude.example" not in door.get(f"/v1/lists/{list_id}.csv").text, "an expired list says nothing"


def test_others_tools_can_read_it(door: Door, alice: dict[str, str]) -> None:
    list_id = publish(door, alice)
    hidden = {"kind": "user", "sha256": "ab" * 32, "value": "takedown"}
    limited = {"kind": "server", "entity": "loud.example", "value": "limit", "reason": "=1+1"}
    change(
        door, alice, list_id, ["@spam*:evil.example", hidden, limited, {"kind": "room", "entity": "!bad:evil.example"}]
    )
    answer = door.get(f"/v1/lists/{list_id}/policy")
    found = read_list(answer.text)
    assert {entry.name for entry in found} == {"@spam*:evil.example", "!bad:evil.example", f"(hidden) {'ab' * 8}…"}
    opinions = [(one["content"]["recommendation"], one["content"]["opinion"]) for one in answer.json()]
    assert ("org.matrix.msc3845.opinion", -50) in opinions
    assert ("m.ban", -100) in opinions
    table = door.get(f"/v1/lists/{list_id}.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[0] == "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate"
    assert table.text.splitlines()[1] == "loud.example,silence,False,False,'=1+1,False"


def test_lists_are_shown_page_by_page_and_those_that_are_not_public_are_not(
    door: Door, alice: dict[str, str], container: Container
) -> None:
    ids = [publish(door, alice, f"list{n}") for n in range(3)]
    secret = publish(door, alice, "secret", public=False)
    bobs = publish(door, {"Authorization": a_token(container, BOB)})
    first = door.get("/v1/lists?limit=3").json()
    assert [one["id"] for one in first["lists"]] == ids
    rest = door.get(f"/v1/lists?limit=3&after={first['next']}").json()
    assert ([(one["id"], one["author"]) for one in rest["lists"]], rest["next"]) == ([(bobs, BOB)], None)
    assert door.get(f"/v1/lists/{secret}").status_code == 200
    assert code(door.get("/v1/lists?after=nothing")) == (404, "list_unknown")


def test_a_list_is_its_authors_alone(door: Door, alice: dict[str, str], container: Container) -> None:
    list_id = publish(door, alice)
    bob = {"Authorization": a_token(container, BOB)}
    for method, url in (("POST", "/entries"), ("POST", "/undo"), ("DELETE", "")):
        body: dict[str, Any] | None = {} if url == "/entries" else None
        assert code(door.request(method, f"{MINE}/{list_id}{url}", headers=bob, json=body)) == (404, "list_unknown")
    reading = {"Authorization": a_token(container, ALICE, "read")}
    assert door.delete(f"{MINE}/{list_id}", headers=reading).status_code == 403
    assert door.post(MINE, json={"name": "x", "title": "x"}).status_code == 401
    assert code(door.post(MINE, headers=alice, json={"name": "spam", "title": "x"})) == (409, "list_named")
    assert code(door.post(MINE, headers=alice, json={"name": "No", "title": "x"})) == (400, "list_name")
    for n in range(9):
        publish(door, alice, f"list{n}")
    assert code(door.post(MINE, headers=alice, json={"name": "more", "title": "x"})) == (409, "lists_enough")


def test_a_retired_list_says_so_and_takes_all_back(
    door: Door, alice: dict[str, str], clock: Clock, container: Container
) -> None:
    list_id = publish(door, alice)
    change(door, alice, list_id, ["@a:evil.example"])
    follower = Follower(door, list_id, unix(clock()))
    follower.read()
    assert door.delete(f"{MINE}/{list_id}", headers=alice).json()["retired"]
    follower.held.clear()
    follower.read()
    assert follower.header is not None
    assert follower.header.retired
    assert door.get(MINE, headers=alice).json()["lists"] == []
    assert door.get("/v1/lists").json()["lists"] == []
    publish(door, alice)  # the name is free again
    prune_all(container.work, events_kept=NEGATIONS_KEPT)
    with container.work() as work:
        assert work.publishing.prune(limit=10) == 0, "entries of a retired list go"


def test_whoever_leaves_is_named_in_no_list(door: Door, alice: dict[str, str], container: Container) -> None:
    list_id = publish(door, alice, description="By Alice herself")
    change(door, alice, list_id, ["@a:evil.example"])
    with container.work() as work:
        forget_person(work, work.people.number(ALICE))
    answer = door.get(f"/v1/lists/{list_id}/labels")
    assert ALICE not in answer.text
    assert "By Alice" not in answer.text
    header = read_header(answer.json()["header"], door.get("/v1/lists/keys").json()["keys"][0]["key"], now=0)
    assert (header.retired, header.author, header.title, header.entries) == (True, None, "", 0)


def test_changes_at_once_are_all_kept_each_with_a_version(container: Container, clock: Clock) -> None:
    with container.work() as work:
        person = work.people.number(ALICE)
        made = work.publishing.create(person, "spam", Description("Spam"))

    def add(number: int) -> object:
        with container.work() as work:
            said = [Said(Subject.USER, f"@u{number}-{n}:evil.example", "ban") for n in range(100)]
            return work.publishing.change(person, made.id, said)

    at_once([lambda number=number: add(number) for number in range(4)])  # type: ignore[misc]
    with http_door(container) as door:
        follower = Follower(door, made.id, unix(clock()))
        assert [label.version for label in follower.read(limit=90)] == list(range(2, 402))


def test_the_document_tells_of_it(door: Door) -> None:
    paths = json.loads(door.get("/v1/openapi.json").text)["paths"]
    assert {path for path in paths if path.startswith("/v1/lists")} == {
        "/v1/lists",
        "/v1/lists/keys",
        "/v1/lists/{list_id}",
        "/v1/lists/{list_id}.csv",
        "/v1/lists/{list_id}/labels",
        "/v1/lists/{list_id}/policy",
    }
