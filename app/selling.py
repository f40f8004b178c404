"""Selling: contents written to the disk, and then what is sold put up, revised, counted and written out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from app import shopkeeping
from app.container import Container, Work
from kit.amounts import show_signed
from kit.blobs import LARGEST_BLOB, Blobs
from kit.clock import unix
from kit.errors import Refusal
from kit.identifiers import PersonId, parse_address, show_address, show_hash
from ledger.model import Asset
from payments.content.model import Listing, Offer, Purchase

_ORPHAN_SECONDS: Final = 24 * 3600
_FORMULA: Final = frozenset("=+-@\t\r\n|%")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""
_COLUMNS: Final = (
    *("purchase", "paid_at", "listing", "title", "version", "state", "because"),
    *("asset", "amount", "buyer_wallet", "level", "wash", "key", "refund"),
)


def blobs(container: Container) -> Blobs:
    """Return the folder of contents."""
    return Blobs(container.settings.contents())


def allowed(container: Container) -> tuple[Asset, ...]:
    """Return the assets that something may be sold for, our own token first."""
    with container.read() as work:
        return work.tokens.allowed


def put_up(
    container: Container,
    seller: PersonId,
    offer: Offer,
    parts: Iterable[bytes] | None = None,
    *,
    name: str = "content.txt",
    draft: bool = False,
    also: Callable[[Work, Listing], object] | None = None,
) -> Listing:
    """Put something up, with its content where it has one; no transaction is open while that is written.

    ``also`` is done with it in its transaction.

    Raises ``Invalid``, ``Conflict`` and ``Forbidden`` as ``Content.list_`` and ``keep`` do; then nothing stays.
    """

    def _list(work: Work, blob: int | None) -> Listing:
        tokens = work.tokens
        tokens.check(offer.prices)
        offered = charged(container, offer)
        made = work.content.list_(seller, offered, blob=blob, allowed=tokens.allowed, draft=draft)
        if also is not None:
            also(work, made)
        return made

    return _with_content(container, seller, parts, name, _list)


def revise(
    container: Container,
    seller: PersonId,
    listing: str,
    offer: Offer,
    parts: Iterable[bytes] | None = None,
    *,
    name: str = "content.txt",
    also: Callable[[Work, Listing], object] | None = None,
) -> Listing:
    """Put a new version up, with a new content or the one before. Raises as ``put_up``, and ``NotFound``."""

    def _revise(work: Work, blob: int | None) -> Listing:
        tokens = work.tokens
        tokens.check(offer.prices)
        offered = charged(container, offer)
        made = work.content.revise(seller, listing, offered, blob=blob, allowed=tokens.allowed)
        if also is not None:
            also(work, made)
        return made

    return _with_content(container, seller, parts, name, _revise)


def charged(container: Container, offer: Offer) -> Offer:
    """Return an offer with what the operator takes of each sale."""
    settings = container.settings
    if not settings.sales_fee_bps or settings.sales_fee_receiver is None:
        return offer
    receiver = parse_address(settings.sales_fee_receiver)
    return replace(offer, fee_bps=settings.sales_fee_bps, fee_receiver=receiver)


def _with_content(
    container: Container,
    seller: PersonId,
    parts: Iterable[bytes] | None,
    name: str,
    then: Callable[[Work, int | None], Listing],
) -> Listing:
    shopkeeping.ready(container)
    if parts is None:
        with container.work() as work:
            return then(work, None)
    with container.read() as work:
        room = work.content.room_left(seller)
    folder = blobs(container)
    written = folder.write(parts, most=min(room, LARGEST_BLOB))
    try:
        with container.work() as work:
            return then(work, work.content.keep(seller, written, name))
    except Refusal:  # anything else may have come after the commit: what is nobody's then, the sweep takes
        folder.remove(written.name)
        raise


def sweep(container: Container) -> int:
    """Take away contents that nothing is known of, a day after they were written; return how many files went."""

    def _known(names: Iterable[str]) -> set[str]:
        with container.read() as work:
            return work.content.known_blobs(list(names))

    return blobs(container).sweep(_known, before=unix(container.clock()) - _ORPHAN_SECONDS)


def statement_csv(purchases: Iterable[Purchase], decimals: Callable[[Asset], tuple[str, int]]) -> Iterator[str]:
    """Write a seller's statement, a line at a time; no cell is a formula to a spreadsheet."""
    yield _line(_COLUMNS)
    for one in purchases:
        symbol, places = decimals(one.asset)
        wallet = None if one.buyer is None else one.buyer.wallet
        yield _line(
            (
                one.id,
                one.paid_at.isoformat(),
                one.listing,
                one.title,
                str(one.version),
                one.state.value,
                "" if one.because is None else one.because.value,
                symbol,
                show_signed(one.amount, places),
                "" if wallet is None else show_address(wallet),
                one.level.value,
                "yes" if one.wash else "",
                show_hash(one.key),
                "" if one.refund is None else show_hash(one.refund),
            )
        )


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([f"'{cell}" if cell[:1] in _FORMULA else cell for cell in cells])
    return out.getvalue()
