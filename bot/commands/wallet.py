"""``wallet``: one of the linked wallets becomes the primary one, or is unlinked once that is confirmed."""

from __future__ import annotations

from app import linking
from app.container import Work
from app.wording import wallets
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear
from kit.identifiers import Address, parse_address
from ledger.holders import not_linked

_TWO = 2


def run(work: Work, asked: Asked) -> Letter:
    """Change which wallet is the primary one, or ask whether to unlink one is really meant."""
    if len(asked.words) != _TWO:
        raise Unclear
    action, address = asked.words[0].lower(), parse_address(asked.words[1])
    if action == "primary":
        linking.make_primary(work, asked.person, address)
        return Letter(wallets.now_primary(asked.reader, address))
    if action == "unlink":
        if address not in work.holders.addresses(asked.person):
            raise not_linked()
        return wallets.confirm_unlink(asked.reader, address)
    raise Unclear


def unlink(work: Work, asked: Asked, address: Address) -> Letter:
    """Unlink a wallet, as was confirmed."""
    linking.unlink(work, asked.person, address)
    tipped = work.tip_links.lost(asked.person) == address
    return Letter(wallets.unlinked(asked.reader, address, work.holders.primary(asked.person), tipped=tipped))


COMMAND = Command(
    "wallet",
    ("wallet primary 0x…", "wallet unlink 0x…"),
    marked("makes one of your wallets the primary one, or unlinks it; asks once more before it does"),
    run,
)
