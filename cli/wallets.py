"""A payer's own wallet at the terminal: a key from a file, and a transaction sent and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from contracts import codec
from contracts.chain import Chain
from contracts.signer import Transaction
from contracts.signers import KeySigner, signer_from_file, signer_from_secret
from kit.errors import Conflict, Invalid, Unavailable
from kit.identifiers import Address, Hash32, show_address, show_hash

_POLL_SECONDS = 0.3
_POLLS = 400
_GAS_MARGIN_PERCENT = 120


@dataclass(frozen=True, slots=True)
class Wallet:
    """A key that pays."""

    signer: KeySigner

    @property
    def address(self) -> Address:
        """Its address."""
        return self.signer.address


def open_wallet(key_file: Path | None, password_file: Path | None) -> Wallet:
    """Open a keystore v3 file or a file with one hexadecimal key; asks for a password that is needed and not given."""
    if key_file is None:
        raise Invalid("no_key", "Give the paying key with --key-file (a keystore v3 file, or a hexadecimal key).")
    text = key_file.read_text(encoding="utf-8").strip()
    if not text.startswith("{"):
        return Wallet(signer_from_secret(text))
    password = (
        password_file.read_text(encoding="utf-8").strip()
        if password_file
        else click.prompt("Password of the key file", hide_input=True, err=True)
    )
    return Wallet(signer_from_file(key_file, password))


def send(chain: Chain, wallet: Wallet, to: Address, data: bytes, *, value: int = 0, nonce: int | None = None) -> Hash32:
    """Simulate, sign, send and wait until it is mined; ``value`` wei go along. Raises ``Conflict`` where it reverts.

    ``nonce``: its place among the wallet's transactions, the next one by default; of two for one place, one is mined.
    """
    gas = chain.estimate_gas(to, data, wallet.address, value=value) * _GAS_MARGIN_PERCENT // 100
    fees = chain.fees()
    signed = wallet.signer.sign_transaction(
        Transaction(
            chain_id=chain.chain_id,
            nonce=chain.nonce(wallet.address) if nonce is None else nonce,
            to=to,
            data=data,
            gas=gas,
            max_fee=fees.max_fee,
            priority_fee=fees.priority_fee,
            value=value,
        )
    )
    chain.send(signed.raw)
    for _ in range(_POLLS):
        receipt = chain.receipt(signed.hash)
        if receipt is not None:
            if not receipt.succeeded:
                raise Conflict("reverted", f"Transaction {show_hash(signed.hash)} was mined but reverted.")
            return signed.hash
        time.sleep(_POLL_SECONDS)
    message = f"transaction {show_hash(signed.hash)} was sent but is not mined yet"
    raise Unavailable(message)


def make_sure_holds(chain: Chain, token: Address, account: Address, due: int, text: Callable[[int], str]) -> None:
    """Refuse to send what an account cannot pay: ``due`` base units, which ``text`` writes. Raises ``Conflict``."""
    held = codec.decode_uint(chain.call(token, codec.encode_balance_of(account)))
    if held < due:
        raise Conflict("too_little", f"{show_address(account)} holds {text(held)}, but {text(due)} are asked.")
