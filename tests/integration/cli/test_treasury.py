"""The money of play: contracts once, ether for whoever has little, tokens once; half-done work is finished."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from cli.local import treasury
from cli.local.plan import PASSING, PEOPLE, new_plan
from cli.wallets import Wallet, send
from contracts import codec
from contracts.chain import Deployment
from contracts.deployment import read_deployment, write_deployment
from contracts.signers import KeySigner, load_signer
from kit.errors import Conflict, Invalid
from kit.identifiers import Address
from tests.support.anvil import Anvil

ETHER = 10**18


@pytest.fixture
def wallets(fresh_anvil: Anvil, tmp_path: Path) -> dict[str, KeySigner]:
    """Everybody's wallets, with ether."""
    found = treasury.open_wallets(new_plan(tmp_path, pace=PASSING, wanted={}))
    treasury.ensure_ether(fresh_anvil.chain, fresh_anvil.url, [wallet.address for wallet in found.values()])
    return found


def test_wallets_are_made_once_and_kept_privately(tmp_path: Path) -> None:
    plan = new_plan(tmp_path, pace=PASSING, wanted={})
    first = {name: wallet.address for name, wallet in treasury.open_wallets(plan).items()}
    assert first == {name: wallet.address for name, wallet in treasury.open_wallets(plan).items()}
    assert len(set(first.values())) == len(PEOPLE) + 3
    for name in first:
        assert plan.wallet_file(name).stat().st_mode & 0o777 == 0o600


def test_keys_are_made_once_and_open(tmp_path: Path) -> None:
    treasury.make_keys(tmp_path, ("resolver",), "a password of tests")
    first = load_signer(tmp_path, "resolver", "a password of tests").address
    treasury.make_keys(tmp_path, ("resolver", "relayer"), "a password of tests")
    assert load_signer(tmp_path, "resolver", "a password of tests").address == first
    assert load_signer(tmp_path, "relayer", "a password of tests").address != first


def test_contracts_are_put_on_the_chain_once(fresh_anvil: Anvil, wallets: dict[str, KeySigner], tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    first = treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=True)
    assert treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=True) == first
    assert treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=False) == first


def test_a_world_from_before_gifts_had_a_contract_gets_one(
    fresh_anvil: Anvil, wallets: dict[str, KeySigner], tmp_path: Path
) -> None:
    file = tmp_path / "deployment.json"
    first = treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=True)
    write_deployment(file, replace(first, pledges=None, pledges_block=None))
    again = treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=False)
    assert (again.token, again.escrow) == (first.token, first.escrow)
    assert again.pledges not in (None, first.pledges)
    assert read_deployment(file) == again
    assert treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=False) == again


def test_lost_contracts_are_put_there_anew_only_where_no_book_tells_of_them(
    fresh_anvil: Anvil, wallets: dict[str, KeySigner], tmp_path: Path
) -> None:
    file = tmp_path / "deployment.json"
    lost = Deployment(31337, Address(secrets.token_bytes(20)), Address(secrets.token_bytes(20)), 1)
    write_deployment(file, lost)
    with pytest.raises(Invalid, match="No contract stands at"):
        treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=False)
    assert treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=True) != lost


def test_other_code_is_never_replaced(fresh_anvil: Anvil, wallets: dict[str, KeySigner], tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    place = treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=True)
    write_deployment(file, Deployment(place.chain_id, place.escrow, place.token, place.deployed_block))
    with pytest.raises((Invalid, Conflict)):
        treasury.ensure_contracts(fresh_anvil.chain, file, wallets, may_deploy=True)


def test_everybody_gets_tokens_once_even_if_the_first_try_was_cut_short(
    fresh_anvil: Anvil, wallets: dict[str, KeySigner], tmp_path: Path
) -> None:
    chain = fresh_anvil.chain
    place = treasury.ensure_contracts(chain, tmp_path / "deployment.json", wallets, may_deploy=True)
    gift = codec.encode_transfer(wallets[PEOPLE[0]].address, treasury.GIFT)
    send(chain, Wallet(wallets[treasury.TREASURY]), place.token, gift)  # and then it was killed
    treasury.ensure_tokens(chain, place, wallets)
    assert {treasury.tokens_of(chain, place, wallets[name].address) for name in PEOPLE} == {treasury.GIFT}
    spent = codec.encode_transfer(wallets["bob"].address, treasury.GIFT)
    send(chain, Wallet(wallets["alice"]), place.token, spent)
    treasury.ensure_tokens(chain, place, wallets)
    assert treasury.tokens_of(chain, place, wallets["alice"].address) == 0


def test_ether_is_filled_up_only_where_there_is_little(fresh_anvil: Anvil) -> None:
    poor, rich = (KeySigner(secrets.token_bytes(32)).address for _ in range(2))
    fresh_anvil.set_balance(rich, 500 * ETHER)
    treasury.ensure_ether(fresh_anvil.chain, fresh_anvil.url, [poor, rich])
    assert fresh_anvil.chain.balance(poor) == 100 * ETHER
    assert fresh_anvil.chain.balance(rich) == 500 * ETHER
