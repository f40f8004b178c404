"""``earnest buy``: pay for something that is sold, by the contract and from a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import click
from eth_utils.crypto import keccak

from app.container import DECIMALS, SYMBOL
from cli.context import container_of, told
from cli.fetching import get_json, plain
from cli.wallets import Wallet, open_wallet, send
from contracts import checkout, codec, typed_data
from contracts.chain import Chain
from contracts.checkout import Order, SaleTerms, Share
from contracts.nodes import Nodes
from kit.amounts import Amount, show
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, Hash32, parse_address, parse_hash, show_address, show_hash

_TOKEN: Final = re.compile(r"[A-Za-z0-9]{22}", re.ASCII)
_LINK: Final = re.compile(r"(.*)/buy/([A-Za-z0-9]{22})/?", re.ASCII | re.DOTALL)


@click.command()
@click.argument("url")
@click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file.")
@click.option("--rpc", help="JSON-RPC endpoint of the chain; EARNEST_RPC_URL by default.")
@click.option("--dry-run", is_flag=True, help="Show what it is and what it costs; pay nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def buy(
    context: click.Context,
    url: str,
    *,
    key_file: Path | None,
    password_file: Path | None,
    rpc: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Buy what the page URL (https://…/buy/…) sells; the seller is paid by the contract itself.

    What the bot gave a link for comes in that chat; all else is opened by who paid (docs/selling.md).
    """
    base, listing, order = _link(url)
    found = get_json("GET", f"{base}/v1/listings/{listing}")
    price = _price(found)
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
    wallet = open_wallet(key_file, password_file)
    answered = get_json(
        "POST", f"{base}/v1/listings/{listing}/terms", {"payer": show_address(wallet.address), "order": order}
    )
    terms, made, contract = _checked(answered, found, price, wallet.address, order)
    if not yes:
        click.confirm(f"Pay {show(price, DECIMALS)} {SYMBOL}?", abort=True)
    purchase = checkout.purchase_id(terms, made, chain_id=chain.chain_id, checkout=contract)
    transaction = _pay(chain, wallet, terms, made, contract)
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


def _price(found: dict[str, Any]) -> Amount:
    if found.get("kind") is None or not isinstance(found.get("prices"), list) or not found["prices"]:
        raise Invalid("answer_malformed", "That service sells nothing so.")
    return Amount(int(found["prices"][0]["amount"]))


def _show(found: dict[str, Any], price: Amount) -> None:
    click.echo(plain(found["title"]))
    click.echo(f"  price     {show(price, DECIMALS)} {SYMBOL} ({plain(found['prices'][0]['asset'])})")
    click.echo(f"  to        {plain(found['pay_to'])}")
    if found.get("licence"):
        click.echo(f"  licence   {plain(found['licence'])}")
    if found.get("complaints"):
        click.echo(f"  sold {plain(found['sold'])} times, {plain(found['complaints'])} complaints")
    click.echo(f"  terms     {plain(found['terms'])}")


def _checked(
    answered: dict[str, Any], found: dict[str, Any], price: Amount, payer: Address, order: str | None
) -> tuple[SaleTerms, Order, Address]:
    """Trust nothing: what is to be paid must be what was shown, for whom it was asked, and to nobody else."""
    told, asked = answered["terms"], answered["order"]
    terms = SaleTerms(
        seller=parse_address(told["seller"]),
        asset=parse_address(told["asset"]),
        price=int(told["price"]),
        listing=parse_hash(told["listing"]),
        content=parse_hash(told["content"]),
        valid_until=int(told["valid_until"]),
        fee_bps=int(told["fee_bps"]),
        fee_receiver=parse_address(told["fee_receiver"]),
        shares=tuple(Share(parse_address(one["payee"]), int(one["bps"])) for one in told["shares"]),
    )
    made = Order(
        buyer=parse_address(asked["buyer"]),
        memo=parse_hash(asked["memo"]),
        relay_fee=int(asked["relay_fee"]),
        relay_receiver=parse_address(asked["relay_receiver"]),
        valid_before=int(asked["valid_before"]),
        salt=parse_hash(asked["salt"]),
    )
    contract = parse_address(answered["checkout"])
    shown = found["terms_document"]
    memo = Hash32(bytes(32) if order is None else keccak(b"earnest-order:" + order.encode()))
    expected = (
        (parse_address(found["pay_to"]), price.base_units, parse_hash(found["terms"])),
        (payer, memo, 0, str(found["prices"][0]["asset"]).lower().rpartition(":")[2]),
        (Hash32(keccak(text=found["id"])), int(shown["fee_bps"])),
    )
    offered = (
        (terms.seller, terms.price, terms.content),
        (made.buyer, made.memo, made.relay_fee, show_address(terms.asset).lower()),
        (terms.listing, terms.fee_bps),
    )
    if offered != expected:
        raise Conflict("terms_differ", "The service offers other terms than it showed: nothing was paid.")
    checkout.check(terms, checkout=contract)
    return terms, made, contract


def _pay(chain: Chain, wallet: Wallet, terms: SaleTerms, made: Order, contract: Address) -> Hash32:
    held = codec.decode_uint(chain.call(terms.asset, codec.encode_balance_of(wallet.address)))
    if held < terms.price:
        have, need = (f"{show(Amount(one), DECIMALS)} {SYMBOL}" for one in (held, terms.price))
        raise Conflict("too_little", f"{show_address(wallet.address)} holds {have}, but {need} are asked.")
    nonce = codec.decode_uint(chain.call(terms.asset, codec.encode_nonces(wallet.address)))
    permit = typed_data.permit_to_buy(
        terms,
        chain_id=chain.chain_id,
        token=terms.asset,
        buyer=wallet.address,
        checkout=contract,
        nonce=nonce,
        deadline=made.valid_before,
    )
    signature = wallet.signer.sign_digest(permit.digest)
    return send(chain, wallet, contract, checkout.encode_buy_with_permit(terms, made, made.valid_before, signature))
