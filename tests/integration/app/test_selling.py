"""Selling: a content is on the disk before its row, a refusal leaves none, and a backup and another key keep it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import resealing, selling
from app.backups import archive, folder
from app.backups.making import back_up
from app.container import Container
from app.forgetting import forget_person
from kit.database import Database
from kit.errors import Conflict, Forbidden, Invalid
from kit.identifiers import PersonId, UserId
from ledger.model import Asset, Level
from payments.content.model import Buyer, Kind, Listing, Offer, Paid
from tests.integration.payments.test_supporters import Shop
from tests.support.stalls import OTHER, PAYER, WALLET, key


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Iterator[Container]:
    """A service at which nothing is sold yet."""
    made = Shop(tmp_path, database).container
    yield made
    made.close()


def seller(container: Container) -> PersonId:
    with container.work() as work:
        return work.people.number(UserId("@lea:earnest.example"))


def offer(container: Container) -> Offer:
    (token,) = selling.allowed(container)
    return Offer(kind=Kind.FILE, title="=1+1", wallet=WALLET, prices={token: 5}, finality=Level.SEEN)


def buy(container: Container, listing: Listing) -> None:
    (token,) = selling.allowed(container)
    buyer = Buyer(wallet=PAYER)
    with container.work() as work:
        work.content.bought(
            Paid(key(1), listing.id, listing.version.terms, buyer, token, 5, Level.SEEN, container.clock())
        )


def read(container: Container, listing: Listing) -> bytes | None:
    with container.read() as work:
        access = work.content.access(Buyer(wallet=PAYER), listing.id)
        if access is None or access.newest.stored is None:
            return None
        parts = work.content.open_(selling.blobs(container), access.newest.stored, start=2, end=6)
    return b"".join(parts)


def files(container: Container) -> list[Path]:
    return [file for file in container.settings.contents().rglob("*") if file.is_file()]


def test_a_file_is_put_up_bought_and_read_in_part_after_all_keys_changed(container: Container) -> None:
    lea = seller(container)
    listing = selling.put_up(container, lea, offer(container), [b"0123", b"456789"], name="../digits.txt")
    assert listing.version.stored is not None
    assert (listing.version.stored.file_name, listing.version.stored.media_type) == ("digits.txt", "text/plain")
    assert read(container, listing) is None
    buy(container, listing)
    assert read(container, listing) == b"2345"
    assert resealing.rotate(container, back=False).current >= 1
    resealing.forget(container)
    assert read(container, listing) == b"2345"
    assert selling.sweep(container) == 0
    with container.work() as work:
        forget_person(work, lea)
    assert read(container, listing) == b"2345"


def test_what_is_refused_leaves_no_file(container: Container) -> None:
    lea, good = seller(container), offer(container)
    with pytest.raises(Forbidden):
        selling.put_up(container, lea, replace(good, prices={OTHER: 1}), [b"x"])
    with pytest.raises(Invalid):
        selling.put_up(container, lea, good, [b""])
    with pytest.raises(Invalid):
        selling.put_up(container, lea, good)
    listing = selling.put_up(container, lea, good, [b"x"])
    with container.work() as work:
        work.content.take_down(listing.id, "No.")
    with pytest.raises(Conflict):
        selling.revise(container, lea, listing.id, good, [b"y"])
    assert len(files(container)) == 1


def test_no_cell_of_a_statement_is_a_formula(container: Container) -> None:
    lea = seller(container)
    buy(container, selling.put_up(container, lea, offer(container), [b"x"]))
    symbols: dict[Asset, tuple[str, int]] = dict.fromkeys(selling.allowed(container), ("ERN", 0))
    with container.read() as work:
        text = "".join(selling.statement_csv(work.content.statement(lea, None, None), symbols.__getitem__))
    head, line = csv.reader(io.StringIO(text))
    row = dict(zip(head, line, strict=True))
    assert (row["title"], row["amount"], row["asset"], row["state"]) == ("'=1+1", "5", "ERN", "paid")


def test_a_backup_has_every_content_that_its_tables_speak_of(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    lea, given = seller(container), folder.files
    early = selling.put_up(container, lea, offer(container), [b"early"])
    late = list[Listing]()

    def _files(data: Path, *, without: frozenset[Path]) -> Iterator[tuple[str, Path]]:
        yield from given(data, without=without)
        if not late:  # the folder was read, and the tables not yet
            late.append(selling.put_up(container, lea, offer(container), [b"late"]))

    monkeypatch.setattr(folder, "files", _files)
    stream = io.BytesIO()
    back_up(container, stream, schema="0", without=frozenset(), told=lambda _done, _all: None)
    stream.seek(0)
    held = dict(archive.members(stream))
    for listing in (early, *late):
        assert listing.version.stored is not None
        name = listing.version.stored.blob
        assert (
            held[f"data/contents/{name[:2]}/{name}"] == (container.settings.contents() / name[:2] / name).read_bytes()
        )
    assert b"early" not in b"".join(held[name] for name in held if "contents" in name)
