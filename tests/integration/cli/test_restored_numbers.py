"""Numbers that others remember: after a restore nothing new goes by one that somebody may know from before."""

from __future__ import annotations

from pathlib import Path

from kit.identifiers import UserId
from ledger.telling import Fact
from tests.support.carried import BOB, Carried
from tests.support.restored import Place, fine
from tests.support.services import ALICE

CAROL = UserId("@carol:example.org")


def tell(carried: Carried, what: str, *people: UserId) -> None:
    with carried.container.work() as work:
        for person in people:
            work.feed.tell(work.people.number(person), Fact(what, "s", {}))


def read(carried: Carried, person: UserId, after: int) -> dict[int, str]:
    """What somebody reads who knows all up to ``after``."""
    with carried.container.work() as work:
        page = work.feed.page(work.people.number(person), after, limit=100)
        return {event.number: event.type for event in page.events}


def test_no_cursor_meets_another_event_under_a_number_that_it_knew(
    carried: Carried, place: Place, tmp_path: Path, plain: tuple[str, ...]
) -> None:
    tell(carried, "before", ALICE)
    with carried.container.work() as work:
        work.people.number(BOB)  # known, and never told anything
    file = tmp_path / "older.backup"
    fine(place.back_up(file, *plain, "--json"))
    everybody = (ALICE, BOB, CAROL)
    tell(carried, "lost", *everybody, *everybody)  # two to each, Carol among them, who came after the backup
    cursors = {person: max(read(carried, person, 0)) for person in everybody}
    assert cursors == {ALICE: 3, BOB: 2, CAROL: 2}
    for what in ("once", "twice"):  # from the same backup again, as if the first time had gone wrong later
        fine(place.earnest("restore", str(file), *plain, "--replace", "--json"))
        with place.living() as again:
            assert [read(again, person, cursors[person]) for person in everybody] == [{}, {}, {}]
            tell(again, what, *everybody)
            for person in everybody:
                new = read(again, person, cursors[person])
                assert list(new.values()) == [what], "not less, not more, and not what the cursor had behind it"
                cursors[person] = max(new)
            assert read(again, ALICE, 0) == {1: "before", cursors[ALICE]: what}
