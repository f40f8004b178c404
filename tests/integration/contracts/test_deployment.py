"""Deployments: made on a real node, written down, read strictly, and compared with the committed artifacts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts import codec, typed_data
from contracts import deployment as deployments
from contracts.chain import Deployment
from contracts.deployment import check, deploy, deployment_file, read_deployment, write_deployment
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Address, show_address
from tests.support.anvil import CHAIN_ID, ETHER, SUPPLY, Anvil

PLACE = Deployment(CHAIN_ID, Address(b"\x01" * 20), Address(b"\x02" * 20), 7)


def test_the_contracts_stand_where_it_says_and_belong_together(anvil: Anvil, deployment: Deployment) -> None:
    check(anvil.chain, deployment)
    call = anvil.chain.call
    assert codec.decode_uint(call(deployment.token, codec.encode_total_supply())) == SUPPLY
    assert codec.decode_address(call(deployment.escrow, codec.encode_token())) == deployment.token
    separator = codec.decode_hash(call(deployment.token, codec.encode_domain_separator()))
    assert separator == typed_data.domain_separator(chain_id=CHAIN_ID, token=deployment.token)


def test_there_is_nothing_of_ours_before_the_deployed_block(fresh_anvil: Anvil) -> None:
    fresh_anvil.mine(3)
    place = fresh_anvil.deploy()
    chain = fresh_anvil.chain
    assert place.deployed_block == 4
    block = chain.block(place.deployed_block)
    assert block is not None
    logs = fresh_anvil.logs(block.hash, [place.token])
    mint = [codec.decode(log, block, token=place.token, escrow=place.escrow) for log in logs]
    assert len(mint) == 1
    codes = [
        fresh_anvil.rpc("eth_getCode", show_address(place.token), hex(number))
        for number in (place.deployed_block - 1, place.deployed_block)
    ]
    assert codes[0] == "0x"
    assert len(codes[1]) > 100


def test_the_first_holder_has_it_all(fresh_anvil: Anvil) -> None:
    holder = Address(b"\x0e" * 20)
    place = deploy(fresh_anvil.chain, fresh_anvil.signer("deployer"), initial_holder=holder, supply=3 * ETHER)
    assert fresh_anvil.tokens_of(place, holder) == 3 * ETHER


def test_twice_makes_two(fresh_anvil: Anvil) -> None:
    one, other = fresh_anvil.deploy(), fresh_anvil.deploy()
    assert len({one.token, one.escrow, one.pledges, other.token, other.escrow, other.pledges}) == 6


def test_a_deployer_without_ether_is_told(fresh_anvil: Anvil) -> None:
    deployer = fresh_anvil.signer("deployer")
    fresh_anvil.set_balance(deployer.address, 0)
    with pytest.raises(Conflict) as refused:
        fresh_anvil.deploy()
    assert refused.value.code == "insufficient_funds"


def test_a_creation_that_reverts_is_told(fresh_anvil: Anvil) -> None:
    with pytest.raises(Conflict, match="ERC20InvalidReceiver"):
        deploy(fresh_anvil.chain, fresh_anvil.signer("deployer"), initial_holder=Address(bytes(20)), supply=1)


def test_blocks_that_come_slowly_are_waited_for(fresh_anvil: Anvil) -> None:
    fresh_anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - the node's own call
    fresh_anvil.rpc("evm_setIntervalMining", 1)
    check(fresh_anvil.chain, fresh_anvil.deploy())


def test_an_empty_place_is_told_apart(anvil: Anvil, deployment: Deployment) -> None:
    for wrong in (replace(deployment, token=PLACE.token), replace(deployment, escrow=PLACE.escrow)):
        with pytest.raises(Invalid) as refused:
            check(anvil.chain, wrong)
        assert refused.value.code in {"contract_missing", "contract_differs"}
    with pytest.raises(Invalid, match="No contract stands at 0x0101"):
        check(anvil.chain, replace(deployment, token=PLACE.token))


def test_another_chain_is_told_apart(anvil: Anvil, deployment: Deployment) -> None:
    with pytest.raises(Invalid, match="of chain 1, but the node serves chain 31337"):
        check(anvil.chain, replace(deployment, chain_id=1))


def test_swapped_addresses_are_told_apart(anvil: Anvil, deployment: Deployment) -> None:
    with pytest.raises(Invalid, match="is not this release's Token"):
        check(anvil.chain, replace(deployment, token=deployment.escrow, escrow=deployment.token))


def test_an_escrow_of_another_token_is_told_apart(anvil: Anvil, deployment: Deployment) -> None:
    other = anvil.deploy()
    check(anvil.chain, other)
    with pytest.raises(Invalid, match="is not this release's ContactEscrow"):
        check(anvil.chain, replace(deployment, escrow=other.escrow))


@pytest.mark.parametrize("contract", ["token", "escrow"])
def test_no_byte_of_the_code_may_differ(fresh_anvil: Anvil, fresh_deployment: Deployment, contract: str) -> None:
    """Byte 37 apart, over the whole code, immutables included: each change is noticed."""
    place: Address = getattr(fresh_deployment, contract)
    code = fresh_anvil.chain.code(place)
    for at in range(0, len(code), 37):
        forged = code[:at] + bytes([code[at] ^ 1]) + code[at + 1 :]
        fresh_anvil.rpc("anvil_setCode", show_address(place), "0x" + forged.hex())
        with pytest.raises(Invalid, match="is not this release's"):
            check(fresh_anvil.chain, fresh_deployment)
    for forged in (code + b"\0", code[:-1]):
        fresh_anvil.rpc("anvil_setCode", show_address(place), "0x" + forged.hex())
        with pytest.raises(Invalid, match="is not this release's"):
            check(fresh_anvil.chain, fresh_deployment)
    fresh_anvil.rpc("anvil_setCode", show_address(place), "0x" + code.hex())
    check(fresh_anvil.chain, fresh_deployment)


def test_every_immutable_has_its_hole() -> None:
    assert len(deployments._holes(deployments.artifact("Token").code)) == 7
    assert len(deployments._holes(deployments.artifact("ContactEscrow").code)) >= 1


# ------------------------------------------------------------------------------------------------- the file


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deployment.json"
    write_deployment(path, PLACE)
    assert read_deployment(path) == PLACE
    assert [entry.name for entry in path.parent.iterdir()] == ["deployment.json"]
    moved = replace(PLACE, deployed_block=8)
    write_deployment(path, moved)
    assert read_deployment(path) == moved


def test_the_file_is_plain_json_with_checksummed_addresses(tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    place = replace(PLACE, token=Address(bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")))
    write_deployment(path, place)
    assert json.loads(path.read_text()) == {
        "chain_id": CHAIN_ID,
        "token": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "escrow": "0x" + "02" * 20,
        "deployed_block": 7,
    }


def test_a_deployment_with_pledges_is_read_back_and_half_of_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deployment.json"
    whole = replace(PLACE, pledges=Address(b"\x03" * 20), pledges_block=9)
    write_deployment(path, whole)
    assert read_deployment(path) == whole
    document = json.loads(path.read_text())
    for broken in (
        {key: value for key, value in document.items() if key != "pledges_block"},
        {key: value for key, value in document.items() if key != "pledges"},
        document | {"pledges": document["token"]},
        document | {"pledges_block": 6},
        document | {"pledges": None},
    ):
        path.write_text(json.dumps(broken))
        with pytest.raises(Invalid, match=r"deployment\.json"):
            read_deployment(path)


def test_pledges_are_added_once_and_checked_like_the_others(fresh_anvil: Anvil, fresh_deployment: Deployment) -> None:
    older = replace(fresh_deployment, pledges=None, pledges_block=None)
    made = deployments.add_pledges(fresh_anvil.chain, fresh_anvil.signer("deployer"), older)
    assert made.pledges not in (None, fresh_deployment.pledges)
    assert fresh_anvil.chain.code(made.pledges or PLACE.token)
    with pytest.raises(Conflict, match="Gifts have a contract"):
        deployments.add_pledges(fresh_anvil.chain, fresh_anvil.signer("deployer"), made)
    with pytest.raises(Invalid, match="is not this release's Pledges"):
        check(fresh_anvil.chain, replace(made, pledges=made.escrow))
    with pytest.raises(Invalid, match="No contract stands at"):
        check(fresh_anvil.chain, replace(made, pledges=Address(b"\x33" * 20)))


def test_a_checkout_is_added_once_and_checked_like_the_others(
    fresh_anvil: Anvil, fresh_deployment: Deployment, tmp_path: Path
) -> None:
    made = deployments.add_checkout(fresh_anvil.chain, fresh_anvil.signer("deployer"), fresh_deployment)
    assert replace(made, checkout=None, checkout_block=None) == fresh_deployment
    assert made.checkout is not None
    assert made.checkout_block == (fresh_deployment.pledges_block or 0) + 1
    write_deployment(tmp_path / "deployment.json", made)
    assert read_deployment(tmp_path / "deployment.json") == made
    with pytest.raises(Conflict, match="Sales have a contract"):
        deployments.add_checkout(fresh_anvil.chain, fresh_anvil.signer("deployer"), made)
    with pytest.raises(Invalid, match="is not this release's Checkout"):
        check(fresh_anvil.chain, replace(made, checkout=made.escrow))
    with pytest.raises(Invalid, match="No contract stands at"):
        check(fresh_anvil.chain, replace(made, checkout=Address(b"\x33" * 20)))


@pytest.mark.parametrize("pledges", [None, Address(b"\x03" * 20)], ids=["alone", "beside pledges"])
def test_a_deployment_with_a_checkout_is_read_back_and_half_of_one_is_refused(
    tmp_path: Path, pledges: Address | None
) -> None:
    path = tmp_path / "deployment.json"
    older = PLACE if pledges is None else replace(PLACE, pledges=pledges, pledges_block=9)
    whole = replace(older, checkout=Address(b"\x04" * 20), checkout_block=10)
    write_deployment(path, whole)
    assert read_deployment(path) == whole
    document = json.loads(path.read_text())
    for broken in (
        {key: value for key, value in document.items() if key != "checkout_block"},
        {key: value for key, value in document.items() if key != "checkout"},
        document | {"checkout": document["token"]},
        document | {"checkout_block": 6},
        document | {"checkout": None},
    ):
        path.write_text(json.dumps(broken))
        with pytest.raises(Invalid, match=r"deployment\.json"):
            read_deployment(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_deployment(tmp_path / "deployment.json")


GOOD = {"chain_id": 1, "token": "0x" + "01" * 20, "escrow": "0x" + "02" * 20, "deployed_block": 0}


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        "text",
        {},
        {key: value for key, value in GOOD.items() if key != "escrow"},
        GOOD | {"more": 1},
        GOOD | {"chain_id": 0},
        GOOD | {"chain_id": "1"},
        GOOD | {"chain_id": True},
        GOOD | {"chain_id": 2**63},
        GOOD | {"deployed_block": -1},
        GOOD | {"deployed_block": 1.5},
        GOOD | {"token": "0x01"},
        GOOD | {"token": 1},
        GOOD | {"token": "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},  # one letter's case is wrong
        GOOD | {"token": GOOD["escrow"]},
    ],
    ids=repr,
)
def test_what_is_no_deployment_is_refused_by_its_path(tmp_path: Path, document: object) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps(document))
    with pytest.raises(Invalid, match=r"deployment\.json"):
        read_deployment(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[" * 9_000, b" " * 10_001],
    ids=["nothing", "half", "no UTF-8", "nesting without end", "too long"],
)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "deployment.json"
    path.write_bytes(content)
    with pytest.raises(Invalid):
        read_deployment(path)
    with pytest.raises(Invalid, match="cannot be read"):
        read_deployment(tmp_path)


def test_our_own_deployments_are_in_order() -> None:
    for path in deployments.DEPLOYMENTS.glob("*.json"):
        assert deployment_file(read_deployment(path).chain_id) == path
