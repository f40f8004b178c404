"""``earnest words``: one's own words for and against others, and what one thinks of strangers, by the API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from cli.fetching import plain
from cli.own_token import Ask, asking
from kit.clock import from_unix
from kit.identifiers import parse_user_id
from reputation.evidence import LEAST_WEIGHT, MOST_WEIGHT, Audience, Reason
from reputation.outlook import Strangers
from reputation.trust.formula import MOST_QUORUM

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_OTHER = click.argument("other")
_AUDIENCE = click.option(
    "--audience",
    type=click.Choice([str(one) for one in Audience]),
    default=str(Audience.TRUSTED),
    show_default=True,
    help="Into whose view it enters: of those whom you accepted or vouch for, of everybody, or nobody's.",
)


@click.group()
def words() -> None:
    """Your own words for and against others, and what you think of strangers.

    The bot's word `token` gives you the token (EARNEST_TOKEN, or it is asked for).
    """


@words.command("list")
@click.option("--past", is_flag=True, help="Also what you took back, and what ran out.")
@_JSON
@asking
def list_(ask: Ask, *, past: bool, as_json: bool) -> None:
    """List for whom you vouch and whom you report."""
    suffix = "?past=true" if past else ""
    found = {kind: ask("GET", f"{kind}{suffix}")[kind] for kind in ("vouches", "reports")}
    if as_json:
        click.echo(json.dumps(found))
        return
    for vouch in found["vouches"]:
        click.echo(f"for      {_line(vouch, str(int(vouch['weight'])))}")
    for report in found["reports"]:
        click.echo(f"against  {_line(report, plain(report['reason']))}")


@words.command()
@_OTHER
@click.option("--weight", type=click.IntRange(LEAST_WEIGHT, MOST_WEIGHT), default=LEAST_WEIGHT, show_default=True)
@_AUDIENCE
@asking
def vouch(ask: Ask, other: str, *, weight: int, audience: str) -> None:
    """Vouch for OTHER for a year: 1, you know them; 3, you would answer for them."""
    ask("PUT", f"vouches/{_path(other)}", {"weight": weight, "audience": audience})
    click.echo(f"You vouch for {other}.")


@words.command()
@_OTHER
@click.argument("reason", type=click.Choice([str(one) for one in Reason]))
@_AUDIENCE
@asking
def report(ask: Ask, other: str, reason: str, *, audience: str) -> None:
    """Report OTHER for a year, for a REASON; your own door stays as it is."""
    ask("PUT", f"reports/{_path(other)}", {"reason": reason, "audience": audience})
    click.echo(f"You report {other}: {reason}.")


@words.command()
@_OTHER
@asking
def withdraw(ask: Ask, other: str) -> None:
    """Take back what you say of OTHER, a vouch or a report."""
    path = _path(other)
    reported = any(one["subject"] == other for one in ask("GET", "reports")["reports"])
    ask("DELETE", f"{'reports' if reported else 'vouches'}/{path}")
    click.echo(f"You {'report' if reported else 'vouch for'} {other} no more.")


@words.command()
@click.argument("strangers", type=click.Choice([str(one) for one in Strangers]), required=False)
@click.option("--quorum", type=click.IntRange(1, MOST_QUORUM), help="How many must speak for whoever you hear.")
@_JSON
@asking
def outlook(ask: Ask, strangers: str | None, *, quorum: int | None, as_json: bool) -> None:
    """Show what you think of strangers of whom nothing is known, or set it."""
    changes = {"strangers": strangers, "quorum": quorum}
    wanted = {name: value for name, value in changes.items() if value is not None}
    found = ask("PUT", "outlook", wanted) if wanted else ask("GET", "outlook")
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"strangers  {plain(found['strangers'])}: they stand at {float(found['prior']):.2f} of 1")
    click.echo(f"quorum     {int(found['quorum'])}")


def _path(other: str) -> str:
    return quote(parse_user_id(other), safe="@:")


def _line(said: dict[str, Any], what: str) -> str:
    gone = said["withdrawn_at"]
    end = f"until {_day(said['until'])}" if gone is None else f"taken back {_day(gone)}"
    return f"{plain(said['subject'] or '-')}  {what}  for {plain(said['audience'])}  {end}"


def _day(unix: int) -> str:
    return from_unix(unix).date().isoformat()
