"""``earnest contracts``: put token and escrow on a chain, once, and check what stands there."""

from __future__ import annotations

from pathlib import Path

import click

from app.container import DECIMALS, SYMBOL
from cli.context import container_of, told
from cli.wallets import open_wallet
from contracts import deployment as deployments
from kit.amounts import parse, show
from kit.errors import Conflict
from kit.identifiers import parse_address, show_address


@click.group()
def contracts() -> None:
    """Put token and escrow on a chain, or check those that stand there."""


@contracts.command()
@click.option("--holder", required=True, help="Address that gets the whole supply.")
@click.option("--supply", required=True, help="How many tokens there will ever be, such as 1000000.")
@click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
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
    """Create token and escrow on the chain of EARNEST_RPC_URL and note where they stand in the data folder.

    Nothing of it can be changed afterwards: there is no owner, and the supply is fixed.
    """
    container = container_of(context)
    file = container.settings.data / "deployment.json"
    if file.exists():
        raise Conflict("deployed_already", f"{file} says where the contracts stand; move it away to make others.")
    amount, target = parse(supply, DECIMALS), parse_address(holder)
    wallet = open_wallet(key_file, password_file)
    chain = container.chain
    click.echo(f"Chain {chain.chain_id}: a token and its escrow, made by {show_address(wallet.address)}.")
    click.echo(f"{show(amount, DECIMALS)} {SYMBOL}, all that there will ever be, go to {show_address(target)}.")
    if dry_run:
        click.echo("Nothing was sent.")
        return
    if not yes:
        click.confirm("Create them?", abort=True)
    made = deployments.deploy(chain, wallet.signer, initial_holder=target, supply=amount.base_units)
    deployments.write_deployment(file, made)
    click.echo(f"Token  {show_address(made.token)}\nEscrow {show_address(made.escrow)}\nNoted in {file}.")


@contracts.command()
@click.pass_context
@told
def check(context: click.Context) -> None:
    """Make sure that this release's very code stands where the deployment says."""
    container = container_of(context)
    deployments.check(container.chain, container.deployment)
    place = container.deployment
    click.echo(
        f"Token {show_address(place.token)} and escrow {show_address(place.escrow)}: our code, made for each other."
    )
