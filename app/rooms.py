"""Rooms that are made of a transaction's others when somebody asks for them; ``app.container`` has all the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from app.admitting.service import Admitting
from app.conversations import Conversations
from app.supporting.service import Support
from kit.identifiers import Address, RoomId
from kit.sealing import Seal
from ledger.book import Book
from ledger.holders import Holders
from ledger.people import People
from payments.content.gateways import Gateways
from payments.content.orders import Orders
from payments.content.sales import Sales
from payments.content.service import Content
from payments.content.waiting import WaitingRefunds
from payments.flair.claiming import Claims
from payments.flair.importing import Imports
from payments.flair.service import Supporters
from payments.rewards.distribution import Distribution
from payments.tips.links import TipLinks
from payments.tips.service import Tips
from payments.tokens.service import Tokens
from reputation.followed import Followed
from reputation.knowing import Knowing
from reputation.moderation import Moderation
from reputation.notices import Notices
from reputation.publishing import Publishing
from reputation.shop import Shop

if TYPE_CHECKING:
    from payments.rewards.closing import Epochs
    from payments.rewards.finding import Finding


class Rooms:
    """What ``Work`` has beside its fields, made anew each time: they keep nothing."""

    __slots__ = ()

    session: Session
    now: datetime
    seal: Callable[[], Seal]
    book: Book
    holders: Holders
    supporters: Supporters
    people: People
    notices: Notices
    conversations: Conversations
    followed: Followed
    publishing: Publishing
    moderation: Moderation
    support: Support
    distributor: Address | None
    knowing: Knowing

    @property
    def claims(self) -> Claims:
        """How people claim gifts."""
        return Claims(self.session, self.now, self.supporters)

    @property
    def imports(self) -> Imports:
        """Files of gifts that were read in."""
        return Imports(self.session, self.now, self.supporters)

    @property
    def epochs(self) -> Epochs:
        """Epochs of rewards."""
        from payments.rewards.closing import Epochs  # noqa: PLC0415 - its trees bring numpy, which few processes need

        return Epochs(self.session, self.now)

    @property
    def finding(self) -> Finding:
        """Where servers and payees stand in epochs' files."""
        from payments.rewards.finding import Finding  # noqa: PLC0415 - as for epochs

        return Finding(self.session)

    @property
    def distribution(self) -> Distribution:
        """How rewards are paid out on the chain."""
        return Distribution(self.session, self.distributor)

    @property
    def content(self) -> Content:
        """What people sell, and what others bought of it."""
        wallets, holder, judge = self.holders.addresses, self.holders.person_of, self.shop.judge
        return Content(self.session, self.now, seal=self.seal, wallets=wallets, holder=holder, judge=judge)

    @property
    def shop(self) -> Shop:
        """What the operator lets nobody sell."""
        return Shop(self.session, self.now, self.people, self.knowing.labels)

    @property
    def gateways(self) -> Gateways:
        """What stands behind what people sell."""
        return Gateways(self.session, self.now, self.seal)

    @property
    def admitting(self) -> Admitting:
        """Rooms that people sell admission to."""
        kept = self.content.admissions
        return Admitting(self.session, self.now, self.people, self.notices, kept, self._has_for_itself)

    def _has_for_itself(self, room: RoomId) -> bool:
        """Tell whether a room is somebody's chat with the bot, or one of its own making."""
        lists = self.followed.rooms.rooms() | self.publishing.rooms.all()
        of_the_bot = room in lists or room in self.support.rooms() or self.moderation.in_room(room) is not None
        return of_the_bot or self.conversations.person_in(room) is not None

    @property
    def orders(self) -> Orders:
        """For whom payments on the chain will be."""
        return Orders(self.session, self.now)

    @property
    def sales(self) -> Sales:
        """What is bought and paid back on the chain."""
        return Sales(self.content, self.orders, self.book, self.waiting_refunds, self.tokens.taken_away)

    @property
    def waiting_refunds(self) -> WaitingRefunds:
        """Refunds that came before their sales."""
        return WaitingRefunds(self.session, self.now)

    @property
    def tokens(self) -> Tokens:
        """What something may be sold for, and what every asset is called."""
        return Tokens(self.session, self.now, lambda: self.supporters.assets)

    @property
    def tip_links(self) -> TipLinks:
        """Who takes tips, and links to tip by."""
        wallets = self.holders.addresses
        return TipLinks(self.session, self.now, seal=self.seal, wallets=wallets, tokens=lambda: self.tokens)

    @property
    def tips(self) -> Tips:
        """Tips that were paid."""
        wallets, away = self.holders.addresses, self.tokens.taken_away
        return Tips(self.session, self.now, seal=self.seal, wallets=wallets, book=self.book, taken_away=away)
