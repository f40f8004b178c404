"""``earnest run``: the whole local system in the foreground, its world kept between runs."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from app.container import DECIMALS, SYMBOL
from cli.context import container_of, told
from cli.local import treasury
from cli.local.plan import (
    BOT,
    KEPT,
    Elsewhere,
    Plan,
    foreign,
    has_plan,
    held,
    new_plan,
    new_ports,
    read_plan,
    write_plan,
)
from cli.local.ports import LOOPBACK
from cli.local.processes import ProgramFailedError
from cli.local.stopping import StopRequest
from cli.local.world import World, earnest_program
from kit.amounts import Amount, show
from kit.errors import Conflict, Unavailable
from kit.identifiers import show_address

_LOOK_EVERY = 0.25
_STATUS_EVERY = 2.0


@click.command()
@click.option("--new-ports", is_flag=True, help="Move a world whose ports are taken to free ones.")
@click.option(
    "--federated", is_flag=True, help="Make the world with a second homeserver, for strangers from elsewhere."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON objects, one a line.")
@click.pass_context
@told
def run(context: click.Context, *, new_ports: bool, federated: bool, as_json: bool) -> None:
    """Run the whole local system until Ctrl-C: homeserver, chain, broker, api, bot, chain loop and worker."""
    folder = container_of(context).settings.data.resolve()
    show_it = _Json() if as_json else _Lines()
    with StopRequest() as stop, held(folder) as lock:
        plan = _plan(folder, move=new_ports, federated=federated)
        try:
            with World(plan, say=show_it.step, heed=stop.heed, kept_open=[lock]) as world:
                world.start()
                show_it.ready(world)
                _keep_running(world, stop, show_it)
                show_it.stopping()
        except KeyboardInterrupt:
            pass
        except ProgramFailedError as error:
            raise click.ClickException(str(error)) from error
    show_it.stopped(folder)


def _plan(folder: Path, *, move: bool, federated: bool) -> Plan:
    """Take up the folder's world, or plan a new one where nothing else lives there."""
    if has_plan(folder):
        plan = read_plan(folder)
        if federated and plan.elsewhere is None:
            raise Conflict(
                "not_federated",
                f"The world in {folder} was made without a second homeserver, and a homeserver's name is for ever. "
                "`make reset` clears that world; EARNEST_DATA can say where else to make one.",
            )
        plan = plan.moved(new_ports()) if move else plan
    else:
        if strangers := foreign(folder):
            raise Conflict(
                "not_a_world",
                f"{folder} holds what is no local world ({', '.join(strangers)}): say with EARNEST_DATA where "
                "else to make one.",
            )
        plan = new_plan(folder, pace=KEPT, federated=federated)
    write_plan(plan)
    return plan


def _keep_running(world: World, stop: StopRequest, show_it: _Lines | _Json) -> None:
    told_at = 0.0
    while not stop.asked:
        world.check()
        if time.monotonic() - told_at > _STATUS_EVERY:
            told_at = time.monotonic()
            show_it.status(world)
        time.sleep(_LOOK_EVERY)


class _Lines:
    """Tells a person at a terminal."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._begun = time.monotonic()

    def step(self, what: str) -> None:
        self._clear()
        click.echo(f"[{time.monotonic() - self._begun:5.1f} s] {what}")

    def ready(self, world: World) -> None:
        facts = describe(world)
        names = max(22, *(len(who["user_id"]) for who in facts["people"]))
        far = facts["elsewhere"]
        elsewhere = (
            "" if far is None else f"\n    Elsewhere    {far['homeserver']}   {far['server_name']}, for strangers"
        )
        rows = [
            f"    {who['user_id']:<{names}} {who['password']:<22} {who['tokens']:>6} {SYMBOL}   {who['key_file']}"
            for who in facts["people"]
        ]
        _alice, bob = facts["people"][0], facts["people"][1]
        earnest = _short(earnest_program())
        click.echo(
            f"""
Earnest is up ({time.monotonic() - self._begun:.1f} s).

    Homeserver   {facts["homeserver"]}   log in here with any Matrix client; newcomers may register{elsewhere}
    Bot          {facts["bot"]}
    Pages, API   {facts["api"]}
    Chain        {facts["chain"]["rpc"]}   chain id {facts["chain"]["id"]}
    Token        {facts["chain"]["token"]}   {SYMBOL}
    Escrow       {facts["chain"]["escrow"]}

    {"Account":<{names}} Password                 Wallet   its private key (of play, worth nothing elsewhere)
{chr(10).join(rows)}

What to try
    1. Log in as {facts["people"][0]["user_id"]}, start a chat with {facts["bot"]}, and write:  door stake 5
    2. Log in as {bob["user_id"]} elsewhere and invite {facts["people"][0]["user_id"]}: it is refused, and the bot
       writes to you with a price and a link. Open the link, or pay right here:
           {earnest} stake LINK --key-file {bob["key_file"]}
    3. Invite again: now it arrives. Join as {facts["people"][0]["user_id"]}, and tell the bot what you say of it:
       accept {bob["user_id"]}   (or: return, or: spam)
    4. Let two days pass on this chain, so that a forfeit is burned:  {earnest} travel 48h
    5. Give something to whoever runs this, at {facts["api"]}/give or right here, and then write flair to the bot:
           {earnest} give 10 --key-file {bob["key_file"]}
    6. Sell something: write link to the bot, and then sell text "A title" 2 with the text below that line;
       {facts["api"]}/listings shows it, and buy LISTING brings somebody else a link to pay by:
           {earnest} buy LINK --key-file {bob["key_file"]}
    {earnest} doctor   looks whether all is well.

All of it is kept in {_short(world.folder)}, logs too; `make reset` clears it. Ctrl-C stops everything."""
        )

    def status(self, world: World) -> None:
        """Keep one quiet line on a terminal; elsewhere say nothing."""
        if not self._live:
            return
        try:
            with world.container.read() as work:
                head = work.book.head()
        except Unavailable as error:
            click.echo(f"\r\x1b[K{error}", nl=False)
            return
        click.echo(f"\r\x1b[Krunning; block {head.number if head else '?'} is booked", nl=False)

    def stopping(self) -> None:
        self._clear()
        click.echo("Stopping…")

    def stopped(self, folder: Path) -> None:
        self._clear()
        click.echo(f"Everything is stopped; the world is kept in {_short(folder)}.")

    def _clear(self) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False)


class _Json:
    """Tells a program."""

    def step(self, what: str) -> None:
        click.echo(json.dumps({"event": "step", "what": what}))

    def ready(self, world: World) -> None:
        click.echo(json.dumps({"event": "ready", **describe(world)}))

    def status(self, world: World) -> None:
        """Say nothing."""

    def stopping(self) -> None:
        click.echo(json.dumps({"event": "stopping"}))

    def stopped(self, folder: Path) -> None:
        click.echo(json.dumps({"event": "stopped", "data": str(folder)}))


def describe(world: World) -> dict[str, Any]:
    """Return what somebody needs to use a running world."""
    plan, place = world.plan, world.deployment
    return {
        "data": str(plan.folder),
        "homeserver": plan.homeserver_url,
        "server_name": plan.server_name,
        "elsewhere": None if plan.elsewhere is None else _elsewhere(plan.elsewhere),
        "bot": plan.user_id(BOT),
        "api": plan.public_url,
        "chain": {
            "rpc": plan.rpc_url,
            "id": place.chain_id,
            "token": show_address(place.token),
            "escrow": show_address(place.escrow),
        },
        "people": [
            {
                "user_id": plan.user_id(name),
                "homeserver": world.server_of(name).url,
                "password": plan.passwords[name],
                "address": show_address(world.wallets[name].address),
                "tokens": show(Amount(treasury.tokens_of(world.chain, place, world.wallets[name].address)), DECIMALS),
                "key_file": _short(plan.wallet_file(name)),
            }
            for name in plan.people
        ],
    }


def _elsewhere(far: Elsewhere) -> dict[str, Any]:
    return {"homeserver": f"http://{LOOPBACK}:{far.client}", "server_name": far.server_name}


def _short(path: Path) -> str:
    """Name a file from where we stand, if it lies below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
