"""What servers earned, as people see it in a terminal: each epoch with every factor, and what can be claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from app.container import DECIMALS, SYMBOL
from app.epochs import History
from app.wording.earned import WHY, people_text
from kit.amounts import show_signed
from kit.clock import from_unix
from kit.identifiers import show_address, show_hash
from payments.rewards.history import Part
from payments.rewards.model import people_in
from payments.rewards.onchain import RootState

_STANDS: Final[Mapping[RootState | None, str]] = {
    None: "the root is not on the chain yet",
    RootState.WAITING: "the root waits on the chain, where it can be disputed",
    RootState.COUNTS: "the root counts",
    RootState.EARLIER: "the root counts beside a newer one",
    RootState.OVER: "the root counts no more",
    RootState.CANCELLED: "the root was cancelled",
}


def history_as_json(found: History, going_on: Part | None) -> dict[str, Any]:
    """Return a server's history with all that a claim of its payee needs."""
    proof = found.proof
    claim = None
    if proof is not None:
        claim = {
            "payee": show_address(proof.payee),
            "cumulative": str(proof.cumulative),
            "epoch": found.proof_of,
            "root": show_hash(proof.root),
            "proof": [show_hash(one) for one in proof.hashes],
            "had": str(found.had),
            "due": str(found.due),
            "root_state": None if found.root is None else found.root.state.value,
        }
    return {
        "server": found.server,
        "epochs": [_as_json(part) for part in found.parts],
        "next": None if going_on is None else _as_json(going_on),
        "claim": claim,
    }


def print_history(found: History, going_on: Part | None) -> None:
    """Print a server's history, the newest epoch first, with why each share is so."""
    if not found.parts:
        click.echo(f"{found.server} was measured in no epoch of the last year.")
    for part in found.parts:
        click.echo(f"epoch {part.epoch}, until {from_unix(part.ends):%Y-%m-%d}: {_told(part)}")
    if going_on is not None:
        click.echo(f"epoch {going_on.epoch} goes on, and would end so: {_told(going_on)}")
    if found.proof is None:
        return
    payee, state = show_address(found.proof.payee), None if found.root is None else found.root.state
    earned = f"{payee} earned {_money(found.proof.cumulative)} in all until epoch {found.proof_of}"
    click.echo(f"{earned}, of which it had {_money(found.had)}; {_STANDS[state]}.")
    if found.due:
        click.echo("While it counts, anybody can carry the claim, and the money goes there:")
        click.echo(f"    earnest rewards file {found.proof_of} > epoch-{found.proof_of}.json")
        click.echo(f"    earnest rewards claim epoch-{found.proof_of}.json {payee} --key-file K --yes")


def _told(part: Part) -> str:
    one = part.measured
    percent = 100 * part.score / part.total if part.total else 0.0
    told = [
        f"{_money(part.amount)} of {_money(part.budget)} ({percent:.3f} % of all scores)",
        f"there {one.availability / 10:.1f} %, people {people_text(one.people)}, weight {one.weight} %",
        f"{part.alike - 1} more in its largest group" if part.alike > 1 else "alone in its groups",
        f"to {show_address(one.payout)}",
        *(WHY[because] for because in part.because),
    ]
    return "; ".join(told)


def _as_json(part: Part) -> dict[str, Any]:
    one = part.measured
    return {
        "epoch": part.epoch,
        "begins": part.begins,
        "ends": part.ends,
        "share": str(part.amount),
        "budget": str(part.budget),
        "payout": show_address(one.payout),
        "availability": one.availability,
        "people_between": people_in(one.people),
        "weight": one.weight,
        "factor": part.factor,
        "alike": part.alike,
        "score": str(part.score),
        "scores": str(part.total),
        "withheld": one.withheld,
        "because": [str(because) for because in part.because],
    }


def _money(base_units: int) -> str:
    return f"{show_signed(base_units, DECIMALS)} {SYMBOL}"
