"""Rotating keys in the whole service: the old one finishes what names it, the new one takes what is new, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from sqlalchemy import select

from app.container import RELAYER, RESOLVER
from cli.main import main
from contracts import codec, signers
from contracts.events import Terms
from contracts.keyring import Keyring
from kit.identifiers import Address, UserId, parse_address, show_address
from ledger.tables import AttemptRow
from payments.stakes.model import Answer
from tests.support.anvil import ETHER, Anvil, running_anvil
from tests.support.carried import BOB, Carried, stake_in
from tests.support.services import ALICE, PASSWORD

CAROL = UserId("@carol:far.example")


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make keys without the second that guarding one takes."""
    real = signers.create_key
    monkeypatch.setattr("contracts.keyring.create_key", lambda *given, **_: real(*given, kdf_work=2))


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Anvil]:
    """A node that holds keys: a remote signer."""
    (tmp_path / "vault").mkdir()
    with running_anvil(tmp_path / "vault" / "anvil.log") as node:
        yield node


def rotate(carried: Carried, *words: str, url: str = "", code: int = 0) -> dict[str, Any]:
    """Run the real command; what it told."""
    environment = {
        "EARNEST_DATA": str(carried.container.settings.data),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_RPC_URL": carried.container.settings.rpc_url,
        "EARNEST_DATABASE_URL": carried.container.database.engine.url.render_as_string(hide_password=False),
    }
    environment |= {"EARNEST_RESOLVER_SIGNER": url} if url else {}
    done = CliRunner().invoke(main, ["keys", "rotate", *words, "--json"], env=environment)
    assert done.exit_code == code, done.output
    return {} if code else dict(json.loads(done.output.splitlines()[-1]))


def opened(carried: Carried, who: UserId = BOB) -> Terms:
    """A stake on the chain."""
    quote = carried.held(who)
    wallet = carried.wallet if who == BOB else carried.pauper(str(who))
    stake_in(carried.open(quote, wallet))
    carried.settle(4)
    return carried.terms(quote, wallet)


def signed_by(carried: Carried, key: Address) -> int:
    with carried.container.database.read() as session:
        return len(list(session.scalars(select(AttemptRow.hash).where(AttemptRow.sender == key))))


def answer_all(carried: Carried) -> None:
    with carried.container.work() as work:
        for who in (BOB, CAROL):
            work.gate.answer(work.people.number(ALICE), who, Answer.RETURN)


def test_nothing_is_done_before_it_is_wanted(carried: Carried) -> None:
    before = carried.container.terms.resolver
    told = rotate(carried, RESOLVER)
    assert (told["done"], told["to"], told["from"]) == (False, None, show_address(before))
    assert carried.container.terms.resolver == before
    assert [path.name for path in carried.container.settings.keystore().glob("*.json")].count("keys.json") == 0


def test_the_old_resolver_finishes_what_names_it_and_the_new_one_takes_what_is_new(carried: Carried) -> None:
    old = carried.container.terms.resolver
    first = opened(carried)
    told = rotate(carried, RESOLVER, "--yes")
    new = parse_address(told["to"])
    assert told["done"]
    assert {one["address"]: one["stakes"] for one in told["keys"]} == {show_address(new): 0, show_address(old): 1}
    assert carried.container.terms.resolver == new, "a process that runs already follows"
    second = opened(carried, CAROL)
    assert (first.resolver, second.resolver) == (old, new)
    answer_all(carried)
    carried.settle()
    assert carried.on_chain(first) is codec.State.RETURNED
    assert carried.on_chain(second) is codec.State.OPEN, "it has no ether yet, and holds up nothing else"
    carried.anvil.set_balance(new, ETHER)
    carried.settle()
    assert carried.on_chain(second) is codec.State.RETURNED
    assert (signed_by(carried, old), signed_by(carried, new)) == (1, 1)
    left = {one["address"]: one for one in rotate(carried, RESOLVER)["keys"]}[show_address(old)]
    assert (left["stakes"], left["quotes"], left["nothing_left"]) == (0, 1, False), "its price may still be paid"
    carried.anvil.travel(25 * 3600)
    carried.settle(1)
    left = {one["address"]: one for one in rotate(carried, RESOLVER)["keys"]}[show_address(old)]
    assert (left["nothing_left"], int(left["wei"]) > 0) == (True, True), "what is left of its ether is told"


def test_what_waits_for_the_old_key_is_signed_by_it_alone(carried: Carried) -> None:
    """The wish was queued before, and nothing of it signed."""
    carried.container.settings.resolver_per_day = 0
    terms = opened(carried)
    carried.answer(Answer.RETURN)
    carried.settle(2)
    told = rotate(carried, RESOLVER, "--yes")
    carried.anvil.set_balance(parse_address(told["to"]), ETHER)
    assert {one["calls_waiting"] for one in told["keys"]} == {0, 1}
    carried.container.settings.resolver_per_day = 5
    carried.settle()
    assert carried.on_chain(terms) is codec.State.RETURNED
    assert signed_by(carried, parse_address(told["to"])) == 0


def test_what_the_old_key_has_sent_is_still_made_dearer_and_mined(carried: Carried) -> None:
    old = carried.container.relayer
    quote = carried.held()
    carried.anvil.rpc("evm_setAutomine", False)  # noqa: FBT003 - JSON
    stake_in(carried.open(quote))
    carried.loop.round()
    assert signed_by(carried, old) == 1
    told = rotate(carried, RELAYER, "--yes")
    assert {one["address"]: one["calls_under_way"] for one in told["keys"]}[show_address(old)] == 1
    later, told_by = timedelta(minutes=2), carried.container.clock
    carried.container.clock = lambda: told_by() + later
    carried.loop.round()
    assert signed_by(carried, old) == 2, "its fee was raised"
    carried.anvil.rpc("evm_setAutomine", True)  # noqa: FBT003 - JSON
    carried.anvil.mine()
    carried.settle()
    assert carried.on_chain(carried.terms(quote)) is codec.State.OPEN
    assert signed_by(carried, parse_address(told["to"])) == 0


def test_it_can_be_taken_back_and_both_keys_end_their_own(carried: Carried) -> None:
    old = carried.container.terms.resolver
    new = parse_address(rotate(carried, RESOLVER, "--yes")["to"])
    carried.anvil.set_balance(new, ETHER)
    first = opened(carried)
    told = rotate(carried, RESOLVER, "--back", "--yes")
    assert parse_address(told["to"]) == old
    second = opened(carried, CAROL)
    assert (first.resolver, second.resolver) == (new, old)
    answer_all(carried)
    carried.settle()
    assert {carried.on_chain(first), carried.on_chain(second)} == {codec.State.RETURNED}
    assert (signed_by(carried, old), signed_by(carried, new)) == (1, 1)
    assert parse_address(rotate(carried, RESOLVER, "--back", "--yes")["to"]) == new


def test_it_can_lead_to_a_remote_signers_key(carried: Carried, vault: Anvil) -> None:
    address = parse_address(vault.rpc("eth_accounts")[4])
    carried.container.settings.resolver_signer = SecretStr(vault.url)
    carried.container.__dict__.pop("keyring").close()
    rotate(carried, RESOLVER, "--to", "0x" + "11" * 20, "--yes", url=vault.url, code=1)
    rotate(carried, RESOLVER, "--to", show_address(address), "--yes", url=vault.url)
    rotate(carried, RESOLVER, "--to", show_address(address), "--yes", url=vault.url, code=1)
    terms = opened(carried)
    assert terms.resolver == address
    carried.answer(Answer.RETURN)
    carried.settle()
    assert carried.on_chain(terms) is codec.State.RETURNED
    assert signed_by(carried, address) == 1


def a_ring(folder: Path) -> Keyring:
    return Keyring(folder, password=lambda: PASSWORD, signers={})


def test_one_that_was_broken_off_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signers.create_key(tmp_path, "resolver", PASSWORD, kdf_work=2)
    first = a_ring(tmp_path).current("resolver")
    made = a_ring(tmp_path).make("resolver")  # and it dies before the list is written
    assert a_ring(tmp_path).current("resolver") == first
    again = a_ring(tmp_path).make("resolver")
    assert again.address != made.address, "what lies there may be anybody's"

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    ring = a_ring(tmp_path)
    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            ring.switch(again)
    assert ring.keys("resolver") == a_ring(tmp_path).keys("resolver") == (first,)
    ring.switch(again)
    assert ring.keys("resolver") == a_ring(tmp_path).keys("resolver") == (again, first)
    ring.switch(again)
    assert ring.keys("resolver") == (again, first)
    third = ring.make("resolver")
    ring.switch(third)
    assert [key.file for key in ring.keys("resolver")] == ["resolver-4", "resolver-3", "resolver"]


def test_there_is_none_before_the_first(carried: Carried) -> None:
    rotate(carried, RESOLVER, "--back", "--yes", code=1)
