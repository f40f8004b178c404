"""Holders: wallets linked by a signature, once, to one person, and all that must not link one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.signers import KeySigner
from kit.changes import news_since
from kit.database import Database
from kit.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from kit.identifiers import Address, Hash32, PersonId, UserId
from ledger.holders import MOST_WALLETS, NONCE_TTL, TOPIC, Holders, Proof, prove
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
    return link_signed(holders, person, text, wallet.sign(text))


def no_wallet(address: Address, digest: Hash32, signature: bytes) -> bool:  # noqa: ARG001 - as wallets are asked
    """There is no contract anywhere."""
    return False


def link_signed(holders: Holders, person: PersonId, text: str, signature: str) -> Address:
    """Look first and link then, as everybody does."""
    holders.check(person, text, domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)
    proof = prove(text, signature, no_wallet)
    return holders.link(person, proof, domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)


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
        link_signed(holders, alice, text, WALLET.sign(text))
        holders.unlink(alice, WALLET.address)
        for person in (alice, bob):
            with pytest.raises(Forbidden):
                link_signed(holders, person, text, WALLET.sign(text))
        assert holders.person_of(WALLET.address) is None


def test_a_nonce_that_was_given_to_another_or_not_at_all_links_nothing(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
        holders = Holders(session, NOW)
        for nonce in (holders.nonce(bob), "0123456789abcdef", "0" * 96):
            text = WALLET.message(nonce).text()
            with pytest.raises(Forbidden):
                link_signed(holders, alice, text, WALLET.sign(text))


def test_a_nonce_is_good_for_a_quarter_of_an_hour(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
        nonces = [Holders(session, NOW).nonce(alice) for _ in range(2)]
        for nonce, late in zip(nonces, (timedelta(), timedelta(seconds=1)), strict=True):
            text = WALLET.message(nonce).text()
            holders = Holders(session, NOW + NONCE_TTL - timedelta(seconds=1) + late)
            if late:
                with pytest.raises(Forbidden):
                    link_signed(holders, alice, text, WALLET.sign(text))
            else:
                link_signed(holders, alice, text, WALLET.sign(text))


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
            link_signed(holders, alice, message.text(), WALLET.sign(message.text()))
        assert holders.addresses(alice) == []


def test_another_keys_signature_links_nothing(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
        holders = Holders(session, NOW)
        text = WALLET.message(holders.nonce(alice)).text()
        for signature, error in (
            (OTHER.sign(text), Forbidden),
            (WALLET.sign(text + " "), Forbidden),
            ("0x" + "00" * 65, Forbidden),
            ("0x1234", Forbidden),
            ("0x", Invalid),
            ("0x" + "00" * 8_193, Invalid),
            ("nonsense", Invalid),
        ):
            with pytest.raises(error):
                link_signed(holders, alice, text, signature)
        with pytest.raises(Invalid):
            link_signed(holders, alice, "nonsense", WALLET.sign("nonsense"))
        link_signed(holders, alice, text, WALLET.sign(text))


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


# ---------------------------------------------------------------------------------- what happens at once


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """Do several things at the same time; what each gave, or was refused with."""
    start = threading.Barrier(len(deeds))

    def do(deed: Callable[[], object]) -> object:
        start.wait()
        try:
            return deed()
        except Refusal as error:
            return error.code

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


def proved(database: Database, person: PersonId, wallet: Wallet) -> Proof:
    with database.write() as session:
        text = wallet.message(Holders(session, NOW).nonce(person)).text()
    return prove(text, wallet.sign(text), no_wallet)


def linking(database: Database, person: PersonId, proof: Proof) -> Callable[[], object]:
    def link_it() -> Address:
        with database.write() as session:
            return Holders(session, NOW).link(person, proof, domain=DOMAIN, uri=URI, chain_id=CHAIN_ID)

    return link_it


def test_whoever_follows_links_learns_whose_changed(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
    seen = 0
    for change in (lambda own: link(own, alice, WALLET), lambda own: Holders(own, NOW).unlink(alice, WALLET.address)):
        with database.write() as session:
            change(session)
        with database.read() as session:
            news = news_since(session, TOPIC, seen)
        assert (news.counter, news.subjects) == (seen + 1, frozenset({alice}))
        seen = news.counter


def test_of_two_who_come_with_one_message_one_is_linked(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
        free = WALLET.message(Holders(session, NOW).nonce()).text()
    proof = prove(free, WALLET.sign(free), no_wallet)
    came = at_once(*(linking(database, person, proof) for person in (alice, bob, alice, bob)))
    assert sorted(map(str, came)) == sorted([str(WALLET.address), *["nonce_spent"] * 3])
    with database.read() as session:
        assert len(session.scalars(select(HolderRow.id)).all()) == 1


def test_a_wallet_that_two_link_at_once_is_one_persons(database: Database) -> None:
    with database.write() as session:
        alice, bob = people(session)
    proofs = [(person, proved(database, person, WALLET)) for person in (alice, bob)]
    came = at_once(*(linking(database, person, proof) for person, proof in proofs))
    assert sorted(map(str, came)) == sorted([str(WALLET.address), "address_linked_elsewhere"])


def test_of_several_first_wallets_one_is_primary(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
    wallets = [Wallet(bytes([number]) * 32) for number in range(1, 6)]
    proofs = [proved(database, alice, wallet) for wallet in wallets]
    at_once(*(linking(database, alice, proof) for proof in proofs))
    with database.read() as session:
        known = Holders(session, NOW).wallets(alice)
    assert {one.address for one in known} == {wallet.address for wallet in wallets}
    assert [one.primary for one in known] == [True, *[False] * 4]


def test_no_crowd_links_more_than_so_many(database: Database) -> None:
    with database.write() as session:
        alice, _ = people(session)
        for number in range(MOST_WALLETS - 1):
            link(session, alice, Wallet(bytes([number + 1]) * 32))
    proofs = [proved(database, alice, Wallet(bytes([0x80 + number]) * 32)) for number in range(4)]
    came = at_once(*(linking(database, alice, proof) for proof in proofs))
    assert came.count("too_many_wallets") == 3
