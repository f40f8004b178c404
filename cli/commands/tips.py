"""``earnest tips``: a tip paid at the terminal, and which ones somebody gave and received, without what was said."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
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
from contracts.erc20 import Facts
from contracts.nodes import Nodes
from kit.amounts import Amount, parse, show, show_signed
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Address, isolate, parse_address, parse_user_id, show_address, show_hash
from ledger.model import Asset
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
@click.option("--amount", required=True, help="How much, in ERN or what --token names.")
@click.option("--token", help="Another token that they take, by its name or its address.")
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
    token: str | None,
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
    settings = container_of(context).settings
    chain = Nodes([rpc] if rpc else settings.rpc_urls(), settings.chain_id)
    context.call_on_close(chain.close)
    wallet = open_wallet(given["key_file"], given["password_file"])
    told_of = _look(base, link)
    if plain(told_of.get("state")) != "open":
        raise _tipped()
    money = _money(chain, told_of, token)
    units = parse(amount, money.facts.decimals).base_units
    wish = Wish(units, note_of(given["note"]), given["public"], given["anonymous"], money.asset)
    what = _once(chain, _offered(base, link, wish, money, wallet.address))
    if not yes:
        click.confirm(f"Pay {money.text(what.terms.price)} to {show_address(what.terms.seller)}?", abort=True)
    transaction = show_hash(pay(chain, wallet, what, money.facts, money.text))
    for _ in range(_LOOKS):  # until then the link is open for whoever gives it once more
        if plain(_look(base, link).get("state")) != "open":
            break
        time.sleep(_LOOK_SECONDS)
    purchase = checkout.purchase_id(what.terms, what.order, chain_id=chain.chain_id, checkout=what.contract)
    if as_json:
        click.echo(json.dumps({"purchase": show_hash(purchase), "transaction": transaction}))
        return
    click.echo(f"Paid: {money.text(what.terms.price)}, by transaction {transaction}. The bot tells them and you.")


def _once(chain: Chain, what: Payable) -> Payable:
    """Give the tip its one id: a command that was cut off and is given again before the service knows pays nothing."""
    try:
        return replace(what, order=once(chain, what))
    except Conflict as refused:
        raise (_tipped() if refused.code == "bought_already" else refused) from None


def _tipped() -> Conflict:
    return Conflict("tipped_already", "By this link a tip was paid already: nothing was paid now. Ask for another.")


@dataclass(frozen=True, slots=True)
class _Money:
    """What is paid in: what the service calls it, and what the token says of itself."""

    asset: Asset
    facts: Facts

    @property
    def token(self) -> Address:
        """Its contract."""
        return parse_address(self.asset.rpartition(":")[2])

    def text(self, amount: int) -> str:
        """Write so many base units."""
        return f"{show(Amount(amount), self.facts.decimals)} {self.facts.symbol or show_address(self.token)}"


def _money(chain: Chain, told_of: dict[str, Any], name: str | None) -> _Money:
    """Return the token that is meant, whatever the service calls so: a dearer one is not paid by a cheaper one's name.

    Raises ``Invalid`` where they do not take it.
    """
    meant = (name or SYMBOL).strip().casefold()
    try:
        takes = [(plain(one["symbol"]), plain(one["asset"]).lower(), int(one["decimals"])) for one in told_of["takes"]]
        found = [one for one in takes if meant in (one[0].casefold(), one[1], one[1].rpartition(":")[2])]
        if not found:
            names = ", ".join(label for label, _, _ in takes)
            raise Invalid("asset_unknown", f"They take no tips in that. They take {names}; name it as it stands there.")
        asset, decimals = Asset(found[0][1]), found[0][2]
        facts = erc20.look(chain, parse_address(asset.rpartition(":")[2]))
    except (KeyError, TypeError, ValueError):
        raise Invalid("answer_malformed", "That service offers nothing that could be paid.") from None
    named = asset.rpartition(":")[2] in meant or (facts.symbol or "").casefold() == meant
    if not named or facts.decimals != decimals or (name is None and decimals != DECIMALS):
        raise Conflict("terms_differ", f"The service asks for another token than {name or SYMBOL}: nothing was paid.")
    return _Money(asset, facts)


def _offered(base: str, link: str, wish: Wish, money: _Money, payer: Address) -> Payable:
    """Trust nothing: what is to be paid must be just this tip, and what is said with it what stands in its terms."""
    asked = {"note": wish.note, "public": wish.public, "anonymous": wish.anonymous}
    body = {"payer": show_address(payer), "amount": str(wish.amount), "asset": money.asset, **asked}
    answered = get_json("POST", f"{base}/v1/tips/{link}/terms", body)
    what = payable(answered)
    terms, order = what.terms, what.order
    try:
        salt = bytes.fromhex(str(answered["note_salt"])[2:])
    except (KeyError, ValueError):
        raise Invalid("answer_malformed", "That service offers nothing that could be paid.") from None
    expected = (money.token, wish.amount, listing_hash(link), note_hash(salt, wish), (), payer, memo_of(link), 0)
    offered = (
        terms.asset,
        terms.price,
        terms.listing,
        terms.content,
        terms.shares,
        order.buyer,
        order.memo,
        order.relay_fee,
    )
    if len(salt) != SALT_BYTES or offered != expected:
        raise Conflict("terms_differ", "The service offers another tip than you asked for: nothing was paid.")
    return what


def _look(base: str, link: str) -> dict[str, Any]:
    return get_json("GET", f"{base}/v1/tips/{link}")


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
        name = work.tokens.assets.name
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
