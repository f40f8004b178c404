"""The hand-written codec against the general one (eth-abi): the same bytes, the same values, and never a crash."""

from dataclasses import astuple, replace

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from contracts import codec, pledges
from contracts.events import Given, Opened, Position, RewardEvent, SaleEvent, SignedGift, StakeEvent, Terms, Transferred
from contracts.reverts import reverted_because
from contracts.words import word_of_address
from kit.errors import Invalid
from kit.identifiers import Address, Hash32
from tests.support.terms import (
    BLOCK,
    ESCROW,
    PLEDGES,
    TERMS,
    TOKEN,
    TRANSACTION,
    addresses,
    amounts,
    any_gifts,
    any_terms,
    hashes,
    log_of,
)

TERMS_TYPE = "(address,address,uint256,uint256,address,uint256,address,address,address,uint64,uint64,bytes32)"


GIFT_TYPE = "(address,address,uint256,uint16,bytes32,uint256,address,uint64,bytes32)"


def plain(terms: Terms | SignedGift) -> tuple[object, ...]:
    """Terms, or a gift, as eth-abi takes and gives them."""
    return tuple(
        "0x" + value.hex() if isinstance(value, bytes) and len(value) == 20 else value for value in astuple(terms)
    )


@given(any_terms)
def test_terms_are_written_as_the_general_encoder_does(terms: Terms) -> None:
    assert codec.encode_terms(terms) == encode([TERMS_TYPE], [plain(terms)])


@given(any_terms)
def test_what_is_written_is_read_back(terms: Terms) -> None:
    assert codec.decode_terms(codec.encode_terms(terms)) == terms
    assert decode([TERMS_TYPE], codec.encode_terms(terms))[0] == plain(terms)


@given(any_terms, st.integers(1, 2**63), addresses)
def test_the_stake_id_is_the_hash_of_the_general_encoding(terms: Terms, chain_id: int, escrow: Address) -> None:
    encoded = encode(["uint256", "address", TERMS_TYPE], [chain_id, escrow, plain(terms)])
    assert codec.stake_id(terms, chain_id=chain_id, escrow=escrow) == keccak(encoded)


@given(any_terms, st.integers(1, 2**63))
def test_an_opening_is_read_back_on_any_chain(terms: Terms, chain_id: int) -> None:
    block = replace(BLOCK, chain_id=chain_id)
    stake = codec.stake_id(terms, chain_id=chain_id, escrow=ESCROW)
    topics = (codec.OPENED, stake, word_of_address(terms.payer), word_of_address(terms.resolver))
    event = codec.decode(log_of(ESCROW, topics, codec.encode_terms(terms)), block, token=TOKEN, escrow=ESCROW)
    assert event == Opened(Position(block, 3, TRANSACTION), ESCROW, stake, terms)


@given(addresses, addresses, amounts)
def test_a_transfer_is_read_as_the_general_decoder_does(sender: Address, recipient: Address, amount: int) -> None:
    topics = (codec.TRANSFER, encode(["address"], [sender]), encode(["address"], [recipient]))
    log = log_of(TOKEN, topics, encode(["uint256"], [amount]))
    expected = Transferred(Position(BLOCK, 3, TRANSACTION), TOKEN, sender, recipient, amount)
    assert codec.decode(log, BLOCK, token=TOKEN, escrow=ESCROW) == expected


@given(
    terms=any_terms,
    answered=st.booleans(),
    deadline=amounts,
    r=hashes,
    s=st.integers(1, 2**254),
    v=st.sampled_from([27, 28]),
)
def test_calls_are_written_as_the_general_encoder_does(
    *, terms: Terms, answered: bool, deadline: int, r: Hash32, s: int, v: int
) -> None:
    signature = r + s.to_bytes(32) + bytes([v])
    v_r_s = [v, r, s.to_bytes(32)]
    assert codec.encode_return(terms, answered=answered)[4:] == encode([TERMS_TYPE, "bool"], [plain(terms), answered])
    assert codec.encode_open_with_permit(terms, deadline, signature)[4:] == encode(
        [TERMS_TYPE, "uint256", "uint8", "bytes32", "bytes32"], [plain(terms), deadline, *v_r_s]
    )
    assert codec.encode_open_with_authorization(terms, signature)[4:] == encode(
        [TERMS_TYPE, "uint8", "bytes32", "bytes32"], [plain(terms), *v_r_s]
    )


@given(any_gifts, st.integers(1, 2**63), addresses)
def test_the_id_of_a_signed_gift_is_the_hash_of_the_general_encoding(
    gift: SignedGift, chain_id: int, place: Address
) -> None:
    encoded = encode(["uint256", "address", GIFT_TYPE], [chain_id, place, plain(gift)])
    assert pledges.gift_id(gift, chain_id=chain_id, pledges=place) == keccak(encoded)


@given(any_gifts, hashes, st.integers(1, 2**254), st.sampled_from([27, 28]))
def test_gifts_are_written_as_the_general_encoder_does(gift: SignedGift, r: Hash32, s: int, v: int) -> None:
    signature = r + s.to_bytes(32) + bytes([v])
    parts = (gift.cause, gift.relay_receiver, gift.amount, gift.months, gift.memo)
    assert pledges.encode_give(*parts)[4:] == encode(["address", "address", "uint256", "uint16", "bytes32"], parts)
    few = (gift.cause, gift.months, gift.memo)
    assert pledges.encode_give_ether(*few)[4:] == encode(["address", "uint16", "bytes32"], few)
    assert pledges.encode_give_with_authorization(gift, signature)[4:] == encode(
        [GIFT_TYPE, "uint8", "bytes32", "bytes32"], [plain(gift), v, r, s.to_bytes(32)]
    )


@given(any_terms, any_terms)
def test_other_terms_are_another_stake(one: Terms, other: Terms) -> None:
    same = codec.stake_id(one, chain_id=1, escrow=ESCROW) == codec.stake_id(other, chain_id=1, escrow=ESCROW)
    assert same == (one == other)


topics = st.lists(
    st.one_of(
        st.sampled_from(
            [codec.TRANSFER, codec.OPENED, codec.RETURNED, codec.FORFEIT_ANNOUNCED, codec.EXPIRED, codec.GIVEN]
        ),
        st.binary(max_size=40),
        addresses.map(word_of_address),
    ),
    max_size=5,
)


@given(
    st.sampled_from([TOKEN, ESCROW, PLEDGES]),
    topics,
    st.one_of(st.binary(max_size=80), any_terms.map(codec.encode_terms)),
)
def test_any_log_is_read_refused_or_left(address: Address, topics: list[bytes], data: bytes) -> None:
    log = log_of(address, tuple(topics), data)
    try:
        event = codec.decode(log, BLOCK, token=TOKEN, escrow=ESCROW, pledges=PLEDGES)
    except Invalid:
        return
    assert not isinstance(event, SaleEvent | RewardEvent), "what others read"
    assert event is None or written(event) == (log.topics, log.data)


@given(st.integers(0, 384 - 1), st.integers(1, 255))
@example(0, 1)
def test_no_bit_of_an_opening_can_be_turned(place: int, bits: int) -> None:
    data = bytearray(codec.encode_terms(TERMS))
    data[place] ^= bits
    stake = codec.stake_id(TERMS, chain_id=BLOCK.chain_id, escrow=ESCROW)
    topics = (codec.OPENED, stake, word_of_address(TERMS.payer), word_of_address(TERMS.resolver))
    with pytest.raises(Invalid):
        codec.decode(log_of(ESCROW, topics, bytes(data)), BLOCK, token=TOKEN, escrow=ESCROW)


@given(st.binary(max_size=400))
@example(bytes.fromhex("08c379a0") + (32).to_bytes(32) + (2**255).to_bytes(32) + b"\x1b[31mred")
def test_any_revert_is_told_in_one_short_printable_line(data: bytes) -> None:
    told = reverted_because(data)
    assert told.isprintable()
    assert len(told) <= 400


def written(event: Transferred | StakeEvent | Given) -> tuple[tuple[bytes, ...], bytes]:
    """Write an event back into topics and data."""
    if isinstance(event, Transferred):
        ends = (word_of_address(event.sender), word_of_address(event.recipient))
        return (codec.TRANSFER, *ends), event.amount.to_bytes(32)
    if isinstance(event, Given):
        three = tuple(map(word_of_address, (event.giver, event.cause, event.asset)))
        return (codec.GIVEN, *three), event.amount.to_bytes(32) + event.months.to_bytes(32) + event.memo
    topic = {
        "Opened": codec.OPENED,
        "Returned": codec.RETURNED,
        "ForfeitAnnounced": codec.FORFEIT_ANNOUNCED,
        "Forfeited": codec.FORFEITED,
        "Expired": codec.EXPIRED,
    }[type(event).__name__]
    if isinstance(event, Opened):
        ends = (word_of_address(event.terms.payer), word_of_address(event.terms.resolver))
        return (topic, event.stake_id, *ends), codec.encode_terms(event.terms)
    value = getattr(event, "answered", getattr(event, "executable_at", None))
    return (topic, event.stake_id), b"" if value is None else int(value).to_bytes(32)
