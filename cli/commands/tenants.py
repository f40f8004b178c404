"""``earnest tenants``: the homeservers that may call our gate."""

from __future__ import annotations

import json
from typing import Literal

import click

from cli.context import container_of, told
from kit.errors import NotFound
from kit.identifiers import parse_server_name


@click.group()
def tenants() -> None:
    """Add and list the homeservers that call the gate, and renew their bearers."""


@tenants.command()
@click.argument("server")
@click.option("--on-deadline", type=click.Choice(["open", "closed"]), default="open", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def add(context: click.Context, server: str, on_deadline: Literal["open", "closed"], *, as_json: bool) -> None:
    """Register SERVER (a Matrix server name) and print its bearer, once."""
    container = container_of(context)
    with container.work() as work:
        bearer = work.tenants.add(parse_server_name(server), on_deadline=on_deadline)
    _tell(server, bearer, container.settings.public_url, as_json=as_json)


@tenants.command()
@click.argument("server")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def renew(context: click.Context, server: str, *, yes: bool, as_json: bool) -> None:
    """Give SERVER a new bearer and print it, once; the old one is worth nothing from that moment."""
    container = container_of(context)
    name = parse_server_name(server)
    with container.work() as work:
        if name not in [tenant.server_name for tenant in work.tenants.all()]:
            raise NotFound("tenant_unknown", f"{server} is no tenant; `earnest tenants add` makes it one.")
        bearer = work.tenants.renew_bearer(name) if yes else None
    if bearer is not None:
        _tell(server, bearer, container.settings.public_url, as_json=as_json)
    elif as_json:
        click.echo(json.dumps({"server": server, "bearer": None}))
    else:
        click.echo(f"{server} would be refused until it has its new bearer. Nothing was changed: --yes does it.")


@tenants.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def list_tenants(context: click.Context, *, as_json: bool) -> None:
    """List the homeservers that may call the gate."""
    with container_of(context).read() as work:
        known = work.tenants.all()
    if as_json:
        click.echo(json.dumps([{"server": tenant.server_name, "on_deadline": tenant.on_deadline} for tenant in known]))
        return
    if not known:
        click.echo("No homeserver may call the gate yet; `earnest tenants add SERVER` adds one.")
    for tenant in known:
        click.echo(f"{tenant.server_name}  (without a verdict in time: {tenant.on_deadline})")


def _base_url(public_url: str) -> str:
    return f"{public_url}/api/1/spam_check"


def _tell(server: str, bearer: str, public_url: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"server": server, "bearer": bearer, "base_url": _base_url(public_url)}))
        return
    click.echo(f"{server} may call the gate. Its bearer, shown only now:\n\n  {bearer}\n")
    click.echo("Put this into the homeserver's configuration (Synapse with synapse-http-antispam) and restart it:\n")
    click.echo(
        "modules:\n"
        "  - module: synapse_http_antispam.HTTPAntispam\n"
        "    config:\n"
        f"      base_url: {_base_url(public_url)}\n"
        f"      authorization: {bearer}\n"
        "      do_ping: false\n"
        "      enabled_callbacks: [user_may_invite, federated_user_may_invite, user_may_join_room]\n"
        "      fail_open: {user_may_invite: true, federated_user_may_invite: true, user_may_join_room: true}\n"
    )
