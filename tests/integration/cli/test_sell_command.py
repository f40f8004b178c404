"""`earnest sell`: a text is put up, revised and unlisted, sales are written out, and a take-down is tried dry first."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app import selling
from app.container import Container
from cli.main import main
from kit.database import Database
from kit.identifiers import UserId, show_address
from ledger.model import Level
from payments.content.behind import WELL_KNOWN
from payments.content.model import Buyer, ListingState, Paid, Trouble
from tests.support.receivers import a_receiver, answer
from tests.support.services import PASSWORD, a_container
from tests.support.stalls import PAYER, WALLET, key

LEA = "@lea:earnest.example"


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    made = a_container(tmp_path / "data", database)
    with made.work() as work:
        work.people.number(UserId(LEA))
    return made


def earnest(container: Container, *words: str, **more: str) -> Result:
    """Run the real command on this service."""
    environment = more | {
        "EARNEST_DATA": str(container.settings.data),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_DATABASE_URL": container.database.engine.url.render_as_string(hide_password=False),
        "EARNEST_CHAIN_ID": str(container.deployment.chain_id),
    }
    return CliRunner().invoke(main, words, env=environment)


def as_json(container: Container, *words: str) -> Any:  # noqa: ANN401 - whatever is printed
    ran = earnest(container, *words, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.output)


def test_a_text_from_its_putting_up_to_its_take_down(container: Container, tmp_path: Path) -> None:
    file = tmp_path / "doors.txt"
    file.write_text("A door is a policy.")
    words = ("--seller", LEA, "--title", "On doors", "--price", "0.5", "--wallet", show_address(WALLET))
    made = as_json(container, "sell", "text", str(file), *words, "--finality", "seen")
    assert (made["state"], made["version"], list(made["prices"].values())) == ("listed", 1, [str(5 * 10**17)])
    with container.work() as work:
        listing = work.content.listing(made["id"])
        (token,) = selling.allowed(container)
        buyer, price = Buyer(wallet=PAYER), 5 * 10**17
        paid = Paid(key(1), listing.id, listing.version.terms, buyer, token, price, Level.SEEN, container.clock())
        purchase = work.content.bought(paid)
    revised = as_json(container, "sell", "revise", made["id"], "--seller", LEA, "--price", "2")
    assert (revised["version"], revised["sold"]) == (2, 1)
    assert [one["id"] for one in as_json(container, "sell", "list", "--seller", LEA)] == [made["id"]]
    shown: tuple[tuple[str, ...], ...] = (
        ("sell", "sales", "--seller", LEA),
        ("library", "--buyer", show_address(PAYER)),
    )
    for asked in shown:
        assert [one["id"] for one in as_json(container, *asked)["purchases"]] == [purchase.id]
        assert "0.5 ERN  paid" in earnest(container, *asked).output
    assert purchase.id in earnest(container, "sell", "statement", "--seller", LEA, "--to", "2999-01-01").output
    assert purchase.id not in earnest(container, "sell", "statement", "--seller", LEA, "--to", "1999-01-01").output
    assert as_json(container, "sell", "unlist", made["id"], "--seller", LEA)["state"] == "unlisted"
    down = ("listings", "take-down", made["id"], "--reason", "Stolen.")
    assert "Nothing was changed" in earnest(container, *down, "--dry-run").output
    with container.read() as work:
        assert work.content.listing(made["id"]).state is ListingState.UNLISTED
    assert as_json(container, *down)["reason"] == "Stolen."
    refused = earnest(container, "sell", "unlist", made["id"], "--seller", LEA)
    assert (refused.exit_code, "took this down" in refused.output) == (1, True)
    with container.read() as work:
        assert work.content.access(buyer, made["id"]) is None
    back = as_json(container, "listings", "put-back", made["id"])
    assert (back["state"], back["reason"]) == ("unlisted", None)
    with container.read() as work:
        assert work.content.access(buyer, made["id"]) is not None
    again = earnest(container, "listings", "put-back", made["id"])
    assert (again.exit_code, "not taken down" in again.output) == (1, True)
    assert as_json(container, "sell", "relist", made["id"], "--seller", LEA)["state"] == "listed"


def test_what_cannot_be_is_told_in_a_line(container: Container, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    words = ("--title", "x", "--price", "1", "--wallet", show_address(WALLET))
    for refused, why in (
        (earnest(container, "sell", "file", str(empty), "--seller", LEA, *words), "nothing in it"),
        (earnest(container, "sell", "file", str(empty), "--seller", "@nobody:x.org", *words), "not known here"),
        (earnest(container, "sell", "unlist", "x" * 22, "--seller", LEA), "no such listing"),
    ):
        assert (refused.exit_code, why in refused.output) == (1, True), refused.output


def test_admission_to_a_room_waits_for_the_bot(container: Container) -> None:
    words = ("--seller", LEA, "--title", "The parlour", "--price", "2", "--wallet", show_address(WALLET))
    made = as_json(container, "sell", "admission", "--room", "!parlour:earnest.example", "--for", "30d", *words)
    assert (made["state"], made["kind"]) == ("draft", "admission")
    (place,) = as_json(container, "sell", "admissions", "--seller", LEA)
    assert (place["room"], place["ready"], place["wanted"]) == ("!parlour:earnest.example", False, True)
    with container.work() as work:
        lea = work.people.number(UserId(LEA))
        work.content.admissions.checked(work.content.admissions.of(lea)[0], Trouble.POWER)
    shown = earnest(container, "sell", "admissions", "--seller", LEA)
    assert "the bot may not invite people" in shown.output
    with container.work() as work:
        offer = work.content.own(lea, made["id"]).version.offer
        work.content.admissions.checked(work.content.admissions.of(lea)[0], None)
    assert offer.admitted == timedelta(days=30)
    assert as_json(container, "sell", "list", "--seller", LEA)[0]["state"] == "listed"
    wrong = earnest(container, "sell", "admission", "--room", "#parlour:earnest.example", "--for", "30d", *words)
    assert wrong.exit_code != 0
    assert "A room id looks like" in wrong.output
    assert earnest(container, "sell", "admission", "--room", "!a:b", "--for", "ever", *words).exit_code != 0


def test_an_address_is_put_up_once_its_host_says_so(container: Container) -> None:
    terms = ("--seller", LEA, "--title", "The report", "--price", "2", "--wallet", show_address(WALLET))
    opened = {"EARNEST_PRIVATE_NETWORKS": "127.0.0.0/8"}
    with a_receiver() as upstream:
        words = ("sell", "url", "--to", f"{upstream.url}/hush", *terms, "--for", "30d")
        refused = earnest(container, *words, **opened)
        assert refused.exit_code == 1
        (line,) = re.findall(r"earnest-[A-Za-z0-9_-]{32}", refused.output)
        assert WELL_KNOWN in refused.output
        upstream.manner = lambda handler, _: answer(handler, 200, f"{line}\n".encode())
        made = earnest(container, *words, "--json", **opened)
        assert made.exit_code == 0, made.output
        assert "hush" not in made.output
        assert {one.path for one in upstream.got} == {WELL_KNOWN}
    told = json.loads(made.output)
    with container.read() as work:
        listing = work.content.listing(told["id"])
        assert work.gateways.find(listing.id, listing.version.offer.reference).upstream.url.endswith("/hush")
        (signs,) = [name for name, _ in work.gateways.keys.all()]
    assert listing.version.offer.admitted == timedelta(days=30)
    assert signs in earnest(container, "keys", "rotate", "gateway").output
    after = as_json(container, "keys", "rotate", "gateway", "--yes")["keys"]
    assert after[1:] == [signs]
    assert as_json(container, "keys", "rotate", "gateway", "--yes", "--back")["keys"][0] == signs
    assert earnest(container, "sell", "url", "--to", "http://10.0.0.1/x", *terms).exit_code == 1
