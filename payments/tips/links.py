"""Links to tip by, in one transaction: who takes tips, who may tip whom, and the terms that are asked for."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from contracts.checkout import SaleTerms, terms_hash
from kit.clock import unix
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, PersonId, RoomId
from kit.sealing import Seal
from ledger.model import Asset
from ledger.people import People
from payments.tips.model import (
    GOOD_FOR,
    KEPT_FOR,
    MOST_A_DAY,
    MOST_FOR_ONE_A_DAY,
    MOST_TERMS,
    Link,
    Wish,
    note_of,
)
from payments.tips.onchain import SALT_BYTES, Place, listing_hash, tip_terms
from payments.tips.store import TipStore, random_id
from payments.tips.tables import TipLinkRow, TipTermsRow
from payments.tokens.service import Tokens

_LONGEST_ID: Final = 255
_UNKNOWN: Final = "That link is over. Ask the bot for another one."
_TAKES_NONE: Final = "They take no tips here."


class TipLinks:
    """Who takes tips, and links to tip by. Whether somebody takes none, is unknown or has no wallet is one answer."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        *,
        seal: Callable[[], Seal],
        wallets: Callable[[PersonId], Sequence[Address]],
        tokens: Callable[[], Tokens],
    ) -> None:
        """Work in ``session``, at ``now``; ``wallets`` are somebody's, the primary one first.

        ``tokens``: what the operator lets people be paid in.
        """
        self._session = session
        self._now = now
        self._store = TipStore(session, seal)
        self._wallets = wallets
        self._tokens = tokens

    # ------------------------------------------------------------------------------------------ taking tips

    def on(self, person: PersonId, asset: Asset | None = None) -> Address:
        """Let somebody be tipped at the wallet that is their primary one now, and return it; ``asset``: in that, too.

        Raises ``Conflict`` where they have none, ``Forbidden`` for a token that the operator does not allow.
        """
        tokens = self._tokens()
        if asset is not None:
            tokens.check([asset])
        wallet = next(iter(self._wallets(person)), None)
        if wallet is None:
            raise Conflict("no_wallet", "Link a wallet first: tips are paid to it.")
        People(self._session, self._now).lock(person)
        self._store.take(person, wallet, self._now)
        if asset is not None and asset != tokens.own:
            self._store.take_in(person, asset, self._now)
        return wallet

    def off(self, person: PersonId, asset: Asset | None = None) -> None:
        """Let somebody be tipped no more, in whatever or in ``asset`` alone; what was paid stays theirs.

        Raises ``Invalid`` for our own token: whoever takes tips takes that.
        """
        if asset is None:
            self._store.take_no_more(person)
        elif asset == self._tokens().own:
            raise Invalid("tips_own_token", "Whoever takes tips takes them in the service's own token.")
        else:
            self._store.take_not_in(person, asset)

    def named(self, person: PersonId) -> frozenset[Asset]:
        """Return which tokens beside our own somebody said that they take, whatever the operator allows now."""
        return self._store.taken_in(person)

    def takes(self, person: PersonId) -> tuple[Asset, ...]:
        """Return what somebody is tipped in now, our own token first; nothing where they take no tips.

        Of others those alone that they named and that the operator allows.
        """
        if self.wallet_of(person) is None:
            return ()
        (own, *others), named = self._tokens().allowed, self.named(person)
        return (own, *(one for one in others if one in named))

    def wallet_of(self, person: PersonId) -> Address | None:
        """Return where somebody is tipped; ``None`` where they take no tips, for whatever reason.

        It is the wallet that they were told of as they said so: of another one they did not speak, whatever becomes of
        that one.
        """
        wallet = self._store.taken_at(person)
        return wallet if wallet in self._wallets(person) else None

    def lost(self, person: PersonId) -> Address | None:
        """Return the wallet at which somebody said that they take tips, where it is not theirs any more."""
        wallet = self._store.taken_at(person)
        return None if wallet in self._wallets(person) else wallet

    # ------------------------------------------------------------------------------------------ links

    def link(
        self,
        giver: PersonId,
        receiver: PersonId | None,
        wish: Wish,
        *,
        room: RoomId | None = None,
        event: str | None = None,
    ) -> Link:
        """Make a link to tip by; ``event``: for a message in ``room``, whose writer may not be known yet.

        Raises ``NotFound`` where the receiver takes no tips, ``Forbidden`` where not in that token, ``Invalid`` for
        oneself and for a note that is too long, ``Conflict`` beyond a day's number, of the giver's or to the receiver.
        """
        if receiver is not None:
            self.check(giver, receiver, wish.asset)
        if len(event or "") > _LONGEST_ID or len(room or "") > _LONGEST_ID:
            raise Invalid("event_malformed", "That is no message.")
        People(self._session, self._now).lock(giver)
        if self.made_for(giver) >= MOST_A_DAY:
            raise Conflict("tips_often", f"You had {MOST_A_DAY} links to tip by in a day. Tomorrow there are more.")
        token = random_id()
        row = TipLinkRow(
            token=token,
            chain_hash=bytes(listing_hash(token)),
            giver=giver,
            receiver=receiver,
            room=room,
            event=event,
            amount=wish.amount,
            asset=None if wish.asset is None or wish.asset == self._tokens().own else wish.asset,
            public=wish.public and room is not None and not wish.anonymous,
            anonymous=wish.anonymous,
            created_at=self._now,
        )
        return self._store.add_link(row, note_of(wish.note))

    def check(self, giver: PersonId, receiver: PersonId, asset: Asset | None = None) -> None:
        """Make sure that one may tip the other, in our own token or in ``asset``.

        Raises ``Invalid`` for oneself, ``NotFound``, ``Forbidden`` and ``Conflict``.
        """
        if giver == receiver:
            raise Invalid("tip_self", "That is you: nobody tips themselves.")
        if self.wallet_of(receiver) is None:
            raise _takes_none()
        self._takes_in(receiver, asset)
        if self._store.count_open(receiver, self._now - timedelta(days=1)) >= MOST_FOR_ONE_A_DAY:
            raise Conflict("tips_many", "So many want to tip them today that there are no more links. Try tomorrow.")

    def name(self, token: str, receiver: PersonId) -> Link:
        """Say who wrote the message of a link. Raises as ``check`` does."""
        row = self._store.link_row(token, lock=True)
        if row is None or row.giver is None:
            raise _unknown()
        self.check(PersonId(row.giver), receiver, self._store.link(row).wish.asset)
        row.receiver = receiver
        return self._store.link(row)

    def find(self, token: str) -> Link | None:
        """Return a link that can still be paid by, of people who are both here."""
        row = self._store.link_row(token)
        if row is None or row.giver is None or self._now >= row.created_at + GOOD_FOR:
            return None
        return self._store.link(row)

    def made_for(self, giver: PersonId) -> int:
        """Return how many links somebody was given within a day."""
        return self._store.count_links(giver, self._now - timedelta(days=1))

    def drop(self, token: str) -> None:
        """Take out a link that leads nowhere, where nothing was paid by it."""
        self._store.drop_links(TipLinkRow.token == token, limit=1)

    # ------------------------------------------------------------------------------------------ terms

    def terms(self, token: str, wish: Wish, payer: Address, place: Place) -> tuple[SaleTerms, bytes]:
        """Return the terms of a tip by a link as its giver wants it now, and the salt of its note; both are kept.

        Asked for the same again they are the same. Raises ``NotFound`` for a link that is over and where no tips are
        taken, ``Forbidden`` where not in that token, ``Conflict`` for one that was used or asked for in too many ways,
        ``Invalid`` for a payer that would pay itself.
        """
        row, link = self._store.link_row(token, lock=True), self.find(token)
        if row is None or link is None or link.receiver is None:
            raise _unknown()
        wallet = self.wallet_of(link.receiver)
        if wallet is None:
            raise _takes_none()
        if self._store.was_paid(row):
            raise _used()
        self._takes_in(link.receiver, wish.asset)
        # Of the receiver's other wallets nothing is said: whether one is theirs is nobody's business.
        if payer in (wallet, ZERO_ADDRESS, place.checkout, place.fee_receiver):
            raise Invalid("payer_is_paid", "That wallet would pay itself: choose another one.")
        asked = _as_kept(link, wish)
        if asked.public and asked.anonymous:
            raise Invalid("note_unsigned", "What the room sees has its giver's name: let it be private, or sign it.")
        known = self._store.terms_of(row)
        same = _same(known, link, asked, wallet, place)
        if same is not None:
            return same
        if len(known) >= MOST_TERMS:
            raise Conflict(
                "tip_changed_often", "This link was asked for in too many ways: ask the bot for another one."
            )
        salt = secrets.token_bytes(SALT_BYTES)
        made = tip_terms(token, asked, salt, wallet=wallet, valid_until=unix(link.expires_at), place=place)
        self._store.add_terms(row, terms_hash(made), asked, salt, self._now)
        return made, salt

    def asked(self, token: str, wish: Wish, place: Place) -> SaleTerms:
        """Return the terms that ``terms`` gave for just that, whether or not they pay for anything now.

        Raises ``NotFound`` for a link that is over, where no tips are taken, and for what was never asked for.
        """
        row, link = self._store.link_row(token), self.find(token)
        if row is None or link is None or link.receiver is None:
            raise _unknown()
        wallet = self.wallet_of(link.receiver)
        if wallet is None:
            raise _takes_none()
        same = _same(self._store.terms_of(row), link, _as_kept(link, wish), wallet, place)
        if same is None:
            raise NotFound("tip_terms_unknown", "That was not asked for by this link: ask for the terms first.")
        return same[0]

    def check_terms(self, terms: SaleTerms, asset: Asset | None = None) -> None:
        """Make sure that a payment by these terms, which are in ``asset``, would be a tip now.

        Raises ``Conflict``, and ``Forbidden`` for a token that they do not take.
        """
        row = self._store.of_hash(terms.listing, lock=False)
        link = None if row is None else self.find(row.token)
        if row is None or link is None or link.receiver is None or self._store.by_terms(row, terms_hash(terms)) is None:
            raise Conflict("tip_unknown", _UNKNOWN)
        if self.wallet_of(link.receiver) != terms.seller:
            raise Conflict("no_tips", _TAKES_NONE)
        self._takes_in(link.receiver, asset)
        if self._store.was_paid(row):
            raise _used()

    def _takes_in(self, receiver: PersonId, asset: Asset | None) -> None:
        """Refuse a token that somebody takes no tips in. Raises ``Forbidden``, which says what they do take."""
        taken = self.takes(receiver)
        if asset is not None and asset not in taken:
            names = ", ".join(self._tokens().name(one)[0] for one in taken)
            raise Forbidden("tip_asset", f"They take no tips in that here. They take {names}.", names=names)

    # ------------------------------------------------------------------------------------------ keeping

    def prune(self, *, limit: int) -> int:
        """Take away links that are past their time or nobody's, and were never paid by; return how many went."""
        gone = self._store.drop_links(TipLinkRow.created_at < self._now - KEPT_FOR, limit=limit)
        return gone + self._store.drop_links(TipLinkRow.giver.is_(None), limit=limit)


def _as_kept(link: Link, wish: Wish) -> Wish:
    return replace(wish, note=note_of(wish.note), public=wish.public and link.room is not None)


def _same(
    known: Iterable[tuple[TipTermsRow, bytes, str]], link: Link, asked: Wish, wallet: Address, place: Place
) -> tuple[SaleTerms, bytes] | None:
    """Return the terms among those that are known which are for just that, and the salt of their note."""
    for kept, salt, note in known:
        if (note, kept.public, kept.anonymous) == (asked.note, asked.public, asked.anonymous):
            until = unix(link.expires_at)
            same = tip_terms(link.token, asked, salt, wallet=wallet, valid_until=until, place=place)
            if bytes(terms_hash(same)) == kept.terms:
                return same, salt
    return None


def _unknown() -> NotFound:
    return NotFound("tip_unknown", _UNKNOWN)


def _takes_none() -> NotFound:
    return NotFound("no_tips", _TAKES_NONE)


def _used() -> Conflict:
    return Conflict("tip_used", "A tip was paid by this link. Ask the bot for another one.")
