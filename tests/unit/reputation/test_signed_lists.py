"""Signed lists: what is published is read back as it was, and every lie about it has an error of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Invalid
from reputation.lists.model import Entry, Fault, Recommendation, Subject
from reputation.lists.signed import USUAL, Definition, Header, Label, ListKey, Severity, Sum, Words, check_key, verify
from reputation.lists.verifying import entry_of, read_definitions, read_header, read_label

OURS, THEIRS = ListKey(b"\x01" * 32), ListKey(b"\x02" * 32)
NOW = 1_800_000_000
AUTHOR = "@author:home.example"


def a_label(**other: Any) -> Label:  # noqa: ANN401 - any part of it
    return replace(Label(AUTHOR, "list1", Subject.USER, "@spam:evil.example", "ban", 7, NOW, reason="spam"), **other)


def a_header(**other: Any) -> Header:  # noqa: ANN401 - any part of it
    total = Sum()
    total.add([a_label().digest()])
    return replace(Header("list1", "Spammers", AUTHOR, "CC0-1.0", "en", 7, 1, total.digest()), **other)


def sent(thing: dict[str, Any]) -> dict[str, Any]:
    """What arrives at the other side."""
    found: dict[str, Any] = json.loads(json.dumps(thing))
    return found


def header_error(found: object, **other: Any) -> str:  # noqa: ANN401 - any argument
    with pytest.raises(Invalid) as caught:
        read_header(found, OURS.name, **{"now": NOW, **other})
    return caught.value.code


def label_error(found: object, header: Header | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        read_label(found, OURS.name, header or a_header())
    return caught.value.code


def test_what_is_published_is_read_back_as_it_was() -> None:
    own = {"rude": Definition(Severity.WARN, Recommendation.LIMIT, {"de": Words("Grob", "Ist grob zu Leuten.")})}
    header = a_header(definitions={**USUAL, **own}, expires=NOW + 1, description="Whoever sends the same to all.")
    assert read_header(sent(OURS.sign(header.shown())), OURS.name, now=NOW) == header
    for label in (
        a_label(),
        a_label(until=NOW + 9, pin="$event", negates=True, reason=""),
        a_label(subject=Subject.SERVER, entity="evil.example", below=True, value="rude"),
        a_label(entity=None, sha256=b"\x07" * 32),
    ):
        assert read_label(sent(OURS.sign(label.shown())), OURS.name, header) == label


def test_another_key_or_a_changed_text_is_noticed() -> None:
    good = sent(OURS.sign(a_header().shown()))
    assert header_error(THEIRS.sign(a_header().shown())) == "list_key_other"
    assert header_error({**good, "title": "Friends"}) == "list_signature"
    assert header_error({**good, "more": 1}) == "list_signature", "nothing may stand beside what is signed"
    assert header_error({name: part for name, part in good.items() if name != "signature"}) == "list_unsigned"
    forged = {**good, "signature": {"key": OURS.name, "value": THEIRS.sign(a_header().shown())["signature"]["value"]}}
    assert header_error(forged) == "list_signature"
    assert header_error({**good, "signature": {"key": OURS.name, "value": "?"}}) == "list_signature"
    assert header_error({**good, "signature": {"key": "ed25519:short"}}) == "list_key"
    label = sent(OURS.sign(a_label().shown()))
    assert label_error({**label, "value": "allow"}) == "list_signature"
    assert label_error(THEIRS.sign(a_label().shown())) == "list_key_other"


def test_a_replay_another_list_and_two_faces_are_noticed() -> None:
    read = a_header(version=8)
    assert header_error(OURS.sign(a_header().shown()), before=read) == "list_older"
    assert header_error(OURS.sign(a_header(id="list2", version=9).shown()), before=read) == "list_other"
    assert (
        header_error(OURS.sign(a_header(author="@eve:evil.example", version=9).shown()), before=read) == "list_author"
    )
    assert header_error(OURS.sign(a_header(version=8, entries=2).shown()), before=read) == "list_two_faced"
    assert header_error(OURS.sign(a_header(expires=NOW).shown())) == "list_expired"
    assert header_error(OURS.sign(a_header(author=None).shown())) == "list_form"
    gone = a_header(author=None, title="", retired=True, version=9)
    assert read_header(OURS.sign(gone.shown()), OURS.name, now=NOW, before=read) == gone


def test_what_was_taken_back_may_have_a_label_that_the_list_defines_no_more() -> None:
    gone = a_label(value="rude", negates=True, reason="")
    assert read_label(sent(OURS.sign(gone.shown())), OURS.name, a_header()) == gone


def test_what_others_say_has_no_place_in_a_list() -> None:
    assert label_error(OURS.sign(a_label(author="@eve:evil.example").shown())) == "label_author"
    assert label_error(OURS.sign(a_label(author="@eve:evil.example", negates=True).shown())) == "label_negation"
    assert label_error(OURS.sign(a_label(list="list2").shown())) == "label_other_list"
    assert label_error(OURS.sign(a_label(value="rude").shown())) == "label_undefined"
    assert label_error(OURS.sign(a_label(version=8).shown())) == "label_version"
    assert label_error(OURS.sign(a_header().shown())) == "list_form", "a header is no label"
    assert header_error(OURS.sign(a_label().shown())) == "list_form"


WRONG: tuple[dict[str, Any], ...] = (
    {"version": True},
    {"version": 1.5},
    {"version": -1},
    {"version": 2**53},
    {"since": "now"},
    {"reason": "a\nb"},
    {"reason": "x" * 501},
    {"subject": "@spam:evil.example"},
    {"subject": {"kind": "star", "entity": "x"}},
    {"subject": {"kind": "user"}},
    {"subject": {"kind": "user", "entity": "@" + "x" * 300}},
    {"subject": {"kind": "user", "sha256": "zz"}},
    {"subject": {"kind": "user", "entity": "@a:b.example", "sha256": "00" * 32}},
    {"subject": {"kind": "user", "entity": "@a:b.example", "below": 1}},
    {"negates": 1},
    {"author": 7},
    {"extra": 1},
)


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_label_of_another_shape_is_none(number: int) -> None:
    assert label_error(OURS.sign({**a_label().shown(), **WRONG[number]})) == "list_form"


def test_a_label_has_all_its_parts() -> None:
    shown = a_label().shown()
    for part in shown.keys() - {"reason"}:
        assert label_error(OURS.sign({name: each for name, each in shown.items() if name != part})) == "list_form"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda e: st.lists(e) | st.dictionaries(st.text(), e)
    )
)
def test_whatever_arrives_is_refused_and_breaks_nothing(found: object) -> None:
    assert header_error(found).startswith("list_")
    assert label_error(found).startswith("list_")
    shown = a_header().shown()
    for part in shown:
        if type(found) is not type(shown[part]):
            try:
                read_header({**OURS.sign(shown), part: found}, OURS.name, now=NOW)
            except Invalid:
                continue
            raise AssertionError(part)


def test_definitions_are_bounded() -> None:
    assert read_definitions({value: one.shown() for value, one in USUAL.items()}) == USUAL
    many = {f"v{n}": USUAL["ban"].shown() for n in range(21)}
    others: tuple[object, ...] = ({}, {"Ban": USUAL["ban"].shown()}, {"ban": {}}, {"ban": {"severity": "alert"}})
    for wrong in (*others, many):
        with pytest.raises(Invalid):
            read_definitions(wrong)


def test_a_label_becomes_an_entry_or_says_why_not() -> None:
    found = entry_of(a_label(subject=Subject.SERVER, entity="evil.example", below=True), a_header())
    assert isinstance(found, Entry)
    assert (found.entity, found.recommendation, found.below) == ("evil.example", Recommendation.BAN, True)
    otherwise = a_label(subject=Subject.SERVER, entity="Evil.Example")
    for label, code in (
        (a_label(pin="$one"), "pinned"),
        (a_label(entity="no user"), "unprintable"),
        (otherwise, "written_otherwise"),
    ):
        fault = entry_of(label, a_header())
        assert isinstance(fault, Fault)
        assert fault.code == code


@given(st.lists(st.binary(min_size=32, max_size=32), unique=True, max_size=20), st.randoms())
def test_a_sum_is_the_same_in_whatever_order_labels_come_and_go(labels: list[bytes], chance: Any) -> None:  # noqa: ANN401
    one, other = Sum(), Sum()
    one.add(labels)
    mixed = labels.copy()
    chance.shuffle(mixed)
    other.add([b"another label", *mixed])
    assert labels == [] or one.digest() != other.digest()
    other = Sum(other.kept())
    other.take([b"another label"])
    assert one.digest() == other.digest()


def test_the_name_of_a_key_is_all_that_verifying_takes() -> None:
    verify(OURS.sign({"a": 1}), check_key(OURS.name))
    for wrong in ("", "ed25519:", OURS.name[:-4], f"x{OURS.name}", OURS.name + "AAAA"):
        with pytest.raises(Invalid):
            check_key(wrong)
