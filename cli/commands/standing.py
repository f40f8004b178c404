"""``earnest standing``: how well the formula does on a file of ratings, and what an attack gains against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.standing import Step, evaluated, gained, ratings_of
from cli.context import told
from reputation.trust.attacking import Attack
from reputation.trust.formula import MOST_QUORUM, PRODUCT
from reputation.trust.graph import Audience
from reputation.trust.ratings import Ratings

P = ParamSpec("P")
R = TypeVar("R")

_ATTACK = Attack()
_AUDIENCES = {"everyone": Audience.EVERYONE, "trusted": Audience.TRUSTED}


def _shared(command: Callable[P, R]) -> Callable[P, R]:
    """Add what both take: the file, its columns, the quorum, chance, and how it is printed."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option(
            "--audience",
            type=click.Choice(list(_AUDIENCES)),
            default="everyone",
            show_default=True,
            help="Whom the ratings were said to; trusted: only whom their author rates well.",
        ),
        click.option("--seed", type=click.IntRange(0, 2**32), default=_ATTACK.seed, show_default=True),
        click.option(
            "--quorum", type=click.IntRange(1, MOST_QUORUM), default=PRODUCT.quorum, show_default=True, help="1: none."
        ),
        click.option(
            "--columns", default="", help="Which column is which, where their names do not say: rater=A,ratee=B,time=4."
        ),
        click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    ):
        command = option(command)
    return command


@click.group()
def standing() -> None:
    """Try the formula of standing on ratings that somebody else collected (docs/standing.md)."""


@standing.command()
@_shared
@told
def evaluate(*, file: Path, columns: str, quorum: int, seed: int, audience: str, as_json: bool) -> None:
    """Predict each of the last 40 % of FILE's ratings from all before it, and print how often that is right.

    FILE has a line for each rating: rater, ratee, rating (negative: bad), time. Pairs of whom nothing is known count.
    """
    _ = seed  # nothing is left to chance here; both commands take the same options
    ratings = ratings_of(file, columns)
    with _progress("Ratings predicted") as step:
        found = evaluated(ratings, quorum, _AUDIENCES[audience], step)
    if as_json:
        shown = {"protocol": "rolling", "quorum": quorum, "auc": round(found.auc, 4), "scored": found.scored}
        click.echo(json.dumps(shown | {"coverage": round(found.coverage, 4)}))
        return
    _about(ratings)
    click.echo(
        f"Of {found.scored:,} ratings between people known before, {found.negative:.1%} turned out bad.\n"
        f"Quorum {quorum}: a good one was predicted higher than a bad one in {found.auc:.1%} of pairs "
        f"(AUC {found.auc:.3f}); "
        f"there was evidence for {found.coverage:.1%}."
    )


@standing.command()
@_shared
@click.option("--sybils", type=int, default=_ATTACK.sybils, show_default=True, help="Made-up accounts.")
@click.option(
    "--tricked", type=int, default=_ATTACK.tricked, show_default=True, help="Honest people who rate one well."
)
@click.option(
    "--own",
    type=click.IntRange(0, 2),
    default=_ATTACK.own,
    show_default=True,
    help="Of each viewer's own contacts, besides; 2: these and all others rate one and the same account well.",
)
@click.option(
    "--density",
    default=",".join(map(str, _ATTACK.densities)),
    show_default=True,
    help="How many others rate each account well, inside the farm.",
)
@told
def attack(  # noqa: PLR0913 - one parameter for each option
    *,
    file: Path,
    columns: str,
    quorum: int,
    seed: int,
    audience: str,
    as_json: bool,
    sybils: int,
    tricked: int,
    own: int,
    density: str,
) -> None:
    """Put a farm of made-up accounts into FILE's ratings, and print how well viewers tell it from honest people.

    Means over 5 seeds and 24 viewers each. The leak is the part of the farm above the bar that is meant to let 80 % of
    the honest pass; how many of them do pass stands beside it.
    """
    plan = Attack(sybils=sybils, tricked=tricked, own=own, densities=_densities(density), seed=seed)
    ratings = ratings_of(file, columns)
    with _progress("Farms played") as step:
        gains = gained(ratings, plan, quorum, _AUDIENCES[audience], step)
    if as_json:
        click.echo(json.dumps([_rounded(asdict(gain)) for gain in gains]))
        return
    _about(ratings)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("density", "own", "quorum", "AUC", "leak", "honest pass"):
        table.add_column(name, justify="right")
    for gain in gains:
        shares = (f"{gain.auc:.3f}", f"{gain.leak:.3f}", f"{gain.honest_pass:.3f}")
        table.add_row(str(gain.density), str(gain.own), str(gain.quorum), *shares)
    Console(highlight=False).print(table)


def _about(ratings: Ratings) -> None:
    skipped = f" ({ratings.skipped:,} lines say nothing of anybody else)" if ratings.skipped else ""
    click.echo(f"{len(ratings):,} ratings of {ratings.people:,} people{skipped}.")


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}


def _densities(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or len(parts) > 20 or not all(part.isascii() and part.isdecimal() and len(part) < 7 for part in parts):  # noqa: PLR2004 - a day's work, and the largest farm
        raise click.BadParameter("numbers with commas between, as in 20,200,900", param_hint="--density")
    return tuple(map(int, parts))


@contextmanager
def _progress(what: str) -> Iterator[Step]:
    """Show how far it is, on a terminal alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)
