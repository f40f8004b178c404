"""Sealing anew: every secret goes under the new key, whenever it is broken off, and back; running processes follow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import LargeBinary, event, select

from app import resealing
from app.container import Container
from app.metadata import METADATA
from app.webhooks.registry import purpose_of
from app.webhooks.tables import WebhookRow
from cli.main import main
from kit.database import Database
from kit.errors import Conflict, Invalid
from kit.identifiers import ServerName
from kit.sealing import Seal, Sealed, kept_keys, make_key
from reputation.publishing_tables import ListKeyRow
from tests.support.services import ALICE, a_container

SEALED_BYTES = (200, 3_000)
PURPOSE = "list-key"


class Secrets:
    """Three endpoints, one of which has another secret before its own, and a key that signs lists."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.file = container.settings.sealing_key_kept()
        with container.work() as work:
            alice = work.people.number(ALICE)
            for path in ("one", "two"):
                work.webhooks.add(alice, f"https://hooks.example/{path}")
            third, _ = work.webhooks.add(alice, "https://hooks.example/three")
            work.webhooks.rotate(alice, third.name)
            work.publishing.keys.make()
        self.plain = self.opened(container.seal)

    def opened(self, seal: Seal) -> list[bytes]:
        """What all of them are; raises where one does not open."""
        with self.container.read() as work:
            rows = work.session.scalars(select(WebhookRow).order_by(WebhookRow.id)).all()
            sealed = [(row.name, one) for row in rows for one in (row.secret, row.old_secret) if one is not None]
            lists = [seal.open(row.sealed, PURPOSE) for row in work.session.scalars(select(ListKeyRow))]
            return [*(seal.open(one, purpose_of(name)) for name, one in sealed), *lists]


@pytest.fixture
def secrets(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    monkeypatch.setattr(resealing, "_AT_ONCE", 1)
    return Secrets(a_container(tmp_path, database, private_networks="127.0.0.0/8"))


class Killed(BaseException):
    """What a process that ends in the midst of it is to a test."""


@contextmanager
def killed_at(container: Container, commit: int) -> Iterator[None]:
    """End at that commit; nothing of its transaction is kept."""
    left = [commit]

    def committing(_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    event.listen(container.database.engine, "commit", committing)
    try:
        yield
    finally:
        event.remove(container.database.engine, "commit", committing)


def test_every_place_of_a_secret_is_known() -> None:
    kept = {
        (table.name, column.name)
        for table in METADATA.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and (column.type.length in SEALED_BYTES or column.name == "sealed")
    }
    webhooks = {("webhooks", "secret"), ("webhooks", "old_secret")}
    others = ("list_keys", "flair_keys", "gateway_keys", "gateway_upstreams", "content_blobs", "tip_links", "tip_terms")
    assert kept == {*webhooks, *((table, "sealed") for table in others)}, (
        "another place must be sealed anew, too: app/resealing.py, and here"
    )


def test_all_goes_under_the_new_key_and_back(secrets: Secrets) -> None:
    (old,) = kept_keys(secrets.file)
    assert resealing.counted(secrets.container) == Sealed(current=5)
    running = secrets.container.seal
    assert resealing.rotate(secrets.container, back=False) == Sealed(current=5)
    new, before = kept_keys(secrets.file)
    assert before == old != new
    assert secrets.opened(Seal(new)) == secrets.opened(secrets.container.seal) == secrets.plain
    with pytest.raises(Conflict):
        secrets.opened(Seal(old))
    assert running is not secrets.container.seal, "whoever runs follows"
    assert resealing.rotate(secrets.container, back=True) == Sealed(current=5)
    assert kept_keys(secrets.file) == (old, new)
    assert secrets.opened(Seal(old)) == secrets.plain
    resealing.forget(secrets.container)
    assert kept_keys(secrets.file) == (old,)
    with pytest.raises(Conflict) as refused:
        resealing.rotate(secrets.container, back=True)
    assert refused.value.code == "no_key_before"


@pytest.mark.parametrize("commit", range(1, 5))
def test_broken_off_at_any_commit_it_reads_as_before_and_is_done_again(secrets: Secrets, commit: int) -> None:
    with pytest.raises(Killed), killed_at(secrets.container, commit):
        resealing.rotate(secrets.container, back=False)
    new, old = kept_keys(secrets.file)
    assert secrets.opened(secrets.container.seal) == secrets.plain
    left = resealing.counted(secrets.container)
    assert left.older > 0
    assert left.lost == 0
    with pytest.raises(Conflict) as refused:
        resealing.forget(secrets.container)
    assert refused.value.code == "sealed_still"
    assert resealing.rotate(secrets.container, back=False) == Sealed(current=5)
    assert kept_keys(secrets.file) == (new, old), "no other key was made"
    assert secrets.opened(Seal(new)) == secrets.plain


def test_broken_off_before_the_file_has_its_name_nothing_changed(
    secrets: Secrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = secrets.file.read_bytes()

    def ends(_draft: Path, _name: Path) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", ends)
        with pytest.raises(Killed):
            resealing.rotate(secrets.container, back=False)
    assert secrets.file.read_bytes() == before
    assert secrets.opened(secrets.container.seal) == secrets.plain


def test_what_is_lost_is_counted_and_left(secrets: Secrets) -> None:
    secrets.file.write_text(f"{make_key()}\n", encoding="ascii")
    assert resealing.counted(secrets.container) == Sealed(lost=5)
    assert resealing.rotate(secrets.container, back=False) == Sealed(lost=5)


def test_keys_of_a_setting_are_the_operators_to_change(secrets: Secrets, database: Database, tmp_path: Path) -> None:
    (old,) = secrets.file.read_text(encoding="ascii").split()

    def set_to(*keys: str) -> Container:
        return a_container(tmp_path, database, sealing_key=" ".join(keys))

    for act in (partial(resealing.rotate, back=False), partial(resealing.rotate, back=True), resealing.forget):
        with pytest.raises(Invalid) as refused:
            act(set_to(old))
        assert refused.value.code == "sealing_key_set"
    both = set_to(new := make_key(), old)
    assert resealing.counted(both) == Sealed(older=5)
    assert resealing.rotate(both, back=False) == Sealed(current=5)
    assert secrets.opened(set_to(new).seal) == secrets.plain


def test_the_command_says_what_it_would_do_and_does_it(secrets: Secrets) -> None:
    settings = secrets.container.settings
    url = secrets.container.database.engine.url.render_as_string(hide_password=False)
    environment = {"EARNEST_DATA": str(settings.data), "EARNEST_DATABASE_URL": url}

    def run(*words: str, code: int = 0) -> dict[str, Any]:
        done = CliRunner().invoke(main, ["keys", "rotate", *words, "--json"], env=environment)
        assert done.exit_code == code, done.output
        return {} if code else dict(json.loads(done.output.splitlines()[-1]))

    before = secrets.file.read_bytes()
    assert run("sealing") == {
        "role": "sealing", "done": False, "older_keys": 0, "under_current": 5, "under_older": 0, "unreadable": 0
    }  # fmt: skip
    assert secrets.file.read_bytes() == before
    assert (run("sealing", "--yes")["older_keys"], run("sealing", "--forget", "--yes")["older_keys"]) == (1, 0)
    assert secrets.opened(secrets.container.seal) == secrets.plain
    (first,) = run("lists")["keys"]
    second, _ = run("lists", "--yes")["keys"]
    assert run("lists", "--back", "--yes")["keys"] == [first, second]
    assert run("lists", "--back", "--yes")["keys"] == [second, first]
    with secrets.container.work() as work:
        assert work.publishing.keys.current().name == second
    for words in (("sealing", "--to", "0x"), ("bearer",), ("lists", "example.org"), ("lists", "--forget")):
        run(*words, code=2)
    with secrets.container.work() as work:
        bearer = work.tenants.add(ServerName("hs.example"))
    assert run("bearer", "hs.example")["bearer"] is None
    renewed = run("bearer", "hs.example", "--yes")["bearer"]
    with secrets.container.read() as work:
        assert work.tenants.by_bearer(bearer) is None
        assert work.tenants.by_bearer(renewed) is not None
