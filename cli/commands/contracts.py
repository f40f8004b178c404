"""``earnest contracts``: put our contracts on a chain, once, show where they stand, and check what stands there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app.container import DECIMALS, SYMBOL, Container
from cli.context import container_of, told
from cli.wallets import open_wallet
from contracts import deployment as deployments
from contracts.chain import Chain, Deployment
from contracts.signer import Signer
from kit.amounts import parse
from kit.amounts import show as show_amount
from kit.errors import Conflict
from kit.identifiers import parse_address, show_address


@click.group()
def contracts() -> None:
    """Put our contracts on a chain, show where they stand, or check what stands there."""


_key_options = [
    click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key."),
    click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file."),
    click.option("--dry-run", is_flag=True, help="Say what would be done; send nothing."),
    click.option("--yes", is_flag=True, help="Do not ask before sending."),
]


def _sending(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_key_options):
        command = option(command)
    return command


@contracts.command()
@click.option("--holder", required=True, help="Address that gets the whole supply.")
@click.option("--supply", required=True, help="How many tokens there will ever be, such as 1000000.")
@_sending
@click.pass_context
@told
def deploy(
    context: click.Context,
    *,
    holder: str,
    supply: str,
    key_file: Path | None,
    password_file: Path | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Create token, escrow and pledges on the chain of EARNEST_RPC_URL and note where they stand in the data folder.

    Nothing of it can be changed afterwards: there is no owner, and the supply is fixed.
    """
    container = container_of(context)
    file = container.settings.data / "deployment.json"
    if file.exists():
        raise Conflict("deployed_already", f"{file} says where the contracts stand; move it away to make others.")
    amount, target = parse(supply, DECIMALS), parse_address(holder)
    wallet = open_wallet(key_file, password_file)
    chain = container.chain
    click.echo(f"Chain {chain.chain_id}: a token, its escrow and its pledges, made by {show_address(wallet.address)}.")
    click.echo(f"{show_amount(amount, DECIMALS)} {SYMBOL}, all that there will ever be, go to {show_address(target)}.")
    if dry_run:
        click.echo("Nothing was sent.")
        return
    if not yes:
        click.confirm("Create them?", abort=True)
    made = deployments.deploy(chain, wallet.signer, initial_holder=target, supply=amount.base_units)
    deployments.write_deployment(file, made)
    click.echo(f"{_lines(made)}\nNoted in {file}.")


@contracts.command("add-pledges")
@_sending
@click.pass_context
@told
def add_pledges(context: click.Context, /, **how: Any) -> None:  # noqa: ANN401 - the options of sending
    """Create the contract that carries gifts, for a token that was put on the chain before there was one.

    The deployment's file is written anew, with it. Gifts are read from its first block on, also those that were given
    before our processes have started again.
    """
    _add(container_of(context), "pledges", deployments.add_pledges, "gifts count", **how)


@contracts.command("add-checkout")
@_sending
@click.pass_context
@told
def add_checkout(context: click.Context, /, **how: Any) -> None:  # noqa: ANN401 - the options of sending
    """Create the contract that pays for what is sold, beside a token that stands already.

    The deployment's file is written anew, with it.
    """
    _add(container_of(context), "a checkout", deployments.add_checkout, "they know of it", **how)


def _add(
    container: Container,
    what: str,
    create: Callable[[Chain, Signer, Deployment], Deployment],
    then: str,
    *,
    key_file: Path | None,
    password_file: Path | None,
    dry_run: bool,
    yes: bool,
) -> None:
    file, place = container.deployment_place
    deployments.check(container.chain, place)
    wallet = open_wallet(key_file, password_file)
    click.echo(f"Chain {place.chain_id}: {what} of the token {show_address(place.token)}, noted in {file}.")
    if dry_run:
        click.echo("Nothing was sent.")
        return
    if not yes:
        click.confirm("Create that?", abort=True)
    made = create(container.chain, wallet.signer, place)
    deployments.write_deployment(file, made)
    click.echo(f"{_lines(made)}\nStart api, chain loop, worker and bot anew: then {then}.")


@contracts.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as the deployment's file has it.")
@click.pass_context
@told
def show(context: click.Context, *, as_json: bool) -> None:
    """Show where our contracts stand, as people may compare it with what they are told elsewhere."""
    place = container_of(context).deployment
    click.echo(json.dumps(deployments.to_json(place)) if as_json else f"Chain  {place.chain_id}\n{_lines(place)}")


@contracts.command()
@click.pass_context
@told
def check(context: click.Context) -> None:
    """Make sure that this release's very code stands where the deployment says."""
    container = container_of(context)
    deployments.check(container.chain, container.deployment)
    place = container.deployment
    click.echo(f"{_lines(place)}\nOur code, made for each other.")


def _lines(place: Deployment) -> str:
    pledges = "none" if place.pledges is None else show_address(place.pledges)
    lines = f"Token   {show_address(place.token)}\nEscrow  {show_address(place.escrow)}\nPledges {pledges}"
    # Most sell nothing and pay no rewards: whoever has no contract for it is not told of one.
    for name, address in (("Checkout", place.checkout), ("Rewards", place.distributor)):
        lines += "" if address is None else f"\n{name} {show_address(address)}"
    return lines
