"""Prices in the chat with the bot, on both databases: in which tokens a seller asks, and what a buyer is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import selling as use_cases
from app.container import Container
from app.wording.reader import Reader, Service
from bot.commands import buying, selling
from bot.commands.command import Asked, Unclear
from bot.heard import Heard
from bot.stocking import _draft
from contracts.erc20 import Facts
from kit.database import Database
from kit.errors import Conflict, Forbidden
from kit.identifiers import Address, PersonId, RoomId, UserId, show_address
from kit.outbox import Effect, OutboxRow
from ledger.model import Asset, erc20
from ledger.store import holders
from payments.content.model import Listing
from tests.support.services import a_container, a_person
from tests.support.stalls import WALLET

LEA, KIM = UserId("@lea:earnest.example"), UserId("@kim:earnest.example")
DOLLAR, UNREAD = Address(b"\x0d" * 20), Address(b"\x0e" * 20)
ROOM = RoomId("!chat:earnest.example")


@dataclass
class Chat:
    """A service that allows two tokens, of which one was read; @lea sells and @kim buys."""

    container: Container
    lea: PersonId
    kim: PersonId

    @property
    def own(self) -> Asset:
        """ERN."""
        return use_cases.allowed(self.container)[0]

    @property
    def dollar(self) -> Asset:
        """The other token."""
        return erc20(self.container.deployment.chain_id, DOLLAR)

    def say(self, person: PersonId, words: str, *, buys: bool = False) -> str:
        """Write a command's words; what is answered."""
        with self.container.work() as work:
            service = Service("ERN", 18, "https://earnest.example", None)
            reader = Reader(service, datetime(2026, 11, 22, tzinfo=UTC))
            user = LEA if person == self.lea else KIM
            heard = Heard(ROOM, user, f"$said {words}")
            asked = Asked(person, user, tuple(words.split()), (), reader, words, heard=heard)
            return (buying.buy if buys else selling.run)(work, asked).message.plain

    def offered(self) -> list[dict[str, Any]]:
        """What the bot is to look at."""
        with self.container.database.read() as session:
            rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == selling.OFFERED).order_by(OutboxRow.id))
            return [dict(row.payload) for row in rows]

    def keep(self, payload: dict[str, Any]) -> Listing:
        """Let the bot keep what it looked at as a draft."""
        written = use_cases.blobs(self.container).write([b"A door is a policy."], most=1_000)
        effect = Effect(1, selling.OFFERED, "key", payload, 1)
        with self.container.work() as work:
            made = _draft(
                work, effect=effect, person=self.lea, written=written, name="text.txt", charged=lambda offer: offer
            )
            return work.content.relist(self.lea, made)


@pytest.fixture
def chat(tmp_path: Path, database: Database) -> Chat:
    """It, on a database of each kind."""
    tokens = f"{show_address(DOLLAR)}, {show_address(UNREAD)}"
    container = a_container(tmp_path, database, sales_tokens=tokens)
    made = Chat(container, a_person(container, LEA), a_person(container, KIM))
    with container.work() as work:
        work.tokens.keep(made.dollar, Facts("USDX", 6, None))
        holders.link(work.session, made.lea, WALLET, is_primary=True, now=work.now)
    return made


@pytest.mark.parametrize(
    ("line", "title", "prices"),
    [
        ('"On doors" 5', "On doors", ("5", None)),
        ('"On doors" 5 ERN', "On doors", ("5", None)),
        ('"On doors" 5 ERN, 2.5 USDX', "On doors", ("5", "2.5")),
        ('"On doors" 2.5 usdx,5', "On doors", ("5", "2.5")),
        (f'"On doors" 2.5 {show_address(DOLLAR)}', "On doors", (None, "2.5")),
        ("Chapter 5 7", "Chapter 5", ("7", None)),
        ('"Doors, 2 keys, 3 locks" 7', "Doors, 2 keys, 3 locks", ("7", None)),
        ("On   doors\u00a0and keys 7", "On doors and keys", ("7", None)),
    ],
)
def test_a_line_says_what_it_costs_in_which_tokens(
    chat: Chat, line: str, title: str, prices: tuple[str | None, str | None]
) -> None:
    chat.say(chat.lea, f"text {line}\nA door is a policy.")
    (asked,) = chat.offered()
    made = chat.keep(asked)
    whole = {chat.own: 10**18, chat.dollar: 10**6}
    told = {asset: int(float(price) * whole[asset]) for asset, price in zip(whole, prices, strict=True) if price}
    assert (made.version.offer.title, dict(made.version.offer.prices)) == (title, told)


@pytest.mark.parametrize("line", ["", '"On doors"', "5", '"On doors" 5 ERN,', '"On doors" ' + "5 " * 900, "five ERN"])
def test_what_is_no_such_line_is_answered_with_how_it_is_written(chat: Chat, line: str) -> None:
    with pytest.raises(Unclear):
        chat.say(chat.lea, f"text {line}\nA door is a policy.")


@pytest.mark.parametrize("token", ["EURX", "ETH", "EUR", show_address(UNREAD)])
def test_a_token_that_is_not_allowed_or_was_not_read_is_refused(chat: Chat, token: str) -> None:
    with pytest.raises(Forbidden, match="It may be for ERN, USDX"):
        chat.say(chat.lea, f'text "On doors" 5 {token}\nA door is a policy.')
    assert not chat.offered()


def test_prices_are_changed_and_shown_as_long_as_they_are_allowed(chat: Chat) -> None:
    chat.say(chat.lea, 'text "On doors" 5\nA door is a policy.')
    asked = chat.offered()[0]
    before = {name: value for name, value in asked.items() if name != "prices"} | {"price": "5"}
    assert dict(chat.keep(before).version.offer.prices) == {chat.own: 5}, "as it was asked for before there were others"
    listing = chat.keep(asked)
    assert "price: 3 ERN / 2.5 USDX" in chat.say(chat.lea, f"price {listing.id} 3, 2.5 USDX")
    assert "price: 3 ERN / 2.5 USDX" in chat.say(chat.kim, listing.id, buys=True)
    assert "3 ERN / 2.5 USDX" in chat.say(chat.lea, "list")
    chat.container.settings.sales_tokens = ""
    assert "price: 3 ERN\n" in chat.say(chat.kim, listing.id, buys=True)
    with pytest.raises(Forbidden, match="It may be for ERN"):
        chat.say(chat.lea, f"title {listing.id} On doors, again")
    chat.container.settings.sales_tokens = show_address(DOLLAR)
    chat.say(chat.lea, f"price {listing.id} 2 USDX")
    chat.container.settings.sales_tokens = ""
    with pytest.raises(Conflict, match="not for sale"):
        chat.say(chat.kim, listing.id, buys=True)
