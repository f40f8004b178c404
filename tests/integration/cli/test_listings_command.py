"""`earnest listings`: rules are tried, set and undone, a list is asked, what is held is shown and answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from kit.database import Database
from payments.content.model import Listing, ListingState
from reputation.lists.model import Entry, Recommendation, Subject
from tests.support.services import PASSWORD, Door, a_container
from tests.support.shopping import LEA, Shopping

RULES = {
    "version": 1,
    "kind": "shop",
    "rules": [{"name": "gambling", "when": "'poker' in text.found", "then": {"do": "hold"}, "tell": "No gambling."}],
    "patterns": {"poker": {"words": ["poker"], "look_alikes": True}},
}


def earnest(shop: Shopping, *words: str) -> Result:
    """Run the real command on this service."""
    environment = {
        "EARNEST_DATA": str(shop.container.settings.data),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_DATABASE_URL": shop.container.database.engine.url.render_as_string(hide_password=False),
        "EARNEST_CHAIN_ID": str(shop.container.deployment.chain_id),
    }
    return CliRunner().invoke(main, ["listings", *words], env=environment)


def as_json(shop: Shopping, *words: str) -> Any:  # noqa: ANN401 - whatever is printed
    ran = earnest(shop, *words, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.output)


def state(shop: Shopping, one: Listing) -> ListingState:
    with shop.container.read() as work:
        return work.content.own(one.seller, one.id).state


@pytest.fixture
def shopping(tmp_path: Path, database: Database) -> Shopping:
    """A service at which somebody sells; nobody asks at its door."""
    return Shopping(a_container(tmp_path / "data", database), cast("Door", None))


@pytest.fixture
def file(tmp_path: Path) -> str:
    made = tmp_path / "rules.json"
    made.write_text(json.dumps(RULES))
    return str(made)


def test_rules_are_tried_set_and_taken_back(shopping: Shopping, file: str) -> None:
    one = shopping.put_up(title="P0ker night")
    tried = earnest(shopping, "rules", "set", file, "--dry-run")
    assert "Of 1 for sale 1 would be taken off" in tried.output, tried.output
    assert state(shopping, one) is ListingState.LISTED
    done = as_json(shopping, "rules", "set", file)
    assert (done["off"], done["done"], done["stopped"]) == (
        [{"listing": one.id, "rule": "gambling", "told": "No gambling."}],
        True,
        False,
    )
    assert state(shopping, one) is ListingState.HELD
    assert json.loads(earnest(shopping, "rules", "show").output)["rules"][0]["name"] == "gambling"
    (held,) = as_json(shopping, "held")
    assert (held["listing"], held["rule"], held["seller"], held["answer"]) == (one.id, "gambling", LEA, None)
    assert "No gambling." in earnest(shopping, "held").output
    assert as_json(shopping, "refuse", one.id, "1", "--reason", "No.")["reason"] == "No."
    assert as_json(shopping, "look")["back"] == []
    assert as_json(shopping, "allow", one.id, "1")["state"] == "listed"
    assert as_json(shopping, "look")["off"] == []
    assert as_json(shopping, "rules", "back")["back"] == []
    assert earnest(shopping, "held").output == "Nothing is held.\n"


def test_a_followed_list_is_asked_and_asked_no_more(shopping: Shopping) -> None:
    one = shopping.put_up()
    assert "No list" in earnest(shopping, "subscribe", "watch", "hold").output
    with shopping.container.work() as work:
        number = work.followed.follow("watch", "/list").id
        work.followed.write(number, [Entry(Subject.USER, LEA, Recommendation.BAN, "spam")])
        work.followed.read("watch", form="policy", entries=1, left_out=0, again=False)
    assert "1 would be taken off" in earnest(shopping, "subscribe", "watch", "hold", "--dry-run").output
    assert len(as_json(shopping, "subscribe", "watch", "hold")["off"]) == 1
    assert state(shopping, one) is ListingState.HELD
    assert "already" in earnest(shopping, "subscribe", "watch", "refuse").output
    assert as_json(shopping, "unsubscribe", "watch")["back"] == [one.id]
    assert state(shopping, one) is ListingState.LISTED
    assert earnest(shopping, "unsubscribe", "watch").exit_code == 1


def test_rules_that_cannot_be_read_are_told_in_a_line(shopping: Shopping, tmp_path: Path) -> None:
    for wrong, why in (
        (RULES | {"kind": "door"}, "shop"),
        (RULES | {"patterns": {}}, "no pattern"),
        (RULES | {"rules": [{"name": "x", "when": "seller.standing > 0", "then": {"do": "hold"}}]}, "seller.standing"),
        (RULES | {"share": 101}, "share"),
    ):
        (tmp_path / "wrong.json").write_text(json.dumps(wrong))
        ran = earnest(shopping, "rules", "set", str(tmp_path / "wrong.json"))
        assert (ran.exit_code, why in ran.output) == (1, True), ran.output
