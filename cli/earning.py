"""The operator's half of ``earnest rewards``: who takes part, what was measured, closing epochs, estimates."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from app import earning, epochs
from app.container import DECIMALS, SYMBOL
from cli.context import container_of, disk_told, told
from cli.counting import counted
from cli.epochs_shown import as_json, print_epoch
from kit.amounts import Amount
from kit.amounts import show as show_amount
from kit.errors import NotFound
from kit.identifiers import parse_server_name, show_address, show_hash
from payments.rewards.enrolling import Enrolled
from payments.rewards.store import Epoch

_PAGE = 1_000


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def servers(context: click.Context, *, wants_json: bool) -> None:
    """List the servers that take part, and what is the matter with them."""
    container, rows, after = container_of(context), list[dict[str, Any]](), 0
    while True:
        with container.read() as work:
            page = work.rewards.servers(after=after, limit=_PAGE)
            rows += [_row(one, container.clock()) for one in page]
        if not page:
            break
        after = page[-1].id
    if wants_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("No server takes part yet. Its operator runs deploy/enrol_homeserver.py where its signing key is.")
    for row in rows:
        click.echo(_line(row))


def _row(one: Enrolled, now: Any) -> dict[str, Any]:  # noqa: ANN401 - a moment
    waits = one.payout_next is not None and one.payout_at(now) != one.payout_next
    return {
        "server": one.server,
        "payout": show_address(one.payout_at(now)),
        "payout_next": show_address(one.payout_next) if waits and one.payout_next else None,
        "payout_from": one.payout_from.isoformat() if waits and one.payout_from else None,
        "forwards": one.forwards,
        "enrolled_at": one.enrolled_at.isoformat(),
        "seen_at": one.seen_at and one.seen_at.isoformat(),
        "trouble": one.trouble and one.trouble.value,
        "claims_from": one.claims_from and one.claims_from.isoformat(),
        "left_at": one.left_at and one.left_at.isoformat(),
    }


def _line(row: dict[str, Any]) -> str:
    parts = [f"{row['server']}  to {row['payout']}", f"since {row['enrolled_at'][:10]}"]
    if row["payout_next"]:
        parts.append(f"from {row['payout_from'][:10]} on to {row['payout_next']}")
    if row["trouble"]:
        parts.append("its key changed without a word: nothing is claimed until it enrols anew")
    elif row["claims_from"]:
        parts.append(f"claims from {row['claims_from'][:10]} on")
    if row["forwards"]:
        parts.append("its reports go on")
    parts.append(f"left {row['left_at'][:10]}" if row["left_at"] else f"last seen {(row['seen_at'] or 'never')[:16]}")
    return ", ".join(parts)


@click.command()
@click.pass_context
@told
def look(context: click.Context) -> None:
    """Look now at the servers at which this place has not looked in this hour."""
    found = earning.look_around(container_of(context))
    click.echo(f"Looked at {counted(found, 'server')}.")


@click.command()
@click.argument("server")
@click.option("--yes", is_flag=True, help="Do it; else it is only said what would happen.")
@click.pass_context
@told
def leave(context: click.Context, server: str, *, yes: bool) -> None:
    """Let SERVER take part no more; what it earned stays its own, and it may enrol again."""
    name, container = parse_server_name(server), container_of(context)
    with container.work() as work:
        if work.rewards.find(name) is None:
            raise NotFound("reward_server_unknown", f"{name} takes no part in rewards.")
        if yes:
            work.rewards.leave(name)
    click.echo(f"{name} takes part no more." if yes else f"{name} would take part no more. --yes does it.")


@click.command()
@click.argument("server")
@click.argument("switch", type=click.Choice(["on", "off"]))
@click.pass_context
@told
def forward(context: click.Context, server: str, switch: str) -> None:
    """Send SERVER's reports on to matrix.org's endpoint as well, since Synapse reports to one address alone; or not."""
    name, container = parse_server_name(server), container_of(context)
    with container.work() as work:
        work.rewards.forward(name, on=switch == "on")
    goes = container.settings.rewards_forward_to or "nowhere: EARNEST_REWARDS_FORWARD_TO is empty"
    click.echo(f"Reports of {name} go on to {goes}." if switch == "on" else f"Reports of {name} go on to nobody.")


@click.command()
@click.option("--yes", is_flag=True, help="Close it where it is over; else it is shown as it stands now.")
@click.option("--all", "everybody", is_flag=True, help="Show every server and payee, not the largest alone.")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def close(context: click.Context, *, yes: bool, everybody: bool, wants_json: bool) -> None:
    """Show the epoch that is going on as it would be closed now. Workers close it by themselves once it is over."""
    container = container_of(context)
    if yes:
        closed = epochs.close(container)
        if closed is None:
            raise NotFound("epoch_not_over", "No epoch is over yet; without --yes you see how the present one stands.")
        _tell([closed], wants_json=wants_json)
        return
    _, now = epochs.closing(container)
    if wants_json:
        click.echo(json.dumps(as_json(now)))
    else:
        print_epoch(now, everybody=everybody)


@click.command("epochs")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def list_epochs(context: click.Context, *, wants_json: bool) -> None:
    """List the epochs that are closed, the newest first."""
    with container_of(context).read() as work:
        found = work.epochs.all()
    _tell(found, wants_json=wants_json)


def _tell(some: Sequence[Epoch], *, wants_json: bool) -> None:
    rows = [
        {
            "epoch": one.number,
            "begins": one.begins.isoformat(),
            "ends": one.ends.isoformat(),
            "servers": one.servers,
            "budget": str(one.budget),
            "paid": str(one.paid),
            "forfeited": str(one.forfeited),
            "root": None if one.root is None else show_hash(one.root),
        }
        for one in some
    ]
    if wants_json:
        click.echo(json.dumps(rows))
        return
    if not some:
        click.echo("No epoch is closed yet; `earnest rewards close` shows how the present one stands.")
    for one in some:
        root = "nobody ever earned" if one.root is None else f"root {show_hash(one.root)}"
        sums = f"{_money(one.paid)} of {_money(one.budget)}, {_money(one.forfeited)} forfeited"
        click.echo(f"epoch {one.number}, until {one.ends:%Y-%m-%d}: {counted(one.servers, 'server')}, {sums}, {root}")


@click.command("file")
@click.argument("number", type=click.IntRange(1))
@click.pass_context
@told
@disk_told
def show_file(context: click.Context, number: int) -> None:
    """Write the file of epoch NUMBER to standard output: `earnest rewards verify` makes it anew."""
    with container_of(context).read() as work:
        content = work.epochs.file(number)
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


@click.command()
@click.argument("server")
@click.option("--people", type=click.IntRange(0), default=1, show_default=True, help="How many use it on a usual day.")
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def estimate(context: click.Context, server: str, *, people: int, wants_json: bool) -> None:
    """Say what SERVER would have earned in the last epochs, always there; it need not take part."""
    name = parse_server_name(server)
    found = epochs.estimate(container_of(context), name, people=people)
    if wants_json:
        rows = [{"epoch": epoch.number, "would_have_earned": str(amount)} for epoch, amount in found.epochs]
        click.echo(json.dumps({"server": name, "epochs": rows, "claims_from": found.claims_from.isoformat()}))
        return
    for epoch, amount in found.epochs:
        click.echo(f"epoch {epoch.number}: {_money(amount)} of {_money(epoch.budget)}")
    if not found.epochs:
        click.echo("No epoch is closed yet, so nobody can say what it would have earned.")
    click.echo(
        f"Who enrols now earns in whole epochs from the next on, and can claim after {found.claims_from:%Y-%m-%d}."
    )


def _money(base_units: int) -> str:
    return f"{show_amount(Amount(base_units), DECIMALS)} {SYMBOL}"


COMMANDS = (servers, look, forward, leave, close, list_epochs, show_file, estimate)
