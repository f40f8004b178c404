"""``earnest doctor``: what is wrong, and how to mend it, one line each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

import click
from pydantic import ValidationError

from cli.context import container_of
from cli.examination import Examination, Finding, State
from kit.errors import Refusal

_SIGNS = {
    State.GOOD: click.style("✓", fg="green"),
    State.DOUBTFUL: click.style("!", fg="yellow"),
    State.WRONG: click.style("✗", fg="red"),
    State.SKIPPED: "-",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Look at everything that the service needs; exit 1 if something is wrong. Changes nothing."""
    found = []
    for finding in _findings(context):
        found.append(finding)
        if not as_json:
            mend = f" {click.style('→', bold=True)} {finding.mend}" if finding.mend else ""
            click.echo(f"{_SIGNS[finding.state]} {finding.name}: {finding.says}{mend}")
    good = all(finding.state is not State.WRONG for finding in found)
    if as_json:
        click.echo(json.dumps({"good": good, "findings": [asdict(finding) for finding in found]}))
    if not good:
        raise SystemExit(1)


def _findings(context: click.Context) -> Iterable[Finding]:
    try:
        container = container_of(context)
    except ValidationError as error:
        # The library's own words would show the values, and some of them are secret.
        wrong = "; ".join(f"EARNEST_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        return [Finding("settings", State.WRONG, f"{wrong}.", "Mend it in the environment or in earnest.env.")]
    except Refusal as error:
        return [Finding("settings", State.WRONG, error.message, "Mend it in the environment or in earnest.env.")]
    return Examination(container).findings()
