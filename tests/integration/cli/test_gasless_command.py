"""``earnest gasless``: who is barred, and lifting that."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli.main import main
from kit.amounts import Amount
from kit.database import Database, make_engine
from kit.identifiers import Hash32, show_address
from payments.carrying.model import Cargo, Carried
from payments.carrying.store import CarryingStore
from tests.support.databases import make_schema
from tests.support.services import ALICE, BOB, PASSWORD, a_container
from tests.support.stakes import CHAIN_ID, PAYER


@pytest.fixture
def container(tmp_path: Path) -> Container:
    engine = make_engine(f"sqlite:///{tmp_path / 'earnest.db'}")
    make_schema(engine)
    made = a_container(tmp_path, Database(engine))
    with made.work() as work:
        alice, bob = work.people.number(ALICE), work.people.number(BOB)
        price = work.doors.ask(alice, stake=Amount(5)).price
        quote = work.stakes.quote(bob, alice, price, None, stranger_id=BOB, recipient_id=ALICE)
        stake, now = Hash32(b"\x01" * 32), work.now - timedelta(hours=1)
        opening = Carried(stake, Cargo.STAKE, quote.id, bob, PAYER, PAYER, due=5, gwei=77, created_at=now)
        CarryingStore(work.session, chain_id=CHAIN_ID).bar(opening, gwei=12_000, now=now)
    return made


def earnest(container: Container, *arguments: str) -> Result:
    environment = {"EARNEST_DATA": str(container.settings.data), "EARNEST_KEYSTORE_PASSWORD": PASSWORD}
    return CliRunner().invoke(main, ["gasless", *arguments], env=environment)


def test_bars_are_listed_with_what_they_cost(container: Container) -> None:
    listed = earnest(container, "bars").output
    assert BOB in listed
    assert show_address(PAYER) in listed
    assert "0.000012 ETH" in listed
    (told,) = json.loads(earnest(container, "bars", "--json").output)
    assert (told["stranger"], told["wallet"], told["lost_gwei"]) == (BOB, show_address(PAYER), 12_000)


@pytest.mark.parametrize("who", [BOB, show_address(PAYER)])
def test_a_bar_is_lifted_by_either_name(container: Container, who: str) -> None:
    assert earnest(container, "lift", who).exit_code == 0
    assert "everybody" in earnest(container, "bars").output
    again = earnest(container, "lift", who)
    assert again.exit_code == 1
    assert "Nothing bars" in again.output


@pytest.mark.parametrize("who", ["bob", "0x12", "@nobody:far.example", ALICE])
def test_whom_nothing_bars_is_not_lifted(container: Container, who: str) -> None:
    found = earnest(container, "lift", who)
    assert found.exit_code == 1
    assert found.output.startswith("Error: ")
    assert BOB in earnest(container, "bars").output
