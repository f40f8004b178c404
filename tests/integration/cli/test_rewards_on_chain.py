"""An epoch from its file to the payee's wallet, on a real node, by nothing but the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from eth_utils.crypto import keccak

from cli.main import main
from contracts.chain import Deployment
from contracts.deployment import read_deployment, write_deployment
from contracts.rewards import DISPUTE_WINDOW
from kit.identifiers import Address, ServerName, show_address, show_hash
from payments.rewards.epoch_file import Closed, Terms, close
from payments.rewards.model import Measured
from payments.rewards.schedule import Schedule
from tests.support.anvil import CHAIN_ID, ETHER, Anvil

PAYEE, OTHER = Address(b"\xa1" * 20), Address(b"\xa2" * 20)


class Terminal:
    """A terminal with everybody's keys, each in a file."""

    def __init__(self, anvil: Anvil, deployment: Deployment, folder: Path) -> None:
        self.anvil, self.folder = anvil, folder
        write_deployment(folder / "deployment.json", deployment)
        self.env = {
            "EARNEST_DATA": str(folder),
            "EARNEST_RPC_URL": anvil.url,
            "EARNEST_CHAIN_ID": str(CHAIN_ID),
            "EARNEST_REWARDS_FROM": "2026-11-01",
            "EARNEST_REWARDS_POOL": "1300",
        }

    def key(self, who: str) -> list[str]:
        """The options that name somebody's key."""
        file = self.folder / f"{who}.key"
        if not file.exists():
            self.anvil.signer(who)  # it has ether from then on
            file.write_text(f"0x{keccak(text=f'a key of {who}').hex()}")
        return ["--key-file", str(file)]

    def run(self, *words: str, fails: str | None = None) -> str:
        """Run a command; what it printed."""
        done: Result = CliRunner().invoke(main, ["rewards", *words], env=self.env)
        assert (done.exit_code == 0) is (fails is None), done.output
        assert fails is None or fails in done.output, done.output
        return done.output

    @property
    def distributor(self) -> Address:
        """The contract, as the deployment's file names it."""
        found = read_deployment(self.folder / "deployment.json").distributor
        assert found is not None
        return found

    def state(self) -> dict[str, object]:
        """What the chain says."""
        shown: dict[str, object] = json.loads(self.run("chain", "--json"))
        return shown


@pytest.fixture
def terminal(fresh_anvil: Anvil, fresh_deployment: Deployment, tmp_path: Path) -> Terminal:
    found = Terminal(fresh_anvil, fresh_deployment, tmp_path)
    roles = {name: show_address(fresh_anvil.signer(name).address) for name in ("treasury", "proposer", "guardian")}
    given = [part for name, address in roles.items() for part in (f"--{name}", address)]
    found.run("deploy", *given, "--max-budget", "100", *found.key("deployer"))
    printed = found.run("deploy", *given, "--max-budget", "100", *found.key("deployer"), "--yes")
    assert show_address(found.distributor) in printed
    return found


def an_epoch(terminal: Terminal, number: int, before: dict[Address, int], *payees: Address) -> tuple[Path, Closed]:
    """An epoch in which these were always there, and its file."""
    terms = Terms(CHAIN_ID, terminal.distributor, number, number * 1000, (number + 1) * 1000, Schedule(10 * ETHER))
    servers = [
        Measured(ServerName(f"s{n}.example"), f"s{n}.example", (f"192.0.{n}.0/24",), payee, 1000, 2)
        for n, payee in enumerate(payees)
    ]
    epoch = close(terms, servers, before)
    file = terminal.folder / f"epoch-{number}.json"
    file.write_bytes(epoch.encoded())
    return file, epoch


def test_an_epoch_waits_counts_and_pays_once(terminal: Terminal) -> None:
    file, epoch = an_epoch(terminal, 1, {}, PAYEE, OTHER)
    anvil = terminal.anvil
    terminal.run("fund", "100", *terminal.key("anybody"), "--yes", fails="The treasury of that contract is")
    terminal.run("fund", "100", *terminal.key("treasury"), "--yes")
    terminal.run("propose", str(file), *terminal.key("proposer"))
    assert terminal.state()["waiting"] is None, "without --yes nothing is sent"
    terminal.run("propose", str(file), *terminal.key("anybody"), "--yes", fails="NotTheProposer")
    printed = terminal.run("propose", str(file), *terminal.key("proposer"), "--yes")
    assert "waits until" in printed
    terminal.run("accept", str(file), *terminal.key("anybody"), "--yes", fails="StillDisputable")
    terminal.run("claim", str(file), show_address(PAYEE), *terminal.key("anybody"), "--yes", fails="RootDoesNotCount")
    anvil.travel(DISPUTE_WINDOW)
    terminal.run("accept", str(file), *terminal.key("anybody"), "--yes")
    assert epoch.root is not None
    state = terminal.state()
    assert (state["root"], state["left"], state["waiting"]) == (show_hash(epoch.root), str(10 * ETHER), None)
    terminal.run("claim", str(file), show_address(PAYEE), *terminal.key("anybody"), "--yes")
    assert tokens(terminal, PAYEE) == 5 * ETHER
    again = terminal.run(
        "claim", str(file), show_address(PAYEE), *terminal.key("anybody"), "--yes", fails="claimed already"
    )
    assert "had 5 ERN of 5 ERN" in again
    terminal.run("claim", str(file), "0x" + "77" * 20, *terminal.key("anybody"), "--yes", fails="has earned nothing")
    assert (tokens(terminal, PAYEE), tokens(terminal, OTHER)) == (5 * ETHER, 0)


def test_a_forged_root_is_cancelled_and_a_wrong_file_is_not_proposed(terminal: Terminal) -> None:
    file, epoch = an_epoch(terminal, 1, {}, PAYEE)
    terminal.run("fund", "100", *terminal.key("treasury"), "--yes")
    forged = terminal.folder / "forged.json"
    forged.write_bytes(file.read_bytes().replace(b"a1" * 20, b"a2" * 20, 1))
    terminal.run("propose", str(forged), *terminal.key("proposer"), "--yes", fails="is wrong; `earnest rewards verify")
    other, wrong = an_epoch(terminal, 1, {}, OTHER)
    terminal.run("propose", str(other), *terminal.key("proposer"), "--yes")
    assert wrong.root is not None
    root = show_hash(wrong.root)
    terminal.run("cancel", root, *terminal.key("anybody"), "--yes", fails="NotGuardianOrProposer")
    terminal.run("cancel", root, *terminal.key("guardian"), "--yes")
    assert terminal.state()["waiting"] is None
    right, _ = an_epoch(terminal, 1, {}, PAYEE)
    terminal.run("propose", str(right), *terminal.key("proposer"), "--yes")
    terminal.anvil.travel(DISPUTE_WINDOW)
    terminal.run("accept", str(right), *terminal.key("anybody"), "--yes")
    second, _ = an_epoch(terminal, 2, dict(epoch.cumulative), PAYEE)
    terminal.run("propose", str(second), *terminal.key("proposer"), "--yes")
    terminal.anvil.travel(DISPUTE_WINDOW)
    terminal.run("accept", str(second), *terminal.key("anybody"), "--yes")
    terminal.run("claim", str(right), show_address(PAYEE), *terminal.key("anybody"), "--yes")
    terminal.run("claim", str(second), show_address(PAYEE), *terminal.key("anybody"), "--yes")
    assert tokens(terminal, PAYEE) == 20 * ETHER
    shown = terminal.run("chain")
    assert "before it: root" in shown
    assert "No root waits." in shown


def tokens(terminal: Terminal, who: Address) -> int:
    return terminal.anvil.tokens_of(read_deployment(terminal.folder / "deployment.json"), who)
