"""``earnest sell refund``: a seller pays a purchase back from their own wallet, once, and sees how far that is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

import click

from app import refunding
from app.container import Container
from app.refunding import Repayment
from cli.context import container_of, told
from cli.wallets import Wallet, open_wallet, send
from contracts import codec
from kit.amounts import Amount, show
from kit.errors import Conflict, Invalid, NotFound, Unavailable
from kit.identifiers import Hash32, PersonId, isolate, parse_user_id, show_address, show_hash
from payments.content.model import Purchase, PurchaseState

_POLL_SECONDS: Final = 0.3
_POLLS: Final = 400
_SURE: Final = {None: "", "seen": " It may still leave the chain.", "safe": " It is unlikely to leave the chain."}


@click.command("refund")
@click.argument("purchase")
@click.option("--seller", required=True, help="Whose sale it was: a Matrix id, @lea:example.org.")
@click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file.")
@click.option("--dry-run", is_flag=True, help="Show what would be paid to whom; pay nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def refund(
    context: click.Context,
    purchase: str,
    *,
    seller: str,
    key_file: Path | None,
    password_file: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Pay PURCHASE (`earnest sell sales` names it) back to the wallet that paid, whole; its buyer has it no more.

    Two transactions of the seller's own wallet: an allowance of just this sum, and the refund. Asked again, it tells
    how far the refund is, and never pays twice.
    """
    container = container_of(context)
    person = _person(container, seller)
    with container.read() as work:
        known = work.content.sale(person, purchase)
    if known.state is PurchaseState.REFUNDED:
        _say(container, known, as_json=as_json)
        return
    what = refunding.owed(container, person, purchase)
    _show(container, what, quiet=as_json)
    if dry_run:
        click.echo(json.dumps(_to_json(container, known)) if as_json else "Nothing was paid.")
        return
    wallet = open_wallet(key_file, password_file)
    place = _next_place(container, wallet, what)
    paid = refunding.on_its_way(container, what)
    if paid is None:
        if not yes:
            click.confirm("Pay it back?", abort=True)
        with container.work() as work:
            work.content.approve_refund(person, purchase)
        paid = _pay(container, wallet, what, place)
    _say(container, _read(container, person, purchase, paid), as_json=as_json)


def _person(container: Container, name: str) -> PersonId:
    with container.read() as work:
        person = work.people.find(parse_user_id(name))
    if person is None:
        raise NotFound("person_unknown", f"{isolate(name)} is not known here; they have never written to the bot.")
    return person


def _next_place(container: Container, wallet: Wallet, what: Repayment) -> int:
    """Return the wallet's next nonce: taken before the chain is asked, so that two who pay at once pay once."""
    if wallet.address not in what.senders:
        names = " or ".join(sorted(show_address(one) for one in what.senders))
        raise Invalid("not_the_sellers_wallet", f"Only from {names} is it a refund: that is what the seller linked.")
    mined = container.chain.nonce(wallet.address, "latest")
    if container.chain.nonce(wallet.address) != mined:
        raise Conflict("wallet_busy", "A transaction of this wallet is on its way. Ask again once it is in a block.")
    return mined


def _pay(container: Container, wallet: Wallet, what: Repayment, place: int) -> Hash32:
    chain = container.chain
    held = codec.decode_uint(chain.call(what.asset, codec.encode_balance_of(wallet.address)))
    if held < what.amount:
        holds, owed = (_money(container, what.purchase, one) for one in (held, what.amount))
        raise Conflict("too_little", f"{show_address(wallet.address)} holds {holds}, {owed} is owed.")
    allowance = codec.encode_allowance(wallet.address, what.checkout)
    allowed = codec.decode_uint(chain.call(what.asset, allowance))
    if 0 < allowed < what.amount:  # some tokens change none that is not nothing
        send(chain, wallet, what.asset, codec.encode_approve(what.checkout, 0), nonce=place)
        place += 1
    if allowed < what.amount:
        send(chain, wallet, what.asset, what.allowance, nonce=place)
        place += 1
    return send(chain, wallet, what.checkout, what.refund, nonce=place)


def _read(container: Container, seller: PersonId, purchase: str, paid: Hash32) -> Purchase:
    """Wait until the service has read the refund."""
    for _ in range(_POLLS):
        with container.read() as work:
            known = work.content.sale(seller, purchase)
        if known.state is PurchaseState.REFUNDED:
            return known
        time.sleep(_POLL_SECONDS)
    message = f"it was paid back by transaction {show_hash(paid)}, which `earnest chain` has not read yet"
    raise Unavailable(message)


def _show(container: Container, what: Repayment, *, quiet: bool) -> None:
    if quiet:
        return
    click.echo(f"For:    {isolate(what.purchase.title)}, bought {what.purchase.paid_at:%Y-%m-%d}")
    click.echo(f"Refund: {_money(container, what.purchase, what.amount)}; it cannot be taken back")
    click.echo(f"To:     {show_address(what.recipient)} on chain {what.chain_id}")


def _say(container: Container, known: Purchase, *, as_json: bool) -> None:
    found = _to_json(container, known)
    if as_json:
        click.echo(json.dumps(found))
        return
    sure = _SURE.get(found["level"], " It is final.")
    by = f", by transaction {found['transaction']}" if found["transaction"] else ""
    click.echo(f"Paid back: {_money(container, known, known.amount)}{by}.{sure}")


def _to_json(container: Container, known: Purchase) -> dict[str, Any]:
    with container.read() as work:
        level = work.sales.refund_level(known)
    return {
        "purchase": known.id,
        "state": known.state.value,
        "asset": known.asset,
        "amount": str(known.amount),
        "transaction": None if known.refund is None else show_hash(known.refund),
        "level": None if level is None else level.value,
    }


def _money(container: Container, known: Purchase, base_units: int) -> str:
    with container.read() as work:
        symbol, decimals = work.tokens.name(known.asset)
    return f"{show(Amount(base_units), decimals)} {symbol}"
