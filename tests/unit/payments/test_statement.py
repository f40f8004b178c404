"""The flair's statement: what is signed is read back as it was, and every lie about it has an error of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Invalid
from kit.identifiers import UserId
from kit.signing import SigningKey
from payments.flair.statement import EARLY, LIFE, Statement, read_statement

OURS, THEIRS = SigningKey(b"\x01" * 32), SigningKey(b"\x02" * 32)
NOW, DAY = 1_800_000_000, 86_400
SERVICE = "https://earnest.example"
KEYS = {OURS.name: None}


def a_statement(**other: Any) -> Statement:  # noqa: ANN401 - any part of it
    found = Statement(UserId("@sue:far.example"), "silver", "Silver", NOW - DAY, NOW + DAY, SERVICE, NOW, NOW + 3_600)
    return replace(found, **other)


def sent(statement: Statement, key: SigningKey = OURS, **other: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of it
    """What arrives at the other side; ``other`` is signed with it."""
    found: dict[str, Any] = json.loads(json.dumps(key.sign({**statement.shown(), **other})))
    return found


def error(found: object, keys: dict[str, int | None] | None = None, now: int = NOW, service: str = SERVICE) -> str:
    with pytest.raises(Invalid) as caught:
        read_statement(found, KEYS if keys is None else keys, service=service, now=now)
    return caught.value.code


def read(found: object) -> Statement:
    return read_statement(found, KEYS, service=SERVICE, now=NOW)


def test_what_is_signed_is_read_back_as_it_was() -> None:
    for statement in (
        a_statement(),
        a_statement(until=None, expires=NOW + int(LIFE.total_seconds())),
        a_statement(since=NOW),
        a_statement(until=NOW - 1),  # within grace
        a_statement(mxid=UserId("@\u202eגלת\u0301 <b>:far.example"), title="שָׁלוֹם & <script>"),
        a_statement(issued=NOW + int(EARLY.total_seconds())),
    ):
        assert read(sent(statement)) == statement


def test_another_key_or_a_changed_text_is_noticed() -> None:
    good = sent(a_statement())
    assert error(sent(a_statement(), THEIRS)) == "flair_key_other"
    assert error({**good, "mxid": "@eve:far.example"}) == "flair_signature"
    assert error({**good, "more": 1}) == "flair_signature", "nothing may stand beside what is signed"
    assert error({**good, "signature": {**good["signature"], "value": "?"}}) == "flair_signature"
    assert error({name: part for name, part in good.items() if name != "signature"}) == "flair_unsigned"
    forged = sent(a_statement(), THEIRS)
    forged["signature"]["key"] = OURS.name
    assert error(forged) == "flair_signature"


def test_a_key_that_was_replaced_signs_no_more() -> None:
    statement = sent(a_statement())
    assert read_statement(statement, {OURS.name: NOW}, service=SERVICE, now=NOW).issued == NOW
    assert error(statement, {OURS.name: NOW - 1}) == "flair_key_old"
    assert error(statement, {THEIRS.name: None}) == "flair_key_other"


def test_time_and_place_must_be_right() -> None:
    assert error(sent(a_statement()), now=NOW + 3_600) == "flair_expired"
    assert error(sent(a_statement()), now=NOW - int(EARLY.total_seconds()) - 1) == "flair_not_yet"
    assert error(sent(a_statement()), service="https://other.example") == "flair_other_service"


@pytest.mark.parametrize(
    "other",
    [
        {"type": "org.earnest.list"},
        {"format": 2},
        {"format": True},
        {"more": 1},
        {"mxid": "sue"},
        {"mxid": None},
        {"tier": "Silver tier"},
        {"tier": ""},
        {"title": ""},
        {"title": "x" * 61},
        {"title": "two\nlines"},
        {"title": "\u202egold"},
        {"title": 7},
        {"since": NOW + 1},
        {"since": -1},
        {"since": True},
        {"since": float(NOW - 1)},
        {"until": NOW - DAY - 1},
        {"until": 10**12},
        {"expires": NOW},
        {"expires": NOW + int(LIFE.total_seconds()) + 1},
        {"service": "javascript:alert(1)"},
        {"service": "https://a.example/?q"},
        {"service": None},
    ],
)
def test_what_is_no_statement_is_none_however_well_it_is_signed(other: dict[str, Any]) -> None:
    assert error(sent(a_statement(), **other)) in {"flair_form", "user_id_malformed"}


@pytest.mark.parametrize("missing", sorted(a_statement().shown()))
def test_no_part_may_be_missing(missing: str) -> None:
    shown = {name: part for name, part in a_statement().shown().items() if name != missing}
    assert error(OURS.sign(shown)) == "flair_form"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(found=_JSON, part=st.sampled_from(sorted({*a_statement().shown(), "signature"})), other=_JSON)
def test_whatever_stands_there_is_refused_and_breaks_nothing(found: object, part: str, other: object) -> None:
    assert error(found).startswith("flair_")
    good = sent(a_statement())
    if good[part] != other:
        assert error({**good, part: other}).startswith("flair_")
