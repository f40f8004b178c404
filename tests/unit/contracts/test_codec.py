"""The codec against the committed artifacts, and against logs that our contracts cannot have written."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contracts import codec, pledges
from contracts.chain import RawLog
from contracts.deployment import ARTIFACTS
from contracts.events import (
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Given,
    Opened,
    Position,
    Returned,
    SignedGift,
    Transferred,
)
from contracts.words import word, word_of_address
from kit.errors import Invalid
from kit.identifiers import Hash32, UserId
from tests.support.terms import BLOCK, CHAIN_ID, ESCROW, PLEDGES, TERMS, TOKEN, TRANSACTION, log_of

AT = Position(BLOCK, 3, TRANSACTION)
ID = codec.stake_id(TERMS, chain_id=CHAIN_ID, escrow=ESCROW)
SIGNATURE = b"\x11" * 32 + b"\x22" * 32 + b"\x1b"

TRANSFER = log_of(
    TOKEN, (codec.TRANSFER, word_of_address(TERMS.payer), word_of_address(TERMS.resolver)), word(5 * 10**18)
)
OPENED = log_of(
    ESCROW,
    (codec.OPENED, ID, word_of_address(TERMS.payer), word_of_address(TERMS.resolver)),
    codec.encode_terms(TERMS),
)
RETURNED = log_of(ESCROW, (codec.RETURNED, ID), word(1))
ANNOUNCED = log_of(ESCROW, (codec.FORFEIT_ANNOUNCED, ID), word(1_800_172_800))
FORFEITED = log_of(ESCROW, (codec.FORFEITED, ID), b"")
EXPIRED = log_of(ESCROW, (codec.EXPIRED, ID), b"")
MEMO = Hash32(b"\x3e" * 32)
GIVEN = log_of(
    PLEDGES,
    (codec.GIVEN, word_of_address(TERMS.payer), word_of_address(TERMS.return_to), word_of_address(TOKEN)),
    word(5 * 10**18) + word(12) + MEMO,
)
GIFT = SignedGift(
    giver=TERMS.payer,
    cause=TERMS.return_to,
    amount=5 * 10**18,
    months=12,
    memo=MEMO,
    relay_fee=10**16,
    relay_receiver=TERMS.relay_receiver,
    valid_before=1_800_086_400,
    salt=Hash32(b"\x5a" * 32),
)
ALL = {
    "Transfer": TRANSFER,
    "Opened": OPENED,
    "Returned": RETURNED,
    "ForfeitAnnounced": ANNOUNCED,
    "Forfeited": FORFEITED,
    "Expired": EXPIRED,
    "Given": GIVEN,
}
every_log = pytest.mark.parametrize("log", ALL.values(), ids=ALL.keys())


def read(log: RawLog) -> object:
    return codec.decode(log, BLOCK, token=TOKEN, escrow=ESCROW, pledges=PLEDGES)


def signatures(kind: str) -> set[str]:
    """Every function, event or error of the artifacts, as its canonical signature."""

    def name_of(parameter: dict[str, Any]) -> str:
        if parameter["type"] == "tuple":
            return "(" + ",".join(name_of(part) for part in parameter["components"]) + ")"
        return str(parameter["type"])

    found = set()
    for contract in ("Token", "ContactEscrow", "Pledges"):
        for entry in json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]:
            if entry["type"] == kind:
                found.add(entry["name"] + "(" + ",".join(name_of(part) for part in entry["inputs"]) + ")")
    return found


def test_every_log_we_read_becomes_its_event() -> None:
    assert [read(log) for log in ALL.values()] == [
        Transferred(AT, TOKEN, TERMS.payer, TERMS.resolver, 5 * 10**18),
        Opened(AT, ESCROW, ID, TERMS),
        Returned(AT, ESCROW, ID, answered=True),
        ForfeitAnnounced(AT, ESCROW, ID, 1_800_172_800),
        Forfeited(AT, ESCROW, ID),
        Expired(AT, ESCROW, ID),
        Given(AT, PLEDGES, TERMS.payer, TERMS.return_to, TOKEN, 5 * 10**18, 12, MEMO),
    ]


def test_a_stake_may_be_returned_unanswered() -> None:
    assert read(RETURNED._replace(data=word(0))) == Returned(AT, ESCROW, ID, answered=False)


def test_the_topics_are_those_of_the_artifacts() -> None:
    of_artifacts = {codec.topic_of(signature) for signature in signatures("event")}
    assert {log.topics[0] for log in ALL.values()} <= of_artifacts


def test_every_event_of_escrow_and_pledges_is_read() -> None:
    read_topics = {log.topics[0] for log in ALL.values()}
    unread = {signature for signature in signatures("event") if codec.topic_of(signature) not in read_topics}
    assert unread == {
        "Approval(address,address,uint256)",
        "AuthorizationCanceled(address,bytes32)",
        "AuthorizationUsed(address,bytes32)",
        "EIP712DomainChanged()",
    }


@pytest.mark.parametrize(
    "call",
    [
        codec.encode_open(TERMS),
        codec.encode_open_with_permit(TERMS, 1, SIGNATURE),
        codec.encode_open_with_authorization(TERMS, SIGNATURE),
        codec.encode_return(TERMS, answered=True),
        codec.encode_announce_forfeit(TERMS),
        codec.encode_execute_forfeit(TERMS),
        codec.encode_expire(TERMS),
        codec.encode_stake_id(TERMS),
        codec.encode_stakes(ID),
        codec.encode_token(),
        pledges.encode_give(ESCROW, TOKEN, 1, 12, MEMO),
        pledges.encode_give_ether(ESCROW, 12, MEMO),
        pledges.encode_give_with_authorization(GIFT, SIGNATURE),
        pledges.encode_gift_id(GIFT),
        codec.encode_transfer(ESCROW, 1),
        codec.encode_approve(ESCROW, 1),
        codec.encode_balance_of(ESCROW),
        codec.encode_allowance(ESCROW, TOKEN),
        codec.encode_total_supply(),
        codec.encode_nonces(ESCROW),
        codec.encode_authorization_state(ESCROW, ID),
        codec.encode_domain_separator(),
    ],
)
def test_every_call_is_a_function_of_the_artifacts(call: bytes) -> None:
    assert call[:4] in {codec.selector_of(signature) for signature in signatures("function")}


def test_logs_of_others_are_not_ours_to_read() -> None:
    assert read(TRANSFER._replace(address=ESCROW)) is None
    assert read(OPENED._replace(address=TOKEN)) is None
    assert read(log_of(TERMS.payer, TRANSFER.topics, TRANSFER.data)) is None
    assert read(log_of(TOKEN, (codec.topic_of("Approval(address,address,uint256)"), *TRANSFER.topics[1:]), b"")) is None
    assert read(log_of(ESCROW, (), b"")) is None
    assert read(GIVEN._replace(address=ESCROW)) is None
    assert read(OPENED._replace(address=PLEDGES)) is None


def test_where_gifts_have_no_contract_none_is_read() -> None:
    assert codec.decode(GIVEN, BLOCK, token=TOKEN, escrow=ESCROW) is None
    assert codec.wanted(TOKEN, ESCROW).keys() == {TOKEN, ESCROW}
    assert codec.wanted(TOKEN, ESCROW, PLEDGES)[PLEDGES] == {codec.GIVEN}


def test_months_beyond_16_bits_are_refused() -> None:
    most = GIVEN.data[:32] + word(2**16 - 1) + MEMO
    assert isinstance(read(GIVEN._replace(data=most)), Given)
    with pytest.raises(Invalid, match="16 bits"):
        read(GIVEN._replace(data=GIVEN.data[:32] + word(2**16) + MEMO))


@every_log
def test_a_log_of_another_block_is_refused(log: RawLog) -> None:
    with pytest.raises(Invalid, match="another block"):
        read(log._replace(block_hash=Hash32(b"\x08" * 32)))


@every_log
def test_a_topic_too_few_is_refused(log: RawLog) -> None:
    with pytest.raises(Invalid, match="topics"):
        read(log._replace(topics=log.topics[:-1]))


@every_log
def test_a_topic_too_many_is_refused(log: RawLog) -> None:
    with pytest.raises(Invalid, match="topics"):
        read(log._replace(topics=(*log.topics, ID)))


@every_log
def test_a_short_topic_is_refused(log: RawLog) -> None:
    with pytest.raises(Invalid, match="topics"):
        read(log._replace(topics=(*log.topics[:-1], Hash32(log.topics[-1][:-1]))))


@every_log
@pytest.mark.parametrize("spare", [b"\0", bytes(32)])
def test_data_to_spare_is_refused(log: RawLog, spare: bytes) -> None:
    with pytest.raises(Invalid, match="bytes of data"):
        read(log._replace(data=log.data + spare))


@pytest.mark.parametrize("log", [TRANSFER, OPENED, RETURNED, ANNOUNCED, GIVEN])
@pytest.mark.parametrize("missing", [1, 32])
def test_data_cut_short_is_refused(log: RawLog, missing: int) -> None:
    with pytest.raises(Invalid, match="bytes of data"):
        read(log._replace(data=log.data[:-missing]))


@pytest.mark.parametrize(
    ("log", "topic"), [(TRANSFER, 1), (TRANSFER, 2), (OPENED, 2), (OPENED, 3), (GIVEN, 1), (GIVEN, 2), (GIVEN, 3)]
)
@pytest.mark.parametrize("dirt", [0, 11])
def test_dirty_high_bits_in_a_topic_are_refused(log: RawLog, topic: int, dirt: int) -> None:
    dirty = bytearray(log.topics[topic])
    dirty[dirt] = 1
    topics = (*log.topics[:topic], Hash32(bytes(dirty)), *log.topics[topic + 1 :])
    with pytest.raises(Invalid, match="dirty"):
        read(log._replace(topics=topics))


@pytest.mark.parametrize("place", [0, 1, 4, 6, 7, 8])
def test_dirty_high_bits_in_the_terms_are_refused(place: int) -> None:
    data = bytearray(OPENED.data)
    data[place * 32] = 1
    with pytest.raises(Invalid, match="dirty"):
        read(OPENED._replace(data=bytes(data)))


@pytest.mark.parametrize("place", [9, 10])
def test_a_time_beyond_64_bits_in_the_terms_is_refused(place: int) -> None:
    data = bytearray(OPENED.data)
    data[place * 32 + 23] = 1
    with pytest.raises(Invalid, match="64 bits"):
        read(OPENED._replace(data=bytes(data)))


def test_a_time_beyond_64_bits_is_refused() -> None:
    assert isinstance(read(ANNOUNCED._replace(data=word(2**64 - 1))), ForfeitAnnounced)
    with pytest.raises(Invalid, match="64 bits"):
        read(ANNOUNCED._replace(data=word(2**64)))


@pytest.mark.parametrize("value", [2, 2**255])
def test_a_truth_that_is_neither_0_nor_1_is_refused(value: int) -> None:
    with pytest.raises(Invalid, match="1 bits"):
        read(RETURNED._replace(data=word(value)))


def test_an_id_that_is_not_the_hash_of_its_terms_is_refused() -> None:
    with pytest.raises(Invalid, match="hash of its terms"):
        read(OPENED._replace(topics=(codec.OPENED, Hash32(b"\x09" * 32), *OPENED.topics[2:])))
    with pytest.raises(Invalid, match="hash of its terms"):
        read(OPENED._replace(data=codec.encode_terms(replace(TERMS, amount=TERMS.amount + 1))))


@pytest.mark.parametrize("place", [2, 3])
def test_topics_that_contradict_the_terms_are_refused(place: int) -> None:
    topics = list(OPENED.topics)
    topics[place] = Hash32(word_of_address(TERMS.guardian))
    with pytest.raises(Invalid, match="payer and resolver"):
        read(OPENED._replace(topics=tuple(topics)))


def test_the_same_terms_on_another_chain_or_escrow_are_another_stake() -> None:
    assert codec.stake_id(TERMS, chain_id=1, escrow=ESCROW) != ID
    assert codec.stake_id(TERMS, chain_id=CHAIN_ID, escrow=TOKEN) != ID


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": -1},
        {"amount": 2**256},
        {"fee": 2**256},
        {"answer_by": 2**64},
        {"quote_expiry": -1},
        {"payer": b"\x01" * 19},
        {"payer": b"\x01" * 32},
        {"commitment": b"\x01" * 31},
    ],
)
def test_terms_that_have_no_place_in_their_types_are_not_written(changed: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        codec.encode_terms(replace(TERMS, **changed))


@pytest.mark.parametrize(("last", "v"), [(b"\x1b", 27), (b"\x1c", 28), (b"\x00", 27), (b"\x01", 28)])
def test_a_signature_is_laid_out_as_v_r_s(last: bytes, v: int) -> None:
    assert codec.encode_open_with_authorization(TERMS, SIGNATURE[:64] + last)[-96:] == word(v) + SIGNATURE[:64]


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:64],
        SIGNATURE + b"\0",
        SIGNATURE[:64] + b"\x02",
        SIGNATURE[:64] + b"\x25",
        SIGNATURE[:32] + b"\x80" + SIGNATURE[33:],  # s in the upper half: the other form of a signature (EIP-2)
        SIGNATURE[:32] + bytes(32) + SIGNATURE[64:],
    ],
)
def test_a_signature_in_another_form_is_refused(signature: bytes) -> None:
    with pytest.raises(Invalid):
        codec.encode_open_with_authorization(TERMS, signature)
    with pytest.raises(Invalid):
        codec.encode_open_with_permit(TERMS, 1, signature)


def test_the_commitment_binds_both_ends_in_order() -> None:
    bob, alice, salt = UserId("@bob:one.example"), UserId("@alice:two.example"), Hash32(b"\x05" * 32)
    mine = codec.commitment(bob, alice, salt)
    # keccak256(salt || keccak256(bob) || keccak256(alice)), worked out with another library (pycryptodome).
    assert mine.hex() == "484f74047421db667e29d0f6f1626bc2649cc670cb32ec971d7e4d199b0842d4"
    assert codec.commitment(alice, bob, salt) != mine
    assert codec.commitment(bob, alice, Hash32(b"\x06" * 32)) != mine
    with pytest.raises(Invalid, match="salt"):
        codec.commitment(bob, alice, Hash32(b"\x05" * 31))


def test_answers_are_read() -> None:
    assert codec.decode_uint(word(7)) == 7
    assert codec.decode_bool(word(1)) is True
    assert codec.decode_address(word_of_address(TOKEN)) == TOKEN
    assert codec.decode_hash(ID) == ID
    assert codec.decode_stake(word(2) + word(9)) == (codec.State.FORFEIT_ANNOUNCED, 9)


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(63), bytes(96)])
def test_answers_of_another_length_are_refused(data: bytes) -> None:
    for decoder in (codec.decode_uint, codec.decode_bool, codec.decode_address, codec.decode_hash, codec.decode_stake):
        with pytest.raises(Invalid):
            decoder(data)


def test_a_state_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Invalid, match="state"):
        codec.decode_stake(word(6) + word(0))
