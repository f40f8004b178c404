"""A payer's opening at the terminal that the service carries: signed here, and watched until it is on the chain."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cli.fetching import get_json
from cli.receipts import Receipt
from cli.wallets import Wallet
from contracts import typed_data
from kit.errors import Conflict, Unavailable
from kit.identifiers import parse_hash, show_address, show_hash

_POLL_SECONDS = 1.0
_POLLS = 600
_WORDS = {
    "queued": "Taken on; it waits to be sent.",
    "sent": "Sent; waiting for a block.",
    "mined": "In a block.",
}
_FAILURES = {
    "reverted": "by the time it was mined, the wallet did not hold the tokens, or the signature was cancelled.",
    "too_late": "the price ran out before it was mined. Knock again to get a new one.",
    "would_revert": "the chain would refuse it now: too few tokens, or the signature was cancelled.",
    "quote_gone": "the price was paid otherwise, or stands no more.",
}


def carry(url: str, wallet: Wallet, receipt: Receipt, *, tell: Callable[[str], None]) -> Receipt:
    """Sign the opening of ``receipt``, have the service at the stake page ``url`` carry it, and wait until it is open.

    What is signed is made here from the terms, so that it can open them or nothing. Raises ``NotFound`` with the
    service's words where it is not taken on, ``Conflict`` where it came to nothing, ``Unavailable`` while it takes too
    long.
    """
    base, _, quote_id = url.partition("/stake/")
    terms = receipt.terms
    asked = typed_data.authorization_to_open(
        terms, chain_id=receipt.chain_id, token=receipt.token, escrow=receipt.escrow
    )
    body = {
        "payer": show_address(terms.payer),
        "return_to": show_address(terms.return_to),
        "signature": "0x" + wallet.signer.sign_digest(asked.digest).hex(),
    }
    quote = f"{base}/v1/quotes/{quote_id.strip('/')}"
    get_json("POST", f"{quote}/open", body)
    said = ""
    for _ in range(_POLLS):
        shown = _look(quote)
        if shown is None:
            time.sleep(_POLL_SECONDS)
            continue
        stake, carried = shown.get("stake"), shown["gasless"]
        if stake is not None and stake["id"] == show_hash(receipt.stake_id):
            transaction = parse_hash(stake["opening_transaction"])
            return Receipt(receipt.chain_id, receipt.token, receipt.escrow, terms, transaction)
        if carried["state"] == "failed":
            why = _FAILURES.get(str(carried["code"]), "the service does not say why.")
            raise Conflict("carried_in_vain", f"It was not put down, and nothing was taken from your wallet: {why}")
        if carried["state"] != said:
            said = carried["state"]
            tell(_WORDS.get(str(said), "On its way."))
        time.sleep(_POLL_SECONDS)
    message = "the service took it on, but it is not in a block yet: the stake page shows when it is"
    raise Unavailable(message)


def _look(quote: str) -> dict[str, Any] | None:
    """Ask how things stand; ``None`` while the service is away for a moment: it has what was signed."""
    try:
        return get_json("GET", quote)
    except Unavailable:
        return None
