"""The calls of rewards against the general encoder, and what is no call of ours."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from contracts import rewards
from contracts.rewards import MOST_PROOF, Claim, Proposal
from kit.errors import Invalid
from kit.identifiers import Address, Hash32

ROOT = Hash32(b"\x07" * 32)
CLAIM = Claim(Address(b"\xa1" * 20), 5, ROOT, (Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)))


def call(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",") if arguments else []
    return keccak(text=signature)[:4] + encode(types, arguments)


def test_calls_are_written_as_the_general_encoder_does() -> None:
    assert rewards.encode_propose(3, ROOT, 9, replaces=True) == call(
        "propose(uint64,bytes32,uint256,bool)",
        3,
        ROOT,
        9,
        True,  # noqa: FBT003 - the ABI's own
    )
    assert rewards.encode_cancel(ROOT) == call("cancel(bytes32)", ROOT)
    assert rewards.encode_accept(ROOT) == call("accept(bytes32)", ROOT)
    assert rewards.encode_join_earlier() == call("joinEarlier()")
    assert rewards.encode_claimed(CLAIM.payee) == call("claimed(address)", CLAIM.payee)
    assert rewards.encode_leaf(CLAIM.payee, 5) == call("leaf(address,uint256)", CLAIM.payee, 5)


@pytest.mark.parametrize("hashes", [0, 1, 2, MOST_PROOF])
def test_claims_are_written_so_and_read_back(hashes: int) -> None:
    claim = replace(CLAIM, proof=tuple(Hash32(bytes([number]) * 32) for number in range(hashes)))
    data = rewards.encode_claim(claim)
    assert data == call("claim(address,uint256,bytes32,bytes32[])", claim.payee, 5, ROOT, claim.proof)
    assert rewards.decode_claim(data) == claim


def test_what_cannot_be_claimed() -> None:
    for wrong in (
        replace(CLAIM, cumulative=-1),
        replace(CLAIM, cumulative=1 << 256),
        replace(CLAIM, root=Hash32(b"short")),
        replace(CLAIM, payee=Address(b"short")),
        replace(CLAIM, proof=(Hash32(b"short"),)),
        replace(CLAIM, proof=(ROOT,) * (MOST_PROOF + 1)),
    ):
        with pytest.raises(Invalid):
            rewards.encode_claim(wrong)


def test_what_is_no_claim() -> None:
    data = rewards.encode_claim(CLAIM)
    for wrong in (
        b"",
        data[:-1],
        data[:-32],
        data + bytes(32),
        b"\0" + data[1:],
        data[:4] + b"\x01" + data[5:],
        data.replace((4 * 32).to_bytes(32), (5 * 32).to_bytes(32)),
    ):
        with pytest.raises(Invalid):
            rewards.decode_claim(wrong)


def test_the_proposal_is_read() -> None:
    types = ["bytes32", "uint256", "uint64", "bool"]
    assert rewards.decode_proposal(encode(types, [ROOT, 9, 7, True])) == Proposal(ROOT, 9, 7, replaces=True)
    assert rewards.decode_proposal(bytes(128)) is None
    for wrong in (b"", bytes(127), encode(["bytes32", "uint256", "uint64", "uint8"], [ROOT, 9, 7, 2])):
        with pytest.raises(Invalid):
            rewards.decode_proposal(wrong)
