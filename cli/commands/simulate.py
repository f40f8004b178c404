"""``earnest simulate``: what an attack on doors costs, by the very rules that the gate decides with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from cli.charts import Line, chart
from cli.context import told
from kit.amounts import ZERO, Amount, parse, show
from reputation.model import Door, DoorMode
from reputation.pricing import DEFAULT_A_DAY, DEFAULT_OPEN, DEFAULT_STAKE, HIGHEST_CAP, Caps
from reputation.simulating import LIMITS, Habit, Outcome, Part, Plan, best, per_thousand, recycling

_DECIMALS = 18
_AT_LEAST = 10
"""How many times as dear recycling must be as without bars and rising prices."""
_WIDEST = 130
_DEFAULT = Plan()


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    plan: Plan
    outcome: Outcome


@click.group()
def simulate() -> None:
    """Play through what cannot be tried on people."""


@simulate.command()
@click.option(
    "--seed", default=_DEFAULT.seed, show_default=True, help="Chance begins here; the same seed, the same end."
)
@click.option("--days", type=click.IntRange(1, 730), default=_DEFAULT.days, show_default=True)
@click.option("--budget", default="1000", show_default=True, help="ERN that the attacker has.")
@click.option("--accounts", type=click.IntRange(1, 20_000), default=_DEFAULT.accounts, show_default=True)
@click.option(
    "--domains",
    type=click.IntRange(1, 10_000),
    default=_DEFAULT.domains,
    show_default=True,
    help="They cost money too.",
)
@click.option(
    "--wallets", type=click.IntRange(0, 20_000), default=0, show_default=True, help="0: a fresh one each time."
)
@click.option(
    "--doors", default="60/40/100", show_default=True, help="Doors that answer politely / report spam / stay silent."
)
@click.option("--stake", default=show(DEFAULT_STAKE, _DECIMALS), show_default=True, help="ERN that each door asks.")
@click.option(
    "--cap", type=click.IntRange(1, HIGHEST_CAP), default=DEFAULT_OPEN, show_default=True, help="Waiting at once."
)
@click.option(
    "--cap-day", type=click.IntRange(1, HIGHEST_CAP), default=DEFAULT_A_DAY, show_default=True, help="New in a day."
)
@click.option(
    "--honest", type=click.IntRange(0, 1_000), default=_DEFAULT.honest_a_day, show_default=True, help="Strangers a day."
)
@click.option(
    "--purse",
    type=click.IntRange(1, 1_000),
    default=_DEFAULT.purse,
    show_default=True,
    help="What they can put down, in stakes.",
)
@click.option(
    "--gas", default=show(_DEFAULT.gas, _DECIMALS), show_default=True, help="What an opening's gas costs, in ERN."
)
@click.option("--without", default="", help="Leave out: bars, prices, caps (with commas between).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--svg", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write a picture to this file."
)
@told
def attack(  # noqa: PLR0913 - one parameter for each option
    *,
    seed: int,
    days: int,
    budget: str,
    accounts: int,
    domains: int,
    wallets: int,
    doors: str,
    stake: str,
    cap: int,
    cap_day: int,
    honest: int,
    purse: int,
    gas: str,
    without: str,
    as_json: bool,
    svg: Path | None,
) -> None:
    """Play spam accounts with a budget against doors, day by day, and print what their money bought."""
    answering, reporting, silent = _three(doors)
    plan = Plan(
        seed=seed,
        days=days,
        budget=parse(budget, _DECIMALS),
        accounts=accounts,
        domains=domains,
        wallets=wallets,
        answering=answering,
        reporting=reporting,
        silent=silent,
        honest_a_day=honest,
        purse=purse,
        gas=parse(gas, _DECIMALS),
        door=Door(DoorMode.ASK, _some(stake, "--stake"), caps=Caps(cap, cap_day)),
        without=_parts(without),
    )
    if not plan.budget:
        raise click.BadParameter("an attacker has some money", param_hint="--budget")
    mixed, silent_only = _scenarios(plan), _recycled(plan)
    with _progress((*mixed, *silent_only)) as step:
        played = [_Row(name, one, best(one, step)) for name, one in (*mixed, *silent_only)]
    rows, recycled = played[: len(mixed)], played[len(mixed) :]
    if svg is not None:
        svg.write_text(_picture(plan, recycled), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(_document(plan, rows, recycled), indent=1, sort_keys=True))
        return
    _show(plan, rows, recycled)
    if svg is not None:
        click.echo(f"The picture is in {svg}.")


# ---------------------------------------------------------------------------------------------------- what is played


def _scenarios(plan: Plan) -> list[tuple[str, Plan]]:
    """Return the attack as asked for, what each part does to it, and the same days without it."""
    found = [("as it is", plan)]
    found += [
        (f"without {part}", replace(plan, without=plan.without | {part})) for part in Part if part not in plan.without
    ]
    found.append(("without any of them", replace(plan, without=frozenset(Part))))
    found.append(("no attack", replace(plan, budget=ZERO)))
    return found


def _recycled(plan: Plan) -> list[tuple[str, Plan]]:
    """Return the same money at silent doors alone: without bars and prices, as it is, and as attackers may vary it."""
    with_them, without_them = recycling(plan)
    found = [("without bars and prices", without_them), ("as it is", with_them)]
    found += [
        (f"{count} domain{'s' if count > 1 else ''}", replace(with_them, domains=count))
        for count in (1, 5, 20)
        if count != plan.domains
    ]
    found.append(("one wallet for all", replace(with_them, wallets=1)))
    return found


def _ratio(recycled: Sequence[_Row], row: _Row) -> float:
    """Return how many times as dear a message is as without bars and prices."""
    return recycled[0].outcome.messages / max(row.outcome.messages, 1)


# ---------------------------------------------------------------------------------------------------- what is shown


def _show(plan: Plan, rows: Sequence[_Row], recycled: Sequence[_Row]) -> None:
    console = Console(width=min(Console().width, _WIDEST), highlight=False)
    asked = show(plan.door.stake, _DECIMALS)
    console.print(
        f"{show(plan.budget, _DECIMALS)} ERN, {plan.accounts} accounts on {plan.domains} domains, "
        f"{f'{plan.wallets} wallets' if plan.wallets else 'a fresh wallet each time'}, {plan.days} days; "
        f"{plan.answering} doors answer politely, {plan.reporting} report spam, {plan.silent} stay silent; each asks "
        f"{asked} ERN and takes {plan.door.caps.most_open} strangers at once, {plan.door.caps.most_a_day} a day. Seed "
        f"{plan.seed}.\n"
    )
    attacked = _table("What the attack got", *_BOUGHT, "polite/\nreport/silent", "ERN\nburned", "honest\nlate/lost")
    for row in rows:
        attacked.add_row(row.name, *_bought(row), *_befell(row))
    console.print(attacked)
    again = _table("The same money, used again and again at silent doors alone", *_BOUGHT, "times\nas dear")
    for row in recycled:
        again.add_row(row.name, *_bought(row), f"{_ratio(recycled, row):.1f}")
    console.print(again)
    click.echo(_verdict(recycled))


_BOUGHT = ("read per\n1,000 ERN", "pays\nup to", "ERN-days\neach")


def _table(title: str, *names: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0)
    )
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _bought(row: _Row) -> tuple[str, ...]:
    """Return messages, the price that the attacker went to, and how much money was locked how long for each."""
    outcome = row.outcome
    if not row.plan.budget:
        return ("-",) * len(_BOUGHT)
    each = _erns(outcome.held) / max(outcome.messages, 1)
    return f"{per_thousand(row.plan, outcome):,.0f}", f"{outcome.limit} \N{MULTIPLICATION SIGN}", f"{each:,.0f}"


def _befell(row: _Row) -> tuple[str, ...]:
    """Return who read them, what was burned, and what became of honest strangers meanwhile."""
    outcome = row.outcome
    read = "/".join(str(outcome.read[habit]) for habit in Habit) if row.plan.budget else "-"
    return read, f"{_erns(outcome.burned):,.0f}", f"{outcome.delayed}/{outcome.gave_up} of {outcome.honest}"


def _verdict(recycled: Sequence[_Row]) -> str:
    before, now = recycled[0].outcome.messages, recycled[1].outcome.messages
    ratio = _ratio(recycled, recycled[1])
    kept = "as promised" if ratio >= _AT_LEAST else "which is LESS than promised"
    return (
        f"Recycling money through silent recipients buys {now:,} messages where it bought {before:,} without bars and "
        f"rising prices: each costs {ratio:.1f} times as much (at least {_AT_LEAST}: {kept})."
    )


def _document(plan: Plan, rows: Sequence[_Row], recycled: Sequence[_Row]) -> dict[str, object]:
    return {
        "seed": plan.seed,
        "days": plan.days,
        "budget": str(plan.budget.base_units),
        "stake": str(plan.door.stake.base_units),
        "caps": {"open": plan.door.caps.most_open, "day": plan.door.caps.most_a_day},
        "attack": [_entry(row) for row in rows],
        "recycling": [{**_entry(row), "times_as_dear": round(_ratio(recycled, row), 2)} for row in recycled],
        "recycling_at_least": _AT_LEAST,
        "recycling_kept": _ratio(recycled, recycled[1]) >= _AT_LEAST,
    }


def _entry(row: _Row) -> dict[str, object]:
    outcome = row.outcome
    return {
        "name": row.name,
        "without": sorted(row.plan.without),
        "domains": row.plan.domains,
        "wallets": row.plan.wallets,
        "willing_to_pay_times": outcome.limit,
        "read": {str(habit): outcome.read[habit] for habit in Habit},
        "read_per_1000": round(per_thousand(row.plan, outcome), 2),
        "locked_unit_days": str(outcome.held),
        "burned": str(outcome.burned),
        "gas": str(outcome.gas),
        "honest": {
            "strangers": outcome.honest,
            "arrived": outcome.arrived,
            "delayed": outcome.delayed,
            "days_waited": outcome.waited,
            "gave_up": outcome.gave_up,
        },
    }


def _picture(plan: Plan, recycled: Sequence[_Row]) -> str:
    lines = [
        Line(name, [per_thousand(plan, Outcome(read=_total(total))) for total in accumulate(row.outcome.by_day)])
        for name, row in (("without bars and prices", recycled[0]), ("with them", recycled[1]))
    ]
    below = (
        f"Messages read for each 1,000 ERN at {plan.doors} silent doors that ask {show(plan.door.stake, _DECIMALS)} "
        f"ERN; {plan.domains} domains, seed {plan.seed}"
    )
    return chart("Spam that recycled money buys", below, *lines)


def _total(messages: int) -> Counter[Habit]:
    return Counter({Habit.SILENT: messages})


def _erns(base_units: int) -> float:
    return float(base_units / 10**_DECIMALS)


# ---------------------------------------------------------------------------------------------------- what was asked


@contextmanager
def _progress(plans: Sequence[tuple[str, Plan]]) -> Iterator[Callable[[], None]]:
    """Show how far it is, on a terminal alone."""
    total = sum(1 if Part.PRICES in plan.without else len(LIMITS) for _, plan in plans)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Attacks played", total=total)
        yield lambda: progress.advance(task)


def _three(text: str) -> tuple[int, int, int]:
    parts = text.split("/")
    if len(parts) != len(Habit) or not all(part.isascii() and part.isdecimal() and len(part) < 6 for part in parts):  # noqa: PLR2004 - so many doors end no day
        raise click.BadParameter("three numbers, as in 60/40/100", param_hint="--doors")
    answering, reporting, silent = (int(part) for part in parts)
    if not answering + reporting + silent:
        raise click.BadParameter("at least one door", param_hint="--doors")
    return answering, reporting, silent


def _parts(text: str) -> frozenset[Part]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in set(Part)]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of bars, prices, caps", param_hint="--without")
    return frozenset(Part(word) for word in words)


def _some(text: str, hint: str) -> Amount:
    amount = parse(text, _DECIMALS)
    if not amount:
        raise click.BadParameter("more than nothing", param_hint=hint)
    return amount
