"""Rotating what is no key of the chain: what seals people's secrets, what signs lists and the gateway's questions."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from app import resealing
from app.container import Container, Work
from kit.kept_keys import KeptKeys
from kit.sealing import Sealed


def sealing(container: Container, *, back: bool, forget: bool, yes: bool, as_json: bool) -> None:
    """Let another key seal, and seal anew what older ones sealed; or take these away."""
    if forget and yes:
        resealing.forget(container)
    found = resealing.rotate(container, back=back) if yes and not forget else resealing.counted(container)
    older = resealing.keys(container) - 1
    if as_json:
        shown = {"role": "sealing", "done": yes, "older_keys": older, "under_current": found.current}
        click.echo(json.dumps(shown | {"under_older": found.older, "unreadable": found.lost}))
        return
    click.echo(f"{found.current} secrets stand under the key that seals now, {found.older} under {older} older ones.")
    if found.lost:
        click.echo(
            f"{found.lost} were sealed under a key that is not here: put that back behind the others (an older "
            "backup has it, say), or have their owners make new ones."
        )
    if not yes:
        click.echo(f"{_plan(found, back=back, forget=forget)} Nothing was changed: --yes does it.")
    elif not forget:
        click.echo(
            "Processes that share this data folder follow by themselves; bring sealing.key to those that do not. "
            "`--back` undoes it; `--forget` takes the older keys away, which nothing undoes."
        )


def _plan(found: Sealed, *, back: bool, forget: bool) -> str:
    if forget:
        return "The older keys would be taken away, for ever."
    if back:
        return "The key before this one would seal again, and all would be sealed anew under it."
    if found.older:
        return "A rotation was broken off: what is left would be sealed anew, and no other key made."
    return "A new key would seal, and all would be sealed anew under it."


def lists(container: Container, *, back: bool, yes: bool, as_json: bool) -> None:
    """Let a new key sign published lists, or the one before."""
    what = ("lists", "published lists", _FOLLOWERS)
    _signing(container, lambda work: work.publishing.keys, what, back=back, yes=yes, as_json=as_json)


def gateway(container: Container, *, back: bool, yes: bool, as_json: bool) -> None:
    """Let a new key sign what the gateway asks sellers' servers, or the one before."""
    what = ("gateway", "what the gateway asks", "Sellers' servers read the new name at /v1/gateway/keys.")
    _signing(container, lambda work: work.gateways.keys, what, back=back, yes=yes, as_json=as_json)


def _signing(
    container: Container,
    keys_of: Callable[[Work], KeptKeys],
    what: tuple[str, str, str],
    *,
    back: bool,
    yes: bool,
    as_json: bool,
) -> None:
    role, signed, readers = what
    with container.work() if yes else container.read() as work:
        keys = keys_of(work)
        if yes:
            _ = keys.back() if back else keys.renew()
        names = [name for name, _ in keys.all()]
    if as_json:
        click.echo(json.dumps({"role": role, "done": yes, "keys": names}))
        return
    now = names[0] if names else "no key yet"
    if not yes:
        other = "the key before it" if back else "a new key"
        click.echo(f"{now} signs {signed}; {other} would. {readers} Nothing was changed: --yes does it.")
        return
    click.echo(f"{now} signs {signed} from now on. {readers} `--back` undoes it.")


_FOLLOWERS = (
    "Whoever follows one elsewhere reads no more of it until they are told the new name by another way than ours "
    "(`earnest list trust NAME --key …`)."
)
