"""The chain's half of ``earnest rewards``: roots proposed, disputed and accepted, and claims, each by whoever may."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from app.container import DECIMALS, SYMBOL, Container
from app.epochs import plan_of
from cli.context import container_of, disk_told, told
from cli.epoch_files import right_file
from cli.epochs_shown import proof_as_json
from cli.wallets import Wallet, open_wallet, send
from contracts import codec, rewards
from contracts.chain import Chain
from contracts.deployment import add_distributor, write_deployment
from kit.amounts import Amount, parse
from kit.amounts import show as show_amount
from kit.clock import from_unix
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, Hash32, parse_address, parse_hash, show_address, show_hash
from payments.rewards.epoch_file import Closed

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_NO_ROOT = bytes(32)


def _sending(command: click.decorators.FC) -> click.decorators.FC:
    for option in (
        click.option("--yes", is_flag=True, help="Do it; else it is only said what would be sent."),
        click.option("--password-file", type=_FILE, help="Opens the keystore file."),
        click.option("--key-file", type=_FILE, help="Keystore v3 file, or a hex key."),
    ):
        command = option(command)
    return command


class Distributor:
    """The contract that pays rewards, as a terminal uses it."""

    def __init__(self, chain: Chain, address: Address) -> None:
        """Use the contract at ``address``."""
        self.chain = chain
        self.address = address

    @classmethod
    def of(cls, container: Container, epoch: Closed) -> Distributor:
        """Return the contract that an epoch is for. Raises ``Conflict`` where that is on another chain than ours."""
        terms = epoch.terms
        if terms.chain_id != container.settings.chain_id:
            raise Conflict("other_chain", f"That epoch is paid on chain {terms.chain_id}.")
        return cls(container.chain, terms.distributor)

    def number(self, data: bytes) -> int:
        """Return a number that it answers."""
        return codec.decode_uint(self.chain.call(self.address, data))

    def root(self, data: bytes) -> Hash32 | None:
        """Return a root that it answers, if there is one."""
        found = codec.decode_hash(self.chain.call(self.address, data))
        return None if found == _NO_ROOT else found

    def waiting(self) -> rewards.Proposal | None:
        """Return the root that waits."""
        return rewards.decode_proposal(self.chain.call(self.address, rewards.encode_proposal()))

    def send(self, wallet: Wallet, data: bytes) -> Hash32:
        """Send a call and wait until it is mined."""
        return send(self.chain, wallet, self.address, data)


@click.command("deploy")
@click.option("--treasury", required=True, help="Address that funds epochs, by an allowance.")
@click.option("--proposer", required=True, help="Address that proposes roots.")
@click.option("--guardian", required=True, help="Address that can cancel a root that waits, and nothing else.")
@click.option("--max-budget", required=True, help="The most ERN that an epoch can ever cost.")
@_sending
@click.pass_context
@told
def deploy(
    context: click.Context,
    *,
    treasury: str,
    proposer: str,
    guardian: str,
    max_budget: str,
    key_file: Path | None,
    password_file: Path | None,
    yes: bool,
) -> None:
    """Create the contract that pays rewards; nothing of it can be changed afterwards."""
    container = container_of(context)
    if container.settings.rewards_distributor is not None:
        raise Conflict(
            "distributor_there",
            "There is a contract that pays already (EARNEST_REWARDS_DISTRIBUTOR): another one would pay all epochs "
            "once more. Put `distributor` and `distributor_block` into the deployment's file, and it is followed.",
        )
    roles = rewards.Roles(
        token=container.deployment.token,
        treasury=parse_address(treasury),
        proposer=parse_address(proposer),
        guardian=parse_address(guardian),
        max_budget=parse(max_budget, DECIMALS).base_units,
    )
    wallet = open_wallet(key_file, password_file)
    file, place = container.deployment_place
    if not yes:
        click.echo(f"It would be created by {show_address(wallet.address)}. Nothing was sent: --yes does it.")
        return
    made = add_distributor(container.chain, wallet.signer, place, roles)
    write_deployment(file, made)
    click.echo(f"It stands at {show_address(made.distributor or place.token)}, noted in {file}.")
    click.echo("Start api, chain loop, worker and bot anew; the treasury funds it by `earnest rewards fund`.")


@click.command()
@click.argument("amount")
@_sending
@click.pass_context
@told
def fund(context: click.Context, amount: str, *, key_file: Path | None, password_file: Path | None, yes: bool) -> None:
    """Let the contract take AMOUNT ERN from the treasury, whose key this needs; epochs take their budgets from it."""
    container = container_of(context)
    wallet, units = open_wallet(key_file, password_file), parse(amount, DECIMALS)
    distributor = plan_of(container).distributor
    check_is_treasury(container.chain, distributor, wallet.address)
    if yes:
        sent = send(
            container.chain, wallet, container.deployment.token, codec.encode_approve(distributor, units.base_units)
        )
        click.echo(f"It may take {_money(units.base_units)} in all. Transaction {show_hash(sent)}")
    else:
        click.echo(f"It could take {_money(units.base_units)} in all. Nothing was sent: --yes does it.")


def check_is_treasury(chain: Chain, distributor: Address, wallet: Address) -> None:
    """Refuse a wallet that is not the contract's treasury. Raises ``Conflict``."""
    treasury = codec.decode_address(chain.call(distributor, rewards.encode_treasury()))
    if wallet != treasury:
        raise Conflict("not_treasury", f"The treasury of that contract is {show_address(treasury)}.")


@click.command()
@click.argument("file", type=_FILE)
@click.option("--replaces", is_flag=True, help="The root that counts now was wrong, and this one passes it over.")
@_sending
@click.pass_context
@told
@disk_told
def propose(
    context: click.Context, file: Path, *, replaces: bool, key_file: Path | None, password_file: Path | None, yes: bool
) -> None:
    """Let the root of FILE wait for 72 hours, with what it pays as its budget. FILE is made anew first."""
    container, epoch = container_of(context), right_file(file)
    root = _root(epoch)
    place = Distributor.of(container, epoch)
    number = place.number(rewards.encode_epoch()) + 1
    click.echo(f"epoch {number} of the contract: root {show_hash(root)}, budget {_money(epoch.shares.paid)}")
    call = rewards.encode_propose(number, root, epoch.shares.paid, replaces=replaces)
    _send(place, call, open_wallet(key_file, password_file), yes=yes, done=lambda: _waits(place))


@click.command()
@click.argument("file", type=_FILE)
@_sending
@click.pass_context
@told
@disk_told
def accept(context: click.Context, file: Path, *, key_file: Path | None, password_file: Path | None, yes: bool) -> None:
    """Let the root of FILE count, once it has waited for 72 hours; anybody may."""
    epoch = right_file(file)
    place = Distributor.of(container_of(context), epoch)
    call = rewards.encode_accept(_root(epoch))
    _send(place, call, open_wallet(key_file, password_file), yes=yes, done=lambda: "It counts.")


@click.command()
@click.argument("root")
@_sending
@click.pass_context
@told
def cancel(context: click.Context, root: str, *, key_file: Path | None, password_file: Path | None, yes: bool) -> None:
    """Take ROOT back while it waits: by the guardian, or the proposer."""
    container = container_of(context)
    place = Distributor(container.chain, plan_of(container).distributor)
    call = rewards.encode_cancel(parse_hash(root))
    _send(place, call, open_wallet(key_file, password_file), yes=yes, done=lambda: "It waits no more.")


@click.command()
@click.argument("file", type=_FILE)
@click.argument("payout")
@_sending
@click.pass_context
@told
@disk_told
def claim(
    context: click.Context, file: Path, payout: str, *, key_file: Path | None, password_file: Path | None, yes: bool
) -> None:
    """Carry the claim of PAYOUT by FILE, whose root counts; whoever carries it pays the gas, PAYOUT gets the money."""
    epoch, payee = right_file(file), parse_address(payout)
    found = proof_as_json(epoch, payee)
    place = Distributor.of(container_of(context), epoch)
    had = place.number(rewards.encode_claimed(payee))
    due = int(found["cumulative"]) - had
    click.echo(f"{show_address(payee)} had {_money(had)} of {_money(int(found['cumulative']))}")
    if due <= 0:
        raise Conflict("nothing_due", "All of that was claimed already.")
    proof = tuple(parse_hash(one) for one in found["proof"])
    call = rewards.encode_claim(rewards.Claim(payee, int(found["cumulative"]), _root(epoch), proof))
    _send(place, call, open_wallet(key_file, password_file), yes=yes, done=lambda: f"{_money(due)} were paid.")


@click.command("chain")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def show_chain(context: click.Context, *, wants_json: bool) -> None:
    """Show which root counts on the chain, which waits and until when, and what is left to claim."""
    container = container_of(context)
    place = Distributor(container.chain, plan_of(container).distributor)
    waiting = place.waiting()
    roots = {"root": rewards.encode_root(), "earlier_root": rewards.encode_earlier_root()}
    sums = {"left": rewards.encode_left(), "earlier_left": rewards.encode_earlier_left()}
    shown: dict[str, Any] = {"epoch": place.number(rewards.encode_epoch())}
    shown |= {name: (found := place.root(call)) and show_hash(found) for name, call in roots.items()}
    shown |= {name: str(place.number(call)) for name, call in sums.items()}
    shown["waiting"] = None
    if waiting is not None:
        until = from_unix(waiting.counts_from)
        shown["waiting"] = {"root": show_hash(waiting.root), "budget": str(waiting.budget), "until": until.isoformat()}
    if wants_json:
        click.echo(json.dumps(shown))
        return
    click.echo(f"epoch {shown['epoch']}: root {shown['root'] or 'none'}, {_money(int(shown['left']))} left to claim")
    if shown["earlier_root"]:
        click.echo(f"before it: root {shown['earlier_root']}, {_money(int(shown['earlier_left']))} left to claim")
    click.echo(_waits(place))


def _waits(place: Distributor) -> str:
    waiting = place.waiting()
    if waiting is None:
        return "No root waits."
    until: datetime = from_unix(waiting.counts_from)
    return f"{show_hash(waiting.root)} waits until {until:%Y-%m-%d %H:%M} UTC: who finds it wrong tells the guardian."


def _send(place: Distributor, call: bytes, wallet: Wallet, *, yes: bool, done: Callable[[], str]) -> None:
    if not yes:
        click.echo(f"{show_address(wallet.address)} would send it. Nothing was sent: --yes does it.")
        return
    sent = place.send(wallet, call)
    click.echo(f"{done()}\nTransaction {show_hash(sent)}")


def _root(epoch: Closed) -> Hash32:
    if epoch.root is None:
        raise NotFound("epoch_without_root", "Nobody earned anything until then: there is no root to speak of.")
    return epoch.root


def _money(base_units: int) -> str:
    return f"{show_amount(Amount(base_units), DECIMALS)} {SYMBOL}"


COMMANDS = (deploy, fund, propose, accept, cancel, claim, show_chain)
