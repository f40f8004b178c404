"""``earnest contracts`` on a real node: says before it sends, deploys once, and knows its own code from another's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from eth_utils.crypto import keccak

from cli.main import main
from contracts.deployment import read_deployment, write_deployment
from kit.identifiers import show_address
from tests.support.anvil import Anvil


@pytest.fixture
def environment(tmp_path: Path, fresh_anvil: Anvil) -> dict[str, str]:
    key = tmp_path / "deployer.key"
    key.write_text(keccak(text="a key of deployer").hex())
    fresh_anvil.signer("deployer")
    return {"EARNEST_DATA": str(tmp_path), "EARNEST_RPC_URL": fresh_anvil.url, "EARNEST_CHAIN_ID": "31337"}


def run(environment: dict[str, str], *arguments: str, answer: str | None = None) -> Result:
    return CliRunner(env=environment).invoke(main, ["contracts", *arguments], input=answer)


def deploying(environment: dict[str, str], anvil: Anvil, *more: str, answer: str | None = None) -> Result:
    holder, key = show_address(anvil.signer("treasury").address), environment["EARNEST_DATA"] + "/deployer.key"
    return run(environment, "deploy", "--holder", holder, "--supply", "12.5", "--key-file", key, *more, answer=answer)


def test_a_dry_run_and_a_no_send_nothing(environment: dict[str, str], fresh_anvil: Anvil) -> None:
    before = fresh_anvil.chain.nonce(fresh_anvil.signer("deployer").address)
    assert "12.5 ERN" in deploying(environment, fresh_anvil, "--dry-run").output
    assert deploying(environment, fresh_anvil, answer="n\n").exit_code == 1
    assert fresh_anvil.chain.nonce(fresh_anvil.signer("deployer").address) == before


def test_it_deploys_once_and_checks(environment: dict[str, str], fresh_anvil: Anvil) -> None:
    done = deploying(environment, fresh_anvil, "--yes")
    assert done.exit_code == 0, done.output
    file = Path(environment["EARNEST_DATA"]) / "deployment.json"
    made = read_deployment(file)
    assert fresh_anvil.tokens_of(made, fresh_anvil.signer("treasury").address) == 12_500_000_000_000_000_000
    assert run(environment, "check").exit_code == 0
    again = deploying(environment, fresh_anvil, "--yes")
    assert again.exit_code == 1
    assert "move it away" in again.output
    file.unlink()
    write_deployment(file, type(made)(made.chain_id, made.escrow, made.token, made.deployed_block))
    swapped = run(environment, "check")
    assert swapped.exit_code == 1
    assert "not this release's Token" in swapped.output


@pytest.mark.parametrize("what", ["pledges", "checkout"])
def test_a_later_contract_is_added_once_beside_those_that_stand(
    environment: dict[str, str], fresh_anvil: Anvil, what: str
) -> None:
    assert deploying(environment, fresh_anvil, "--yes").exit_code == 0
    file = Path(environment["EARNEST_DATA"]) / "deployment.json"
    before = replace(read_deployment(file), pledges=None, pledges_block=None)
    write_deployment(file, before)
    sending = (f"add-{what}", "--key-file", environment["EARNEST_DATA"] + "/deployer.key")
    assert "Nothing was sent" in run(environment, *sending, "--dry-run").output
    assert run(environment, *sending, answer="n\n").exit_code == 1
    assert read_deployment(file) == before
    done = run(environment, *sending, "--yes")
    assert done.exit_code == 0, done.output
    made = read_deployment(file)
    assert getattr(made, what) is not None
    assert replace(made, pledges=None, pledges_block=None, checkout=None, checkout_block=None) == before
    assert run(environment, "check").exit_code == 0
    assert run(environment, *sending, "--yes").exit_code == 1
