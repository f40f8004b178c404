"""``earnest keys``: the service's own keys, in an encrypted keystore."""

from __future__ import annotations

import json

import click

from app import spending
from app.container import KEY_ROLES
from cli.context import container_of, told
from contracts.signers import create_key
from kit.errors import Invalid
from kit.identifiers import show_address


@click.group()
def keys() -> None:
    """Make and show the service's keys."""


@keys.command()
@click.pass_context
@told
def create(context: click.Context) -> None:
    """Make the keys that are missing, one for each role, in the keystore (Web3 Secret Storage v3)."""
    settings = container_of(context).settings
    password = settings.password_of_keystore()
    if password is None:
        raise Invalid("keystore_locked", "Set EARNEST_KEYSTORE_PASSWORD_FILE to a file with a strong password first.")
    for role in KEY_ROLES:
        if (settings.keystore() / f"{role}.json").exists():
            click.echo(f"{role}: kept")
            continue
        address = create_key(settings.keystore(), role, password)
        click.echo(f"{role}: made, {show_address(address)} (send it some ether for gas)")


@keys.command("list")
@click.pass_context
@told
def list_keys(context: click.Context) -> None:
    """Show each role's address."""
    for role, signer in container_of(context).signers.items():
        click.echo(f"{role}: {show_address(signer.address)}")


@keys.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def sent(context: click.Context, *, as_json: bool) -> None:
    """Show what each key sent in the last 24 hours, what it may, and how many calls wait for that alone."""
    container = container_of(context)
    with container.read() as work:
        days = spending.key_days(container, work)
    if as_json:
        shown = [
            {
                "role": one.role,
                "address": show_address(one.address),
                "transactions": one.day.transactions,
                "most_transactions": one.limit.transactions,
                "gas_wei": str(one.day.wei),
                "most_gas_wei": str(one.limit.wei),
                "calls_held": one.held,
            }
            for one in days
        ]
        click.echo(json.dumps(shown))
        return
    for one in days:
        click.echo(f"{one}{f'; {one.held} calls wait for that' if one.held else ''}")
