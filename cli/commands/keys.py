"""``earnest keys``: the service's own keys, in an encrypted keystore or held by a remote signer."""

from __future__ import annotations

import json

import click

from app import rotating, spending
from app.container import KEY_ROLES, Container
from app.places import PROPOSER
from cli import rotations
from cli.commands.tenants import renew
from cli.context import container_of, told
from contracts.signers import create_key
from kit.amounts import Amount, show
from kit.errors import Invalid
from kit.identifiers import parse_address, show_address
from payments.flair.statement import LIFE

FLAIR = "flair"
"""The role of the keys that sign flair; they are no account on the chain."""
_WEI_DECIMALS = 18


@click.group()
def keys() -> None:
    """Make and show the service's keys."""


@keys.command()
@click.option(
    "--remote",
    "remotes",
    type=(click.Choice([*KEY_ROLES, PROPOSER]), str),
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
    for role in (*KEY_ROLES, PROPOSER) if settings.rewards_proposes else KEY_ROLES:
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
    container = container_of(context)
    keyring = container.keyring
    for role in container.roles:
        for key in keyring.keys(role):
            click.echo(f"{role}: {show_address(key.address)} {keyring.check(key)}")
    with container.read() as work:
        for number, one in enumerate(work.flairs.good_keys()):
            if not number:
                work.flairs.keys.current()
            click.echo(f"{FLAIR}: {one.name} sealed in the database")


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


@keys.command()
@click.argument("role", type=click.Choice([*KEY_ROLES, "bearer", "sealing", "lists", "gateway", FLAIR]))
@click.argument("server", required=False)
@click.option("--to", "to", metavar="ADDRESS", help="A key that the role's remote signer holds, or an earlier one.")
@click.option("--back", is_flag=True, help="Take the key before this one again: that undoes a rotation.")
@click.option("--forget", is_flag=True, help="Of sealing: take older keys away for ever, once they seal nothing.")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def rotate(
    context: click.Context,
    role: str,
    server: str | None,
    to: str | None,
    back: bool,  # noqa: FBT001 - as above
    forget: bool,  # noqa: FBT001 - as above
    yes: bool,  # noqa: FBT001 - as above
    as_json: bool,  # noqa: FBT001 - as above
) -> None:
    """Let another key of ROLE sign what is new, by default one that is made now; the one before finishes its own.

    `bearer SERVER` gives a homeserver another bearer, `sealing` seals people's secrets anew under another key, `lists`
    has published lists signed by another, `gateway` what sellers' servers are asked, `flair` what supporters show.
    Every step can be broken off and done again.
    """
    if (role == "bearer") != (server is not None):
        raise click.UsageError("A homeserver's name is needed for its bearer, and for nothing else.")
    if role == FLAIR and (to or back):
        raise Invalid("flair_key_new", "A new key signs the flair: it has neither --to nor --back.")
    if (to and role not in KEY_ROLES) or (back and role == "bearer") or (forget and (role != "sealing" or back)):
        raise click.UsageError(f"That option means nothing for {role}.")
    match role:
        case "bearer":
            context.invoke(renew, server=server, yes=yes, as_json=as_json)
        case "sealing":
            rotations.sealing(container_of(context), back=back, forget=forget, yes=yes, as_json=as_json)
        case "lists":
            rotations.lists(container_of(context), back=back, yes=yes, as_json=as_json)
        case "gateway":
            rotations.gateway(container_of(context), back=back, yes=yes, as_json=as_json)
        case "flair":
            _rotate_flair(container_of(context), yes=yes, as_json=as_json)
        case _:
            _rotate_signer(container_of(context), role, to=to, back=back, yes=yes, as_json=as_json)


def _rotate_signer(container: Container, role: str, *, to: str | None, back: bool, yes: bool, as_json: bool) -> None:
    before = container.keyring.current(role)
    new = rotating.target(container, role, to=None if to is None else parse_address(to), back=back)
    if yes:
        new = container.keyring.make(role) if new is None else new
        container.keyring.switch(new)
    elif new is not None:
        container.keyring.check(new)
    found = [rotating.left(container, key) for key in container.keyring.keys(role)]
    if as_json:
        address = None if new is None else show_address(new.address)
        shown = {"role": role, "from": show_address(before.address), "to": address, "done": yes}
        click.echo(json.dumps(shown | {"keys": [_as_json(one) for one in found]}))
        return
    name = "a new key in the keystore" if new is None else show_address(new.address)
    click.echo(
        f"{role}: {name} {'signs' if yes else 'would sign'} what is new, {show_address(before.address)} no more."
    )
    for one in found:
        click.echo(f"  {_shown(one, current=new is not None and one.key.address == new.address)}")
    if yes:
        click.echo(
            "Send the new key some ether for gas. Processes that share this keystore follow by themselves; "
            "bring it to those that do not. `--back` undoes it, at any time."
        )
    else:
        click.echo("Nothing was changed: --yes does it.")


def _rotate_flair(container: Container, *, yes: bool, as_json: bool) -> None:
    with container.work() if yes else container.read() as work:
        before = next((name for name, _ in work.flairs.keys.all()), None)
        new = work.flairs.keys.renew() if yes else None
    if as_json:
        click.echo(json.dumps({"role": FLAIR, "from": before, "to": new, "done": yes}))
        return
    click.echo(
        f"{FLAIR}: {new or 'a new key'} {'signs' if yes else 'would sign'} from now on, {before or 'none'} no more."
    )
    click.echo(f"What was signed before counts for {int(LIFE.total_seconds()) // 3600} hours at most, and no longer.")
    if not yes:
        click.echo("Nothing was changed: --yes does it.")


def _shown(one: rotating.Left, *, current: bool) -> str:
    ether = show(Amount(one.wei), _WEI_DECIMALS)
    begin = f"{show_address(one.key.address)} has {ether} ETH"
    if current:
        return f"{begin} for gas."
    if one.done:
        return f"{begin}; it has nothing left to do, so that may be sent elsewhere."
    return (
        f"{begin} and needs some until it has finished: {one.nonces} calls under way, {one.calls} that it alone may "
        f"sign, {one.stakes} stakes and {one.quotes} prices that name it. Keep its key until then."
    )


def _as_json(one: rotating.Left) -> dict[str, object]:
    return {
        "address": show_address(one.key.address),
        "file": one.key.file,
        "calls_under_way": one.nonces,
        "calls_waiting": one.calls,
        "stakes": one.stakes,
        "quotes": one.quotes,
        "wei": str(one.wei),
        "nothing_left": one.done,
    }
