"""An epoch's file: whatever is changed in it is seen, and whatever is no such file is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts.merkle import proves
from kit.canonical import canonical
from kit.errors import Invalid
from kit.identifiers import Address, Hash32
from payments.rewards import epoch_file
from payments.rewards.epoch_file import FORMAT, TYPE, close, differences, read_file, since
from payments.rewards.model import Measured
from payments.rewards.shares import FORMULA
from tests.support.epochs import SERVERS, closed, terms
from tests.support.measured import measured, payee, worlds


def told(document: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(one.where, one.said, one.found) for one in differences(read_file(canonical(document)))]


def test_a_file_is_what_comes_out_of_itself() -> None:
    epoch = closed()
    again = read_file(epoch.encoded())
    assert again.anew == epoch
    assert list(differences(again)) == []
    shown = epoch.shown()
    assert (shown["type"], shown["format"], shown["formula"]) == (TYPE, FORMAT, FORMULA)
    assert int(shown["paid"]) + int(shown["forfeited"]) == int(shown["budget"]) == 10**24
    assert [one["payout"] for one in shown["payees"]] == ["0x" + payee(number).hex() for number in (1, 2)]


@given(worlds(), st.dictionaries(st.integers(1, 9).map(payee), st.integers(0, 10**30)), st.randoms())
def test_any_epoch_is_read_as_it_was_closed(
    servers: list[Measured], before: dict[Address, int], chance: Random
) -> None:
    epoch = close(terms(2), servers, before)
    shuffled, mixed = list(servers), list(before.items())
    chance.shuffle(shuffled)
    chance.shuffle(mixed)
    assert close(terms(2), shuffled, dict(mixed)).encoded() == epoch.encoded()
    again = read_file(epoch.encoded())
    assert (list(differences(again)), again.anew.root) == ([], epoch.root)
    assert sum(epoch.cumulative.values()) == sum(before.values()) + epoch.shares.paid
    assert all(epoch.cumulative.get(who, 0) >= amount for who, amount in before.items())


def test_who_earned_once_stays_in_the_tree() -> None:
    first = closed()
    second = closed(2, [measured(9)], first.cumulative)
    assert set(second.cumulative) == {*first.cumulative, payee(9)}
    assert second.previous_root == first.root
    assert list(since(read_file(second.encoded()), read_file(first.encoded()))) == []


@pytest.mark.parametrize("name", ["budget", "paid", "forfeited", "root", "previous_root"])
def test_another_figure_is_told(name: str) -> None:
    document = closed(2, SERVERS, {payee(1): 5}).shown()
    right = document[name]
    document[name] = right[:-1] + ("1" if right[-1] != "1" else "2")
    assert told(document) == [(name, document[name], right)]


def test_another_share_is_told() -> None:
    document = closed().shown()
    one = document["payees"][0]
    right, one["share"], one["cumulative"] = one["share"], "7", "8"
    assert told(document) == [
        (f"payees/{one['payout']}/share", "7", right),
        (f"payees/{one['payout']}/cumulative", "8", right),
    ]


def test_a_payee_who_is_left_out_or_put_in_is_told() -> None:
    document = closed().shown()
    left_out, stranger = document["payees"][0], "0x" + payee(77).hex()
    document["payees"][0] = {"payout": stranger, "before": "0", "share": "5", "cumulative": "5"}
    assert told(document) == [
        (f"payees/{left_out['payout']}/share", None, left_out["share"]),
        (f"payees/{left_out['payout']}/cumulative", None, left_out["cumulative"]),
        (f"payees/{stranger}/share", "5", None),
        (f"payees/{stranger}/cumulative", "5", None),
    ]


def _more_people(document: dict[str, Any]) -> None:
    document["servers"][0]["people"] += 20


def _more_there(document: dict[str, Any]) -> None:
    document["servers"][1]["availability"] += 1


def _unheld(document: dict[str, Any]) -> None:
    document["servers"][3]["withheld"] = False


def _another_network(document: dict[str, Any]) -> None:
    document["servers"][0]["networks"] = document["servers"][2]["networks"]


def _more_before(document: dict[str, Any]) -> None:
    document["payees"][0]["before"] = "6"


def _one_less(document: dict[str, Any]) -> None:
    del document["servers"][0]


@pytest.mark.parametrize("change", [_more_people, _more_there, _unheld, _another_network, _more_before, _one_less])
def test_an_input_that_was_changed_afterwards_gives_another_root(change: Callable[[dict[str, Any]], None]) -> None:
    document = closed(2, SERVERS, {payee(1): 5}).shown()
    change(document)
    assert "root" in {where for where, _, _ in told(document)}


def test_sums_of_before_are_held_to_the_root_of_before() -> None:
    document = closed(2, SERVERS, {payee(1): 5}).shown()
    _more_before(document)
    assert "previous_root" in {where for where, _, _ in told(document)}


def test_nobody_had_earned_anything_before_the_first() -> None:
    assert [one.where for one in differences(read_file(closed(1, SERVERS, {payee(1): 5}).encoded()))] == ["before"]


def test_another_order_or_blanks_or_a_name_twice_are_told() -> None:
    document = closed().shown()
    forms = [
        json.dumps(document).encode(),
        canonical(document | {"servers": document["servers"][::-1]}),
        canonical(document).replace(b'{"begins"', b'{"begins":1,"begins"', 1),
    ]
    for data in forms:
        assert [one.where for one in differences(read_file(data))] == ["form"]


def test_what_does_not_go_on_from_the_epoch_before_is_told() -> None:
    first = read_file(closed().encoded())
    other = read_file(closed(3, SERVERS, {payee(1): 5}).encoded())
    where = [one.where for one in since(other, first)]
    assert where[:2] == ["epoch", "begins"]
    assert f"payees/0x{payee(1).hex()}/before" in where
    assert f"payees/0x{payee(2).hex()}/before" in where


@pytest.mark.parametrize(
    "change",
    [
        {"type": "other"},
        {"format": 2},
        {"format": True},
        {"formula": "earnest-shares-2"},
        {"epoch": 0},
        {"epoch": 10_001},
        {"epoch": "1"},
        {"ends": 1},
        {"ends": 2**53 - 1},
        {"chain_id": 0},
        {"budget": 5},
        {"budget": "05"},
        {"budget": "-5"},
        {"budget": "9" * 79},
        {"root": "0x12"},
        {"distributor": "0x" + "A" * 40},
        {"more": 1},
        {"servers": {}},
        {"servers": [{}]},
        {"payees": [{"payout": "0x" + "12" * 20, "before": "9" * 78, "share": "0", "cumulative": "0"}]},
        {"payees": [{"payout": "0x" + "12" * 20, "before": "0", "share": "0", "cumulative": "0"}] * 2},
        {"schedule": {"first": "1", "kept": 1000, "step": 1}},
    ],
    ids=str,
)
def test_what_is_no_such_file_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_file(canonical(closed().shown() | change))


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"type":1e999}', b"null"], ids=len)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_file(data)


def test_a_server_twice_or_too_large_a_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    document = closed().shown()
    document["servers"].append(document["servers"][0])
    with pytest.raises(Invalid, match="counts once"):
        read_file(canonical(document))
    monkeypatch.setattr(epoch_file, "LARGEST", 10)
    with pytest.raises(Invalid, match="larger than"):
        read_file(closed().encoded())


def test_errors_repeat_nothing_of_the_file() -> None:
    with pytest.raises(Invalid) as refused:
        read_file(b'{"\\u202e\\u001b[2Jevil":"\\u001b[31m"}')
    assert refused.value.message.isprintable()
    assert "evil" not in refused.value.message


def test_each_payee_is_proved_under_the_root() -> None:
    epoch = closed()
    assert epoch.payouts is not None
    for number, (who, amount) in enumerate(epoch.cumulative.items()):
        leaf = keccak(keccak(encode(["address", "uint256"], [bytes(who), amount])))
        assert proves(epoch.payouts.root, Hash32(leaf), epoch.payouts.proof(number))
    assert closed(1, []).root is None
