"""The shop's rules: each fact is documented, the first that holds decides, one that cannot tell does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.errors import Conflict, Invalid, NotFound
from reputation.policy import Keeping
from reputation.shop_rules import EMPTY, SHOP_FACTS, read_rules, rules_of, with_list, without_list

DOCS = Path(__file__).resolve().parents[3] / "docs" / "selling.md"


def rules(*found: tuple[str, str]) -> str:
    made = [{"name": name, "when": when, "then": {"do": "hold"}} for name, when in found]
    return json.dumps({"version": 1, "kind": "shop", "rules": made, "patterns": {"tea": {"words": ["tea"]}}})


@pytest.mark.parametrize("fact", [fact.name for fact in SHOP_FACTS.facts])
def test_each_fact_is_documented(fact: str) -> None:
    assert f"`{fact}`" in DOCS.read_text()


def test_the_document_that_is_shown_as_an_example_can_be_read() -> None:
    text = DOCS.read_text().partition('    {"version": 1, "kind": "shop"')[2].partition("\n\n")[0]
    assert [rule.name for rule in read_rules('{"version": 1, "kind": "shop"' + text).document.rules] == [
        "gambling",
        "archives",
        "listed",
    ]


def test_the_first_rule_that_holds_decides_and_one_that_cannot_tell_does_not() -> None:
    found = read_rules(
        rules(("asks", "'x' in seller.labels"), ("first", "'tea' in text.found"), ("second", "listing.size == 0"))
    )
    told = {"listing.title": "Green", "listing.licence": "no TEA", "listing.size": 0}
    decided = [found.decide(known) for known in (told, told | {"listing.licence": ""}, {})]
    assert [None if one is None else one.name for one in decided] == ["first", "second", None]


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"version": 1, "kind": "door"}', '{"version": 2, "kind": "shop"}', rules(("x", "sender.id == 'x'"))],
)
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_rules(text)


def test_a_list_is_asked_once_and_taken_out_again() -> None:
    made = with_list(EMPTY, "watch", Keeping(do="refuse"))
    known = {"seller.labels": ("watch",), "room.labels": ()}
    decided = rules_of(made).decide(known)
    assert decided is not None
    assert decided.then.do == "refuse"
    assert rules_of(made).decide(known | {"seller.labels": ("watch-limit",)}) is None
    with pytest.raises(Conflict):
        with_list(made, "watch", Keeping(do="hold"))
    assert without_list(made, "watch") == EMPTY
    with pytest.raises(NotFound):
        without_list(EMPTY, "watch")
