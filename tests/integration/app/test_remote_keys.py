"""Keys that a remote signer holds, in the whole service: named by hand, used for what is new, and never believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import select
from structlog.testing import capture_logs

from app import spending
from app.container import RESOLVER
from cli.examination import Examination, State
from cli.main import main
from contracts import codec
from contracts.events import Terms
from contracts.keyring import Keyring
from contracts.remote_signer import RemoteSigner
from contracts.signer import Transaction
from kit.errors import Invalid, NotFound
from kit.identifiers import Address, UserId, parse_address, show_address
from ledger.tables import AttemptRow
from payments.stakes.model import Answer
from tests.support.anvil import CHAIN_ID, Anvil, running_anvil
from tests.support.carried import Carried, stake_in
from tests.support.lying_node import LyingNode
from tests.support.services import PASSWORD

CAROL = UserId("@carol:far.example")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Anvil]:
    """A node that holds keys and nothing else of ours: the remote signer."""
    (tmp_path / "vault").mkdir()
    with running_anvil(tmp_path / "vault" / "anvil.log") as node:
        yield node


def earnest(carried: Carried, url: str, *words: str) -> Result:
    """Run the real command on this service."""
    environment = {
        "EARNEST_DATA": str(carried.container.settings.data),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_RPC_URL": carried.container.settings.rpc_url,
        "EARNEST_RESOLVER_SIGNER": url,
        "EARNEST_DATABASE_URL": carried.container.database.engine.url.render_as_string(hide_password=False),
    }
    return CliRunner().invoke(main, list(words), env=environment)


def held_at(carried: Carried, url: str, address: Address) -> None:
    """Let the resolver's key be one that the signer at ``url`` holds; it is asked briefly, and rests by chain time."""
    carried.container.settings.resolver_signer = SecretStr(url)
    carried.container.__dict__.pop("keyring", None)
    keyring = carried.container.keyring
    signer = RemoteSigner(url, address, timeout=0.5, time=lambda: float(carried.anvil.now()))
    keyring._opened[keyring.current(RESOLVER)] = signer


def opened(carried: Carried, who: UserId | None = None) -> Terms:
    """A stake on the chain, carried by the other key."""
    quote = carried.held() if who is None else carried.held(who)
    wallet = carried.wallet if who is None else carried.pauper(str(who))
    stake_in(carried.open(quote, wallet))
    carried.settle(4)
    return carried.terms(quote, wallet)


def resolvers_transactions(carried: Carried) -> int:
    address = carried.container.terms.resolver
    with carried.container.database.read() as session:
        return len(list(session.scalars(select(AttemptRow.hash).where(AttemptRow.sender == address))))


def test_a_key_that_is_elsewhere_ends_stakes_and_its_silence_only_delays(carried: Carried, vault: Anvil) -> None:
    address = parse_address(vault.rpc("eth_accounts")[3])
    (carried.container.settings.keystore() / "resolver.json").unlink()
    url = vault.url.replace("http://", "http://earnest:hush-hush@") + "/?key=deep-secret"
    made = earnest(carried, url, "keys", "create", "--remote", "resolver", show_address(address))
    assert made.exit_code == 0, made.output
    assert f"resolver: taken, {show_address(address)}" in made.output
    assert earnest(carried, url, "keys", "create").output.splitlines() == ["resolver: kept", "relayer: kept"]
    listed = earnest(carried, url, "keys", "list").output
    assert f"resolver: {show_address(address)} at the signer {vault.url.removeprefix('http://')}" in listed
    assert "hush" not in made.output + listed
    held_at(carried, url, address)
    terms = opened(carried)
    assert terms.resolver == address, "what is new names the key"
    vault.silence()
    carried.answer(Answer.RETURN)
    with capture_logs() as logs:
        carried.settle(2)
        other = opened(carried, CAROL)
    assert carried.on_chain(terms) is codec.State.OPEN
    assert carried.on_chain(other) is codec.State.OPEN, "the other key's openings are carried meanwhile"
    told = [line for line in logs if line["event"] == "signer_unavailable"]
    assert [line["role"] for line in told] == [RESOLVER]
    assert "hush" not in str(logs)
    assert "secret" not in str(logs)
    check = spending.look(carried.container)
    assert not check.ok
    assert "whoever holds its key does not sign" in check.says
    vault.speak()
    carried.anvil.travel(120)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.RETURNED
    assert resolvers_transactions(carried) == 1
    assert spending.look(carried.container).ok


def test_nothing_of_a_lie_is_kept_or_sent(carried: Carried, lying_node: LyingNode) -> None:
    thief = carried.anvil.signer("thief")
    address = carried.container.terms.resolver
    (carried.container.settings.keystore() / "resolver.json").unlink()
    lying_node.answers["eth_accounts"] = [show_address(address)]
    assert (
        earnest(carried, lying_node.url, "keys", "create", "--remote", "resolver", show_address(address)).exit_code == 0
    )
    held_at(carried, lying_node.url, address)
    terms = opened(carried)
    stolen = Transaction(CHAIN_ID, 0, thief.address, b"", 21_000, 10**10, 10**9, value=10**18)
    lying_node.answers["eth_signTransaction"] = "0x" + thief.sign_transaction(stolen).raw.hex()
    carried.answer(Answer.RETURN)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.OPEN
    assert resolvers_transactions(carried) == 0
    with carried.container.read() as work:
        held = work.outgoing.held(RESOLVER)
    assert held is not None
    assert (held.calls, "is not to be believed" in held.why) == (1, True)


def test_a_key_that_the_signer_does_not_have_is_not_taken(carried: Carried, vault: Anvil) -> None:
    (carried.container.settings.keystore() / "resolver.json").unlink()
    refused = earnest(carried, vault.url, "keys", "create", "--remote", "resolver", "0x" + "11" * 20)
    assert refused.exit_code == 1
    assert "says that it has no key" in refused.output
    assert not (carried.container.settings.keystore() / "keys.json").exists()


def test_the_examination_asks_the_signer(carried: Carried, vault: Anvil) -> None:
    address = parse_address(vault.rpc("eth_accounts")[3])
    (carried.container.settings.keystore() / "resolver.json").unlink()
    assert earnest(carried, vault.url, "keys", "create", "--remote", "resolver", show_address(address)).exit_code == 0
    held_at(carried, vault.url, address)
    found = {one.name: one for one in Examination(carried.container).findings()}["keystore"]
    assert (found.state, "at the signer 127" in found.says) == (State.GOOD, True)
    vault.silence()
    found = {one.name: one for one in Examination(carried.container).findings()}["keystore"]
    assert (found.state, "did not answer" in found.says) == (State.WRONG, True)


def test_a_list_that_is_damaged_is_refused_and_one_that_changes_is_seen(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path, password=lambda: None, signers={})
    with pytest.raises(NotFound):
        keyring.keys("resolver")
    for number, text in enumerate(
        ['{"resolver": []}', "[]", "{", '{"resolver": "0x"}', '{"resolver": [7]}', "x" * 200_000]
    ):
        (tmp_path / "keys.json").write_text(text + " " * number)
        with pytest.raises(Invalid) as refused:
            keyring.keys("resolver")
        assert refused.value.code == "keys_damaged"
    for address in ("0x" + "11" * 20, "0x" + "22" * 20):
        (tmp_path / "keys.json").write_text(f'{{"resolver": ["{address}"]}}')
        key = keyring.current("resolver")
        assert show_address(key.address).lower() == address
        with pytest.raises(Invalid) as refused:
            keyring.signer(key)
        assert (refused.value.code, "EARNEST_RESOLVER_SIGNER" in refused.value.message) == ("signer_unset", True)
