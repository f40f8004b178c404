"""``earnest``: the operator's door; every command on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click

# Each command is imported only when it is asked for: all of them together take seconds, and each process needs one.
# ruff: noqa: PLC0415


def _run() -> click.Command:
    from cli.commands.run import run

    return run


def _demo() -> click.Command:
    from cli.commands.demo import demo

    return demo


def _filter() -> click.Command:
    from cli.commands.filter import filter_

    return filter_


def _door() -> click.Command:
    from cli.commands.door import door

    return door


def _doctor() -> click.Command:
    from cli.commands.doctor import doctor

    return doctor


def _stake() -> click.Command:
    from cli.commands.stake import stake

    return stake


def _buy() -> click.Command:
    from cli.commands.buy import buy

    return buy


def _give() -> click.Command:
    from cli.commands.give import give

    return give


def _gasless() -> click.Command:
    from cli.commands.gasless import gasless

    return gasless


def _supporters() -> click.Command:
    from cli.commands.supporters import supporters

    return supporters


def _tenants() -> click.Command:
    from cli.commands.tenants import tenants

    return tenants


def _quiet() -> click.Command:
    from cli.commands.quiet import quiet

    return quiet


def _keys() -> click.Command:
    from cli.commands.keys import keys

    return keys


def _contracts() -> click.Command:
    from cli.commands.contracts import contracts

    return contracts


def _contacts() -> click.Command:
    from cli.commands.contacts import contacts

    return contacts


def _leave() -> click.Command:
    from cli.commands.leave import leave

    return leave


def _ledger() -> click.Command:
    from cli.commands.ledger import ledger

    return ledger


def _events() -> click.Command:
    from cli.commands.events import events

    return events


def _webhooks() -> click.Command:
    from cli.commands.webhooks import webhooks

    return webhooks


def _migrate() -> click.Command:
    from cli.commands.migrate import migrate

    return migrate


def _backup() -> click.Command:
    from cli.commands.backup import backup

    return backup


def _restore() -> click.Command:
    from cli.commands.restore import restore

    return restore


def _up() -> click.Command:
    from cli.commands.up import up

    return up


def _api() -> click.Command:
    from cli.commands.api import api

    return api


def _bot() -> click.Command:
    from cli.commands.bot import bot

    return bot


def _chain() -> click.Command:
    from cli.commands.chain import chain

    return chain


def _worker() -> click.Command:
    from cli.commands.worker import worker

    return worker


def _simulate() -> click.Command:
    from cli.commands.simulate import simulate

    return simulate


def _words() -> click.Command:
    from cli.commands.words import words

    return words


def _standing() -> click.Command:
    from cli.commands.standing import standing

    return standing


def _lists() -> click.Command:
    from cli.commands.lists import lists

    return lists


def _rooms() -> click.Command:
    from cli.commands.rooms import rooms

    return rooms


def _rules() -> click.Command:
    from cli.commands.rules import rules

    return rules


def _rewards() -> click.Command:
    from cli.commands.rewards import rewards

    return rewards


def _travel() -> click.Command:
    from cli.commands.travel import travel

    return travel


def _reset() -> click.Command:
    from cli.commands.reset import reset

    return reset


def _sell() -> click.Command:
    from cli.commands.sell import sell

    return sell


def _library() -> click.Command:
    from cli.commands.sell import library

    return library


def _listings() -> click.Command:
    from cli.commands.listings import listings

    return listings


def _tips() -> click.Command:
    from cli.commands.tips import tips

    return tips


COMMANDS: Mapping[str, Callable[[], click.Command]] = {
    "run": _run,
    "demo": _demo,
    "doctor": _doctor,
    "door": _door,
    "filter": _filter,
    "stake": _stake,
    "give": _give,
    "gasless": _gasless,
    "supporters": _supporters,
    "buy": _buy,
    "sell": _sell,
    "library": _library,
    "listings": _listings,
    "tips": _tips,
    "tenants": _tenants,
    "quiet": _quiet,
    "keys": _keys,
    "contracts": _contracts,
    "contacts": _contacts,
    "leave": _leave,
    "ledger": _ledger,
    "events": _events,
    "webhooks": _webhooks,
    "migrate": _migrate,
    "backup": _backup,
    "restore": _restore,
    "up": _up,
    "api": _api,
    "bot": _bot,
    "chain": _chain,
    "worker": _worker,
    "simulate": _simulate,
    "standing": _standing,
    "list": _lists,
    "rooms": _rooms,
    "words": _words,
    "rules": _rules,
    "rewards": _rewards,
    "travel": _travel,
    "reset": _reset,
}
"""Every command, and what brings it."""


class _Commands(click.Group):
    """Brings a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's own signature
        bring = COMMANDS.get(cmd_name)
        return bring() if bring is not None else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="earnest")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Settings file; earnest.env in the data folder by default. The environment (EARNEST_…) comes first.",
)
def main(settings_file: Path | None) -> None:
    """Earnest: honest money and your own rules decide who may reach you on Matrix."""
    _ = settings_file  # read by cli.context, when the first command needs the container
    from app.logs import to_the_side

    to_the_side()
