"""Tips in the chat with the bot, on both databases: in which tokens somebody takes them, and what a giver writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from app.container import Container, Work
from app.wording.reader import Reader, Service
from bot.commands import tipping
from bot.commands.command import Asked, Unclear
from contracts.erc20 import Facts
from kit.database import Database
from kit.errors import Forbidden, Invalid
from kit.identifiers import Address, PersonId, UserId, show_address
from kit.outbox import OutboxRow
from ledger.model import Asset, erc20
from ledger.store import holders
from payments.tips.model import Link
from tests.support.services import a_container, a_person
from tests.support.stalls import WALLET

LEA, KIM = UserId("@lea:earnest.example"), UserId("@kim:earnest.example")
DOLLAR, EURO, TWIN = (Address(bytes([number]) * 20) for number in (0x0D, 0x0E, 0x0F))
SENT = "https://earnest.example/tip/"


@dataclass
class Chat:
    """A service that allows three tokens, two of which are called USDX; @lea may take tips and @kim gives."""

    container: Container
    lea: PersonId
    kim: PersonId

    def asset(self, token: Address) -> Asset:
        """What a token is in the books."""
        return erc20(self.container.deployment.chain_id, token)

    def say(self, person: PersonId, words: str) -> str:
        """Write a command; what is answered. What is refused leaves nothing behind."""
        first, _, rest = words.partition(" ")
        with self.container.work() as work:
            service = Service("ERN", 18, "https://earnest.example", None)
            reader = Reader(service, datetime(2026, 11, 22, tzinfo=UTC))
            user = LEA if person == self.lea else KIM
            asked = Asked(person, user, tuple(rest.split()), (), reader, rest)
            said = {"tip": tipping.tip, "tips": tipping.tips}[first](work, asked).message.plain
        return said.replace("\u2068", "").replace("\u2069", "")

    def given(self, words: str) -> Link:
        """The link that @kim is given."""
        token = self.say(self.kim, words).partition(SENT)[2][:22]
        with self.container.read() as work:
            found = work.tip_links.find(token)
        assert found is not None
        return found


@pytest.fixture
def chat(tmp_path: Path, database: Database) -> Chat:
    """It, on a database of each kind."""
    tokens = ", ".join(map(show_address, (DOLLAR, EURO, TWIN)))
    container = a_container(tmp_path, database, sales_tokens=tokens)
    made = Chat(container, a_person(container, LEA), a_person(container, KIM))
    with container.work() as work:
        for token, symbol in ((DOLLAR, "USDX"), (EURO, "EURX"), (TWIN, "usdx")):
            work.tokens.keep(made.asset(token), Facts(symbol, 6, None))
        holders.link(work.session, made.lea, WALLET, is_primary=True, now=work.now)
    return made


def test_somebody_says_in_which_tokens_they_are_tipped(chat: Chat) -> None:
    assert "You take no tips" in chat.say(chat.lea, "tips")
    assert "You take tips now in ERN, at" in chat.say(chat.lea, "tips on")
    assert "You take tips now in ERN, EURX, at" in chat.say(chat.lea, "tips on eurx")
    assert f"in ERN, USDX ({show_address(DOLLAR)}), EURX, at" in chat.say(chat.lea, f"tips on {show_address(DOLLAR)}")
    assert "You take tips in ERN, USDX (0x" in chat.say(chat.lea, "tips")
    assert f"no tips in USDX ({show_address(DOLLAR)}) any more. You take them in ERN, EURX" in chat.say(
        chat.lea, f"tips off {show_address(DOLLAR)}"
    )
    assert "You take no tips any more" in chat.say(chat.lea, "tips off")
    assert "You take tips now in ERN, at" in chat.say(chat.lea, "tips on"), "it begins anew"


def test_what_is_allowed_no_more_can_still_be_taken_back(chat: Chat) -> None:
    chat.say(chat.lea, "tips on EURX")
    chat.container.settings.sales_tokens = ""
    assert "You take tips in ERN, at" in chat.say(chat.lea, "tips")
    assert "no tips in EURX any more. You take them in ERN." in chat.say(chat.lea, "tips off eurx")
    chat.container.settings.sales_tokens = show_address(EURO)
    assert "You take tips in ERN, at" in chat.say(chat.lea, "tips"), "they do not take it again unasked"


def test_what_nobody_is_tipped_in_changes_nothing(chat: Chat) -> None:
    for words, refusal, said in (
        ("tips on EURX USDT", Forbidden, "there is ERN, USDX"),
        ("tips on USDX", Invalid, "by its address"),
        (f"tips on {'0x' + 'ab' * 20}", Forbidden, "there is ERN"),
        ("tips off ERN", Invalid, "own token"),
    ):
        with pytest.raises(refusal, match=said):
            chat.say(chat.lea, words)
    assert "You take no tips" in chat.say(chat.lea, "tips"), "nor does what stands before it"
    with pytest.raises(Unclear):
        chat.say(chat.lea, "tips off EURX USDX")


def test_a_giver_names_the_token_and_nobody_gets_another_one(chat: Chat) -> None:
    chat.say(chat.lea, "tips on EURX")
    link = chat.given(f"tip {LEA} 2.5 EURX Thank you")
    assert (link.wish.amount, link.wish.asset, link.wish.note) == (2_500_000, chat.asset(EURO), "Thank you")
    plain = chat.given(f"tip {LEA} 5 Thank you")
    assert (plain.wish.amount, plain.wish.asset, plain.wish.note) == (5 * 10**18, None, "Thank you")
    for words, said in (
        ("5 USDX Thank you", "by its address"),
        (f"5 {show_address(DOLLAR)} Thank you", "They take ERN, EURX"),
        ("5 USDT Thank you", "there is ERN"),
        ("0.0000001 EURX", "at most 6 decimal places"),
        ("0.009 EURX", "at least 0.01 EURX"),
    ):
        with pytest.raises((Forbidden, Invalid), match=said):
            chat.say(chat.kim, f"tip {LEA} {words}")


def test_a_message_of_somebody_who_does_not_take_that_is_tipped_by_no_link(chat: Chat) -> None:
    chat.say(chat.lea, "tips on")
    message = "https://matrix.to/#/!room:earnest.example/$message"
    assert "I look at that message" in chat.say(chat.kim, f"tip {message} 5 EURX Thank you")
    with chat.container.work() as work:
        (waiting,) = [row["link"] for row in owed(work)]
        with pytest.raises(Forbidden, match=r"They take ERN\."):
            work.tip_links.name(waiting, chat.lea)
        work.tip_links.on(chat.lea, chat.asset(EURO))
        assert work.tip_links.name(waiting, chat.lea).receiver == chat.lea


def owed(work: Work) -> list[dict[str, str]]:
    """The links that are looked into."""
    rows = work.session.scalars(select(OutboxRow).where(OutboxRow.kind == tipping.WANTED)).all()
    return [dict(row.payload) for row in rows]
