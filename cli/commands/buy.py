"""``earnest buy``: pay for something that is sold, by the contract and from a terminal."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import click
from eth_utils.crypto import keccak

from cli.context import container_of, told
from cli.fetching import get_json, plain
from cli.once import once
from cli.paying import Payable, pay, payable
from cli.wallets import open_wallet
from contracts import checkout, erc20
from contracts.chain import Chain
from contracts.erc20 import Facts
from contracts.nodes import Nodes
from kit.amounts import Amount, show
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, Hash32, parse_address, parse_hash, show_address, show_hash

_TOKEN: Final = re.compile(r"[A-Za-z0-9]{22}", re.ASCII)
_LINK: Final = re.compile(r"(.*)/buy/([A-Za-z0-9]{22})/?", re.ASCII | re.DOTALL)


@click.command()
@click.argument("url")
@click.option("--asset", help="What to pay with: a token's name or address, of those that it is sold for.")
@click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file.")
@click.option("--rpc", help="JSON-RPC endpoint of the chain; EARNEST_RPC_URL by default.")
@click.option("--dry-run", is_flag=True, help="Show what it is and what it costs; pay nothing.")
@click.option("--again", is_flag=True, help="Buy once more what this wallet bought today or the day before.")
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def buy(
    context: click.Context,
    /,
    url: str,
    *,
    asset: str | None,
    rpc: str | None,
    dry_run: bool,
    again: bool,
    yes: bool,
    as_json: bool,
    **keys: Path | None,
) -> None:
    """Buy what the page URL (https://…/buy/…) sells; the seller is paid by the contract itself.

    What the bot gave a link for comes in that chat; all else is opened by who paid (docs/selling.md). Given once more,
    as after a time-out, it pays nothing.
    """
    base, listing, order = _link(url)
    found = get_json("GET", f"{base}/v1/listings/{listing}")
    price = _price(found, asset)
    if not as_json:
        _show(found, price)
    if dry_run:
        click.echo(json.dumps(found) if as_json else "Nothing was paid.")
        return
    if not found.get("for_sale"):
        raise Conflict("not_for_sale", "This is not for sale now.")
    settings = container_of(context).settings
    chain = Nodes([rpc] if rpc else settings.rpc_urls(), settings.chain_id)
    context.call_on_close(chain.close)
    wallet = open_wallet(keys["key_file"], keys["password_file"])
    facts = _facts(chain, price)
    asked = {"payer": show_address(wallet.address), "order": order, "asset": price.asset}
    answered = get_json("POST", f"{base}/v1/listings/{listing}/terms", asked)
    offered = _checked(answered, found, price, wallet.address, order)
    what = offered if again else replace(offered, order=once(chain, offered))
    if not yes:
        click.confirm(f"Pay {price.text()}?", abort=True)
    purchase = checkout.purchase_id(what.terms, what.order, chain_id=chain.chain_id, checkout=what.contract)
    transaction = pay(chain, wallet, what, facts, price.text)
    if as_json:
        click.echo(json.dumps({"purchase": show_hash(purchase), "transaction": show_hash(transaction)}))
        return
    click.echo(f"Paid: purchase {show_hash(purchase)}, by transaction {show_hash(transaction)}.")
    click.echo("The bot hands it over in your chat." if order else "Sign in with this wallet to open it.")


def _link(url: str) -> tuple[str, str, str | None]:
    parts = urlsplit(url)
    match = _LINK.fullmatch(f"{parts.scheme}://{parts.netloc}{parts.path}")
    order = parse_qs(parts.query).get("order", [None])[0]
    if match is None or (order is not None and not _TOKEN.fullmatch(order)):
        raise Invalid("not_a_shop_page", "Give the address of a page that sells something: https://…/buy/…")
    return match[1], match[2], order


@dataclass(frozen=True)
class _Price:
    """One of the prices that a service shows; what it is called and how many decimals it has is the service's word."""

    asset: str
    symbol: str
    decimals: int
    amount: int

    def text(self, amount: int | None = None) -> str:
        """So much of it, or the price."""
        return f"{show(Amount(self.amount if amount is None else amount), self.decimals)} {self.symbol}"

    @property
    def token(self) -> Address:
        """Its contract."""
        return parse_address(self.asset.rpartition(":")[2])


def _price(found: dict[str, Any], wanted: str | None) -> _Price:
    """Return the price that is paid: in what was asked for, or else the first. Raises ``Invalid``."""
    if found.get("kind") is None or not isinstance(found.get("prices"), list):
        raise Invalid("answer_malformed", "That service sells nothing so.")
    try:
        prices = [
            _Price(plain(one["asset"]).lower(), plain(one["symbol"]), int(one["decimals"]), int(one["amount"]))
            for one in found["prices"]
        ]
    except (KeyError, TypeError, ValueError):
        raise Invalid("answer_malformed", "That service tells of a price that is none.") from None
    if not prices:
        raise Conflict("not_for_sale", "This is not for sale now.")
    if any(not 0 <= one.decimals <= erc20.MOST_DECIMALS for one in prices):
        raise Invalid("answer_malformed", "That service tells of a token that cannot be.")
    meant = (wanted or "").strip().lower()
    for one in prices:
        if wanted is None or meant in (one.symbol.lower(), one.asset, one.asset.rpartition(":")[2]):
            return one
    names = ", ".join(one.symbol for one in prices)
    raise Invalid("asset_unknown", f"It is not sold for that. It is for {names}.")


def _facts(chain: Chain, price: _Price) -> Facts:
    """Ask the token itself: whoever has its decimals wrong asks for another sum than they show."""
    facts = erc20.look(chain, price.token)
    if facts.decimals != price.decimals:
        raise Conflict("terms_differ", "The service tells other decimals than the token has: nothing was paid.")
    return facts


def _show(found: dict[str, Any], price: _Price) -> None:
    click.echo(plain(found["title"]))
    click.echo(f"  price     {price.text()} ({price.asset})")
    for other in found["prices"]:
        if (one := _price(found, plain(other["asset"]))) != price:
            click.echo(f"  or        {one.text()} (--asset {show_address(one.token)})")
    click.echo(f"  to        {plain(found['pay_to'])}")
    if found.get("licence"):
        click.echo(f"  licence   {plain(found['licence'])}")
    if found.get("complaints"):
        click.echo(f"  sold {plain(found['sold'])} times, {plain(found['complaints'])} complaints")
    click.echo(f"  terms     {plain(found['terms'])}")


def _checked(
    answered: dict[str, Any], found: dict[str, Any], price: _Price, payer: Address, order: str | None
) -> Payable:
    """Trust nothing: what is to be paid must be what was shown, for whom it was asked, and to nobody else."""
    what = payable(answered)
    terms, made = what.terms, what.order
    shown = found["terms_document"]
    memo = Hash32(bytes(32) if order is None else keccak(b"earnest-order:" + order.encode()))
    expected = (
        (parse_address(found["pay_to"]), price.amount, parse_hash(found["terms"])),
        (payer, memo, 0, show_address(price.token).lower()),
        (Hash32(keccak(text=found["id"])), int(shown["fee_bps"])),
    )
    offered = (
        (terms.seller, terms.price, terms.content),
        (made.buyer, made.memo, made.relay_fee, show_address(terms.asset).lower()),
        (terms.listing, terms.fee_bps),
    )
    if offered != expected:
        raise Conflict("terms_differ", "The service offers other terms than it showed: nothing was paid.")
    return what
