"""Holders: wallets linked by a signature, once, to one person, and all that must not link one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.signers import KeySigner
from kit.database import Database
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import Address, PersonId, UserId
from ledger.holders import MOST_WALLETS, NONCE_TTL, Holders
from ledger.people import People
from ledger.siwe import Message, show_time
from ledger.tables import HolderRow, NonceRow

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOMAIN, URI, CHAIN_ID = "earnest.example", "https://earnest.example/link/abc", 31337


@dataclass(frozen=True)
class Wallet:
    """A key that signs like a wallet does."""

    secret: bytes

    @property
    def address(self) -> Address:
        return KeySigner(self.secret).address

    def message(self, nonce: str) -> Message:
        return Message(DOMAIN, self.address, URI, CHAIN_ID, nonce, show_time(NOW))

    def sign(self, text: str) -> str:
        return "0x" + bytes(Account.sign_message(encode_defunct(text=text), self.secret).signature).hex()


WALLET, OTHER = Wallet(b"\x11" * 32), Wallet(b"\x22" * 32)


def link(session: Session, person: PersonId, wallet: Wallet, *, now: datetime = NOW) -> Address:
    """Link a wallet as the page does."""
    holders = Holders(session, now)
    text = wallet.message(holders.nonce(person)).text()
    return holders.link(person, text, wallet.sign(text), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)


def people(session: Session) -> tuple[PersonId, PersonId]:
    known = People(session, NOW)
    return known.number(UserId("@alice:one.example")), known.number(UserId("@bob:one.example"))


def test_a_signed_message_links_a_wallet(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
        assert link(session, alice, WALLET) == WALLET.address
    with database.read() as session:
        holders = Holders(session, NOW)
        assert holders.addresses(alice) == [WALLET.address]
        assert holders.primary(alice) == WALLET.address
        assert holders.person_of(WALLET.address) == alice
        assert holders.primary(bob) is None
        assert holders.person_of(OTHER.address) is None


def test_a_message_links_once(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
        holders = Holders(session, NOW)
        text = WALLET.message(holders.nonce()).text()
        holders.link(alice, text, WALLET.sign(text), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)
        holders.unlink(alice, WALLET.address)
        for person in (alice, bob):
            with pytest.raises(Forbidden):
                holders.link(person, text, WALLET.sign(text), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)
        assert holders.person_of(WALLET.address) is None


def test_a_nonce_that_was_given_to_another_or_not_at_all_links_nothing(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
        holders = Holders(session, NOW)
        for nonce in (holders.nonce(bob), "0123456789abcdef", "0" * 96):
            text = WALLET.message(nonce).text()
            with pytest.raises(Forbidden):
                holders.link(alice, text, WALLET.sign(text), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)


def test_a_nonce_is_good_for_a_quarter_of_an_hour(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
        nonces = [Holders(session, NOW).nonce(alice) for _ in range(2)]
        for nonce, late in zip(nonces, (timedelta(), timedelta(seconds=1)), strict=True):
            text = WALLET.message(nonce).text()
            holders = Holders(session, NOW + NONCE_TTL - timedelta(seconds=1) + late)
            if late:
                with pytest.raises(Forbidden):
                    holders.link(alice, text, WALLET.sign(text), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)
            else:
                holders.link(alice, text, WALLET.sign(text), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)


@pytest.mark.parametrize(
    "change",
    [{"domain": "evil.example"}, {"uri": "https://earnest.example/link/other"}, {"chain_id": 1}],
    ids=["domain", "uri", "chain"],
)
def test_a_message_for_elsewhere_links_nothing(database: Database, change: dict[str, str | int]) -> None:
    changes: dict[str, object] = dict(change)
    with database.write() as session:
        alice, _ = people(session)
        holders = Holders(session, NOW)
        message = replace(WALLET.message(holders.nonce(alice)), **changes)  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            holders.link(alice, message.text(), WALLET.sign(message.text()), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)
        assert holders.addresses(alice) == []


def test_another_keys_signature_links_nothing(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
        holders = Holders(session, NOW)
        text = WALLET.message(holders.nonce(alice)).text()
        for signature, error in (
            (OTHER.sign(text), Forbidden),
            (WALLET.sign(text + " "), Forbidden),
            ("0x" + "00" * 65, Invalid),
            ("nonsense", Invalid),
        ):
            with pytest.raises(error):
                holders.link(alice, text, signature, domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)
        with pytest.raises(Invalid):
            holders.link(alice, "nonsense", WALLET.sign("nonsense"), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)
        holders.link(alice, text, WALLET.sign(text), domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)


def test_a_wallet_is_one_persons_until_they_unlink_it(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
        link(session, alice, WALLET)
        assert link(session, alice, WALLET) == WALLET.address, "to link twice changes nothing"
        with pytest.raises(Conflict):
            link(session, bob, WALLET)
        holders = Holders(session, NOW)
        with pytest.raises(NotFound):
            holders.unlink(bob, WALLET.address)
        holders.unlink(alice, WALLET.address)
        with pytest.raises(NotFound):
            holders.unlink(alice, WALLET.address)
        link(session, bob, WALLET)
        assert holders.person_of(WALLET.address) == bob


def test_one_wallet_is_the_primary_one(database: Database) -> None:
    third = Wallet(b"\x33" * 32)
    with database.write() as session:
        alice, bob = people(session)
        for wallet in (WALLET, OTHER, third):
            link(session, alice, wallet)
        link(session, bob, Wallet(b"\x44" * 32))
        holders = Holders(session, NOW)
        assert holders.addresses(alice) == [WALLET.address, OTHER.address, third.address]
        holders.set_primary(alice, third.address)
        assert holders.addresses(alice) == [third.address, WALLET.address, OTHER.address]
        holders.unlink(alice, OTHER.address)
        assert holders.primary(alice) == third.address
        holders.unlink(alice, third.address)
        assert holders.primary(alice) == WALLET.address
        with pytest.raises(NotFound):
            holders.set_primary(alice, OTHER.address)
        assert holders.primary(bob) == Wallet(b"\x44" * 32).address


def test_a_person_links_so_many_and_no_more(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
        for number in range(MOST_WALLETS):
            link(session, alice, Wallet(bytes([number + 1]) * 32))
        with pytest.raises(Conflict):
            link(session, alice, Wallet(b"\x77" * 32))


def test_old_nonces_do_not_pile_up(database: Database) -> None:
    with database.write() as session:
        for days in range(5):
            for _ in range(3):
                Holders(session, NOW + timedelta(days=2 * days)).nonce()
        assert session.scalar(select(func.count()).select_from(NonceRow)) == 3


def test_who_is_erased_holds_nothing_any_more(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
        link(session, alice, WALLET)
        Holders(session, NOW).unlink(alice, WALLET.address)
        link(session, alice, WALLET)
        Holders(session, NOW).nonce(alice)
        link(session, bob, OTHER)
        People(session, NOW).erase(alice)
        assert list(session.scalars(select(HolderRow.person_id))) == [bob]
        assert list(session.scalars(select(NonceRow.person_id))) == [bob]
        assert Holders(session, NOW).person_of(WALLET.address) is None
