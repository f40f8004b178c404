"""``earnest stake``: put down a stake from a terminal, look at one, and get it back without the service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app.container import DECIMALS, SYMBOL
from cli import receipts
from cli.carrying import carry
from cli.context import container_of, told
from cli.fetching import get_json, plain
from cli.wallets import Wallet, make_sure_holds, open_wallet, send
from contracts import codec, typed_data
from contracts.chain import Chain
from contracts.events import Terms
from contracts.nodes import Nodes
from kit.amounts import Amount, show
from kit.clock import from_unix
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, parse_address, show_address, show_hash

_STATES = {
    codec.State.NONE: "not opened",
    codec.State.OPEN: "open",
    codec.State.FORFEIT_ANNOUNCED: "forfeit announced",
    codec.State.RETURNED: "returned",
    codec.State.FORFEITED: "forfeited",
    codec.State.EXPIRED: "expired",
}


class _PayByDefault(click.Group):
    """Takes ``earnest stake URL`` for ``earnest stake pay URL``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and "/stake/" in args[0]:
            args = ["pay", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_PayByDefault)
def stake() -> None:
    """Put down a stake (`earnest stake URL`), look at one, or get one back."""


_key_options = [
    click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key."),
    click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file."),
    click.option("--rpc", help="JSON-RPC endpoint of the chain; EARNEST_RPC_URL by default."),
]


def _with_key(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_key_options):
        command = option(command)
    return command


@stake.command()
@click.argument("url")
@_with_key
@click.option("--return-to", help="Address that the stake goes back to; the paying address by default.")
@click.option("--receipt", "receipt_file", type=click.Path(path_type=Path), help="Where to write the receipt.")
@click.option("--gasless", is_flag=True, help="Sign only; the service carries it to the chain for the relay fee.")
@click.option("--dry-run", is_flag=True, help="Show price and terms; pay nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before paying.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def pay(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    url: str,
    *,
    key_file: Path | None,
    password_file: Path | None,
    rpc: str | None,
    return_to: str | None,
    receipt_file: Path | None,
    gasless: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Pay the stake that the page URL asks for, after showing price, terms and how often this person returns stakes."""
    quote = _fetch(url)
    _show(quote, quiet=as_json)
    if dry_run:
        click.echo(json.dumps(quote) if as_json else "Nothing was paid.")
        return
    chain = _node(context, rpc, int(quote["chain_id"]))
    wallet = open_wallet(key_file, password_file)
    terms = _terms(url, quote, wallet.address, parse_address(return_to) if return_to else None)
    gasless = gasless or (quote["gasless"]["available"] and not chain.balance(wallet.address))
    if gasless:  # that way no node is asked: a wallet without ether may well have none
        click.echo(f"Signed only and carried by the service, for {_money(terms.relay_fee)} more.", err=as_json)
    if not yes:
        click.confirm("Put it down?", abort=True)
    receipt = receipts.Receipt(
        chain_id=int(quote["chain_id"]),
        token=parse_address(quote["token"]),
        escrow=parse_address(quote["escrow"]),
        terms=terms,
        transaction=None,
    )
    target = receipt_file or Path(f"earnest-receipt-{show_hash(receipt.stake_id)[2:12]}.json")
    receipts.write(target, receipt)  # before any money moves: what is lost afterwards can still be claimed back
    receipt = carry(url, wallet, receipt, tell=_tell(as_json)) if gasless else _open(chain, wallet, receipt)
    receipts.write(target, receipt)
    if as_json:
        click.echo(json.dumps({**receipts.to_json(receipt), "receipt": str(target)}))
        return
    click.echo(f"The stake is on the chain: {show_hash(receipt.stake_id)}")
    click.echo(f"Receipt: {target}. With it and any node you get the stake back even if this service vanishes:")
    click.echo(f"  earnest stake reclaim {target} --rpc URL     (from {_when(terms.answer_by)} on)")


@stake.command("show")
@click.argument("receipt_file", type=click.Path(path_type=Path, exists=True))
@click.option("--rpc", help="JSON-RPC endpoint of the chain; EARNEST_RPC_URL by default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def show_stake(context: click.Context, receipt_file: Path, rpc: str | None, *, as_json: bool) -> None:
    """Ask the chain how the stake of RECEIPT_FILE stands."""
    receipt = receipts.read(receipt_file)
    chain = _node(context, rpc, receipt.chain_id)
    state, executable_at = _state(chain, receipt)
    if as_json:
        click.echo(json.dumps({"state": state.name.lower(), "executable_at": executable_at or None}))
        return
    click.echo(f"{show_hash(receipt.stake_id)}: {_STATES[state]}")
    if state is codec.State.FORFEIT_ANNOUNCED:
        click.echo(f"From {_when(executable_at)} on anybody may have it burned, unless it is taken back before.")
    if state is codec.State.OPEN:
        click.echo(
            f"If nobody answers, `earnest stake reclaim` brings it back from {_when(receipt.terms.answer_by)} on."
        )


@stake.command()
@click.argument("receipt_file", type=click.Path(path_type=Path, exists=True))
@_with_key
@click.pass_context
@told
def reclaim(
    context: click.Context, receipt_file: Path, key_file: Path | None, password_file: Path | None, rpc: str | None
) -> None:
    """Bring an unanswered stake back with nothing but a node and its receipt. Anybody may; it goes to its owner."""
    receipt = receipts.read(receipt_file)
    chain = _node(context, rpc, receipt.chain_id)
    state, _ = _state(chain, receipt)
    if state is not codec.State.OPEN:
        raise Conflict("not_open", f"This stake cannot be reclaimed: it is {_STATES[state]}.")
    head = chain.block("latest")
    if head is None or head.timestamp < receipt.terms.answer_by:
        raise Conflict("too_early", f"It can be answered until {_when(receipt.terms.answer_by)}; come back then.")
    wallet = open_wallet(key_file, password_file)
    transaction = send(chain, wallet, receipt.escrow, codec.encode_expire(receipt.terms))
    click.echo(f"Back at {show_address(receipt.terms.return_to)} by transaction {show_hash(transaction)}.")


def _node(context: click.Context, rpc: str | None, chain_id: int) -> Chain:
    chain = Nodes([rpc] if rpc else container_of(context).settings.rpc_urls(), chain_id)
    context.call_on_close(chain.close)
    return chain


def _open(chain: Chain, wallet: Wallet, receipt: receipts.Receipt) -> receipts.Receipt:
    terms = receipt.terms
    make_sure_holds(chain, receipt.token, terms.payer, terms.amount + terms.fee, _money)
    nonce = codec.decode_uint(chain.call(receipt.token, codec.encode_nonces(terms.payer)))
    permit = typed_data.permit_to_open(
        terms,
        chain_id=receipt.chain_id,
        token=receipt.token,
        escrow=receipt.escrow,
        nonce=nonce,
        deadline=terms.quote_expiry,
    )
    signature = wallet.signer.sign_digest(permit.digest)
    call = codec.encode_open_with_permit(terms, deadline=terms.quote_expiry, signature=signature)
    transaction = send(chain, wallet, receipt.escrow, call)
    return receipts.Receipt(receipt.chain_id, receipt.token, receipt.escrow, terms, transaction)


def _state(chain: Chain, receipt: receipts.Receipt) -> tuple[codec.State, int]:
    return codec.decode_stake(chain.call(receipt.escrow, codec.encode_stakes(receipt.stake_id)))


def _fetch(url: str) -> dict[str, Any]:
    base, slash, quote_id = url.partition("/stake/")
    if not slash or not quote_id.strip("/"):
        raise Invalid("not_a_stake_page", "Give the address of a stake page: https://…/stake/…")
    return get_json("GET", f"{base}/v1/quotes/{quote_id.strip('/')}")


def _terms(url: str, quote: dict[str, Any], payer: Address, return_to: Address | None) -> Terms:
    """Ask for the exact terms, then trust nothing: each must be what the quote showed, and the id our own hash."""
    base = url.partition("/stake/")[0]
    body = {"payer": show_address(payer), "return_to": show_address(return_to) if return_to else None}
    answered = get_json("POST", f"{base}/v1/quotes/{quote['id']}/terms", body)
    terms = receipts.terms_from_json(answered["terms"])
    expected = (
        payer,
        return_to or payer,
        int(quote["price"]["stake"]),
        int(quote["price"]["fee"]),
        int(quote["gasless"]["relay_fee"]),
        int(quote["answer_by"]),
        int(quote["quote_expiry"]),
    )
    offered = (
        terms.payer,
        terms.return_to,
        terms.amount,
        terms.fee,
        terms.relay_fee,
        terms.answer_by,
        terms.quote_expiry,
    )
    own_id = codec.stake_id(terms, chain_id=int(quote["chain_id"]), escrow=parse_address(quote["escrow"]))
    if offered != expected or show_hash(own_id) != str(answered["stake_id"]).lower():
        raise Invalid("terms_differ", "The service offered other terms than its quote shows. Nothing was paid.")
    return terms


def _show(quote: dict[str, Any], *, quiet: bool) -> None:
    if quiet:
        return
    price, record = quote["price"], quote["track_record"]
    click.echo(f"{plain(quote['recipient'])} asks strangers for:")
    click.echo(f"  stake  {_money(int(price['stake']))}  (comes back unless they say spam)")
    if price.get("why_dearer"):
        click.echo(f"         {plain(price['why_dearer'])}")
    if int(price["fee"]):
        click.echo(f"  fee    {_money(int(price['fee']))}  (theirs once they answer, either way)")
    if quote["gasless"]["available"]:
        carried = _money(int(quote["gasless"]["relay_fee"]))
        click.echo(f"  relay  {carried}  (only without ether of your own, with --gasless; not refunded)")
    click.echo(f"For you:    {plain(quote['stranger'])}")
    click.echo(f"Check code: {plain(quote['check_code'])}  (the refusal and the bot's message show the same)")
    click.echo(f"Price ends: {_when(int(quote['quote_expiry']))}")
    click.echo(f"Back latest: {_when(int(quote['answer_by']))}, by itself, if nobody answers")
    click.echo(
        f"So far they returned {record['returned']}, had {record['forfeited']} burned,"
        f" and left {record['expired']} unanswered.\n"
    )


def _tell(as_json: bool) -> Callable[[str], None]:  # noqa: FBT001 - one of two places to write to
    return lambda line: click.echo(line, err=as_json)


def _money(base_units: int) -> str:
    return f"{show(Amount(base_units), DECIMALS)} {SYMBOL}"


def _when(seconds: int) -> str:
    return from_unix(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z")
