"""``earnest tips``: a tip paid at the terminal, and which ones somebody gave and received, without what was said."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from app import tipped
from app.container import DECIMALS, SYMBOL
from app.tipped import Side
from cli.context import container_of, told
from cli.fetching import get_json, plain
from cli.once import once
from cli.paying import Payable, pay, payable
from cli.wallets import open_wallet
from contracts import checkout, erc20
from contracts.chain import Chain
from contracts.nodes import Nodes
from kit.amounts import Amount, parse, show, show_signed
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Address, isolate, parse_user_id, show_address, show_hash
from payments.tips.model import TipState, Wish, note_of
from payments.tips.onchain import SALT_BYTES, listing_hash, memo_of, note_hash

_LINK: Final = re.compile(r"(https?://\S+?)/tip/([A-Za-z0-9]{22})/?", re.ASCII)
_LOOKS: Final = 60
_LOOK_SECONDS: Final = 0.5

_person = click.option("--person", "mxid", required=True, help="Whose tips: a Matrix id, @lea:example.org.")


@click.group()
def tips() -> None:
    """Pay a tip, and see those that people of this service gave and received (docs/selling.md, "Tips")."""


@tips.command("pay")
@click.argument("url")
@click.option("--amount", required=True, help="How much, in ERN.")
@click.option("--note", default="", help="What you say with it.")
@click.option("--public", is_flag=True, help="The room of the message sees sum, note and both names.")
@click.option("--anonymous", is_flag=True, help="They are not told who you are.")
@click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file.")
@click.option("--rpc", help="JSON-RPC endpoint of the chain; EARNEST_RPC_URL by default.")
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def pay_(
    context: click.Context,
    /,
    url: str,
    amount: str,
    rpc: str | None,
    *,
    yes: bool,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - what is said, and the key's files
) -> None:
    """Pay a tip by the link URL (https://…/tip/…) that the bot gave you; once, however often it is given."""
    match = _LINK.fullmatch(url)
    if match is None:
        raise Invalid("not_a_tip", "Give the link that the bot gave you: https://…/tip/…")
    base, link = match[1], match[2]
    wish = Wish(parse(amount, DECIMALS).base_units, note_of(given["note"]), given["public"], given["anonymous"])
    settings = container_of(context).settings
    chain = Nodes([rpc] if rpc else settings.rpc_urls(), settings.chain_id)
    context.call_on_close(chain.close)
    wallet = open_wallet(given["key_file"], given["password_file"])
    if _state(base, link) != "open":
        raise _tipped()
    what = _once(chain, _offered(base, link, wish, wallet.address))
    facts = erc20.look(chain, what.terms.asset)
    if (facts.symbol, facts.decimals) != (SYMBOL, DECIMALS):  # one that takes this name is not worth more than ERN
        raise Conflict("terms_differ", "The service asks for another token than ERN: nothing was paid.")
    if not yes:
        click.confirm(f"Pay {_money(what.terms.price)} to {show_address(what.terms.seller)}?", abort=True)
    transaction = show_hash(pay(chain, wallet, what, facts, _money))
    for _ in range(_LOOKS):  # until then the link is open for whoever gives it once more
        if _state(base, link) != "open":
            break
        time.sleep(_LOOK_SECONDS)
    purchase = checkout.purchase_id(what.terms, what.order, chain_id=chain.chain_id, checkout=what.contract)
    if as_json:
        click.echo(json.dumps({"purchase": show_hash(purchase), "transaction": transaction}))
        return
    click.echo(f"Paid: {_money(what.terms.price)}, by transaction {transaction}. The bot tells them and you.")


def _once(chain: Chain, what: Payable) -> Payable:
    """Give the tip its one id: a command that was cut off and is given again before the service knows pays nothing."""
    try:
        return replace(what, order=once(chain, what))
    except Conflict as refused:
        raise (_tipped() if refused.code == "bought_already" else refused) from None


def _tipped() -> Conflict:
    return Conflict("tipped_already", "By this link a tip was paid already: nothing was paid now. Ask for another.")


def _offered(base: str, link: str, wish: Wish, payer: Address) -> Payable:
    """Trust nothing: what is to be paid must be just this tip, and what is said with it what stands in its terms."""
    asked = {"note": wish.note, "public": wish.public, "anonymous": wish.anonymous}
    body = {"payer": show_address(payer), "amount": str(wish.amount), **asked}
    answered = get_json("POST", f"{base}/v1/tips/{link}/terms", body)
    what = payable(answered)
    terms, order = what.terms, what.order
    try:
        salt = bytes.fromhex(str(answered["note_salt"])[2:])
    except (KeyError, ValueError):
        raise Invalid("answer_malformed", "That service offers nothing that could be paid.") from None
    expected = (wish.amount, listing_hash(link), note_hash(salt, wish), (), payer, memo_of(link), 0)
    offered = (terms.price, terms.listing, terms.content, terms.shares, order.buyer, order.memo, order.relay_fee)
    if len(salt) != SALT_BYTES or offered != expected:
        raise Conflict("terms_differ", "The service offers another tip than you asked for: nothing was paid.")
    return what


def _state(base: str, link: str) -> str:
    return plain(get_json("GET", f"{base}/v1/tips/{link}").get("state"))


def _money(amount: int) -> str:
    return f"{show(Amount(amount), DECIMALS)} {SYMBOL}"


@tips.command("list")
@_person
@click.option("--given", is_flag=True, help="Those that they gave; by default those that they received.")
@click.option("--most", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, latest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def list_(context: click.Context, mxid: str, most: int, *, given: bool, as_json: bool) -> None:
    """List somebody's tips; of those without a name the giver is not shown."""
    container, side = container_of(context), Side.GIVEN if given else Side.RECEIVED
    with container.read(one_moment=True) as work:
        person = work.people.find(parse_user_id(mxid))
        if person is None:
            raise NotFound("person_unknown", "Nobody of that name is known here.")
        wallet = work.tip_links.wallet_of(person)
        found = [(one, tipped.other(work, person, side, one)) for one in tipped.all_of(work, person, side, most)]
        name = work.supporters.assets.name
    if as_json:
        rows = [
            {
                "id": one.id,
                "other": other,
                "asset": one.asset,
                "amount": str(one.amount),
                "state": one.state.value,
                "level": one.level.value,
                "public": one.public,
                "counts": not one.quiet,
                "key": show_hash(one.key),
                "paid_at": one.paid_at.isoformat(),
            }
            for one, other in found
        ]
        click.echo(json.dumps({"wallet": None if wallet is None else show_address(wallet), "tips": rows}))
        return
    click.echo("They take no tips." if wallet is None else f"They take tips at {show_address(wallet)}.")
    if not found:
        click.echo("There is nothing.")
    for one, other in found:
        symbol, places = name(one.asset)
        how = one.level.value if one.state is TipState.PAID else one.state.value
        whom = "(nobody who is named)" if other is None else isolate(other)
        amount = f"{show_signed(one.amount, places)} {symbol}"
        click.echo(f"{one.id}  {one.paid_at:%Y-%m-%d}  {amount}  {how}  {'to' if given else 'from'} {whom}")


@tips.command()
@_person
@click.pass_context
@told
def statement(context: click.Context, mxid: str) -> None:
    """Write somebody's tips as CSV in which no cell is a formula; the last 10,000 of each side."""
    with container_of(context).read(one_moment=True) as work:
        person = work.people.find(parse_user_id(mxid))
        if person is None:
            raise NotFound("person_unknown", "Nobody of that name is known here.")
        for line in tipped.statement_csv(work, person):
            click.echo(line, nl=False)
