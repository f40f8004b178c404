"""``earnest leave``: let a homeserver go, so that at no moment an invite of its people is stopped by accident."""

from __future__ import annotations

import json
from datetime import datetime

import click

from cli.context import container_of, told
from cli.local.synapse import CALLBACKS
from kit.identifiers import parse_server_name


@click.command()
@click.argument("server")
@click.option("--undo", is_flag=True, help="Let the gate decide again for this homeserver.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def leave(context: click.Context, server: str, *, undo: bool, as_json: bool) -> None:
    """Let SERVER (a Matrix server name) go: everything is allowed from now on, until it no longer asks."""
    container, name = container_of(context), parse_server_name(server)
    with container.work() as work:
        last = work.tenants.last_call(name)
        if undo:
            work.tenants.stay(name)
        else:
            work.tenants.leave(name)
    if as_json:
        shown = last.isoformat() if last else None
        click.echo(json.dumps({"server": name, "leaving": not undo, "last_call": shown}))
        return
    if undo:
        click.echo(f"The gate decides again for {name}, by its old bearer. Its last call: {_when(last)}.")
        return
    click.echo(
        f"""From now on the gate answers "allow" to whatever {name} asks: no invite there is held any more.

Now take this out of the homeserver's configuration, and restart it:

modules:
  - module: synapse_http_antispam.HTTPAntispam
    config:
      base_url: {container.settings.public_url}/api/1/spam_check
      authorization: …            (or authorization_path; delete that file too)
      do_ping: false
      enabled_callbacks: [{", ".join(CALLBACKS)}]
      fail_open: …
      async: …

(If other modules stand under `modules:`, only this entry goes.) Then, if nothing else uses it:
pip uninstall synapse-http-antispam

Its last call: {_when(last)}. Run this again after the restart: once no newer call comes, it has left. Stakes that are
open keep their terms: they can be answered, and unanswered ones go back by themselves. `earnest leave {name} --undo`
takes all of this back."""
    )


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "never"
