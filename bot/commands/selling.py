"""``sell``: texts, files, posts and addresses put up from the chat, changed, taken out, and what was sold of them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from app.container import Work
from app.wording import selling as wording
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Message
from bot.commands.buying import PAGE, before_in, id_in, listing_in
from bot.commands.command import ISOLATES, Asked, Command, Unclear, message_in
from bot.heard import Heard
from kit import outbox
from kit.errors import Conflict, Invalid
from kit.identifiers import PersonId, RoomId
from ledger.model import Asset
from payments.content.model import LONGEST_PREVIEW, Kind, Listing, Offer, tidy

OFFERED: Final = "content-offered"
"""Outbox kind: somebody wants to sell what a message of theirs has in it; whoever looks at it shows it to them."""
_QUOTES: Final = "\"'\u201c\u201d\u201e\u00ab\u00bb\u201a\u2018\u2019"
_LISTED: Final = frozenset({"list", "sales"})
_KINDS: Final = {"text": Kind.TEXT, "file": Kind.FILE, "post": Kind.POST, "url": Kind.GATEWAY}
_ELSEWHERE: Final = (Kind.POST, Kind.GATEWAY)
_YET: Final = "-"
"""What stands for a reference until it was looked at."""
_LONGEST_LINE: Final = 1_000
_NAMED: Final = r"[0-9][0-9.]*(?:\s+(?:0x[0-9A-Fa-f]{40}|[A-Za-z][A-Za-z0-9.-]{0,10}))?"
_LINE: Final = re.compile(rf"\s*(?P<title>.*?\S)\s+(?P<prices>{_NAMED}(?:\s*,\s*{_NAMED})*)\s*")
"""A title and what it costs: ``"On doors" 5``, or ``"On doors" 5 ERN, 2.5 USDX``."""


def run(work: Work, asked: Asked) -> Letter:
    """Do what the first word says."""
    action = asked.words[0].lower() if asked.words else ""
    match action, asked.words[1:]:
        case (action, _) if action in _KINDS:
            letter = _offer(work, asked, _KINDS[action])
        case (("list" | "sales"), words):
            letter = Letter(_listed(work, asked, action, before_in(words)))
        case "unlist", (listing,):
            letter = Letter(wording.unlisted(asked.reader, work.content.unlist(asked.person, listing_in(listing))))
        case "relist", (listing,):
            letter = put_up(work, asked, listing_in(listing))
        case "revise", (listing, *_):
            letter = _renew(work, asked, listing_in(listing))
        case (("price" | "title" | "preview" | "licence"), (listing, *_)):
            letter = _revise(work, asked, action, listing_in(listing))
        case "complaints", (listing,):
            said = work.content.complaints(asked.person, listing_in(listing))
            letter = Letter(wording.complaints(asked.reader, said))
        case "approve", (purchase,):
            letter = _approve(work, asked, id_in(purchase))
        case "decline", (purchase,):
            found = work.content.decline_refund(asked.person, id_in(purchase))
            letter = Letter(wording.declined(asked.reader, found))
        case _:
            raise Unclear
    return letter


def _listed(work: Work, asked: Asked, what: str, before: str | None) -> Message:
    names = work.tokens.assets.name
    if what == "list":
        goods, more = work.content.mine(asked.person, before=before, limit=PAGE)
        return wording.goods(asked.reader, goods, names, more=more)
    sold, more = work.content.sales(asked.person, before=before, limit=PAGE)
    owed = work.content.owed(asked.person)
    return wording.sales(asked.reader, sold, names, owed=owed, more=more)


def put_up(work: Work, asked: Asked, listing: str) -> Letter:
    """Let a draft be for sale, or what was unlisted."""
    return Letter(wording.listed(asked.reader, work.content.relist(asked.person, listing)))


def _offer(work: Work, asked: Asked, kind: Kind) -> Letter:
    """Have a message looked at that is to be sold: the one that is answered, or what stands below the first line."""
    first, _, rest = asked.text.partition("\n")
    first, named = _apart(first, kind)
    line = _LINE.fullmatch("".join(first[:_LONGEST_LINE].split(maxsplit=1)[1:]))
    if line is None or len(first) > _LONGEST_LINE or asked.heard is None or (kind is Kind.GATEWAY and named is None):
        raise Unclear
    place = _place(named, asked.heard) if kind is Kind.POST else None
    answered = _answered(asked.heard, kind, rest) if place is None else place[1]
    preview = "" if answered is None and kind is Kind.TEXT else rest
    offer = offer_of(
        work,
        asked,
        kind=kind,
        title=" ".join(line["title"].split()).strip(_QUOTES),
        prices=work.tokens.prices(line["prices"].split(",")),
        preview=tidy(preview, LONGEST_PREVIEW),
        reference="" if kind not in _ELSEWHERE else _YET,
    )
    prices = {asset: str(amount) for asset, amount in offer.prices.items()}
    more = {"title": offer.title, "prices": prices, "preview": offer.preview}
    if place is not None:
        more["at"] = place[0]
    if kind is Kind.GATEWAY and named is not None:  # it is their secret, and what is owed stands in backups
        more["upstream"] = b64encode(work.seal().close(named.encode(), OFFERED)).decode()
    _have_looked_at(work, asked.person, asked.heard, kind, answered, more)
    return Letter(wording.fetching(asked.reader))


def _apart(line: str, kind: Kind) -> tuple[str, str | None]:
    """Return a line without the address behind the price, and that address."""
    before, _, last = line.rstrip().rpartition(" ")
    return (before, last.strip(ISOLATES)) if kind in _ELSEWHERE and "://" in last else (line, None)


def _place(named: str | None, heard: Heard) -> tuple[RoomId, str]:
    """Return where a post stands: where its link says, or in this chat, as what is answered."""
    here = named is None and heard.replies_to is not None
    found = (heard.room, str(heard.replies_to)) if here else message_in(named or "")
    if found is None:
        raise Invalid("sell_which_post", "Answer the message with this, or write a link to it behind the price.")
    return found


def _answered(heard: Heard, kind: Kind, rest: str) -> str | None:
    """Return which message is answered that has the content in it; ``None`` where it stands below the first line."""
    if heard.replies_to is None and kind is Kind.FILE:
        raise Invalid("sell_which_file", "Send me the file first, then answer it with this.")
    if heard.replies_to is None and kind is Kind.TEXT and not rest.strip():
        raise Invalid("sell_which_text", "Write the text below the first line, or answer the message that it is in.")
    return heard.replies_to


def _have_looked_at(
    work: Work, person: PersonId, heard: Heard, kind: Kind, answered: str | None, more: Mapping[str, object]
) -> None:
    payload = {
        "person": person,
        "room": heard.room,
        "event": answered or heard.event,
        "answered": answered is not None,
        "kind": kind.value,
    }
    key = heard.answer.replace("answer", OFFERED, 1)
    outbox.append(work.session, kind=OFFERED, key=key, payload=payload | dict(more), now=work.now)


def _renew(work: Work, asked: Asked, listing: str) -> Letter:
    """Have a message looked at that is to be the new content of something that is sold; a post as it reads now."""
    offer = work.content.own(asked.person, listing).version.offer
    if asked.heard is None:
        raise Unclear
    if not offer.kind.has_content:
        raise Invalid("sell_no_content", "That has no content of its own: only a text, a file or a post has.")
    more: dict[str, object] = {"revises": listing}
    if offer.kind is Kind.POST:
        place = _place(offer.reference, asked.heard)
        answered: str | None = place[1]
        more["at"] = place[0]
    else:
        answered = _answered(asked.heard, offer.kind, asked.text.partition("\n")[2])
    _have_looked_at(work, asked.person, asked.heard, offer.kind, answered, more)
    return Letter(wording.fetching_anew(asked.reader))


def offer_of(
    work: Work,
    asked: Asked,
    *,
    kind: Kind,
    title: str,
    prices: Mapping[Asset, int],
    preview: str,
    reference: str = "",
) -> Offer:
    """Return what somebody offers, paid at their primary wallet. Raises ``Conflict``, ``Invalid``."""
    wallet = work.holders.primary(asked.person)
    if wallet is None:
        raise Conflict("sell_needs_wallet", "A seller is paid at a wallet that they linked.")
    return Offer(kind, title, wallet, prices, preview=preview, reference=reference)


def _revise(work: Work, asked: Asked, what: str, listing: str) -> Letter:
    """Put up a version that says something else; its content stays."""
    text = "".join(asked.text.split(maxsplit=2)[2:])
    before = work.content.own(asked.person, listing).version.offer
    if what == "price":
        offer = replace(before, prices=work.tokens.prices(text[:_LONGEST_LINE].split(",")))
    elif what == "title":
        offer = replace(before, title=text.strip().strip(_QUOTES))
    elif what == "preview":
        offer = replace(before, preview=text.strip())
    else:
        offer = replace(before, licence=text.strip())
    tokens = work.tokens
    tokens.check(offer.prices)
    one: Listing = work.content.revise(asked.person, listing, offer, allowed=tokens.allowed)
    seller, names = work.people.mxid(one.seller), work.tokens.assets.name
    return Letter(wording.revised(asked.reader, one, seller, names))


def _approve(work: Work, asked: Asked, purchase: str) -> Letter:
    found = work.content.approve_refund(asked.person, purchase)
    return Letter(wording.approved(asked.reader, found, work.tokens.assets.name, found.payer))


def _looks(words: tuple[str, ...]) -> bool:
    return bool(words) and words[0].lower() in _LISTED


COMMAND = Command(
    "sell",
    (
        'sell text "A title" 5',
        'sell file "A title" 5',
        'sell text "A title" 5 ERN, 2.5 USDX',
        'sell post "A title" 5',
        'sell post "A title" 5 https://matrix.to/#/!room:example.org/$message',
        'sell url "A title" 5 https://example.org/report',
        "sell list",
        "sell revise LISTING",
        "sell price LISTING 6",
        "sell title LISTING Another title",
        "sell preview LISTING What everybody may read of it",
        "sell licence LISTING What a buyer may do with it",
        "sell unlist LISTING",
        "sell relist LISTING",
        "sell sales",
        "sell complaints LISTING",
        "sell approve PURCHASE",
        "sell decline PURCHASE",
    ),
    marked("sells a text, a file, a post or an address of yours; shows it to you first"),
    run,
    looks=_looks,
)
