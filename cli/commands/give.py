"""``earnest give``: give to a service's cause from a terminal: its own token, ether, or another that it counts."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cli.context import container_of, told
from cli.counting import counted
from cli.fetching import get_json, plain
from cli.wallets import Wallet, open_wallet, send
from contracts import codec, pledges, typed_data
from contracts.chain import Chain
from contracts.events import SignedGift
from contracts.nodes import Nodes
from kit.amounts import Amount, parse
from kit.amounts import show as show_amount
from kit.errors import ChainUnavailable, Conflict, Invalid, Unavailable
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, parse_address, show_address, show_hash
from payments.flair.codes import memo_in

_GOOD_FOR_SECONDS = 86_400
_POLL_SECONDS = 1.0
_POLLS = 600
_WORDS = {"queued": "Taken on; it waits to be sent.", "sent": "Sent; waiting for a block.", "mined": "In a block."}


@dataclass(frozen=True, slots=True)
class _Gift:
    """What is to be given, as the service and the giver put it; ``asset`` is the zero address for ether."""

    chain_id: int
    cause: Address
    title: str
    token: Address
    contract: Address | None
    asset: Address
    symbol: str
    decimals: int
    amount: int
    months: int
    memo: Hash32
    gasless: Mapping[str, Any]

    @property
    def own(self) -> bool:
        """Whether it is of the service's own token, which can be given by a signature."""
        return self.asset == self.token

    def money(self, base_units: int) -> str:
        """Write a sum of it."""
        return f"{show_amount(Amount(base_units), self.decimals)} {self.symbol}"


@click.command()
@click.argument("amount")
@click.option("--asset", default="ERN", show_default=True, help="ERN, ETH, another that the service counts, or 0x….")
@click.option(
    "--months", type=click.IntRange(0, pledges.MOST_MONTHS), default=0, help="So many prepaid months; 0: once."
)
@click.option("--memo", "code", help="A claim code: whoever has it can claim the gift. Or a memo from the bot (0x…).")
@click.option("--service", help="Address of the service's pages; EARNEST_PUBLIC_URL by default.")
@click.option("--key-file", type=click.Path(path_type=Path, exists=True), help="Keystore v3 file, or a hex key.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), help="Opens the keystore file.")
@click.option("--rpc", help="JSON-RPC endpoint of the chain; EARNEST_RPC_URL by default.")
@click.option("--gasless", is_flag=True, help="Sign only; the service carries it to the chain for the relay fee.")
@click.option("--dry-run", is_flag=True, help="Show what would be given to whom; give nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before giving.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
@told
def give(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    amount: str,
    *,
    asset: str,
    months: int,
    code: str | None,
    service: str | None,
    key_file: Path | None,
    password_file: Path | None,
    rpc: str | None,
    gasless: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Give AMOUNT to the cause of a service, once or as prepaid months. A gift cannot be taken back."""
    base = (service or container_of(context).settings.public_url).rstrip("/")
    memo = memo_in(code) if code else pledges.NO_MEMO
    gift = _gift(get_json("GET", f"{base}/v1/giving"), amount, asset, months, memo)
    _show(gift, quiet=as_json)
    if dry_run:
        click.echo(json.dumps(_to_json(gift, None)) if as_json else "Nothing was given.")
        return
    chain = Nodes([rpc] if rpc else container_of(context).settings.rpc_urls(), gift.chain_id)
    context.call_on_close(chain.close)
    wallet = open_wallet(key_file, password_file)
    gasless = gasless or (gift.own and gift.gasless["available"] and not chain.balance(wallet.address))
    if gasless:
        fee = gift.money(int(gift.gasless["relay_fee"]))
        click.echo(f"Signed only and carried by the service, for {fee} more.", err=as_json)
    if not yes:
        click.confirm("Give it?", abort=True)
    transaction = None
    if gasless:
        _carry(base, chain, wallet, gift, quiet=as_json)
    else:
        transaction = _sent(chain, wallet, gift)
    if as_json:
        click.echo(json.dumps(_to_json(gift, transaction)))
        return
    click.echo(
        f"Given: {gift.money(gift.amount)}{f', by transaction {transaction}' if transaction else ''}. Thank you!"
    )


def _gift(facts: Mapping[str, Any], amount: str, asset: str, months: int, memo: Hash32) -> _Gift:
    """Put what was asked for to what the service counts. Raises ``Invalid`` for what it does not."""
    known = {str(one["name"]).upper(): one for one in facts["assets"]}
    known |= {str(one["token"]).lower(): one for one in facts["assets"] if one["token"]}
    found = known.get(asset.upper()) or known.get(asset.lower())
    if found is None:
        names = ", ".join(plain(one["name"]) for one in facts["assets"])
        raise Invalid("asset_not_counted", f"This service does not count {plain(asset)}; it counts {names}.")
    decimals = int(found["decimals"])
    units = parse(amount, decimals).base_units
    if not units:
        raise Invalid("nothing_given", "A gift of nothing is none.")
    return _Gift(
        chain_id=int(facts["chain_id"]),
        cause=parse_address(facts["cause"]["address"]),
        title=plain(facts["cause"]["title"]),
        token=parse_address(facts["token"]),
        contract=parse_address(facts["pledges"]) if facts["pledges"] else None,
        asset=parse_address(found["token"]) if found["token"] else ZERO_ADDRESS,
        symbol=plain(found["name"]),
        decimals=decimals,
        amount=units,
        months=months,
        memo=memo,
        gasless=facts["gasless"],
    )


def _sent(chain: Chain, wallet: Wallet, gift: _Gift) -> str:
    """Give with the wallet's own ether for gas, in as few transactions as can be; return the last one's hash."""
    if gift.asset == ZERO_ADDRESS:
        data = pledges.encode_give_ether(gift.cause, gift.months, gift.memo)
        return show_hash(send(chain, wallet, _contract(gift), data, value=gift.amount))
    held = codec.decode_uint(chain.call(gift.asset, codec.encode_balance_of(wallet.address)))
    if held < gift.amount:
        have, need = gift.money(held), gift.money(gift.amount)
        raise Conflict("too_little", f"{show_address(wallet.address)} holds {have}, but {need} are to be given.")
    if gift.own and not gift.months and gift.memo == pledges.NO_MEMO:
        return show_hash(send(chain, wallet, gift.token, codec.encode_transfer(gift.cause, gift.amount)))
    if gift.own:
        signed = _signed(chain, wallet, gift, relay_fee=0, receiver=ZERO_ADDRESS)
        return show_hash(send(chain, wallet, _contract(gift), pledges.encode_give_with_authorization(*signed)))
    allowance = codec.encode_allowance(wallet.address, _contract(gift))
    if codec.decode_uint(chain.call(gift.asset, allowance)) < gift.amount:
        send(chain, wallet, gift.asset, codec.encode_approve(_contract(gift), gift.amount))
    data = pledges.encode_give(gift.cause, gift.asset, gift.amount, gift.months, gift.memo)
    return show_hash(send(chain, wallet, _contract(gift), data))


def _signed(
    chain: Chain, wallet: Wallet, gift: _Gift, *, relay_fee: int, receiver: Address
) -> tuple[SignedGift, bytes]:
    """Sign a gift of the service's own token, good for a day of chain time."""
    head = chain.block("latest")
    if head is None:
        message = "the node has no head block"
        raise ChainUnavailable(message)
    signed = SignedGift(
        giver=wallet.address,
        cause=gift.cause,
        amount=gift.amount,
        months=gift.months,
        memo=gift.memo,
        relay_fee=relay_fee,
        relay_receiver=receiver,
        valid_before=head.timestamp + _GOOD_FOR_SECONDS,
        salt=Hash32(secrets.token_bytes(32)),
    )
    asked = typed_data.authorization_to_give(signed, chain_id=gift.chain_id, token=gift.token, pledges=_contract(gift))
    return signed, wallet.signer.sign_digest(asked.digest)


def _carry(base: str, chain: Chain, wallet: Wallet, gift: _Gift, *, quiet: bool) -> None:
    """Sign, have the service carry it, and wait until it is given."""
    if not gift.own:
        raise Invalid("not_gasless", f"Only {gift.symbol} of the service's own can be given without ether.")
    fee, receiver = int(gift.gasless["relay_fee"]), parse_address(gift.gasless["relay_receiver"])
    signed, signature = _signed(chain, wallet, gift, relay_fee=fee, receiver=receiver)
    body = {
        "giver": show_address(signed.giver),
        "cause": show_address(signed.cause),
        "amount": str(signed.amount),
        "months": signed.months,
        "memo": show_hash(signed.memo),
        "relay_fee": str(signed.relay_fee),
        "relay_receiver": show_address(signed.relay_receiver),
        "valid_before": signed.valid_before,
        "salt": show_hash(signed.salt),
        "signature": "0x" + signature.hex(),
    }
    taken_on = get_json("POST", f"{base}/v1/giving/signed", body)
    said = ""
    for _ in range(_POLLS):
        if taken_on["state"] == "given":
            return
        if taken_on["state"] == "failed":
            raise Conflict("carried_in_vain", f"It was not given, and nothing was taken: {plain(taken_on['code'])}.")
        if taken_on["state"] != said:
            said = str(taken_on["state"])
            click.echo(_WORDS.get(said, "On its way."), err=quiet)
        time.sleep(_POLL_SECONDS)
        taken_on = get_json("GET", f"{base}/v1/giving/signed/{plain(taken_on['id'])}")
    message = "the service took it on, but it is not in a final block yet"
    raise Unavailable(message)


def _contract(gift: _Gift) -> Address:
    if gift.contract is None:
        raise Invalid("pledges_missing", "Gifts have no contract on this chain yet: give its own token, once.")
    return gift.contract


def _show(gift: _Gift, *, quiet: bool) -> None:
    if quiet:
        return
    how = f"for {counted(gift.months, 'month')}" if gift.months else "once"
    click.echo(f"Gift:  {gift.money(gift.amount)}, {how}; it cannot be taken back")
    click.echo(f"For:   {gift.title}")
    click.echo(f"To:    {show_address(gift.cause)} on chain {gift.chain_id}")
    if gift.memo != pledges.NO_MEMO:
        click.echo(f"Memo:  {show_hash(gift.memo)} (a hash: nothing else of it is published)")


def _to_json(gift: _Gift, transaction: str | None) -> dict[str, Any]:
    return {
        "cause": show_address(gift.cause),
        "asset": gift.symbol,
        "amount": str(gift.amount),
        "months": gift.months,
        "memo": show_hash(gift.memo),
        "transaction": transaction,
    }
