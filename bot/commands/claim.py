"""``claim``: makes gifts the person's, by a code, a signature, a memo or an unusual amount; it shows nothing."""

from __future__ import annotations

from app.claiming import name_of, signed_by_key
from app.container import Work
from app.wording import supporting
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear
from kit.amounts import parse
from kit.errors import Invalid
from kit.identifiers import show_hash
from payments.flair.claiming import Claimed, Result

_FINEST = 4
"""Decimal places of a currency, at most."""
_MOST = 10**12


def run(work: Work, asked: Asked) -> Letter:
    """Claim, or hand out what it takes to."""
    match asked.words:
        case (word, address) if word.lower() == "address":
            return _address(work, asked, address)
        case (word, signature) if word.lower() == "signed":
            return _told(work, asked, _by_signature(work, asked, signature))
        case (word,) if word.lower() == "memo":
            return Letter(supporting.memo(asked.reader, show_hash(work.claims.memo_for(asked.person, asked.user))))
        case (word, amount, asset) if word.lower() == "amount":
            return _amount(work, asked, amount, asset)
        case ():
            raise Unclear
    return _told(work, asked, work.claims.by_code(asked.person, "".join(asked.words)))


def _told(work: Work, asked: Asked, found: Claimed) -> Letter:
    tiers = work.supporters.tiers()
    held = {one.tier for one in work.supporters.of(asked.person) if one.holds(work.now)}
    return Letter(supporting.claimed(asked.reader, found, [tier.title for tier in tiers.tiers if tier.id in held]))


def _address(work: Work, asked: Asked, text: str) -> Letter:
    address, service = name_of(text), asked.reader.service.public_url
    found = work.claims.message(asked.person, asked.user, address, service=service)
    return Letter(supporting.sign_this(asked.reader, found.text, text), secret=True)


def _by_signature(work: Work, asked: Asked, signature: str) -> Claimed:
    """Claim by the signature of a key; a contract's wallet is asked through the node, for which the page is there."""
    waiting = work.claims.to_sign(asked.person, asked.user, service=asked.reader.service.public_url)
    signed = signed_by_key(waiting, signature)
    return Claimed(Result.UNKNOWN) if signed is None else work.claims.by_signature(asked.person, signed.nonce)


def _amount(work: Work, asked: Asked, amount: str, name: str) -> Letter:
    asset, decimals = work.supporters.assets.find(name.upper())
    if decimals > _FINEST:
        raise Invalid("amount_of_money", "An unusual amount is one of money, such as 2.50 EUR.")
    odd = work.claims.propose(asked.person, asset, min(parse(amount, decimals).base_units, _MOST))
    whole, cents = divmod(odd, 10**decimals)
    written = f"{whole}.{cents:0{decimals}}" if decimals else str(whole)  # as it is typed into a form of money
    return Letter(supporting.unusual(asked.reader, f"{written} {name.upper()}"))


COMMAND = Command(
    "claim",
    ("claim CODE", "claim address 0x…", "claim signed SIGNATURE", "claim memo", "claim amount 2.50 EUR"),
    marked("makes what you gave yours here: by a code, by the address that gave, by a memo, or an unusual amount"),
    run,
)
