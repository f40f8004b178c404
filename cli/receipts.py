"""Receipts: a small JSON file with which a stake can be got back from the chain without the service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts import codec
from contracts.events import Terms
from kit.errors import Invalid, Refusal
from kit.identifiers import Address, Hash32, parse_address, parse_hash, show_address, show_hash


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is needed to get a stake back: where it lies and its terms; ``transaction`` opened it (if known)."""

    chain_id: int
    token: Address
    escrow: Address
    terms: Terms
    transaction: Hash32 | None

    @property
    def stake_id(self) -> Hash32:
        """The stake's id: the hash of all of it."""
        return codec.stake_id(self.terms, chain_id=self.chain_id, escrow=self.escrow)


def terms_to_json(terms: Terms) -> dict[str, str]:
    """Write terms as strings: addresses by EIP-55, amounts and times in decimal."""
    return {
        "payer": show_address(terms.payer),
        "return_to": show_address(terms.return_to),
        "amount": str(terms.amount),
        "fee": str(terms.fee),
        "fee_payee": show_address(terms.fee_payee),
        "relay_fee": str(terms.relay_fee),
        "relay_receiver": show_address(terms.relay_receiver),
        "resolver": show_address(terms.resolver),
        "guardian": show_address(terms.guardian),
        "answer_by": str(terms.answer_by),
        "quote_expiry": str(terms.quote_expiry),
        "commitment": show_hash(terms.commitment),
    }


def terms_from_json(found: Mapping[str, Any]) -> Terms:
    """Read terms. Raises ``Invalid`` where a part is missing or malformed."""
    try:
        return Terms(
            payer=parse_address(str(found["payer"])),
            return_to=parse_address(str(found["return_to"])),
            amount=int(found["amount"]),
            fee=int(found["fee"]),
            fee_payee=parse_address(str(found["fee_payee"])),
            relay_fee=int(found["relay_fee"]),
            relay_receiver=parse_address(str(found["relay_receiver"])),
            resolver=parse_address(str(found["resolver"])),
            guardian=parse_address(str(found["guardian"])),
            answer_by=int(found["answer_by"]),
            quote_expiry=int(found["quote_expiry"]),
            commitment=parse_hash(str(found["commitment"])),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Invalid("terms_malformed", "The terms are incomplete or malformed.") from error


def to_json(receipt: Receipt) -> dict[str, Any]:
    """Write a receipt as plain JSON values, with a sentence for whoever finds it years later."""
    return {
        "what": "Receipt of an Earnest contact stake. After answer_by anybody may call expire(terms) on the escrow; "
        "stake and fee then go to return_to. `earnest stake reclaim FILE --rpc URL` does it.",
        "chain_id": receipt.chain_id,
        "token": show_address(receipt.token),
        "escrow": show_address(receipt.escrow),
        "stake_id": show_hash(receipt.stake_id),
        "terms": terms_to_json(receipt.terms),
        "transaction": show_hash(receipt.transaction) if receipt.transaction else None,
    }


def read(file: Path) -> Receipt:
    """Read a receipt, the page's or the terminal's. Raises ``Invalid`` where it is none or has been altered."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        receipt = Receipt(
            chain_id=int(found["chain_id"]),
            token=parse_address(found["token"]),
            escrow=parse_address(found["escrow"]),
            terms=terms_from_json(found["terms"]),
            transaction=parse_hash(found["transaction"]) if found.get("transaction") else None,
        )
        intact = show_hash(receipt.stake_id) == str(found["stake_id"]).lower()
    except Refusal:
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Invalid("receipt_malformed", f"{file} is no receipt of a stake.") from error
    if not intact:
        raise Invalid("receipt_altered", f"{file} was altered: its terms do not hash to its stake id.")
    return receipt


def write(file: Path, receipt: Receipt) -> None:
    """Write a receipt, whole or not at all."""
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(to_json(receipt), indent=2) + "\n", encoding="utf-8")
    part.replace(file)
