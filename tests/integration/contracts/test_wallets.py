"""Contract wallets on a real node: deployed and not yet, honest and hostile, and the published vectors."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from contracts import codec, wallets
from contracts.signers import KeySigner
from contracts.web3_chain import Web3Chain
from contracts.words import word_of_address
from kit.errors import ChainUnavailable, Forbidden, Invalid
from kit.identifiers import ZERO_ADDRESS, Address
from ledger import holders, siwe
from tests.support.anvil import Anvil
from tests.support.contract_wallets import Planned, owned, planned, put, signed
from tests.support.services import NO_NODE

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors" / "siwe" / "eip1271.json"
TEXT = "What is signed."
KEY, OTHER = b"\x61" * 32, b"\x62" * 32
OWNER = KeySigner(KEY).address


def says(anvil: Anvil, wallet: Address, signature: bytes, text: str = TEXT) -> bool:
    return wallets.says(anvil.chain, wallet, siwe.digest(text), signature)


@pytest.fixture(scope="module")
def factory(anvil: Anvil) -> Address:
    return put(anvil, "WalletFactory")


@pytest.fixture
def plan(anvil: Anvil, factory: Address) -> Planned:
    return planned(anvil, factory, OWNER)


def test_a_wallet_says_that_its_owners_signature_is_its_own(anvil: Anvil) -> None:
    wallet = owned(anvil, OWNER)
    assert says(anvil, wallet, signed(TEXT, KEY))
    assert not says(anvil, wallet, signed(TEXT, OTHER))
    assert not says(anvil, wallet, signed(TEXT + ".", KEY))
    assert not says(anvil, wallet, b"")
    assert not says(anvil, wallet, b"\xff" * 8_192)


def test_a_wallet_that_was_handed_on_says_it_of_its_new_owner(anvil: Anvil) -> None:
    old, new = anvil.signer("old owner"), KeySigner(OTHER)
    wallet = owned(anvil, old.address)
    hand_on = codec.selector_of("handOn(address)") + word_of_address(new.address)
    assert not says(anvil, wallet, signed(TEXT, OTHER))
    assert anvil.send(old, wallet, hand_on).succeeded
    assert says(anvil, wallet, signed(TEXT, OTHER))


def test_an_address_without_a_contract_says_nothing(anvil: Anvil) -> None:
    for nobody in (OWNER, ZERO_ADDRESS, Address(b"\x01".rjust(20, b"\0")), Address(b"\x04".rjust(20, b"\0"))):
        assert not says(anvil, nobody, signed(TEXT, KEY))


def test_a_wallet_that_is_not_deployed_yet_says_it_too_and_stays_undeployed(anvil: Anvil, plan: Planned) -> None:
    assert says(anvil, plan.address, plan.wrap(signed(TEXT, KEY)))
    assert not says(anvil, plan.address, plan.wrap(signed(TEXT, OTHER)))
    assert not says(anvil, plan.address, plan.wrap(signed(TEXT + ".", KEY)))
    assert not says(anvil, plan.address, signed(TEXT, KEY)), "unwrapped, nothing stands there"
    assert anvil.chain.code(plan.address) == b""


def test_once_deployed_the_wrapped_signature_still_holds(anvil: Anvil, plan: Planned) -> None:
    plan.deploy(anvil)
    for signature in (plan.wrap(signed(TEXT, KEY)), signed(TEXT, KEY)):
        assert says(anvil, plan.address, signature)
    assert not says(anvil, plan.address, plan.wrap(signed(TEXT, OTHER)))


def test_a_wallet_that_stands_is_asked_as_it_is(anvil: Anvil, plan: Planned) -> None:
    """Else a signer could first bring about whatever makes it say yes: here, that they take a wallet which is loose."""
    loose = put(anvil, "LooseWallet", word_of_address(OWNER))
    take = codec.selector_of("take(address)") + word_of_address(KeySigner(OTHER).address)
    assert not says(anvil, loose, plan.wrap(signed(TEXT, OTHER), factory=loose, deployment=take))
    assert anvil.send(anvil.signer("a thief"), loose, take).succeeded
    assert says(anvil, loose, signed(TEXT, OTHER)), "who takes it in earnest has it"


def test_a_factory_that_deploys_something_else_gains_nothing(anvil: Anvil, factory: Address, plan: Planned) -> None:
    other = planned(anvil, factory, KeySigner(OTHER).address)
    mine = signed(TEXT, OTHER)
    for deployment in (other.deployment, b"", b"\xff" * 100, plan.deployment):
        assert not says(anvil, plan.address, plan.wrap(mine, deployment=deployment))
    for nobody in (ZERO_ADDRESS, OWNER, Address(b"\x02".rjust(20, b"\0")), other.address):
        assert not says(anvil, plan.address, plan.wrap(mine, factory=nobody))
        assert not says(anvil, plan.address, plan.wrap(signed(TEXT, KEY), factory=nobody))


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\0" * 31,
        b"\xff" * 96,
        encode(["address", "bytes"], [b"\x01" * 20, b""]),
        encode(["uint256", "uint256", "uint256"], [1 << 200, 96, 96]),
        encode(["uint256", "uint256", "uint256"], [1, 2**256 - 1, 2**255]),
        encode(["uint256", "uint256", "uint256", "uint256"], [1, 96, 96, 2**256 - 1]),
    ],
)
def test_a_damaged_wrapping_is_malformed(anvil: Anvil, plan: Planned, broken: bytes) -> None:
    with pytest.raises(Invalid, match="damaged"):
        says(anvil, plan.address, broken + wallets.UNDEPLOYED)


WAYS = {
    1: "reverts",
    2: "never ends",
    3: "answers nothing",
    4: "the magic at the wrong end",
    5: "four bytes",
    6: "dirt behind it",
    7: "very much",
    8: "an invalid opcode",
    9: "true",
    10: "zero",
}


@pytest.mark.parametrize("way", WAYS, ids=WAYS.values())
def test_whatever_a_hostile_wallet_does_is_a_no(anvil: Anvil, way: int) -> None:
    hostile = put(anvil, "HostileWallet")
    assert not says(anvil, hostile, bytes([way]) * 65)
    assert says(anvil, hostile, bytes(65)), "it could say yes"


def test_a_factory_that_never_ends_is_a_no(anvil: Anvil, plan: Planned) -> None:
    hostile = put(anvil, "HostileWallet")
    question = codec.selector_of("isValidSignature(bytes32,bytes)") + encode(["bytes32", "bytes"], [bytes(32), b"\x02"])
    assert not says(anvil, plan.address, plan.wrap(signed(TEXT, KEY), factory=hostile, deployment=question))


def test_without_a_node_nothing_is_known() -> None:
    chain = Web3Chain(NO_NODE, None)
    with pytest.raises(ChainUnavailable):
        wallets.says(chain, OWNER, siwe.digest(TEXT), b"\x01" * 65)


# ------------------------------------------------------------------------------------------------- vectors


def vectors() -> list[Any]:
    """The published signatures of contract wallets; one skipped case where the file is not at hand."""
    if not VECTORS.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(f"no {VECTORS}: the spruceid/siwe vectors go there"))]
    return [pytest.param(case, id=title) for title, case in json.loads(VECTORS.read_text(encoding="utf-8")).items()]


@pytest.mark.parametrize("case", vectors())
def test_a_published_wallets_message_is_read_and_its_signature_is_no_keys_of_that_address(
    anvil: Anvil, case: dict[str, str]
) -> None:
    message = siwe.parse(case["message"])
    assert message.text() == case["message"]
    raw = siwe.read_signature(case["signature"])
    with pytest.raises(Forbidden):  # on this chain nothing stands there
        holders.prove(case["message"], case["signature"], partial(wallets.says, anvil.chain))
    # The wallets themselves stand on the main chain. Here one of ours takes such a place, owned by the key that signed
    # there: message, hash and signature are the published ones.
    if len(raw) == 65:
        code = anvil.chain.code(owned(anvil, OWNER))
        anvil.rpc("anvil_setCode", "0x" + message.address.hex(), "0x" + code.hex())
        owner = siwe.signer_of(case["message"], case["signature"])
        anvil.rpc("anvil_setStorageAt", "0x" + message.address.hex(), "0x0", "0x" + word_of_address(owner).hex())
        proof = holders.prove(case["message"], case["signature"], partial(wallets.says, anvil.chain))
        assert proof.message == message
