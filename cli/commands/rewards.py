"""``earnest rewards``: who takes part, and published epochs: made anew from their files, with why each share is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from cli import earning, reward_chain
from cli.context import disk_told, told
from cli.epoch_files import read, right_file
from cli.epochs_shown import as_json, difference_as_json, print_differences, print_epoch, proof_as_json
from kit.identifiers import parse_address, parse_hash, show_hash
from payments.rewards.epoch_file import Difference, differences, since

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def rewards() -> None:
    """Rewards for homeservers: who takes part, epochs, and checking an epoch by nothing but its file."""


for command in (*earning.COMMANDS, *reward_chain.COMMANDS):
    rewards.add_command(command)


@rewards.command()
@click.argument("file", type=_FILE)
@click.option("--previous", type=_FILE, help="The file of the epoch before: sums must go on where it ended.")
@click.option("--root", metavar="0x…", help="The root that the chain has for this epoch.")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@told
@disk_told
def verify(file: Path, *, previous: Path | None, root: str | None, wants_json: bool) -> None:
    """Make the epoch of FILE anew and say each difference. Exit status 1 where there is one."""
    on_chain = None if root is None else show_hash(parse_hash(root))
    found_in = read(file)
    found = list(differences(found_in))
    if previous is not None:
        found += since(found_in, read(previous))
    if on_chain is not None and on_chain != found_in.said["root"]:
        found.append(Difference("root on the chain", found_in.said["root"], on_chain))
    if wants_json:
        shown = {"holds": not found, "root": found_in.anew.shown()["root"], "said": found_in.said["root"]}
        click.echo(json.dumps(shown | {"differences": [difference_as_json(one) for one in found]}))
    else:
        print_differences(found_in.anew, found)
    if found:
        raise click.exceptions.Exit(1)


@rewards.command()
@click.argument("file", type=_FILE)
@click.option("--all", "everybody", is_flag=True, help="Show every server and payee, not the largest alone.")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@told
@disk_told
def shares(file: Path, *, everybody: bool, wants_json: bool) -> None:
    """Show what each server of FILE counts for and why, and who gets how much; computed anew, not as FILE says."""
    epoch = read(file).anew
    if wants_json:
        click.echo(json.dumps(as_json(epoch)))
    else:
        print_epoch(epoch, everybody=everybody)


@rewards.command()
@click.argument("file", type=_FILE)
@click.argument("payout")
@told
@disk_told
def proof(file: Path, payout: str) -> None:
    """Print what PAYOUT's claim needs, as JSON: its sum in all, the root, and the proof. FILE must be right."""
    click.echo(json.dumps(proof_as_json(right_file(file), parse_address(payout))))
