"""Eight real blocklists together: a room denies the servers that two of them want denied, and no other."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from app import lists, protecting
from app.container import Container
from kit.database import Database
from kit.identifiers import RoomId, UserId
from reputation.enforcement.model import Consequence, Does, Mode, Subscription
from tests.support import moderated
from tests.support.services import Clock, a_container

BLOCKLISTS = sorted((Path(__file__).parents[4] / "shared" / "data" / "blocklists").glob("*.csv"))
BOT, OWNER = UserId("@earnest:example.org"), UserId("@owner:home.example")
ROOM = RoomId("!r:home.example")
ASIDE = 40
"""People of servers that none, one, and two or more lists want denied, of each as many."""
SUSPENDS = frozenset({"suspend", ""})

pytestmark = pytest.mark.skipif(len(BLOCKLISTS) < 8, reason="without ../shared/data there are no blocklists")


def wanted(file: Path) -> set[str]:
    """The servers that a list wants denied, read by other code than ours: names of letters that Matrix has."""
    with file.open(encoding="utf-8") as lines:
        rows = [{name.strip("#"): value or "" for name, value in row.items() if name} for row in csv.DictReader(lines)]
    return {
        row["domain"].lower()
        for row in rows
        if row.get("severity", "") in SUSPENDS and "*" not in row["domain"] and row["domain"].isascii()
    }


def test_two_of_eight_must_agree(tmp_path: Path, database: Database) -> None:
    clock = Clock()
    container: Container = a_container(tmp_path, database, clock=clock)
    with container.work() as work:
        made = work.moderation.make(work.people.number(OWNER), "Home")
        work.moderation.housed(made.id, RoomId("!manage:home.example"))
        work.moderation.protect(made.id, ROOM)
        work.moderation.tune(made.id, threshold=2)
    for number, file in enumerate(BLOCKLISTS):
        with container.work() as work:
            kept = work.followed.follow(f"list{number}", str(file))
        lists.update(container, kept)
        with container.work() as work:
            subscription = Subscription(kept.id, kept.name, Mode.ACT, share=100)
            work.moderation.lists.subscribe(made.id, subscription)
    votes = Counter(name for file in BLOCKLISTS for name in wanted(file))
    below = {name for name in votes if any(name.endswith(f".{other}") for other in votes)}
    alone = [name for name in sorted(votes) if name not in below]
    once = [name for name in alone if votes[name] == 1][:ASIDE]
    often = [name for name in alone if votes[name] > 1][:ASIDE]
    assert len(once) == len(often) == ASIDE
    users = [UserId(f"@somebody:{name}") for name in (*once, *often, *(f"nice{n}.example" for n in range(ASIDE)))]
    room = moderated.a_room(ROOM, *users)
    members = {user: one for user, one in room.members.items() if user != moderated.ME}
    members[BOT] = room.members[moderated.ME]
    room = replace(room, members=members, powers=replace(room.powers, users={BOT: 100, moderated.ADMIN: 100}))

    clock.pass_(seconds=1)
    found = protecting.plan(container, made.id, [room], clock())

    denied = {step.target for step in found.of(Does.DO) if step.what is Consequence.DENY}
    agreed = {name for name in votes if votes[name] > 1}
    assert set(often) <= denied <= agreed, "those of whom nobody is there as well"
    assert denied > set(often)
    assert all(len({cause.list for cause in step.causes}) >= 2 for step in found.of(Does.DO))
