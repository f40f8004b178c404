"""``earnest supporters`` as an operator meets it: files read in, undone, lists, statements, codes, companies, tiers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.container import Work
from cli.commands.supporters import supporters
from kit.database import Database
from payments.flair.importing import Imports
from payments.flair.model import Gift
from tests.integration.payments.test_supporters import ALICE, Shop
from tests.support.gifts import DOCUMENT, day
from tests.support.patreon import HEADER, row

Run = Callable[..., Result]
ACTIVE = (
    "patron_id,patron_username,patron_public_name,visibility,donation_currency,weekly_amount,pledge_date,"
    "last_modification_date,first_payment_date,patron_avatar_url"
)


@pytest.fixture
def shop(tmp_path: Path, database: Database) -> Iterator[Shop]:
    made = Shop(tmp_path, database)
    made.clock.now = day(20)
    yield made
    made.container.close()


@pytest.fixture
def run(shop: Shop) -> Run:
    """Runs the command on the shop's container."""

    @click.group()
    @click.pass_context
    def root(context: click.Context) -> None:
        context.find_root().meta["earnest.container"] = shop.container

    root.add_command(supporters)
    return lambda *words: CliRunner().invoke(root, ["supporters", *words])


def members(folder: Path, count: int, *, bad: int | None = None, name: str = "members.csv") -> Path:
    file = folder / name
    with file.open("w", encoding="utf-8") as out:
        out.write(HEADER + "\n")
        for number in range(count):
            changes = {"User ID": str(7000 + number), "Pledge Amount": "five" if number == bad else "5.00"}
            out.write(row(**changes) + "\n")
    return file


def said(found: Result) -> Any:  # noqa: ANN401 - JSON
    assert found.exit_code == 0, found.output
    return json.loads(found.output)


def test_valid_rows_go_in_and_bad_ones_are_named(run: Run, shop: Shop, tmp_path: Path) -> None:
    file = members(tmp_path, 1_000, bad=500)
    dry = run("import", "patreon", str(file), "--dry-run")
    assert dry.exit_code == 1
    assert "not read: line 502 has an amount that is none (five)" in dry.output.replace("\u2068", "").replace(
        "\u2069", ""
    )
    assert "dry run" in dry.output
    assert said(run("imports", "--json")) == []
    done = json.loads(run("import", "patreon", str(file), "--json").output)
    assert (done["lines"], done["gifts"], done["new"], done["bad"]) == (1_000, 999, 999, 1)
    assert len({one["who"] for one in said(run("list", "--json"))}) == 999
    again = run("import", "patreon", str(file))
    assert "read in already" in again.output
    for private in ("Ada", "ada@", "Main Street", "555 0100"):
        assert private not in repr(done)
        with shop.work() as work:
            kept = [one for table in ("gifts", "givers") for one in _all(work, table)]
        assert not any(private in one for one in kept)


def _all(work: Work, table: str) -> list[str]:
    return [str(one) for one in work.session.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608 - our own tables


def test_an_import_is_undone_as_a_whole_and_what_another_told_stays(run: Run, tmp_path: Path) -> None:
    first, second = members(tmp_path, 300), members(tmp_path, 301, name="later.csv")
    number = json.loads(run("import", "patreon", str(first), "--json").output)["import"]
    later = json.loads(run("import", "patreon", str(second), "--json").output)
    assert later["new"] == 301, "each import keeps what it told"
    assert run("undo", str(number)).exit_code == 0
    assert len({one["who"] for one in said(run("list", "--json"))}) == 301
    assert run("undo", str(later["import"])).exit_code == 0
    assert said(run("list", "--json")) == []
    assert [one["state"] for one in said(run("imports", "--json"))] == ["undone", "undone"]
    assert json.loads(run("import", "patreon", str(first), "--json").output)["import"] == number
    assert "no import 99" in run("undo", "99").output.lower()


def test_an_import_that_was_broken_off_goes_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = members(tmp_path, 600)
    calls, put = list[int](), Imports.put

    def breaks(self: Imports, number: int, gifts: Sequence[Gift]) -> int:
        calls.append(number)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return put(self, number, gifts)

    monkeypatch.setattr(Imports, "put", breaks)
    run("import", "patreon", str(file))
    monkeypatch.undo()
    assert [one["state"] for one in said(run("imports", "--json"))] == ["broken off"]
    done = json.loads(run("import", "patreon", str(file), "--json").output)
    assert (done["gifts"], done["new"]) == (600, 350)
    assert len({one["who"] for one in said(run("list", "--json"))}) == 600


def test_liberapay_whole_list_ends_whom_it_leaves_out_and_an_empty_one_everybody(
    run: Run, shop: Shop, tmp_path: Path
) -> None:
    line = "{0},name{0},,public,EUR,2.30,2026-01-05,2026-01-05,2026-01-06,"
    first = tmp_path / "liberapay-active-patrons-earnest-2026-01-10.csv"
    first.write_text("\n".join([ACTIVE, *(line.format(number) for number in (7, 8))]))
    found = run("import", "liberapay", str(first))
    assert "must not be linked to any reward beyond thanks" in found.output
    assert {one["who"] for one in said(run("list", "--json"))} == {"liberapay:7", "liberapay:8"}
    assert all(one["thanks_only"] for one in said(run("list", "--json")))
    shop.clock.now = day(38)
    second = tmp_path / "liberapay-active-patrons-earnest-2026-01-20.csv"
    second.write_text(f"{ACTIVE}\n{line.format(7)}\n")
    run("import", "liberapay", str(second))
    assert {one["who"] for one in said(run("list", "--json"))} == {"liberapay:7"}
    shop.clock.now = day(60)
    empty = tmp_path / "liberapay-active-patrons-earnest-2026-02-01.csv"
    empty.write_text("")
    assert run("import", "liberapay", str(empty)).exit_code == 0
    assert said(run("list", "--json")) == []
    assert run("import", "liberapay", str(members(tmp_path, 1))).exit_code == 1


def test_a_list_with_a_bad_line_ends_nobodys(run: Run, shop: Shop, tmp_path: Path) -> None:
    line = "{0},name{0},,public,EUR,{1},2026-01-05,2026-01-05,2026-01-06,"
    first = tmp_path / "liberapay-active-patrons-earnest-2026-01-10.csv"
    first.write_text("\n".join([ACTIVE, *(line.format(number, "2.30") for number in (7, 8))]))
    assert run("import", "liberapay", str(first)).exit_code == 0
    shop.clock.now = day(38)
    second = tmp_path / "liberapay-active-patrons-earnest-2026-01-20.csv"
    second.write_text("\n".join([ACTIVE, line.format(7, "2.30"), line.format(8, "two")]))
    found = run("import", "liberapay", str(second))
    assert found.exit_code == 1
    assert "ends nobody's" in found.output
    assert {one["who"] for one in said(run("list", "--json"))} == {"liberapay:7", "liberapay:8"}


def test_a_code_is_handed_out_and_a_statement_says_every_figure(run: Run, shop: Shop, tmp_path: Path) -> None:
    run("import", "patreon", str(members(tmp_path, 1)))
    code = run("code", "patreon:7000").output.strip()
    alice = shop.person()
    with shop.work() as work:
        assert work.claims.by_code(alice, code).holds
    statement = said(run("show", ALICE, "--json"))
    (gift,) = statement["gifts"]
    assert (gift["amount"], gift["asset"], gift["source"], gift["state"], gift["total"]) == (
        *("5", "EUR", "patreon", "not final", "60"),
    )
    assert {one["tier"] for one in statement["entitlements"]} == {"friend", "faithful"}
    assert "2026-01-01  5 EUR for 1 month, 60 in all (patreon, not final)" in run("show", ALICE).output
    assert "claimed this already" in run("code", "patreon:7000").output
    assert run("show", "@nobody:example.org").exit_code == 1
    assert run("show", "somebody").exit_code == 1
    listed = list(csv.DictReader(run("list", "--csv").output.splitlines()))
    assert {(one["who"], one["tier"]) for one in listed} == {(ALICE, "friend"), (ALICE, "faithful")}


def test_gifts_by_hand_and_companies(run: Run) -> None:
    assert "Written down" in run("give", "hand:acme", "1500", "EUR").output
    assert run("give", ALICE, "10", "ERN", "--months", "1").exit_code == 0
    assert run("give", "patreon:7", "10", "EUR").exit_code == 1
    assert run("company", "hand:acme", "ACME Ltd.").exit_code == 0
    held = {(one["who"], one["tier"]) for one in said(run("list", "--json"))}
    assert held == {("hand:acme", "sponsor"), (ALICE, "friend")}
    (gift,) = said(run("show", "hand:acme", "--json"))["gifts"]
    assert (gift["amount"], gift["state"]) == ("1500", "final")
    assert "1500 EUR (hand, finalized)" in run("totals").output
    assert {"amount": "10", "asset": "ERN", "source": "hand", "level": "finalized"} in said(run("totals", "--json"))
    assert run("take-back", gift["key"]).output == "It is taken back.\n"
    assert run("company", "hand:acme", "--no").exit_code == 0
    assert {one["tier"] for one in said(run("list", "--json"))} == {"friend"}


def test_another_tier_document_says_first_what_it_would_change(run: Run, tmp_path: Path) -> None:
    run("import", "patreon", str(members(tmp_path, 30)))
    dearer = tmp_path / "tiers.json"
    tiers = [{"id": "friend", "title": "Friend", "month": {"EUR": "6"}}, *DOCUMENT["tiers"][1:]]
    dearer.write_text(json.dumps(DOCUMENT | {"tiers": tiers}))
    assert run("tiers", "check", str(dearer)).output.startswith("friend: \u2068Friend\u2069\n")
    found = run("tiers", "use", str(dearer)).output
    assert "friend: 0 would gain it, 30 would lose it." in found
    assert "Nothing was changed" in found
    assert {one["tier"] for one in said(run("list", "--json"))} == {"friend", "faithful"}
    assert "version 2" in run("tiers", "use", str(dearer), "--yes").output
    assert {one["tier"] for one in said(run("list", "--json"))} == {"faithful"}
    assert said(run("tiers", "show"))["tiers"][0]["month"] == {"EUR": "6"}
    dearer.write_text(json.dumps(DOCUMENT | {"tiers": [{"id": "friend", "title": "Friend"}]}))
    assert "asks for a sum" in run("tiers", "check", str(dearer)).output
