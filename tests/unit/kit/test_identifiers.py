"""Identifiers: every form that exists is taken, every form that does not is refused, and none turns our own text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Invalid
from kit.identifiers import (
    Address,
    Hash32,
    UserId,
    isolate,
    localpart_of,
    look_alike,
    parse_address,
    parse_hash,
    parse_room_id,
    parse_server_name,
    parse_user_id,
    server_of,
    show_address,
    show_hash,
    skeleton,
)

V12 = "!" + "31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"


@pytest.mark.parametrize(
    "text",
    [
        "matrix.org",
        "localhost",
        "EXAMPLE.org",
        "matrix.org:8888",
        "matrix.org:0",
        "matrix.org:65535",
        "1.2.3.4",
        "1.2.3.4:1234",
        "[1234:5678::abcd]",
        "[1234:5678::abcd]:5678",
        "[::ffff:1.2.3.4]",
        "a" * 255,
        "--.--",
    ],
)
def test_server_names_of_the_specification_are_taken_as_they_are(text: str) -> None:
    assert parse_server_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "example.org:",
        "example.org:65536",
        "example.org:999999",
        "example.org:80:80",
        "example.org:\uff18\uff10",
        "example.org\n",
        "example.org:80\n",
        "ex ample.org",
        "ex_ample.org",
        "example.org/path",
        "user@example.org",
        "ex\u00e4mple.org",
        "[::1",
        "::1",
        "[]",
        "[::g]",
        "[fe80::1%eth0]",
        "[1.2.3.4]",
        "a" * 256,
        "\ud800",
    ],
)
def test_what_is_no_server_name_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_server_name(text)
    with pytest.raises(Invalid):
        parse_user_id(f"@alice:{text}")


@pytest.mark.parametrize(
    "text",
    [
        "@alice:example.org",
        "@alice:example.org:8448",
        "@alice:[::1]:8448",
        "@_irc_alice=2f/+.-:example.org",
        # historical forms: whatever a server once let in
        "@Alice:example.org",
        "@alice smith:example.org",
        "@\u00e4lice:example.org",
        "@\u202eecila:example.org",
        "@\U0001f600:example.org",
        "@a\nb\x7f\x1b[2J:example.org",
        "@<script>:example.org",
        "@@:example.org",
        "@:example.org",
    ],
)
def test_user_ids_are_taken_byte_for_byte(text: str) -> None:
    user = parse_user_id(text)
    assert user == text
    assert f"@{localpart_of(user)}:{server_of(user)}" == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "alice",
        "@alice",
        "@alice:",
        "alice:example.org",
        "!alice:example.org",
        " @alice:example.org",
        "@al\0ice:example.org",
        "@al\ud800ice:example.org",
        "@alice:exam ple.org",
        "@" + "a" * 244 + ":example.org",
        "@" + "\u00e4" * 122 + ":example.org",
    ],
)
def test_what_is_no_user_id_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_user_id(text)


def test_a_user_id_of_exactly_255_bytes_is_taken() -> None:
    assert parse_user_id("@" + "a" * 242 + ":example.org")
    assert parse_user_id("@" + "\u00e4" * 121 + ":example.org")


@pytest.mark.parametrize("text", ["!abc:example.org", "!a:b:8448", "!\u00e4 b:example.org", V12, f"{V12}:example.org"])
def test_room_ids_old_and_new_are_taken(text: str) -> None:
    assert parse_room_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "!:example.org",
        "!abc",
        "#abc:example.org",
        V12[:-1],
        V12 + "A",
        V12[:-1] + "+",
        V12[:-1] + "=",
        V12 + "\n",
        V12 + ":",
        "!a\0b:example.org",
        "!a\ud800b:example.org",
        "!" + "a" * 255 + ":example.org",
        "!abc:exam ple.org",
    ],
)
def test_what_is_no_room_id_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_room_id(text)


@given(st.text(st.characters(), max_size=300))
def test_any_text_is_taken_as_it_is_or_refused(text: str) -> None:
    for parse, candidate in (
        (parse_user_id, f"@{text}:example.org"),
        (parse_user_id, text),
        (parse_room_id, f"!{text}:example.org"),
        (parse_room_id, text),
        (parse_server_name, text),
    ):
        try:
            assert parse(candidate) == candidate
        except Invalid:
            continue


# -------------------------------------------------------------------------------------- addresses and hashes

# The addresses that EIP-55 itself gives.
EIP_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("text", EIP_55)
def test_addresses_of_eip_55_read_and_show_alike(text: str) -> None:
    assert show_address(parse_address(text)) == text
    assert parse_address(text.lower()) == parse_address("0x" + text[2:].upper()) == parse_address(text)


@pytest.mark.parametrize("text", EIP_55[4:])
def test_one_letter_of_the_wrong_case_is_noticed(text: str) -> None:
    for place, letter in enumerate(text[2:], start=2):
        if letter.isalpha():
            with pytest.raises(Invalid):
                parse_address(text[:place] + letter.swapcase() + text[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        EIP_55[0][2:],
        EIP_55[0] + "0",
        EIP_55[0][:-1],
        EIP_55[0] + "\n",
        " " + EIP_55[0],
        "0x" + "g" * 40,
        "0x" + "\uff11" * 40,
        "vitalik.eth",
    ],
    ids=repr,
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_address(text)


@given(st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32))
def test_addresses_and_hashes_read_back(address: bytes, digest: bytes) -> None:
    assert parse_address(show_address(Address(address))) == address
    assert parse_hash(show_hash(Hash32(digest))) == digest


@pytest.mark.parametrize("text", ["", "0x", "0x" + "1" * 63, "0x" + "1" * 65, "1" * 64, "0x" + "\u0661" * 64])
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_hash(text)


# ------------------------------------------------------------------------------------------------ for people

HOSTILE = [
    "@\u202eecila:example.org",
    "@alice\u2069\u202e:example.org",
    "@\u2066\u2066\u2067:example.org",
    "@a\nBOT: send money to:example.org",
    "@a\r\u2028\u2029\x1b[2J\x85:example.org",
    "@\u200f\u061c:example.org",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_id_stays_inside_its_isolate_and_on_its_line(text: str) -> None:
    shown = isolate(text)
    assert shown[0] == "\u2068"
    assert shown[-1] == "\u2069"
    inside = shown[1:-1]
    assert not any(unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF"} for c in inside)
    assert not any(unicodedata.bidirectional(c) in {"LRI", "RLI", "FSI", "PDI"} for c in inside)
    assert not any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in inside)
    assert len(shown.splitlines()) == 1
    assert inside.endswith(":example.org")


@given(st.text(st.characters(), max_size=80))
def test_whatever_is_isolated_is_one_line_with_one_opening_and_one_end(text: str) -> None:
    shown = isolate(text)
    assert [c for c in shown if unicodedata.bidirectional(c) in {"FSI", "LRI", "RLI", "PDI"}] == ["\u2068", "\u2069"]
    assert len(shown.splitlines()) == 1
    shown.encode()


def test_a_harmless_id_is_shown_whole() -> None:
    assert isolate("@\u0627\u0644:example.org") == "\u2068@\u0627\u0644:example.org\u2069"


ALICE = UserId("@alice:one.example")


@pytest.mark.parametrize(
    "text",
    [
        "@\u0430lice:one.example",  # Cyrillic a
        "@\u0251lice:one.example",  # Latin alpha
        "@al\u0131ce:one.example",  # dotless i
        "@alice:\u043ene.example",  # Cyrillic o in the server
        "@al1ce:one.example",
        "@aIice:one.example",
        "@ALICE:one.example",
        "@al\u200bice:one.example",
        "@al\u00edce:one.example",
        "@\uff41lice:one.example",
        "@\U0001d4b6lice:one.example",
        "@alice:0ne.example",
    ],
    ids=ascii,
)
def test_what_looks_like_somebody_known_is_flagged(text: str) -> None:
    assert look_alike(UserId(text), [UserId("@bob:one.example"), ALICE]) == ALICE


@pytest.mark.parametrize(
    "text",
    ["@alice:one.example", "@alice2:one.example", "@alice:two.example", "@bob:one.example", "@\u6f22:one.example"],
)
def test_the_same_person_and_plainly_different_ones_are_not(text: str) -> None:
    assert look_alike(UserId(text), [ALICE]) is None


@given(st.text(st.characters(), max_size=60))
def test_a_skeleton_never_fails_and_is_stable(text: str) -> None:
    assert skeleton(text) == skeleton(text)
    assert skeleton(text + "\u200b") == skeleton(text)
