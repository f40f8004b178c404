"""Terms: all that a buyer agrees to, as one canonical document, and its hash, which a payment names; pure.

The hash is keccak256 over canonical JSON (``kit.canonical``) of the document; docs/selling.md has its fields and an
example that never changes. Amounts are decimal strings of base units, times Unix seconds, addresses lower-case hex.
"""

from __future__ import annotations

from typing import Any, Final

from eth_utils.crypto import keccak

from kit.canonical import canonical
from kit.clock import unix
from kit.identifiers import Hash32
from payments.content.model import Offer, Stored

FORM: Final = "earnest-listing-1"


def document(listing: str, number: int, offer: Offer, stored: Stored | None) -> dict[str, Any]:
    """Return what a buyer of version ``number`` of a listing agrees to; what is not so is ``null``."""
    content = None
    if stored is not None:
        content = {
            "sha256": stored.digest.hex(),
            "size": stored.size,
            "media_type": stored.media_type,
            "file_name": stored.file_name,
        }
    return {
        "form": FORM,
        "listing": listing,
        "version": number,
        "kind": offer.kind.value,
        "title": offer.title,
        "preview": offer.preview,
        "licence": offer.licence,
        "content": content,
        "reference": offer.reference or None,
        "admitted_seconds": None if offer.admitted is None else int(offer.admitted.total_seconds()),
        "seller": f"0x{offer.wallet.hex()}",
        "payees": [[f"0x{address.hex()}", bps] for address, bps in sorted(offer.shares.items())],
        "fee_bps": offer.fee_bps,
        "prices": {asset: str(amount) for asset, amount in offer.prices.items()},
        "finality": offer.finality.value,
        "expires": None if offer.expires_at is None else unix(offer.expires_at),
    }


def terms_hash(listing: str, number: int, offer: Offer, stored: Stored | None) -> Hash32:
    """Return the hash of the terms of a version of a listing."""
    return Hash32(keccak(canonical(document(listing, number, offer, stored))))
