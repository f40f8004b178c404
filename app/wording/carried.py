"""Carried: why an opening that its stranger signed did not get to the chain, in sentences, by how it ended."""

from __future__ import annotations

from collections.abc import Mapping

from app.wording.catalogue import marked

GASLESS_FAILED: Mapping[str, str] = {
    "reverted": marked(
        "The stake of {stake} for {recipient} that you signed could not be put down: by the time it reached the chain, "
        "the wallet did not hold the tokens any more, or the signature had been cancelled. Nothing was taken from it. "
        "Its gas was paid for nothing, so the next one takes a wallet with some ether: {page}"
    ),
    "too_late": marked(
        "The stake of {stake} for {recipient} that you signed did not reach the chain before its price ran out. "
        "Nothing was taken from your wallet. Invite again to get a new price."
    ),
    "would_revert": marked(
        "The stake of {stake} for {recipient} that you signed was not sent: the chain would refuse it now, because the "
        "wallet does not hold the tokens any more or the signature was cancelled. Nothing was taken from it. You can "
        "sign again, or pay yourself: {page}"
    ),
    "quote_gone": marked(
        "The stake of {stake} for {recipient} that you signed was not sent: that price was paid already, or stands no "
        "more. Nothing was taken from your wallet by it. How things stand: {page}"
    ),
}
