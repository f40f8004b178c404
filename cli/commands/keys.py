"""``earnest keys``: the service's own keys, in an encrypted keystore or held by a remote signer."""

from __future__ import annotations

import json

import click

from app import spending
from app.container import KEY_ROLES
from cli.context import container_of, told
from contracts.signers import create_key
from kit.errors import Invalid
from kit.identifiers import parse_address, show_address


@click.group()
def keys() -> None:
    """Make and show the service's keys."""


@keys.command()
@click.option(
    "--remote",
    "remotes",
    type=(click.Choice(KEY_ROLES), str),
    multiple=True,
    metavar="ROLE ADDRESS",
    help="Take, for this role, a key that its remote signer (EARNEST_<ROLE>_SIGNER) holds, instead of making one.",
)
@click.pass_context
@told
def create(context: click.Context, remotes: tuple[tuple[str, str], ...]) -> None:
    """Make the keys that are missing, one for each role, in the keystore (Web3 Secret Storage v3)."""
    container = container_of(context)
    settings, keyring = container.settings, container.keyring
    elsewhere = {role: parse_address(address) for role, address in remotes}
    for role in KEY_ROLES:
        if keyring.has(role):
            click.echo(f"{role}: kept")
            continue
        if role in elsewhere:
            address, verb = keyring.use_remote(role, elsewhere[role]).address, "taken"
        else:
            password = settings.password_of_keystore()
            if password is None:
                raise Invalid(
                    "keystore_locked", "Set EARNEST_KEYSTORE_PASSWORD_FILE to a file with a strong password first."
                )
            address, verb = create_key(settings.keystore(), role, password), "made"
        click.echo(f"{role}: {verb}, {show_address(address)} (send it some ether for gas)")


@keys.command("list")
@click.pass_context
@told
def list_keys(context: click.Context) -> None:
    """Show each role's keys, the current one first, and where each is; each is opened, or asked for."""
    keyring = container_of(context).keyring
    for role in KEY_ROLES:
        for key in keyring.keys(role):
            click.echo(f"{role}: {show_address(key.address)} {keyring.check(key)}")


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
                "calls_held": one.calls_held,
            }
            for one in days
        ]
        click.echo(json.dumps(shown))
        return
    for one in days:
        click.echo(f"{one}{f': {one.waits}, {one.calls_held} calls wait' if one.held else ''}")
